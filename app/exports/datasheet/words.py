"""What every part of a card is written with: lines of Markdown, and the researcher's own words among them."""

from __future__ import annotations

from collections.abc import Iterator

from app.exports.options import NOTES
from app.exports.state import State


def note(state: State, name: str) -> list[str]:
    """A part of its own with the researcher's words, where there are some."""
    return [f"## {NOTES[name]}", "", *_own(state, name)] if state.options.notes.get(name) else []


def _own(state: State, name: str) -> list[str]:
    """The researcher's words as they are; a line of dashes would end the front matter of some readers."""
    text = state.options.notes.get(name, "")
    return [
        line.replace("---", "\\---") if set(line.strip()) == {"-"} else line for line in text.splitlines()
    ]


def after(state: State, name: str) -> list[str]:
    """The researcher's words, after what is written from the data."""
    return ["", *_own(state, name)] if state.options.notes.get(name) else []


def quoted(text: str) -> Iterator[str]:
    """A text as a quotation."""
    return (f"> {line}".rstrip() for line in text.strip().splitlines())


def line(text: str) -> str:
    """A text as one line."""
    return " ".join(text.split())


def cell(text: str) -> str:
    """A text as a cell of a table."""
    return line(text).replace("|", "\\|")
