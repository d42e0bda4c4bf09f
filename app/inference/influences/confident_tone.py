"""Confident tone: words that claim certainty."""

from __future__ import annotations

from app.inference.influence import Influence, phrases, rate

_BOOSTERS = phrases((
    "absolutely", "always", "certainly", "clearly", "completely", "definitely", "entirely", "exactly", "fully", "guaranteed", "indeed",
    "inevitably", "it is clear", "it's clear", "must", "never", "no doubt", "no question", "obviously", "of course", "precisely",
    "surely", "the fact is", "totally", "truly", "undeniably", "undoubtedly", "unquestionably", "will always", "without a doubt",
    "without doubt", "without question",
))  # fmt: skip


def measure(request: str, response: str) -> float:  # noqa: ARG001 - measures are called alike
    """Certainty words per hundred words."""
    return rate(_BOOSTERS, response)


INFLUENCE = Influence(
    "confident_tone",
    "more certain in tone",
    "sounding certain",
    "English words and phrases that claim certainty (certainly, obviously, without a doubt ...), per hundred words.",
    "text",
    measure,
)
