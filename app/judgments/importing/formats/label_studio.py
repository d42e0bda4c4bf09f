"""Tasks of Label Studio's JSON export: annotations with a pairwise or a choices result.

Read are ``data.item_id`` (else ``data.id``, else the task's ``id``), ``data.left_id`` and ``data.right_id`` (response ids; the item's
first and second response where they are not given), and of each annotation ``completed_by`` (a number, or an object with
``email`` or ``id``), ``created_at``, ``lead_time`` in seconds, ``was_cancelled`` (a skip) and in ``result`` the entry of type
``pairwise`` (``value.selected``: left or right) or ``choices`` (``value.choices``: a word for a side or a tie).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.judgments.importing.shape import Side, Vote, choice_of, mapping, moment, needed
from app.studies.importing.errors import RowError


@dataclass(frozen=True)
class LabelStudio:
    """An annotation without such a result is an error: the flat export loses pairwise results, and that is not a tie."""

    name: str = "label_studio"

    def fits(self, record: Mapping[str, Any]) -> float:
        return 0.85 if "annotations" in record and "data" in record else 0.0

    def votes(self, record: Mapping[str, Any]) -> Iterator[Vote]:
        data = mapping(record.get("data"), "data")
        item = needed({"task": record.get("id"), **data}, ["item_id", "id", "task"])
        left: Side = needed(data, ["left_id"]) if data.get("left_id") not in (None, "") else 0
        right: Side = needed(data, ["right_id"]) if data.get("right_id") not in (None, "") else 1
        annotations = record.get("annotations")
        for number, one in enumerate(annotations if isinstance(annotations, list) else []):
            at = f"annotations.{number}"
            given = mapping(one, at)
            extra = {}
            if isinstance(given.get("lead_time"), int | float):
                extra["elapsed_ms"] = round(given["lead_time"] * 1000)
            choice = "skip" if given.get("was_cancelled") else _choice(given.get("result"), at)
            when = moment(given.get("created_at"), f"{at}.created_at")
            yield Vote(_person(given.get("completed_by"), at), item, left, right, choice, when, extra)


def _person(value: Any, at: str) -> str:
    if isinstance(value, Mapping):
        return needed(value, ["email", "username", "id"])
    return needed({"completed_by": value}, ["completed_by"]) if value is not None else _missing(at)


def _missing(at: str) -> str:
    raise RowError(f"{at}.completed_by", "this field is needed")


def _choice(result: Any, at: str) -> str:
    for entry in result if isinstance(result, list) else []:
        kind, value = mapping(entry, at).get("type"), mapping(entry, at).get("value") or {}
        if kind == "pairwise":
            return choice_of(mapping(value, at).get("selected"), f"{at}.result")
        if kind == "choices":
            chosen = mapping(value, at).get("choices")
            if not isinstance(chosen, list) or len(chosen) != 1:
                raise RowError(f"{at}.result", "expected one choice")
            return choice_of(chosen[0], f"{at}.result")
    raise RowError(f"{at}.result", "there is no pairwise or choices result")


FORMAT = LabelStudio()
