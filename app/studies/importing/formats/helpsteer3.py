"""HelpSteer3's shape: context, response1, response2, with domain and language. Its preferences are kept as metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.shape import Fit, Record, answer_text, exact, rest, shared


@dataclass(frozen=True)
class HelpSteer3:
    """The domain becomes the item's topic; responses are named after their columns, as the source's scores name them."""

    name: str = "helpsteer3"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:  # noqa: ARG002 - the columns suffice
        return exact(columns, ("context", "response1", "response2"), ("domain",), 0.9)

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        given = shared(record)
        domain = record.get(mapping.get("domain", ""))
        if isinstance(domain, str):
            given.setdefault("topic", domain)
        responses = [
            {"text": answer_text(record.get(mapping[name]), mapping[name]), "id": name}
            for name in ("response1", "response2")
        ]
        return {
            **given,
            "prompt": record.get(mapping["context"]),
            "responses": responses,
            "metadata": rest(record, [c for p, c in mapping.items() if p != "domain"]),
        }


FORMAT = HelpSteer3()
