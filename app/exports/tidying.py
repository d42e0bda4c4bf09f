"""Stored values in the one form that every row has: ids of pairs, messages of two keys, moments to the minute, metadata as text."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import orjson

from app.exports.records import Message


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


def pair_id(item: str, first: str, second: str) -> str:
    """A pair's id, the same in every export and whichever response is named first."""
    one, other = (first, second) if first <= second else (second, first)
    return hashlib.sha256(f"{len(item)}:{item}{len(one)}:{one}{other}".encode()).hexdigest()[:20]


def messages(prompt: list[Any]) -> list[Message]:
    """The conversation with exactly two keys a message."""
    return [{"role": str(m["role"]), "content": str(m["content"])} for m in prompt]


def minute(moment: datetime | None) -> datetime | None:
    """The moment to the minute: finer times would let answers be matched with other records."""
    return None if moment is None else moment.replace(second=0, microsecond=0)


_LANGUAGES = {
    "ar": "Arabic", "bn": "Bengali", "de": "German", "en": "English", "es": "Spanish", "fa": "Persian", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch",
    "pl": "Polish", "pt": "Portuguese", "ru": "Russian", "sw": "Swahili", "tr": "Turkish", "uk": "Ukrainian",
    "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def language_name(code: str) -> str:
    """The English name that published preference data use; the code itself where it is none of the common ones."""
    return _LANGUAGES.get(code.split("-", maxsplit=1)[0].lower(), code)
