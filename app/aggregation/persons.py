"""What the study has learned of single people: their own slopes, less what they say is not theirs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from app.aggregation.labels import Basis
from app.inference.influence_effects import CLEARLY
from app.inference.own_slopes import DISOWNED_SD, USUAL_SD, own_slopes
from app.metapreferences.rules import Held

Floats = NDArray[np.float64]

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
