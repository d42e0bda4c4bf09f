"""Seven steps from the left answer's side to the right one's, every step in words, and "neither"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from app.questions import forms
from app.questions.answers import ComparisonAnswer
from app.questions.protocol import Option

_STEPS = {"l3": ("left", 3), "l2": ("left", 2), "l1": ("left", 1), "0": ("tie", None), "r1": ("right", 1), "r2": ("right", 2), "r3": ("right", 3)}  # fmt: skip
_WORD = {"l3": "ballot.much_better", "l2": "ballot.better", "l1": "ballot.a_little_better", "0": "ballot.tie"}


@dataclass(frozen=True)
class SevenSteps:
    """A step is stored as a side and a strength of 1 to 3, the middle as a tie."""

    name: str = "graded"
    version: int = 1
    template: str = "questions/graded.html"

    def options(self) -> list[Option]:
        steps = [Option(v, _WORD.get(v) or _WORD["l" + v[1]], str(i)) for i, v in enumerate(_STEPS, start=1)]
        return [*steps, Option("neither", "ballot.neither", "0")]

    def parse(self, form: Mapping[str, Any]) -> ComparisonAnswer:
        step = form.get("choice")
        if not step:
            raise forms.missing_choice()
        if step in {"neither", "skip"}:
            return forms.build({"choice": step, **forms.shared_fields(form)})
        if step not in _STEPS:
            raise forms.AnswerError(
                "Choose one of the options.",
                errors=[{"where": "choice", "message": f"{step!r} is not a step of this scale"}],
            )
        side, strength = _STEPS[step]
        return forms.build({"choice": side, "strength": strength, **forms.shared_fields(form)})

    def form(self, answer: ComparisonAnswer) -> dict[str, Any]:
        if answer.choice == "tie":
            return {"choice": "0"}
        if answer.choice in {"left", "right"}:
            return {"choice": f"{answer.choice[0]}{answer.strength or 2}"}
        return {"choice": answer.choice}

    def observation(self, answer: ComparisonAnswer) -> float | None:
        return {"left": 1.0, "tie": 0.5, "right": 0.0}.get(answer.choice)

    def simulate(self, rng: Random, advantage: float) -> ComparisonAnswer:
        noise = -math.log(1 / max(rng.random(), 1e-12) - 1 + 1e-12)
        felt = advantage + noise
        if abs(felt) < 0.35:
            return ComparisonAnswer(choice="tie")
        strength = 1 if abs(felt) < 1 else 2 if abs(felt) < 2.5 else 3
        return ComparisonAnswer(choice="left" if felt > 0 else "right", strength=strength)


KIND = SevenSteps()
