"""Refusals of files."""

from __future__ import annotations

from typing import Any

from app.kit.errors import Malformed, Where

MOST_NAMED = 20


class BadRows(Malformed):
    """Some rows cannot be used; the first twenty are named, and ``total`` says how many there are."""

    code, title = "bad_rows", "Some rows cannot be used"

    def __init__(self, errors: list[Where]) -> None:
        self.total = len(errors)
        more = f" (and {self.total - 1} more)" if self.total > 1 else ""
        super().__init__(f"{errors[0]['where']}: {errors[0]['message']}{more}", errors=errors[:MOST_NAMED])
        self.every = errors


class UnreadableFile(Malformed):
    """The file is not of a kind that can be read at all."""

    code, title = "unreadable_file", "This file cannot be read"


class RowError(ValueError):
    """One row cannot be used: ``field`` names where in it, ``message`` says what to do.

    ``item`` is the item's id where the row is one of several that make it.
    """

    item: Any = None

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
