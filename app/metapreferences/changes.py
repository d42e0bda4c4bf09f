"""Did a person change their mind, or slip? From what they said of pairs that they met twice and answered differently. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SAYS_CHANGED = {"today": 0.7, "earlier": 0.08, "close": 0.1, "depends": 0.07, "slip": 0.05}
SAYS_SLIPPED = {"today": 0.2, "earlier": 0.22, "close": 0.28, "depends": 0.05, "slip": 0.25}
"""How people who changed their mind, and people who slip or waver, are taken to answer."""


@dataclass(frozen=True)
class Changed:
    """probability: that this person has changed their mind, even odds before.  events: answers that say something about it."""

    probability: float
    events: int


def changed(answers: Sequence[str]) -> Changed:
    """The probability that a person's flips are changes of mind rather than slips.

    Model: answers are independent given which of the two the person is; the odds are the product of the two likelihoods of each
    answer. "Not sure" and "rather not" say nothing.

    Source: METHOD 3.1 M4 and 3.3; the classes' answer shares are set, not fitted.

    Example:
        >>> changed(["today"] * 3).probability > 0.9
        True
        >>> changed([]).probability
        0.5
    """
    odds, events = 1.0, 0
    for answer in answers:
        if answer in SAYS_CHANGED:
            odds *= SAYS_CHANGED[answer] / SAYS_SLIPPED[answer]
            events += 1
    return Changed(odds / (1.0 + odds), events)
