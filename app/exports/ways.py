"""What the rules would teach where they differ: outcomes, so that one can be chosen by what it does and not by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.aggregation import registry as pooling
from app.aggregation.protocol import EmptyGroup, Flags, NoGroups, Pooled, Votes
from app.aggregation.registry import ENDORSED
from app.exports import endorsement, options
from app.exports.collecting import in_text_order
from app.exports.endorsement import Wanted
from app.exports.given_places import GivenPlaces
from app.exports.people import FEWEST_IN_GROUP
from app.exports.state import State, pool, take
from app.exports.tidying import messages
from app.metapreferences import reads as wishes
from app.studies.reads import spec_of
from app.studies.tables import Item, Pair, Response, Study

MOST_JUDGMENTS = 300_000
"""Votes that the rules are worked out from while somebody waits; of more, a sample of items that has about as many."""


@dataclass(frozen=True)
class Way:
    """One outcome, and the rules that have it.

    undecided: pairs on which it teaches neither.  apart: pairs on which it does not do what way 1 does.  longer: of the pairs it
    decides whose answers differ in length, how many go to the longer one; None where there are none.  followed: mean share of a
    pair's votes that go with what it teaches.  groups: the same for each group of eight people or more, in the order of names.
    """

    number: int
    rules: tuple[str, ...]
    undecided: int
    apart: int
    longer: float | None
    followed: float | None
    groups: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class Contested:
    """A pair on which the ways differ. sides: for each way 1 = the first answer, -1 = the second, 0 = neither."""

    item_id: str
    request: str
    first_id: str
    second_id: str
    first: str
    second: str
    votes: tuple[int, int, int]
    """For the first, for the second, ties."""
    sides: tuple[int, ...]


@dataclass(frozen=True)
class Ways:
    """``judged``: pairs with a vote.  ``differing``: pairs on which not all ways agree, the first of them in ``pairs``.

    ``refused``: rules that cannot be used here, each with its reason.  ``sampled``: where not all items were looked at, how many
    were and how many there are with a vote.
    """

    judged: int
    differing: int
    ways: tuple[Way, ...]
    pairs: tuple[Contested, ...]
    refused: tuple[tuple[str, str], ...]
    sampled: tuple[int, int] | None = None


def ways(
    session: Session, study: Study, *, now: datetime, limit: int = 50, most: int = MOST_JUDGMENTS
) -> Ways:
    """What each rule would teach, now: of all items, or of a sample of them that has about ``most`` votes.

    The sample is drawn evenly and is the same each time; rules that learn about people learn it from the sample alone.
    """
    asked = options.read(rule="majority", file_type="jsonl")
    state = take(session, study, asked, as_of=now, places=GivenPlaces())
    said = _said(state)
    inside, sampled = _sampled(state, most)
    if inside is not None:
        state = replace(state, votes=state.votes.only(inside))
        if said is not None:
            raw = replace(said.raw, votes=said.raw.votes.only(inside), judgment=said.raw.judgment[inside])
            said = replace(said, raw=raw)
    found, refused = _pooled(state, bool(spec_of(session, study).people.groups), said)
    judged = state.votes.n_judgments > 0
    outcomes: dict[bytes, list[Pooled]] = {}
    for pooled in found:
        outcomes.setdefault(pooled.side[judged].tobytes(), []).append(pooled)
    sides = [same[0].side for same in outcomes.values()]
    table = np.stack(sides)[:, judged] if sides else np.zeros((0, 0), np.int8)
    apart = (table != table[0]).any(axis=0) if len(table) else np.zeros(0, bool)
    places = np.flatnonzero(judged)[apart]
    lengths = _lengths(session, study.id, state)
    told = tuple(
        _way(state, number, tuple(p.rule for p in same), side, sides[0], lengths)
        for number, (same, side) in enumerate(zip(outcomes.values(), sides, strict=True), start=1)
    )
    order = _most_split(state.votes, places)[:limit]
    return Ways(
        int(judged.sum()),
        int(places.size),
        told,
        _contested(session, state, order, sides),
        tuple(refused),
        sampled,
    )


def _sampled(state: State, most: int) -> tuple[Flags | None, tuple[int, int] | None]:
    """Which votes are those of as many items as have about ``most`` of them, and how many items; None where there are no more."""
    votes = state.votes
    if votes.pair.size <= most:
        return None, None
    item = state.numbers.item[votes.pair]
    items, votes_of = np.unique(item, return_counts=True)
    order = np.random.default_rng(0).permutation(items.size)
    kept = order[: max(1, int(np.searchsorted(np.cumsum(votes_of[order]), most, side="right")))]
    return np.isin(item, items[kept]), (int(kept.size), int(items.size))


def _said(state: State) -> Wanted | None:
    """What people said of their choices; None where nobody did."""
    if not wishes.active_patches(state.session, state.study.id, as_of=state.as_of):
        return None
    said = endorsement.wanted(
        state.session,
        state.study,
        state.people,
        state.collected,
        state.merged,
        state.votes,
        in_text_order=in_text_order(state.session, state.study.id, state.collected.pair_ids),
        kind=state.spec.item_kind,
        as_of=state.as_of,
    )
    votes = said.corrected(state.votes)
    return replace(said, raw=replace(said.raw, votes=votes))


def _pooled(state: State, grouped: bool, said: Wanted | None) -> tuple[list[Pooled], list[tuple[str, str]]]:
    """Every rule's labels, majority first, then each with people's choices read as they want; those that cannot be used here are
    told of.
    """
    found, refused = [], []
    names = sorted(pooling.rules(), key=lambda name: name != "majority")
    if said is None:
        refused.append((ENDORSED, "nobody has said how their choices should be read"))
    else:
        names += [ENDORSED, *(f"{ENDORSED}+{name}" for name in names)]
    votes = state.votes if said is None else said.raw.votes
    for name in names:
        if pooling.find(name).uses_groups and not grouped:
            refused.append((name, "this study defines no groups"))
            continue
        try:
            found += pool(votes, (name,), said)[0]
        except (EmptyGroup, NoGroups) as error:
            refused.append((name, error.detail))
    return found, refused


def _most_split(votes: Votes, places: np.ndarray) -> np.ndarray:
    """The places with those first on which many people differ evenly."""
    share = votes.for_first[places] / np.maximum(votes.total[places], 1e-9)
    return places[np.lexsort((places, -votes.total[places], np.abs(share - 0.5)))]


def _lengths(session: Session, study_id: int, state: State) -> np.ndarray:
    """Characters of each pair's two answers, int64 (n_pairs, 2)."""
    first, second = aliased(Response), aliased(Response)
    query = (
        select(Pair.id, func.length(first.text), func.length(second.text))
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .where(Pair.study_id == study_id)
    )
    table = np.zeros((state.collected.pair_ids.size, 2), np.int64)
    place = {int(p): i for i, p in enumerate(state.collected.pair_ids.tolist())}
    for pair, a, b in session.execute(query):
        if pair in place:
            table[place[pair]] = a, b
    return table


