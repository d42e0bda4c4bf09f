"""The words of meta-questions, one file per language: kept here, not with the pages, because a question is stored as it was put."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from app.questions.asking import Words

_HERE = Path(__file__).parent / "words"
FALLBACK = "en"


@cache
def load(language: str) -> dict[str, str]:
    """Dotted key to text."""
    with (_HERE / f"{language}.toml").open("rb") as file:
        return dict(_flat("", tomllib.load(file)))


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(p.stem for p in _HERE.glob("*.toml")))


def words(language: str) -> Words:
    """Texts in the language of this tag, English where there is no file for it."""
    wanted = language.split("-", maxsplit=1)[0].lower()
    own = load(wanted) if wanted in languages() else load(FALLBACK)
    english = load(FALLBACK)

    def say(key: str, **values: Any) -> str:
        return own.get(key, english[key]).format(**values)

    return say


def _flat(prefix: str, table: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in table.items():
        name = f"{prefix}.{key}" if prefix else key
        found.extend(_flat(name, value) if isinstance(value, dict) else [(name, str(value))])
    return found
