"""Hedging: words that hold a claim back."""

from __future__ import annotations

from app.inference.influence import Influence, phrases, rate

_HEDGES = phrases((
    "appears to", "apparently", "arguably", "as far as i know", "can be", "could", "generally", "i am not sure", "i believe", "i guess",
    "i may be wrong", "i think", "i'm not sure", "in many cases", "in my opinion", "in some cases", "it depends", "likely", "may",
    "maybe", "might", "mostly", "often", "perhaps", "possibly", "potentially", "presumably", "probably", "rather", "roughly",
    "seemingly", "seems", "sometimes", "somewhat", "suggests", "tend to", "tends to", "typically", "usually",
))  # fmt: skip


def measure(request: str, response: str) -> float:  # noqa: ARG001 - measures are called alike
    """Hedging words per hundred words."""
    return rate(_HEDGES, response)


INFLUENCE = Influence(
    "hedging",
    "more hedging",
    "hedging",
    "English words and phrases that hold a claim back (might, perhaps, it depends ...), per hundred words.",
    "text",
    measure,
)