def _way(
    state: State,
    number: int,
    rules: tuple[str, ...],
    side: np.ndarray,
    first: np.ndarray,
    lengths: np.ndarray,
) -> Way:
    votes, crowd = state.votes, state.people
    judged = votes.n_judgments > 0
    decided = judged & (side != 0)
    uneven = decided & (lengths[:, 0] != lengths[:, 1])
    longer = (lengths[:, 0] > lengths[:, 1]) == (side > 0)
    follows = np.where(side[votes.pair] > 0, votes.y, 1.0 - votes.y)
    group = votes.group[votes.person]

    def share(among: np.ndarray) -> float | None:
        kept = among & decided[votes.pair]
        return round(float(follows[kept].mean()), 4) if kept.any() else None

    return Way(
        number=number,
        rules=rules,
        undecided=int((judged & (side == 0)).sum()),
        apart=int((judged & (side != first)).sum()),
        longer=round(float(longer[uneven].mean()), 4) if uneven.any() else None,
        followed=share(np.ones(votes.pair.size, bool)),
        groups=tuple(
            (name, share(group == place))
            for place, name in enumerate(crowd.group_names)
            if crowd.group_sizes[place] >= FEWEST_IN_GROUP
        ),
    )


def _contested(
    session: Session, state: State, places: np.ndarray, sides: Sequence[np.ndarray]
) -> tuple[Contested, ...]:
    first, second = aliased(Response), aliased(Response)
    wanted = {int(state.collected.pair_ids[p]): int(p) for p in places}
    query = (
        select(
            Pair.id,
            Item.external_id,
            Item.prompt,
            first.external_id,
            second.external_id,
            first.text,
            second.text,
        )
        .join(Item, Item.id == Pair.item_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .where(Pair.id.in_(list(wanted)))
    )
    rows: dict[int, Any] = {wanted[row[0]]: row for row in session.execute(query)}
    votes = state.votes
    for_first = np.bincount(votes.pair[votes.y == 1.0], minlength=votes.n_pairs)
    for_second = np.bincount(votes.pair[votes.y == 0.0], minlength=votes.n_pairs)
    told = []
    for place in (int(p) for p in places):
        _, item, prompt, id1, id2, text1, text2 = rows[place]
        turns = messages(prompt)
        counts = int(for_first[place]), int(for_second[place]), int(votes.n_ties[place])
        request = turns[-1]["content"] if turns else ""
        told.append(
            Contested(item, request, id1, id2, text1, text2, counts, tuple(int(s[place]) for s in sides))
        )
    return tuple(told)
