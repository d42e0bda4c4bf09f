"""A request with a list of answers under other names, such as answers of {answer, model} or completions of {response, model}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.errors import RowError
from app.studies.importing.shape import PROMPTS, Fit, Record, answer_text, first_of, rest, shared
from app.studies.importing.texts import named

_LISTS = ("answers", "completions", "outputs", "candidates", "generations", "responses")
_TEXTS = ("text", "answer", "response", "completion", "output", "content", "generated_text")


@dataclass(frozen=True)
class NWay:
    """Every key of an answer besides its text and model is kept as its metadata."""

    name: str = "n_way"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:
        prompt = first_of(columns, PROMPTS)
        first = next(iter(sample), {})
        lists = [c for c in _LISTS if c in columns and _is_list(first.get(c))]
        if prompt is None or not lists:
            return None
        return Fit(0.65, {"prompt": prompt, "responses": lists[0]})

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        given = record.get(mapping["responses"])
        if not isinstance(given, list):
            raise RowError(mapping["responses"], f"expected a list of answers, got {named(given)}")
        return {
            **shared(record),
            "prompt": record.get(mapping["prompt"]),
            "responses": [_response(one, f"{mapping['responses']}.{n}") for n, one in enumerate(given)],
            "metadata": rest(record, list(mapping.values())),
        }


def _is_list(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip()[:1] == "[")


def _response(given: Any, at: str) -> dict[str, Any]:
    if isinstance(given, str):
        return {"text": given}
    if not isinstance(given, Mapping):
        raise RowError(at, f"expected an object or a text, got {named(given)}")
    key = next((k for k in _TEXTS if k in given), None)
    if key is None:
        raise RowError(at, f"there is no text in it, under any of {', '.join(_TEXTS)}")
    others = {k: v for k, v in given.items() if k != key}
    return {**others, "text": answer_text(given[key], f"{at}.{key}")}


FORMAT = NWay()
