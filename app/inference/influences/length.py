"""Length: the most common reason for a vote that nobody would give."""

from __future__ import annotations

import math

from app.inference.influence import Influence


def measure(request: str, response: str) -> float:  # noqa: ARG001 - measures are called alike
    """Natural logarithm of one more than the number of characters, so that twice as long is the same step anywhere."""
    return math.log1p(len(response.strip()))


INFLUENCE = Influence(
    "length",
    "longer",
    "being longer",
    "ln(1 + characters) of the response without space at its ends.",
    "text",
    measure,
)
