"""Potato's ``user_state.json``: one object a person, or several in a list or an archive.

Read are ``user_id`` and ``instance_id_to_label_to_value``, in which each instance has either a list of
``[{"schema", "name"}, value]`` or an object ``{schema: {name: value}}``; the name whose value is set is the choice (a word for a side
or a tie), or the value itself where the name is not such a word. Where the state holds, by instance, how the two were shown
(a key with ``order`` or ``swap`` in its name: true, or a list such as ["B", "A"] or [1, 0]), swapped pairs are put right: what was
chosen on the left is then the item's second response. ``instance_id_to_behavioral_data`` gives the time taken, where it has
``total_time_ms``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.judgments.importing.shape import WORDS, Vote, choice_of, mapping, needed
from app.studies.importing.errors import RowError

_LABELS = "instance_id_to_label_to_value"


@dataclass(frozen=True)
class Potato:
    """The instance's id is the item's; its two texts are the item's first and second response."""

    name: str = "potato"

    def fits(self, record: Mapping[str, Any]) -> float:
        return 1.0 if _LABELS in record and "user_id" in record else 0.0

    def votes(self, record: Mapping[str, Any]) -> Iterator[Vote]:
        user = needed(record, ["user_id"])
        spent = record.get("instance_id_to_behavioral_data") or {}
        for item, labels in mapping(record.get(_LABELS), _LABELS).items():
            choice = _choice(labels, f"{_LABELS}.{item}")
            if choice is None:
                continue
            left, right = (1, 0) if _swapped(record, item) else (0, 1)
            took = spent.get(item, {}).get("total_time_ms") if isinstance(spent.get(item), Mapping) else None
            extra = {"elapsed_ms": round(took)} if isinstance(took, int | float) else {}
            yield Vote(user, item, left, right, choice, None, extra)


def _choice(labels: Any, at: str) -> str | None:
    """The one choice among the labels of an instance; None where nothing was answered."""
    found = {word for name, value in _set(labels, at) if (word := _word(name, value)) is not None}
    if len(found) > 1:
        raise RowError(at, f"two choices are set: {', '.join(sorted(found))}")
    if not found and any(True for _ in _set(labels, at)):
        raise RowError(at, "none of the labels is a choice between two responses")
    return next(iter(found), None)


def _set(labels: Any, at: str) -> Iterator[tuple[Any, Any]]:
    """(name, value) of every label that is set."""
    if isinstance(labels, Mapping):
        for schema, names in labels.items():
            pairs = names.items() if isinstance(names, Mapping) else [(schema, names)]
            yield from ((n, v) for n, v in pairs if v not in (None, False, "", "false"))
        return
    for entry in labels if isinstance(labels, list) else []:
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise RowError(at, "expected pairs of a label and its value")
        if entry[1] not in (None, False, "", "false"):
            yield mapping(entry[0], at).get("name"), entry[1]


def _word(name: Any, value: Any) -> str | None:
    for told in (name, value):
        if isinstance(told, str) and told.strip().lower().replace(" ", "_") in WORDS:
            return choice_of(told, "label")
    return None


def _swapped(record: Mapping[str, Any], item: str) -> bool:
    for key, by_item in record.items():
        if ("order" in key or "swap" in key) and isinstance(by_item, Mapping) and item in by_item:
            shown = by_item[item]
            if isinstance(shown, bool):
                return shown
            if isinstance(shown, list | tuple) and len(shown) == 2:
                return str(shown[0]).strip().lower() in {
                    "b",
                    "1",
                    "right",
                    "2",
                    "response_b",
                    "second",
                } and str(shown[1]).strip().lower() in {"a", "0", "left", "1", "response_a", "first"}
            raise RowError(f"{key}.{item}", "expected true, false, or the order of the two")
    return False


FORMAT = Potato()
