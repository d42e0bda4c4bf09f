"""The front matter of a card: which files make up which config, with declared columns and true numbers of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.exports.manifest import Written
from app.exports.schema import features
from app.exports.state import State

_LICENCES = frozenset(
    {
        "cc-by-4.0",
        "cc-by-sa-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-sa-4.0",
        "cc0-1.0",
        "apache-2.0",
        "mit",
        "odc-by",
        "pddl",
    }
)


def front_matter(state: State, written: list[Written], folder: Path) -> dict[str, Any]:
    """``configs`` and ``dataset_info`` of every config that has rows; a split without rows is not named."""
    full = [w for w in written if not w.empty]
    licence = state.spec.release.licence.strip()
    known = licence.lower() in _LICENCES
    front: dict[str, Any] = {
        "license": licence.lower() if known else "other",
        **({} if known else {"license_name": licence}),
        "pretty_name": state.study.title,
        "language": [state.spec.display.language.split("-")[0]],
        "tags": [
            "preference",
            "human-feedback",
            "soundings",
            *(["simulated"] if state.study.simulated else []),
        ],
    }
    if not full:
        return front
    file_type = state.options.file_type
    default = next((w.format.name for w in full if w.format.name == "preference"), full[0].format.name)
    front["configs"] = [
        {
            "config_name": w.format.name,
            **({"default": True} if w.format.name == default else {}),
            "data_files": [{"split": s, "path": f"{w.format.name}/{s}.{file_type}"} for s in w.rows],
        }
        for w in full
    ]
    front["dataset_info"] = [_info(w, folder, file_type) for w in full]
    return front


def _info(one: Written, folder: Path, file_type: str) -> dict[str, Any]:
    sizes = {s: (folder / one.format.name / f"{s}.{file_type}").stat().st_size for s in one.rows}
    return {
        "config_name": one.format.name,
        "features": features(one.schema),
        "splits": [{"name": s, "num_bytes": sizes[s], "num_examples": n} for s, n in one.rows.items()],
        "download_size": sum(sizes.values()),
        "dataset_size": sum(sizes.values()),
    }
