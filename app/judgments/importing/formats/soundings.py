"""Our own shape, as CSV or JSON lines: annotator_id, item_id, left, right, choice, timestamp, extra."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.judgments.importing.shape import CHOICES, Vote, moment, needed
from app.studies.importing.errors import RowError
from app.studies.importing.texts import named

_FIELDS = ("annotator_id", "item_id", "left", "right", "choice")
_KNOWN = frozenset({*_FIELDS, "timestamp", "extra"})


@dataclass(frozen=True)
class Soundings:
    """``left`` and ``right`` are response ids as shown (or models, where one response of the item has that model); ``timestamp`` is
    ISO 8601 or empty; ``extra`` a JSON object. Other columns go into ``extra``.
    """

    name: str = "soundings"

    def fits(self, record: Mapping[str, Any]) -> float:
        return 1.0 if set(_FIELDS) <= record.keys() else 0.0

    def votes(self, record: Mapping[str, Any]) -> Iterator[Vote]:
        annotator, item, left, right, choice = (needed(record, [name]) for name in _FIELDS)
        if choice not in CHOICES:
            raise RowError("choice", f"{choice!r} is not a choice; known ones are {', '.join(CHOICES)}")
        more = {k: v for k, v in record.items() if k not in _KNOWN and v not in (None, "")}
        at = moment(record.get("timestamp"), "timestamp")
        yield Vote(annotator, item, left, right, choice, at, _extra(record.get("extra")) | more)


def _extra(value: Any) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise RowError("extra", f"this is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise RowError("extra", f"expected a JSON object, got {named(value)}")
    return value


FORMAT = Soundings()
