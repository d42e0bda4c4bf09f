"""Pairs with their votes, walked beside the flat arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sqlalchemy import select

from app.aggregation.protocol import Flags
from app.exports import collecting
from app.exports.cleaning import without_personal_details
from app.exports.pair_stream import pairs
from app.exports.records import Vote, VotedPair
from app.exports.rowwise import rows
from app.exports.state import State
from app.exports.tidying import minute
from app.judgments.tables import Judgment
from app.people.tables import Annotator


def voted_pairs(state: State, *, single: bool = False) -> Iterator[VotedPair]:
    """Every such pair with its votes; both come in the order of pairs. ``single`` as in ``protocol.View``."""
    wanted = state.votes.n_judgments > 0
    if single:
        neither = state.merged.into[state.collected.pair[state.collected.neither]]
        wanted = wanted | (np.bincount(neither, minlength=wanted.size) > 0)
    moved = _moved(state, single)
    stream = _votes(state, single)
    pending = next(stream, None)
    places = np.flatnonzero(wanted).tolist()
    for pair, place in zip(pairs(state, wanted=wanted), places, strict=True):
        votes: list[Vote] = []
        while pending is not None and pending[0] <= place:
            if pending[0] == place:
                votes.append(pending[1])
            pending = next(stream, None)
        votes.extend(moved.get(place, ()))
        yield VotedPair(pair, votes)


def _votes(state: State, single: bool, only_moved: bool = False) -> Iterator[tuple[int, Vote]]:
    """Counted votes with the place of the pair they were given on, in stream order; or those that were moved alone."""
    found, merged = state.collected, state.merged
    moved = merged.into != np.arange(merged.into.size)
    kept: Flags = found.counted() | found.neither if single else found.counted()
    kept &= moved[found.pair] == only_moved
    words: list[Any] = [Judgment.rationale] if state.options.include_text else []
    columns: list[Any] = [Judgment.annotator_id, Judgment.strength, Judgment.confidence]
    columns += [Judgment.id, Judgment.answered_at] if single else []
    query = collecting.in_order(
        select(*columns, *words)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .where(collecting.in_scope(state.study.id, state.as_of))
    )
    y = found.chosen_first
    for index, row in enumerate(rows(state.session, query)):
        if kept[index]:
            place = int(found.pair[index])
            flipped = bool(merged.flipped[place])
            value: float | None = float(y[index])
            if value != value:  # noqa: PLR0124 - not a number: neither was good
                value = None
            elif flipped and value is not None:
                value = 1.0 - value
            told = Vote(state.person(row[0]), value, row[1], row[2], _reason(state, row))
            if single:
                left_first = bool(found.left_first[index]) ^ flipped
                told = told._replace(
                    judgment_id=state.salted("judgment", row[3]), left_first=left_first, at=minute(row[4])
                )
            yield place, told


def _reason(state: State, row: Any) -> str | None:
    return without_personal_details(row[-1]) if state.options.include_text else None


def _moved(state: State, single: bool) -> dict[int, list[Vote]]:
    """Votes that were given on an exact duplicate, under the pair they count for."""
    found: dict[int, list[Vote]] = {}
    if state.merged.count:
        for place, vote in _votes(state, single, only_moved=True):
            found.setdefault(int(state.merged.into[place]), []).append(vote)
    return found
