"""prompt, chosen, rejected: texts, lists of messages, or whole conversations that share all turns but the last.

Which of the two the source preferred is kept as ``source_label`` in the item's metadata and never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.studies.importing.errors import RowError
from app.studies.importing.formats.hh import dialogue, is_transcript
from app.studies.importing.shape import (
    PROMPTS,
    Fit,
    Record,
    answer_text,
    first_of,
    needs_request,
    preferred,
    split_conversations,
)
from app.studies.importing.texts import turns

_MODELS = ("{}_model", "{}_source", "{}-model")


@dataclass(frozen=True)
class Preference:
    """Models of the two, where columns such as chosen_model name them, become the responses' models."""

    name: str = "preference"

    def fit(self, columns: Sequence[str], sample: Sequence[Record]) -> Fit | None:  # noqa: ARG002 - the columns suffice
        if not {"chosen", "rejected"} <= set(columns):
            return None
        found = {"prompt": first_of(columns, PROMPTS), "chosen": "chosen", "rejected": "rejected"}
        for side in ("chosen", "rejected"):
            found[f"{side}_model"] = first_of(columns, [m.format(side) for m in _MODELS])
        return Fit(0.8, {part: column for part, column in found.items() if column})

    def item(self, record: Record, mapping: Mapping[str, str]) -> dict[str, Any]:
        sides = [record.get(mapping[side]) for side in ("chosen", "rejected")]
        asked = record.get(mapping.get("prompt", ""))
        if all(isinstance(side, list) for side in sides):
            prompt, good, bad = _from_messages(asked, *sides)
        elif asked in (None, ""):
            raise RowError("prompt", "this key is needed where chosen and rejected are texts")
        else:
            prompt = _without_speakers(asked)
            good, bad = answer_text(sides[0], "chosen"), answer_text(sides[1], "rejected")
        first = {"text": good, "model": record.get(mapping.get("chosen_model", ""))}
        second = {"text": bad, "model": record.get(mapping.get("rejected_model", ""))}
        return preferred(record, prompt, first, second, list(mapping.values()))


def _from_messages(asked: Any, chosen: Any, rejected: Any) -> tuple[Any, str, str]:
    """Messages hold the whole conversation, or go on from the prompt beside them."""
    shared, good, bad = split_conversations(chosen, rejected, ("chosen", "rejected"))
    if shared and shared[0]["role"] != "assistant":
        return shared, good, bad
    before = [] if asked in (None, "") else turns(asked)
    return needs_request([*before, *shared], "chosen"), good, bad


def _without_speakers(asked: Any) -> Any:
    """A prompt that is itself a transcript, up to where the answer begins, as turns."""
    if not is_transcript(asked):
        return asked
    said = dialogue(asked, "prompt")
    return said[:-1] if said[-1] == {"role": "assistant", "content": ""} else said


FORMAT = Preference()
