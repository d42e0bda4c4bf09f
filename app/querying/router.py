"""Next steps other than an ordinary pair, each with a price, so that one scale decides: repeats, sides swapped, more votes from a
group, meta-questions, panels (METHOD 4.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

LIKELIER = 4.0
"""A step that the figures of a pair call for is worth so many that they do not."""
CALLED_FOR = 2.0
"""A pair that needs votes of the person's group most is worth so many alike."""
RETEST, SWAP, MORE = "retest", "swap_sides", "more_votes"
REASONS = {
    RETEST: "people choose differently on it from one time to the next",
    SWAP: "the side may decide here, and the sides are now the other way round",
}


@dataclass(frozen=True)
class Repeat:
    """An earlier own answer that could be asked again. step: what the figures of its pair call for next, if anything."""

    judgment_id: str
    pair_id: int
    step: str | None
    swapped: bool


@dataclass(frozen=True)
class Weighed:
    """One of several, with the probability that it was taken and why it was likelier, if it was."""

    index: int
    probability: float
    reason: str | None


def price(repeat: Repeat) -> float:
    """Of asking this answer again, beside one that nothing calls for."""
    return LIKELIER if called_for(repeat) else 1.0


def called_for(repeat: Repeat) -> str | None:
    """Which step asking it now would be; None for a repeat like any other. A swap only where the sides now differ."""
    if repeat.step == RETEST:
        return RETEST
    return SWAP if repeat.step == SWAP and repeat.swapped else None


def choose_repeat(repeats: Sequence[Repeat], *, rng: Random) -> Weighed:
    """One of them, in proportion to its price."""
    prices = [price(r) for r in repeats]
    index = rng.choices(range(len(repeats)), weights=prices)[0]
    return Weighed(index, prices[index] / sum(prices), REASONS.get(called_for(repeats[index]) or ""))


@dataclass(frozen=True)
class Offer:
    """A step beside ordinary votes: a meta-question, say, or a place on a panel.

    price: by how much shares of pairs are expected to move, summed over the pairs it bears on, for a second of the person's
    time (METHOD 3.0's EVMI); the price of a vote is on the same scale.
    """

    kind: str
    key: str
    price: float


def choose_offer(
    offers: Sequence[Offer], *, vote_price: float, share: float, at_random: float, rng: Random
) -> tuple[Offer | None, float]:
    """An offer to take instead of a vote now, or None, with the exact probability of what was decided.

    With probability ``share`` an offer may be taken at all. Of these times ``at_random`` go to any offer alike, whatever its
    price, which keeps estimates of what offers find unbiased; the others to those that are worth more than a vote, in
    proportion to price, and to a vote where none is.

    Raises:
        ValueError: A share is none.
    """
    if not (0 <= share <= 1 and 0 <= at_random <= 1):
        raise ValueError("a share is a number from 0 to 1")
    if not offers:
        return None, 1.0
    worth = [max(o.price, 0.0) if o.price > vote_price else 0.0 for o in offers]
    total = sum(worth)
    chance = [
        share * (at_random / len(offers) + (1 - at_random) * (w / total if total > 0 else 0.0)) for w in worth
    ]
    u = rng.random()
    for offer, p in zip(offers, chance, strict=True):
        if u < p:
            return offer, p
        u -= p
    return None, 1.0 - sum(chance)
