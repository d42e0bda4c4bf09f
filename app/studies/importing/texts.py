"""The parts of a record, checked one by one: texts, ids, turns of a conversation, metadata. Each refusal names its field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from app.kit.text import flaw
from app.studies.importing.errors import RowError

ROLES = ("system", "user", "assistant", "tool", "developer")
_OTHER_WORDS = {
    "human": "user", "prompter": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatbot": "assistant",
}  # fmt: skip
LONGEST_ID = 200
LONGEST_TEXT = 1_000_000
DEEPEST = 30


def text(value: Any, at: str) -> str:
    """A text that can be stored and shown. Raises RowError."""
    if not isinstance(value, str):
        raise RowError(at, f"expected text, got {named(value)}")
    if wrong := flaw(value):
        raise RowError(at, wrong)
    if len(value) > LONGEST_TEXT:
        raise RowError(at, f"the text is longer than {LONGEST_TEXT:,} characters")
    return value


def identifier(value: Any, at: str) -> str | None:
    """An id as text, or None where there is none; a number is taken as its digits. Raises RowError."""
    return _short(value, at, "an id", LONGEST_ID)


def label(value: Any, at: str, most: int = 200) -> str | None:
    """A short text, or None where there is none; a number is taken as its digits. Raises RowError."""
    return _short(value, at, "this", most)


def _short(value: Any, at: str, what: str, most: int) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = str(int(value) if value == int(value) else value)
    made = text(value, at)
    if len(made) > most:
        raise RowError(at, f"{what} has at most {most} characters, got {len(made)}")
    return made


def one_of(value: Any, at: str, known: tuple[str, ...]) -> str | None:
    """One of the known words, or None where there is none. Raises RowError."""
    if value is None or value == "":
        return None
    if value not in known:
        got = repr(value) if isinstance(value, str) else named(value)
        raise RowError(at, f"expected one of {', '.join(known)}, got {got}")
    return str(value)


def turns(prompt: Any, at: str = "prompt") -> list[dict[str, str]]:
    """A text or messages as turns of exactly role and content. Raises RowError."""
    if isinstance(prompt, str):
        return [{"role": "user", "content": text(prompt, at)}]
    if not isinstance(prompt, list) or not prompt:
        raise RowError(at, f"expected a text or a list of turns, got {named(prompt)}")
    made = []
    for number, turn in enumerate(prompt):
        here = f"{at}.{number}"
        if not isinstance(turn, Mapping):
            raise RowError(here, f"expected an object with role and content, got {named(turn)}")
        role = turn.get("role", turn.get("from"))
        role = _OTHER_WORDS.get(role.lower(), role.lower()) if isinstance(role, str) else role
        if role not in ROLES:
            raise RowError(f"{here}.role", f"expected one of {', '.join(ROLES)}, got {role!r}")
        content = _content(turn.get("content", turn.get("value")), f"{here}.content")
        made.append({"role": str(role), "content": content})
    return made


def _content(value: Any, at: str) -> str:
    """What a turn says: a text, or parts that are all text."""
    if not isinstance(value, list):
        return text(value, at)
    said = []
    for number, part in enumerate(value):
        if not isinstance(part, Mapping) or part.get("type", "text") != "text":
            kind = part.get("type") if isinstance(part, Mapping) else None
            raise RowError(f"{at}.{number}", f"only text can be shown here, got {kind or named(part)}")
        said.append(text(part.get("text"), f"{at}.{number}.text"))
    return "\n\n".join(said)


def mapping(value: Any, at: str) -> dict[str, Any]:
    """An object as metadata that both databases keep alike, or an empty one. Raises RowError."""
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise RowError(at, f"expected an object, got {named(value)}")
    return {text(str(k), at): plain(v, f"{at}.{k}") for k, v in value.items()}


def plain(value: Any, at: str, depth: int = 0) -> Any:
    """A value as JSON can hold it: moments and exact numbers become text, what is not a number becomes null.

    Raises:
        RowError: It holds bytes, a NUL or half a surrogate pair, or is nested too deep.
    """
    if isinstance(value, str):
        return text(value, at)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if depth == DEEPEST:
        raise RowError(at, f"is nested deeper than {DEEPEST} levels")
    if isinstance(value, Mapping):
        return {text(str(k), at): plain(v, at, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, at, depth + 1) for v in value]
    raise RowError(at, f"cannot be kept as it is not text, a number or a list ({type(value).__name__})")


def numbers(value: Any, at: str) -> list[float] | None:
    """A list of finite numbers, or None. Raises RowError."""
    if value is None or value == "":
        return None
    if not isinstance(value, list) or not all(
        isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in value
    ):
        raise RowError(at, "expected a list of numbers")
    return [float(x) for x in value]


def named(value: Any) -> str:
    """What kind of JSON value this is, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return "a text" if value else "an empty text"
    if isinstance(value, list | tuple):
        return "a list"
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"
