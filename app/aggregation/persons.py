"""What the study has learned of single people: their own slopes, less what they say is not theirs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from app.aggregation.labels import Basis
from app.inference.influence_effects import CLEARLY
from app.inference.own_slopes import DISOWNED_SD, USUAL_SD, own_slopes
from app.metapreferences.rules import Held

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OWN_SHRINK = 8.0
"""Choices' worth by which a person's share is drawn to everybody's."""
PRIOR = 1.0
"""Votes to each side that are added to what the others chose."""


def disowned(patches: Sequence[Held]) -> dict[int, frozenset[str]]:
    """Influences that each person says are not theirs, by database key."""
    found: dict[int, set[str]] = {}
    for patch in patches:
        if patch.target_type == "influence" and patch.var == "not_me" and patch.annotator_id is not None:
            found.setdefault(patch.annotator_id, set()).add(patch.target_id)
    return {person: frozenset(names) for person, names in found.items()}


def slopes(basis: Basis, patches: Sequence[Held]) -> Floats:
    """Each person's own slopes, float64 (n_people, k), logits for one standard deviation.

    Everybody's, moved by how far the person's share of clear choices differs, drawn to everybody's by eight choices' worth. Of
    someone who disowned something all slopes are fitted anew to their own first answers, what they disowned held within .05 of
    nothing: what it had explained goes to what came with it (``app.inference.own_slopes``).
    """
    counts = basis.sway.fit.by_person.astype(np.float64)
    people, names = basis.seen.people.id, basis.raw.effects.names
    out = np.broadcast_to(basis.raw.effects.beta, (people.size, len(names))).copy()
    if counts.size:
        of = counts[:, :, 1]
        common = (counts[:, :, 0].sum(axis=0) + 1) / (of.sum(axis=0) + 2)
        own = (counts[:, :, 0] + OWN_SHRINK * common) / (of + OWN_SHRINK)
        out[: counts.shape[0]] += (logit(own) - logit(common)) / (1.0 + CLEARLY)
    for person, gone in disowned(patches).items():
        place = int(np.searchsorted(people, person))
        if place < people.size and people[place] == person:
            out[place] = _refitted(basis, place, out[place], np.array([n in gone for n in names], np.bool_))
    return out


def _refitted(basis: Basis, place: int, usual: Floats, gone: NDArray[np.bool_]) -> Floats:
    raw = basis.raw
    mine = np.flatnonzero(raw.votes.person == place)
    pair, y = raw.votes.pair[mine], raw.votes.y[mine]
    total, ahead = raw.votes.total[pair] - 1.0, raw.votes.for_first[pair] - y
    x = raw.x[pair]
    others = logit((ahead + PRIOR) / (total + 2 * PRIOR)) - x @ raw.effects.beta
    return own_slopes(y, others, x, np.where(gone, 0.0, usual), np.where(gone, DISOWNED_SD, USUAL_SD))


class Guesser:
    """How each person is drawn to the first response of a pair, in logits, without being told what they answered to it.

    Predictive: logit of the others' share (a vote to each side added) plus (b_u - b) x, b_u the person's own slopes. Endorsed takes
    out (1 - e_u) b_u x over the influences known to be their own, e_u what the person said of each, or everybody's (``kept``).
    """

    def __init__(self, basis: Basis, patches: Sequence[Held], kept: Floats) -> None:
        self.basis = basis
        used, n = basis.sway.used, basis.seen.pairs.id.size
        self.total = np.bincount(basis.seen.pair[used], minlength=n).astype(np.float64)
        self.ahead = np.bincount(basis.seen.pair[used], basis.seen.y[used], n)
        self.slopes = slopes(basis, patches)
        self.said = _said(patches, basis.raw.effects.names, basis.seen.people.id, kept)

    def predictive(self, person: Ints, pair: Ints) -> Floats:
        """By what they usually choose: float64 (n,)."""
        mine, there = _first_votes(self.basis, person, pair)
        share = (self.ahead[pair] - mine + PRIOR) / (self.total[pair] - there + 2 * PRIOR)
        raw = self.basis.raw
        own = ((self.slopes[person] - raw.effects.beta) * raw.x[pair]).sum(axis=1)
        return np.asarray(logit(share) + own, np.float64)

    def endorsed(self, person: Ints, pair: Ints) -> Floats:
        """By what they stand by: float64 (n,)."""
        raw = self.basis.raw
        taken = np.where(raw.effects.own, self.slopes[person], 0.0) * (1 - self.said[person]) * raw.x[pair]
        return np.asarray(self.predictive(person, pair) - taken.sum(axis=1), np.float64)


def _said(patches: Sequence[Held], names: Sequence[str], people: Ints, kept: Floats) -> Floats:
    """How much each person wants of each influence: float64 (n_people, k)."""
    out = np.broadcast_to(kept, (people.size, len(names))).copy()
    for patch in patches:
        if patch.target_type != "influence" or patch.var != "endorsed" or patch.scope != "person":
            continue
        place = int(np.searchsorted(people, patch.annotator_id or 0))
        if patch.target_id in names and place < people.size and people[place] == patch.annotator_id:
            value = patch.value.get("else", 0.5) if isinstance(patch.value, Mapping) else patch.value
            strength = (1 + patch.stood) / (1 + patch.shown) if patch.shown else 1.0
            out[place, list(names).index(patch.target_id)] = 1 - strength * (1 - float(value))
    return out


def _first_votes(basis: Basis, person: Ints, pair: Ints) -> tuple[Floats, Floats]:
    """The person's own first answer to each pair and whether there is one, so that no model is told what it guesses."""
    seen, used = basis.seen, np.flatnonzero(basis.sway.used)
    n = int(seen.pairs.id.size)
    key = seen.person[used] * n + seen.pair[used]
    order = np.argsort(key, kind="stable")
    wanted = person * n + pair
    place = np.minimum(np.searchsorted(key[order], wanted), max(order.size - 1, 0))
    if not order.size:
        return np.zeros(person.size), np.zeros(person.size)
    there = key[order][place] == wanted
    return np.where(there, seen.y[used][order][place], 0.0), there.astype(np.float64)
