"""What may follow what for a study, decided without a database."""

from __future__ import annotations

from typing import Any

ROLES = {"viewer": 0, "editor": 1, "owner": 2}
_NEXT = {
    "draft": {"open", "closed"},
    "open": {"paused", "closed"},
    "paused": {"open", "closed"},
    "closed": {"open"},
}


def may_change_to(state: str, wanted: str) -> bool:
    """Whether a study may go from ``state`` to ``wanted``; staying is always allowed."""
    return state == wanted or wanted in _NEXT.get(state, set())


def role_suffices(role: str, need: str) -> bool:
    """Whether a member with ``role`` may do what ``need`` asks for."""
    return ROLES[role] >= ROLES[need]


def merged(before: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """``before`` with ``change`` laid over it, mapping by mapping; a list or a plain value replaces what was there."""
    result = dict(before)
    for key, value in change.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def differences(before: dict[str, Any], after: dict[str, Any], path: str = "") -> list[dict[str, Any]]:
    """What changed between two specifications, as ``{"key", "before", "after"}`` by dotted key."""
    found: list[dict[str, Any]] = []
    for key in sorted(before.keys() | after.keys()):
        here = f"{path}.{key}" if path else key
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found.extend(differences(old, new, here))
        elif old != new:
            found.append({"key": here, "before": old, "after": new})
    return found
