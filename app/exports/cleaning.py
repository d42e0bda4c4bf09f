"""Text that every reader can take: no half of a surrogate pair, no NUL; and free text without obvious personal details."""

from __future__ import annotations

import re
from typing import Any

_BAD = re.compile("[\ud800-\udfff\x00]")
_PERSONAL = (
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"(?<!\w)\(?\+?\d(?:[\s().-]{0,3}\d){7,}(?!\w)"), "[number]"),
    (re.compile(r"(?<!\w)@\w{2,}"), "[handle]"),
)


def clean(value: Any) -> Any:
    """The value with every unreadable character in its texts replaced by U+FFFD."""
    if isinstance(value, str):
        return _BAD.sub("�", value)
    if isinstance(value, list):
        return [clean(v) for v in value]
    if isinstance(value, dict):
        return {clean(k): clean(v) for k, v in value.items()}
    return value


def without_personal_details(text: str | None) -> str | None:
    """Free text with e-mail addresses, links, long numbers and handles replaced. It cannot find names; the card says so."""
    for pattern, word in _PERSONAL:
        text = pattern.sub(word, text) if text else text
    return text or None
