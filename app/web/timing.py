"""What a page measured while it was open, as far as it is plausible; without a script only what the server saw."""

from __future__ import annotations

from typing import Any, Final

import orjson

LONGEST: Final = 86_400_000
_COUNTS: Final = ("active_ms", "first_choice_ms", "changes", "left_page")
_ENDS: Final = ("end_left", "end_right")
_NAMES: Final = {"device": ("phone", "tablet", "laptop"), "first_panel": ("a", "b")}


def measured(form: dict[str, Any]) -> dict[str, Any]:
    """The timing a ballot sent, name by name; anything that is not what it should be is left out.

    ``server_timed`` is true where the page measured nothing, so that such times are never mixed with the others.
    """
    sent = _read(form.get("timing"))
    found: dict[str, Any] = {name: sent[name] for name in _COUNTS if _is_count(sent.get(name))}
    found |= {name: sent[name] for name in _ENDS if isinstance(sent.get(name), bool)}
    found |= {name: sent[name] for name, known in _NAMES.items() if sent.get(name) in known}
    dwell = sent.get("dwell")
    if isinstance(dwell, dict):
        found["dwell"] = {side: dwell[side] for side in ("a", "b") if _is_count(dwell.get(side))}
    found["server_timed"] = "active_ms" not in found
    words = str(form.get("words") or "")
    if words.isdecimal() and len(words) < 8:
        found["words"] = int(words)
    return found


def _read(raw: object) -> dict[str, Any]:
    try:
        sent = orjson.loads(str(raw or "{}")[:4000])
    except orjson.JSONDecodeError:
        return {}
    return sent if isinstance(sent, dict) else {}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LONGEST
