"""Four choices: the left answer, about the same, neither is good, the right answer. The default way to compare."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from app.questions import forms
from app.questions.answers import ComparisonAnswer
from app.questions.protocol import Option

TIE_LOGITS = 0.35
"""Half-width, in logits, of the band in which a simulated person finds two answers about the same."""


@dataclass(frozen=True)
class FourChoices:
    """One of four radios; nothing is preselected."""

    name: str = "choice"
    version: int = 1
    template: str = "questions/choice.html"

    def options(self) -> list[Option]:
        return [
            Option("left", "ballot.left", "1"),
            Option("tie", "ballot.tie", "2"),
            Option("neither", "ballot.neither", "3"),
            Option("right", "ballot.right", "4"),
        ]

    def parse(self, form: Mapping[str, Any]) -> ComparisonAnswer:
        if not form.get("choice"):
            raise forms.missing_choice()
        return forms.build({"choice": form["choice"], **forms.shared_fields(form)})

    def form(self, answer: ComparisonAnswer) -> dict[str, Any]:
        return {"choice": answer.choice}

    def observation(self, answer: ComparisonAnswer) -> float | None:
        return {"left": 1.0, "tie": 0.5, "right": 0.0}.get(answer.choice)

    def simulate(self, rng: Random, advantage: float) -> ComparisonAnswer:
        noise = -math.log(1 / max(rng.random(), 1e-12) - 1 + 1e-12)
        felt = advantage + noise
        if abs(felt) < TIE_LOGITS:
            return ComparisonAnswer(choice="tie")
        return ComparisonAnswer(choice="left" if felt > 0 else "right")


KIND = FourChoices()
