"""First read: which response was opened first, where only one is on the screen at a time."""

from __future__ import annotations

from app.inference.influence import Influence

INFLUENCE = Influence(
    "first_read",
    "read first",
    "being read first",
    "1 where the response was the one first on the screen (phones show one at a time), -1 where the other was, 0 where both were.",
    "presentation",
)
