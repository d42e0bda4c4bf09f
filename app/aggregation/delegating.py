"""What the study's picture of a person would answer for them, where they said that it may: how likely, and how much that may weigh. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from app.aggregation.labels import Basis
from app.aggregation.persons import Guesser
from app.metapreferences.rules import Held
from app.questions.topics import named_topics

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SHARES = {"yes": 1.0, "sample": 0.5, "no": 0.0}
"""How much a person hands over: all of it, half while they want to see a sample first, nothing; "on some topics" is all of it there."""
TOWARDS_ALL = 4.0
"""Repeats' worth by which a person's share of repeats that their picture guessed is drawn to everybody's."""


@dataclass(frozen=True)
class Delegation:
    """One person's. place: in the order of the study's observations.  pair: int64 (n,), places of pairs they have not answered and others
    have.  p_first: float64 (n,), how likely they prefer the first response, with what they want left out of it.  weight: float64
    (n,), how much they hand over there times how well their picture guesses their own repeats, 0..1.  hits, repeats: of those.
    """

    annotator_id: int
    pair: NDArray[np.int64] = field(repr=False)
    p_first: Floats = field(repr=False)
    weight: Floats = field(repr=False)
    hits: int = 0
    repeats: int = 0


def delegations(basis: Basis, patches: Sequence[Held], kept: Floats) -> tuple[Delegation, ...]:
    """Everyone who said that the picture may answer for them, and has not stopped the study's guessing.

    Model: p by ``persons.Guesser``, corrected by what the person said. With h of n repeats guessed right by the same picture, which
    was not told the answer it guesses, a = (h + 4 a_all) / (n + 4), a_all everybody's share; the weight is d max(0, 2 a - 1), d what
    the person hands over: a picture that guesses like a coin weighs nothing. Where nobody has answered a pair twice, nobody's
    picture is known to be right, and there are no delegations.

    Args:
        kept: float64 (k,), how much of each influence everybody wants to count.

    Source: METHOD 3.1 M9.
    """
    given = {p.annotator_id: p for p in patches if p.var == "delegation" and p.annotator_id is not None}
    stopped = {p.annotator_id for p in patches if p.var == "guessing"}
    handed = {who: p.value for who, p in given.items() if who not in stopped and _hands_over(p.value)}
    seen = basis.seen
    again = np.flatnonzero(seen.repeat & seen.decided() & (seen.y != 0.5))
    if not handed or not again.size:
        return ()
    guesser = Guesser(basis, patches, kept)
    drawn = guesser.endorsed(seen.person[again], seen.pair[again])
    told = np.abs(drawn) > 1e-9
    hit = told & ((drawn > 0) == (seen.y[again] > 0.5))
    n = np.bincount(seen.person[again], told, seen.people.id.size)
    right = np.bincount(seen.person[again], hit, seen.people.id.size)
    if not n.sum():
        return ()
    everybody = right.sum() / n.sum()
    answered = np.bincount(seen.pair[basis.sway.used], minlength=seen.pairs.id.size) > 0
    found = []
    for who in sorted(handed):
        place = int(np.searchsorted(seen.people.id, who))
        if place >= seen.people.id.size or seen.people.id[place] != who:
            continue
        own = (right[place] + TOWARDS_ALL * everybody) / (n[place] + TOWARDS_ALL)
        share = _shares(handed[who], basis.raw.topic)
        mine = np.zeros(answered.size, np.bool_)
        mine[seen.pair[seen.person == place]] = True
        pair = np.flatnonzero(answered & ~mine & (share > 0))
        weight = share[pair] * max(0.0, 2.0 * own - 1.0)
        p = expit(guesser.endorsed(np.full(pair.size, place), pair))
        found.append(Delegation(who, pair, p, weight, int(right[place]), int(n[place])))
    return tuple(found)


def _hands_over(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("choice") in {"yes", "sample", "topics"}


def _shares(value: Mapping[str, Any], topics: Sequence[str | None]) -> Floats:
    """How much the person hands over on each pair, float64 (n_pairs,)."""
    choice = str(value.get("choice"))
    if choice != "topics":
        return np.full(len(topics), SHARES.get(choice, 0.0))
    wanted = set(named_topics(str(value.get("text") or ""), sorted({t for t in topics if t})))
    return np.array([1.0 if t in wanted else 0.0 for t in topics])
