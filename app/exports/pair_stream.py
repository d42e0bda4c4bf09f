"""Judged pairs, their votes and their single responses, streamed and walked beside the flat arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
from orjson import loads
from sqlalchemy import select
from sqlalchemy.orm import aliased

from app.aggregation.endorsing import Endorsed
from app.aggregation.protocol import Flags, Pooled, Votes
from app.exports.collecting import among
from app.exports.people import FEWEST_IN_GROUP, People
from app.exports.records import (
    Corrected,
    Label,
    LabelledPair,
    RatedResponse,
    Side,
)
from app.exports.rowwise import PART, parts, plain, unread
from app.exports.state import State
from app.exports.tidying import messages, pair_id
from app.judgments.tables import Judgment
from app.studies.tables import Item, Pair, Response


def pairs(
    state: State, *, wanted: Flags | None = None, tallies: Tallies | None = None
) -> Iterator[LabelledPair]:
    """Every pair with a counted vote, by internal number, with its texts and labels.

    ``wanted``: bool (n_pairs,), other pairs than those with a counted vote.  ``tallies``: other figures than the study's.
    """
    first, second = aliased(Response), aliased(Response)
    query = (
        select(
            Pair.id,
            Item.external_id,
            unread(Item.prompt),
            Item.prompt_hash,
            Item.topic,
            first.external_id,
            first.model,
            first.text,
            second.external_id,
            second.model,
            second.text,
        )
        .join(Item, Item.id == Pair.item_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .where(Pair.study_id == state.study.id)
        .order_by(Pair.id)
    )
    if 2 * state.collected.pair_ids.size < state.survey.pairs:
        query = query.where(select(Judgment.id).where(Judgment.pair_id == Pair.id).exists())
    told = tallies or Tallies.of_everyone(state)
    ids = state.collected.pair_ids
    kept = (state.votes.n_judgments > 0) if wanted is None else wanted
    made = state.endorsed
    for chunk in plain(state.session, query):
        places, here = among(ids, [row[0] for row in chunk])
        here[here] = kept[places[here]]
        where = state.placer.places([row[3] for row in chunk])
        for row, place, (split, _) in compress(
            zip(chunk, places.tolist(), where, strict=True), here.tolist()
        ):
            _, item_id, prompt, prompt_hash, topic, id1, model1, text1, id2, model2, text2 = row
            yield LabelledPair._make(
                (
                    pair_id(item_id, id1, id2),
                    prompt_hash[:16],
                    item_id,
                    split,
                    messages(loads(prompt)),
                    Side(id1, model1, text1),
                    Side(id2, model2, text2),
                    *told.of(place),
                    topic,
                    None if made is None else _corrected(state, made, place),
                )
            )


def _corrected(state: State, made: Endorsed, place: int) -> Corrected:
    patches = tuple(state.salted("patch", p) for p in made.patches_of(place))
    before, after, weight = (float(of[place]) for of in (made.p_raw, made.p_endorsed, made.weight))
    return Corrected(before, after, weight, made.shifts_of(place), patches, made.flipped_by(place))


class Tallies:
    """The figures of each pair as plain Python values, turned from arrays a stretch at a time."""

    def __init__(
        self, votes: Votes, pooled: Sequence[Pooled], people: People, strength: np.ndarray | None
    ) -> None:
        self._columns: list[np.ndarray] = [
            votes.n_judgments,
            votes.n_annotators,
            votes.n_ties,
            np.bincount(votes.pair[votes.y == 1.0], minlength=votes.n_pairs).astype(np.int32),
            np.bincount(votes.pair[votes.y == 0.0], minlength=votes.n_pairs).astype(np.int32),
            np.broadcast_to(np.float64(np.nan), votes.n_pairs) if strength is None else strength,
        ]
        self._labels = [(p.p_first, p.side, p.weight) for p in pooled]
        self._more = [_Beside.of(p, people) for p in pooled]
        self._from = self._to = 0
        self._rows: list[tuple[Any, ...]] = []

    @classmethod
    def of_everyone(cls, state: State) -> Tallies:
        """The study's own."""
        strength = mean_strength(state) if "strength" in state.has else None
        return cls(state.votes, state.pooled, state.people, strength)

    def of(self, place: int) -> tuple[Any, ...]:
        """What a labelled pair says between its sides and its topic; places are asked for in ascending order."""
        if not self._from <= place < self._to:
            self._turn(place)
        return self._rows[place - self._from]

    def _turn(self, start: int) -> None:
        part = slice(start, start + PART)
        rules = [
            [
                Label(*told)
                for told in zip(*(c[part].tolist() for c in rule), *more.columns(part), strict=True)
            ]
            for rule, more in zip(self._labels, self._more, strict=True)
        ]
        *counts, strength = (column[part].tolist() for column in self._columns)
        known = (None if math.isnan(s) else s for s in strength)
        self._rows = list(zip(zip(*rules, strict=True), *counts, known, strict=True))
        self._from, self._to = start, start + len(self._rows)


