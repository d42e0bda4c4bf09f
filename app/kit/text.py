"""Text that every database takes."""

from __future__ import annotations

from typing import Any

from pydantic import AfterValidator


def flaw(text: str) -> str | None:
    """What keeps a text from being stored, in words: PostgreSQL keeps no NUL, no encoding has half of a surrogate pair; else None."""
    if "\0" in text:
        return "the text holds a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "the text holds half of a surrogate pair"
    return None


def storable(value: Any) -> Any:
    """``value`` as it is. Raises ValueError where it is, or holds, text that cannot be stored."""
    if isinstance(value, str) and (wrong := flaw(value)):
        raise ValueError(wrong)
    if isinstance(value, dict):
        for key, one in value.items():
            storable(key)
            storable(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            storable(one)
    return value


def number(text: str) -> int | None:
    """A number from 0 as people write it in an address or a form; None for anything else, and for more than a database holds."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


STORABLE = AfterValidator(storable)
