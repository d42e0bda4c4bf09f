"""The formats that are there, found by folder, and the refusal of those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from app.exports.errors import UnknownFormat
from app.exports.protocol import Format
from app.kit.discover import discover

ORDER = (
    "preference", "preference_explicit", "preference_text", "preference_margin", "preference_votes",
    "preference_expanded", "unpaired", "comparisons", "judgments", "items", "responses", "annotators", "meta_preferences",
    "meta_judgments", "splits", "assignments", "arena", "alpaca_eval", "helpsteer3",
)  # fmt: skip
"""The contract's names in the order in which a directory lists them."""


@cache
def formats() -> dict[str, Format]:
    """Every format by name, in the contract's order and new ones after."""
    found = discover("app.exports.formats", "FORMAT")
    return {n: found[n] for n in [*(n for n in ORDER if n in found), *(n for n in found if n not in ORDER)]}


def named(names: Sequence[str]) -> tuple[Format, ...]:
    """The formats with these names (``all`` for every one), each once, in directory order.

    Raises:
        UnknownFormat: A name is not there; the sentence lists those that are.
    """
    found = formats()
    if "all" in names:
        return tuple(found.values())
    for name in names:
        if name not in found:
            word = "is not there yet" if name in ORDER else "is not a format"
            message = f"{name!r} {word}; there are: {', '.join(found)}, all"
            raise UnknownFormat(message, errors=[{"where": "format", "message": message}])
    return tuple(f for n, f in found.items() if n in names)
