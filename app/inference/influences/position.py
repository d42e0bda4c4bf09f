"""Position: which side a response was shown on."""

from __future__ import annotations

from app.inference.influence import Influence

INFLUENCE = Influence(
    "position",
    "on the left",
    "standing on the left",
    "1 where the response was shown on the left, -1 on the right; sides are drawn at random, in blocks of eight for each person.",
    "presentation",
)
