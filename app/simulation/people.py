"""People with tastes, habits and slips, who answer comparisons. Pure: a generator and traits in, an answer out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Any

from app.questions.answers import ComparisonAnswer
from app.questions.protocol import QuestionKind

STRAIGHT, KIND = "straight", "kind"
GROUPS = (STRAIGHT, KIND)
_TASTES = {
    STRAIGHT: {"quality": 0.7, "honesty": 1.1, "warmth": 0.0, "flattery": -1.2, "agrees_with_asker": -0.5, "hedging": -0.7, "refusal": -1.4},
    KIND: {"quality": 0.5, "honesty": -0.2, "warmth": 1.2, "flattery": 0.3, "agrees_with_asker": 0.4, "hedging": -0.3, "refusal": -1.0},
}  # fmt: skip
LENGTH_PER_DOUBLING = 0.45
FORMATTING = 0.35
WRONG = -0.6
"""Being wrong costs little where it is said with confidence: people cannot always tell."""
SLIPS = 0.06
LEFT = 0.12


@dataclass(frozen=True)
class SimulatedPerson:
    """One person: the group decides tastes, the rest are habits. Logits throughout, ``slips`` a probability."""

    group: str
    length: float
    left: float
    slips: float
    sharpness: float

    @classmethod
    def draw(cls, rng: Random) -> SimulatedPerson:
        """A person at random: more straight talkers than kind ones, most of them drawn to longer answers."""
        return cls(
            group=STRAIGHT if rng.random() < 0.55 else KIND,
            length=rng.gauss(LENGTH_PER_DOUBLING, 0.25),
            left=rng.gauss(LEFT, 0.15),
            slips=min(0.3, max(0.0, rng.gauss(SLIPS, 0.04))),
            sharpness=math.exp(rng.gauss(0.2, 0.25)),
        )

    def worth(self, traits: dict[str, Any]) -> float:
        """How much this person makes of a response, without length."""
        value = sum(weight * float(traits.get(name) or 0) for name, weight in _TASTES[self.group].items())
        value += FORMATTING * float(traits.get("formatting") or 0)
        return value + (WRONG if traits.get("correct") is False else 0.0)

    def advantage(self, left: dict[str, Any], right: dict[str, Any]) -> float:
        """Logits by which the left response is better to this person, habits included."""
        longer = math.log2((float(left.get("length") or 1) + 5) / (float(right.get("length") or 1) + 5))
        return self.sharpness * (self.worth(left) - self.worth(right)) + self.length * longer + self.left

    def answer(
        self, rng: Random, kind: QuestionKind, left: dict[str, Any], right: dict[str, Any]
    ) -> ComparisonAnswer:
        """What they answer; now and then a slip, now and then a skip."""
        draw = rng.random()
        if draw < 0.015:
            return ComparisonAnswer(choice="skip", skip_reason="dont_know")
        advantage = self.advantage(left, right)
        if rng.random() < self.slips:
            advantage = -advantage
        if max(self.worth(left), self.worth(right)) < -2.2 and rng.random() < 0.5:
            return ComparisonAnswer(choice="neither")
        return kind.simulate(rng, advantage)

    def seconds(self, rng: Random, words: int) -> float:
        """How long they take over two answers of so many words."""
        return max(6.0, rng.lognormvariate(0, 0.35) * (8 + words / 4.2))
