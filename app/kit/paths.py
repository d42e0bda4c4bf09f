"""Where templates, static files and migrations lie: beside the app in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_APP = Path(__file__).resolve().parents[1]


def folder(name: str) -> Path:
    """The folder ``name`` (templates, static, migrations)."""
    beside = _APP.parent / name
    inside = _APP / f"_{name}"
    return inside if inside.is_dir() else beside
