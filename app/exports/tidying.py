"""Metadata of any shape as text, so that every row of a column has one type."""

from __future__ import annotations

from typing import Any

import orjson


def as_text(value: Any) -> str:
    """The value as text; nested ones as JSON, nothing as nothing."""
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """One JSON form of a value: sorted keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def as_texts(value: Any) -> list[str]:
    """The values of a list as texts; anything else is a list of one."""
    return [as_text(v) for v in value] if isinstance(value, list) else [as_text(value)]
