"""Names of AIs that a text gives itself, hidden from people: the text as shown, and offsets carried back to the text as stored."""

from __future__ import annotations

from collections.abc import Sequence

MASK = "[name]"


def shown(text: str, masks: Sequence[Sequence[int]]) -> str:
    """``text`` with every masked span replaced by a neutral word."""
    parts: list[str] = []
    at = 0
    for start, end in sorted((int(m[0]), int(m[1])) for m in masks):
        if start < at:
            continue
        parts.extend((text[at:start], MASK))
        at = end
    return "".join([*parts, text[at:]])


def stored_offset(offset: int, masks: Sequence[Sequence[int]], *, is_end: bool) -> int:
    """The place in the stored text of ``offset`` in the shown one; a mark that cuts into a mask takes it in whole."""
    shift = 0
    for start, end in sorted((int(m[0]), int(m[1])) for m in masks):
        shown_start = start + shift
        shown_end = shown_start + len(MASK)
        if offset <= shown_start:
            break
        if offset < shown_end:
            return end if is_end else start
        shift += len(MASK) - (end - start)
    return offset - shift


def shown_offset(offset: int, masks: Sequence[Sequence[int]], *, is_end: bool) -> int:
    """The place in the shown text of ``offset`` in the stored one; a place inside a mask moves to the mask's edge."""
    shift = 0
    for start, end in sorted((int(m[0]), int(m[1])) for m in masks):
        if offset <= start:
            break
        if offset < end:
            return start + shift + (len(MASK) if is_end else 0)
        shift += len(MASK) - (end - start)
    return offset + shift
