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
RETEST, SWAP, MORE, VERIFY = "retest", "swap_sides", "more_votes", "verify"
REASONS = {
    RETEST: "people choose differently on it from one time to the next",
    SWAP: "the side may decide here, and the sides are now the other way round",
}


@dataclass(frozen=True)
class Repeat:
    """An earlier own answer that could be asked again.

    step: what the figures of its pair call for next, if anything.  swapped: whether its sides would now be the other way round.
    within: variance within people on its pair, as the last report has it; None where not known.
    """

    judgment_id: str
    pair_id: int
    step: str | None
    swapped: bool
    within: float | None = None


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


KNOWN_FLIPS = 12.0
"""How many repeats the share of flips of a pair counts for before its own (METHOD 4.3)."""
USUAL_WITHIN = 0.15


def moves(repeat: Repeat) -> float:
    """By how much one more repeat is expected to move the within-person part of its pair: E |W after - W now|.

    W is half the share f of repeats that flip, known as from KNOWN_FLIPS of them: f goes to 1 or to 0 by a thirteenth of the way.
    """
    flips = min(1.0, 2 * (USUAL_WITHIN if repeat.within is None else max(repeat.within, 0.0)))
    return flips * (1 - flips) / (KNOWN_FLIPS + 1)


@dataclass(frozen=True)
class Offer:
    """A step beside ordinary votes: a meta-question, a repeat, a repeat with its sides swapped.

    price: by how much shares of pairs are expected to move, summed over the pairs it bears on, for a second of the person's
    time (METHOD 3.0's EVMI); the price of a vote is on the same scale.
    share: how likely it is taken, at most, because it is worth more than a vote; 0 where that is no reason to take it.
    chance: how likely it is taken whatever it is worth, which keeps estimates of what such steps find unbiased.
    """

    kind: str
    key: str
    price: float
    share: float = 1.0
    chance: float = 0.0


@dataclass(frozen=True)
class Taken:
    """What was decided. index: of the offer, None for a vote.  probability: of exactly that.  vote: that of a vote.
    by_chance: whether the offer came up whatever it is worth.
    """

    index: int | None
    probability: float
    vote: float
    by_chance: bool = False


def choose_offer(offers: Sequence[Offer], *, vote_price: float, rng: Random) -> Taken:
    """An offer to take instead of a vote now, or a vote, with the exact probability of what was decided.

    Those that are worth more than a vote share what ``chance`` leaves, in proportion to price, each up to its ``share``; where
    none is, and with what they leave, it is a vote.

    Raises:
        ValueError: A share or a chance is none.

    Example:
        >>> one = choose_offer([Offer("M1", "length", 3.0, chance=0.25)], vote_price=1.0, rng=Random(1))
        >>> one.index, one.probability, one.vote
        (0, 1.0, 0.0)
    """
    free = 1 - sum(o.chance for o in offers)
    if free < -1e-9 or not all(0 <= o.share <= 1 and 0 <= o.chance <= 1 for o in offers):
        raise ValueError("a share is a number from 0 to 1, and chances add up to 1 at most")
    worth = [o.price if o.share > 0 and o.price > max(vote_price, 0.0) else 0.0 for o in offers]
    total = sum(worth)
    chosen = [
        max(free, 0.0) * o.share * (w / total if w else 0.0) for o, w in zip(offers, worth, strict=True)
    ]
    vote = max(0.0, 1 - sum(chosen) - sum(o.chance for o in offers))
    u = rng.random()
    for index, (offer, p) in enumerate(zip(offers, chosen, strict=True)):
        if u < p + offer.chance:
            return Taken(index, p + offer.chance, vote, by_chance=u >= p)
        u -= p + offer.chance
    return Taken(None, vote, vote) if vote > 0 else _last(chosen, offers)


def _last(chosen: Sequence[float], offers: Sequence[Offer]) -> Taken:
    """The last offer that can be taken: where no vote can, and rounding left a little over."""
    index = max(i for i, o in enumerate(offers) if chosen[i] + o.chance > 0)
    return Taken(index, chosen[index] + offers[index].chance, 0.0, by_chance=chosen[index] == 0)
