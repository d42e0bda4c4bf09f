"""Potato's ``user_state.json``: one object a person, or several in a list or an archive.

Read are ``user_id`` and ``instance_id_to_label_to_value``, in which each instance has either a list of
``[{"schema", "name"}, value]`` or an object ``{schema: {name: value}}``. A pairwise scheme answers with A, B or tie, as the value or as
the name that is set; one in scale mode with a number, below 0 for the first shown (its size up to 3 is the strength). Of several
schemes that answer, the one called overall or preference is taken.

``instance_id_to_presentation_order`` (or ``presentation_order`` in the behavioural data) holds by instance and scheme in which order
the two were shown, as places in the item's own list; swapped pairs are put right by it: what was chosen on the left of [1, 0] is the
item's second response. Older files and home-made ones with another key that has ``order`` or ``swap`` in its name, and true, [1, 0] or
["B", "A"] by instance, are read alike. ``instance_id_to_behavioral_data`` gives the time taken, where it has ``total_time_ms``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.judgments.importing.shape import WORDS, Vote, choice_of, mapping, needed
from app.studies.importing.errors import RowError

_LABELS = "instance_id_to_label_to_value"
_TIMES = "instance_id_to_behavioral_data"
_FIRST = ("overall", "preference", "pairwise")
Answer = tuple[str, dict[str, Any]]
"""A choice, and what else the label says."""


@dataclass(frozen=True)
class Potato:
    """The instance's id is the item's; its two texts are the item's first and second response."""

    name: str = "potato"

    def fits(self, record: Mapping[str, Any]) -> float:
        return 1.0 if _LABELS in record and "user_id" in record else 0.0

    def votes(self, record: Mapping[str, Any]) -> Iterator[Vote]:
        user = needed(record, ["user_id"])
        spent = mapping(record.get(_TIMES) or {}, _TIMES)
        for item, labels in mapping(record.get(_LABELS), _LABELS).items():
            found = _choice(labels, f"{_LABELS}.{item}")
            if found is None:
                continue
            schema, (choice, extra) = found
            left, right = _shown(record, item, schema)
            behaviour = spent.get(item)
            took = behaviour.get("total_time_ms") if isinstance(behaviour, Mapping) else None
            if isinstance(took, int | float):
                extra = {**extra, "elapsed_ms": round(took)}
            yield Vote(user, item, left, right, choice, None, extra)


def _choice(labels: Any, at: str) -> tuple[str, Answer] | None:
    """The scheme that answers and what it says; None where nothing was answered."""
    found: dict[str, Answer] = {}
    anything = False
    for schema, name, value in _set(labels, at):
        anything = True
        answer = _answer(name, value)
        if answer is None:
            continue
        if found.get(schema, answer)[0] != answer[0]:
            raise RowError(at, f"two choices are set: {', '.join(sorted({found[schema][0], answer[0]}))}")
        found[schema] = answer
    if len({choice for choice, _ in found.values()}) > 1:
        named = next((s for s in _FIRST if s in found), None)
        if named is None:
            raise RowError(
                at, f"schemes {', '.join(sorted(found))} say different things, and none is called overall"
            )
        return named, found[named]
    if not found and anything:
        raise RowError(at, "none of the labels is a choice between two responses")
    return next(iter(found.items()), None)


def _set(labels: Any, at: str) -> Iterator[tuple[str, Any, Any]]:
    """(schema, name, value) of every label that is set."""
    if isinstance(labels, Mapping):
        for schema, names in labels.items():
            pairs = names.items() if isinstance(names, Mapping) else [(schema, names)]
            yield from ((str(schema), n, v) for n, v in pairs if not _unset(v))
        return
    for entry in labels if isinstance(labels, list) else []:
        if not isinstance(entry, list | tuple) or len(entry) != 2:
            raise RowError(at, "expected pairs of a label and its value")
        if not _unset(entry[1]):
            label = mapping(entry[0], at)
            yield str(label.get("schema", "")), label.get("name"), entry[1]


def _unset(value: Any) -> bool:
    return value is None or value is False or value in ("", "false")


def _answer(name: Any, value: Any) -> Answer | None:
    if name == "scale_value":
        return _scaled(value)
    for told in (name, value):
        if isinstance(told, str) and told.strip().lower().replace(" ", "_") in WORDS:
            return choice_of(told, "label"), {}
    return None


def _scaled(value: Any) -> Answer:
    try:
        step = float(value)
    except (TypeError, ValueError):
        raise RowError("scale_value", f"{value!r} is not a number") from None
    size = abs(step)
    strength = {"strength": int(size)} if size in (1, 2, 3) else {}
    choice = "tie" if step == 0 else "left" if step < 0 else "right"
    return choice, {"scale_value": step, **strength}


def _shown(record: Mapping[str, Any], item: str, schema: str) -> tuple[int, int]:
    """The places in the item's list of what stood left and right."""
    behaviour = record.get(_TIMES)
    own = behaviour.get(item) if isinstance(behaviour, Mapping) else None
    sources = [(key, by_item) for key, by_item in record.items() if "order" in key or "swap" in key]
    if isinstance(own, Mapping) and "presentation_order" in own:
        sources.append((_TIMES, {item: own["presentation_order"]}))
    for key, by_item in sources:
        if not isinstance(by_item, Mapping) or item not in by_item:
            continue
        told = by_item[item]
        if isinstance(told, Mapping):
            if schema not in told:
                continue
            told = told[schema]
        return (1, 0) if _is_swapped(told, f"{key}.{item}") else (0, 1)
    return 0, 1


_ONE, _TWO = {"a", "0", "left", "response_a", "first"}, {"b", "1", "right", "response_b", "second"}


def _is_swapped(told: Any, at: str) -> bool:
    if isinstance(told, bool):
        return told
    if isinstance(told, list | tuple) and len(told) == 2:
        first, second = (str(t).strip().lower() for t in told)
        if first in _TWO and second in _ONE:
            return True
        if first in _ONE and second in _TWO:
            return False
    raise RowError(at, "expected true, false, or the order of the two, such as [1, 0]")


FORMAT = Potato()
