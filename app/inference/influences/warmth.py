"""Warmth in the first person: feeling with, wishing well."""

from __future__ import annotations

from app.inference.influence import Influence, phrases, rate

_WARM = phrases((
    "all the best", "best of luck", "congratulations", "good luck", "happy to help", "i am glad", "i am here for you", "i am here to help",
    "i am so glad", "i am so sorry", "i am sorry to hear", "i am sorry you", "i can imagine", "i care", "i feel for you", "i hear you", "i hope",
    "i know how hard", "i understand how", "i wish you", "i'd be happy", "i'd love to", "i'm glad", "i'm happy to", "i'm here for you",
    "i'm here to help", "i'm so glad", "i'm so sorry", "i'm sorry to hear", "i'm sorry you", "my heart goes out", "sending you", "take care",
    "thank you for sharing", "that sounds hard", "that sounds really hard", "that must be", "wishing you", "you are not alone", "you're not alone",
))  # fmt: skip


def measure(request: str, response: str) -> float:  # noqa: ARG001 - measures are called alike
    """Warm phrases per hundred words."""
    return rate(_WARM, response)


INFLUENCE = Influence(
    "warmth",
    "warmer",
    "sounding warm",
    "English phrases of sympathy and good wishes (I'm sorry to hear, good luck ...), per hundred words.",
    "text",
    measure,
)
