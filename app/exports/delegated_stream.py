"""Pairs on which a person lets the study's picture of them answer, streamed: never mixed with what anybody chose."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.aggregation import delegating, labels
from app.exports import collecting, pair_stream
from app.exports.records import Delegate, DelegatedPair
from app.exports.state import State
from app.metapreferences import reads as wishes


def delegated_pairs(state: State) -> Iterator[DelegatedPair]:
    """Each pair with those who have not answered it and let the picture do so, as of the export's moment, of people who may be released.

    Wishes are those that hold then; a person who takes theirs back is in no later export.
    """
    released = set(state.people.ids.tolist())
    held = tuple(
        p
        for p in wishes.active_patches(state.session, state.study.id, as_of=state.as_of)
        if p.annotator_id is None or p.annotator_id in released
    )
    if not any(p.var == "delegation" for p in held):
        return
    basis = labels.basis(state.session, state.study, as_of=state.as_of, released=True)
    made = labels.with_patches(basis, held)
    found = delegating.delegations(basis, held, made.endorsed.wishes.kept[0])
    if not found:
        return
    ids = state.collected.pair_ids
    theirs = np.searchsorted(ids, basis.seen.pairs.id)
    by_place: dict[int, list[tuple[delegating.Delegation, int]]] = {}
    for one in found:
        for at, pair in enumerate(one.pair.tolist()):
            place = int(theirs[pair])
            if place < ids.size and ids[place] == basis.seen.pairs.id[pair]:
                by_place.setdefault(place, []).append((one, at))
    wanted = np.zeros(ids.size, np.bool_)
    wanted[list(by_place)] = True
    wanted &= state.votes.n_judgments > 0
    places = np.flatnonzero(wanted).tolist()
    text_order = collecting.in_text_order(state.session, state.study.id, ids)
    for place, pair in zip(places, pair_stream.pairs(state, wanted=wanted), strict=True):
        yield DelegatedPair(
            pair,
            [
                Delegate(
                    state.person(one.annotator_id),
                    float(one.p_first[at] if text_order[place] else 1.0 - one.p_first[at]),
                    float(one.weight[at]), one.hits, one.repeats,
                )
                for one, at in by_place[place]
            ],
        )  # fmt: skip
