"""The dataset card: front matter that readers load by, and a datasheet written from the data, figures included."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from app.exports.datasheet import contents, labels, people
from app.exports.datasheet.words import note
from app.exports.front_matter import front_matter
from app.exports.manifest import Written
from app.exports.state import State


def card(state: State, written: list[Written], figures: dict[str, Any], folder: Path) -> str:
    """The whole README.md of an export."""
    front = yaml.safe_dump(
        front_matter(state, written, folder), sort_keys=False, allow_unicode=True, width=1000
    )
    parts = [
        contents.opening(state),
        note(state, "why"),
        contents.contents(state, written),
        contents.counting(state, written),
        people.people(state, figures),
        people.asked(state),
        people.drawn(figures),
        labels.labels(state, written),
        labels.agreement(figures),
        labels.known_biases(state, figures),
        people.said(state, figures),
        contents.splits(state),
        contents.lengths(figures),
        people.privacy(state, figures),
        people.use(state),
        note(state, "other"),
        contents.loading(state, written),
        contents.licence(state),
    ]
    return f"---\n{front}---\n\n" + _joined(parts)


def preview(state: State, figures: dict[str, Any]) -> str:
    """The words of the card as far as they are known before any row is written: no sizes, no lengths, no lines to load with."""
    parts = [
        contents.opening(state),
        note(state, "why"),
        contents.counting(state, []),
        people.people(state, figures),
        people.asked(state),
        people.drawn(figures),
        labels.labels(state, []),
        labels.agreement(figures),
        labels.known_biases(state, figures),
        people.said(state, figures),
        contents.splits(state),
        people.privacy(state, figures),
        people.use(state),
        note(state, "other"),
        contents.licence(state),
    ]
    return _joined(parts)


def _joined(parts: list[list[str]]) -> str:
    return "\n\n".join("\n".join(p) for p in parts if p) + "\n"
