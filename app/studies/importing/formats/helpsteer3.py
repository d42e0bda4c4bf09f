"""HelpSteer3's shape: context, response1, response2, with domain and language. Its preferences are kept as metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import Record, common, rest


@dataclass(frozen=True)
class HelpSteer3:
    name: str = "helpsteer3"

    def mapping(self, columns: Sequence[str]) -> dict[str, str] | None:
        needed = ("context", "response1", "response2")
        return {c: c for c in needed} if set(needed) <= set(columns) else None

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        given = common(record)
        if isinstance(record.get("domain"), str):
            given.setdefault("topic", record["domain"])
        responses = [{"text": record.get(mapping[f"response{n}"]), "id": f"response{n}"} for n in (1, 2)]
        return {
            **given,
            "prompt": record.get(mapping["context"]),
            "responses": responses,
            "metadata": rest(record, list(mapping.values())),
        }


FORMAT = HelpSteer3()