@dataclass(frozen=True)
class _Beside:
    """What a rule tells beside a probability, turned into values of a ``Label``, as far as it goes."""

    numbers: tuple[np.ndarray, ...] = ()
    least: np.ndarray | None = None
    share: np.ndarray | None = None
    names: tuple[str | None, ...] = ()

    @classmethod
    def of(cls, pooled: Pooled, people: People) -> _Beside:
        if pooled.low is None or pooled.high is None:
            return cls()
        sizes = people.group_sizes
        named = (n if sizes[i] >= FEWEST_IN_GROUP else None for i, n in enumerate(people.group_names))
        return cls((pooled.low, pooled.high), pooled.least, pooled.least_share, (*named, None))

    def columns(self, part: slice) -> list[list[Any]]:
        """Low, high, least group and its share, or as many of them as are known."""
        told: list[list[Any]] = [column[part].tolist() for column in self.numbers]
        if self.least is not None and self.share is not None:
            names = [self.names[place] for place in self.least[part].tolist()]
            shares = self.share[part].tolist()
            told += [names, [None if n is None else s for n, s in zip(names, shares, strict=True)]]
        return told


def mean_strength(state: State) -> np.ndarray:
    """Mean signed strength of each pair's votes, positive for the first response; NaN where nobody gave one.

    float64 (n_pairs,), in -3..3. A tie is 0 on the scale; a choice without a strength says nothing about it.
    """
    found = state.collected
    kept = found.counted()
    y = found.chosen_first[kept]
    strength = found.strength[kept].astype(np.float64)
    pair = found.pair[kept]
    sign = np.where(state.merged.flipped[pair], -1.0, 1.0)
    scaled = (strength > 0) | (y == 0.5)
    value = np.where(y == 0.5, 0.0, strength * np.where(y == 1.0, 1.0, -1.0)) * sign
    into = state.merged.into[pair]
    n = state.votes.n_pairs
    given = np.bincount(into[strength > 0], minlength=n)
    count = np.bincount(into[scaled], minlength=n)
    total = np.bincount(into[scaled], weights=value[scaled], minlength=n)
    return np.asarray(np.divide(total, count, out=np.full(n, np.nan), where=given > 0), np.float64)


def rated_responses(state: State) -> Iterator[RatedResponse]:
    """Responses that somebody judged, each with the share of evidence that calls it good."""
    numbers, good, n = _ratings(state)
    query = (
        select(
            Response.id,
            Response.external_id,
            Response.text,
            Response.model,
            Item.external_id.label("item"),
            unread(Item.prompt).label("prompt"),
            Item.prompt_hash,
        )
        .join(Item, Item.id == Response.item_id)
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .order_by(Item.id, Response.position, Response.id)
    )
    for chunk in parts(state.session, query):
        places, here = among(numbers, [row.id for row in chunk])
        here[here] = n[places[here]] > 0
        where = state.placer.places([row.prompt_hash for row in chunk])
        for row, place, (split, _) in compress(
            zip(chunk, places.tolist(), where, strict=True), here.tolist()
        ):
            yield RatedResponse(
                response_id=row.external_id,
                prompt_id=row.prompt_hash[:16],
                item_id=row.item,
                split=split,
                prompt=messages(loads(row.prompt)),
                text=row.text,
                source=row.model,
                p_good=float(good[place] / n[place]),
                n_judgments=int(n[place]),
            )


def _ratings(state: State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each judged response its number, the votes that speak for it by the first rule, and the votes on it.

    A pair's votes speak for a response by the rule's probability; "neither is good" is a vote against both.
    """
    votes, found = state.votes, state.collected
    p = np.nan_to_num(state.pooled[0].p_first, nan=0.5)
    n = votes.n_judgments.astype(np.float64)
    into = state.merged.into[found.pair[found.neither]]
    neither = np.bincount(into, minlength=votes.n_pairs)
    numbers, inverse = np.unique(
        np.concatenate([state.numbers.first, state.numbers.second]), return_inverse=True
    )
    for_each = np.concatenate([n * p, n * (1.0 - p)])
    of_each = np.concatenate([n + neither, n + neither])
    good = np.bincount(inverse, weights=for_each, minlength=numbers.size)
    total = np.bincount(inverse, weights=of_each, minlength=numbers.size)
    return numbers, good, total
