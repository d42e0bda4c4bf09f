"""From collected to included, with every reason: what the page, the API and ``--dry-run`` show, and what must add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """One reason and how many it takes away."""

    reason: str
    words: str
    count: int


@dataclass(frozen=True)
class Subtraction:
    """``collected`` minus every step is ``included``; steps that take nothing away are left out.

    Raises:
        ValueError: It does not add up, which would be a mistake of the program; no such figure is shown.
    """

    unit: str
    collected: int
    steps: tuple[Step, ...]
    included: int

    def __post_init__(self) -> None:
        if self.collected - sum(s.count for s in self.steps) != self.included:
            raise ValueError(f"{self.unit} do not add up")

    def as_dict(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "collected": self.collected,
            "steps": [{"reason": s.reason, "words": s.words, "count": s.count} for s in self.steps],
            "included": self.included,
        }


def subtract(unit: str, collected: int, steps: list[tuple[str, str, int]]) -> Subtraction:
    """The subtraction with these steps as ``(reason, words, count)``; what is left over is included."""
    kept = tuple(Step(*s) for s in steps if s[2])
    return Subtraction(unit, collected, kept, collected - sum(s.count for s in kept))
