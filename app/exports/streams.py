"""Texts and rows, streamed from the database and walked beside the flat arrays; nothing here keeps more than a chunk."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from app.assignments.tables import Assignment
from app.exports import collecting, splits
from app.exports.cleaning import without_personal_details
from app.exports.collecting import NAMES
from app.exports.people import may_be_released
from app.exports.records import (
    AssignmentRecord,
    ItemRecord,
    JudgmentRecord,
    Label,
    LabelledPair,
    Message,
    RatedResponse,
    ResponseRecord,
    Side,
    SplitRecord,
    Vote,
    VotedPair,
)
from app.exports.rowwise import PART, rows
from app.exports.state import State
from app.exports.tables import PromptSplit
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.tables import Item, Pair, Response


def pairs(state: State) -> Iterator[LabelledPair]:
    """Every pair with a counted vote, by internal number, with its texts and labels."""
    first, second = aliased(Response), aliased(Response)
    judged = select(Judgment.id).where(Judgment.pair_id == Pair.id).exists()
    query = (
        select(
            Pair.id,
            Item.external_id,
            Item.prompt,
            Item.prompt_hash,
            PromptSplit.split,
            PromptSplit.fold,
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
        .outerjoin(PromptSplit, splits.joined(state.options.split))
        .where(Pair.study_id == state.study.id, judged)
        .order_by(Pair.id)
    )
    tallies = _Tallies(state)
    ids, votes = state.collected.pair_ids, state.votes
    place = -1
    for row in rows(state.session, query):
        number, item_id, prompt, prompt_hash, split, fold, id1, model1, text1, id2, model2, text2 = row
        place += 1
        while place < ids.size and ids[place] < number:
            place += 1
        if place >= ids.size:
            return
        if ids[place] != number:
            place -= 1
            continue
        if not votes.n_judgments[place]:
            continue
        yield LabelledPair(
            pair_id(item_id, id1, id2),
            prompt_hash[:16],
            item_id,
            state.placer.place(prompt_hash, split, fold)[0],
            messages(prompt),
            Side(id1, model1, text1),
            Side(id2, model2, text2),
            *tallies.of(place),
        )


class _Tallies:
    """The figures of each pair as plain Python values, turned from arrays a stretch at a time."""

    def __init__(self, state: State) -> None:
        votes = state.votes
        self._columns: list[np.ndarray] = [
            votes.n_judgments,
            votes.n_annotators,
            votes.n_ties,
            np.bincount(votes.pair[votes.y == 1.0], minlength=votes.n_pairs),
            np.bincount(votes.pair[votes.y == 0.0], minlength=votes.n_pairs),
            mean_strength(state),
        ]
        self._labels = [(p.p_first, p.side, p.weight) for p in state.pooled]
        self._from = self._to = 0
        self._rows: list[tuple[Any, ...]] = []

    def of(self, place: int) -> tuple[Any, ...]:
        """What a labelled pair says after its sides; places are asked for in ascending order."""
        if not self._from <= place < self._to:
            self._turn(place)
        return self._rows[place - self._from]

    def _turn(self, start: int) -> None:
        part = slice(start, start + PART)
        rules = [
            [Label(*told) for told in zip(*(column[part].tolist() for column in rule), strict=True)]
            for rule in self._labels
        ]
        *counts, strength = (column[part].tolist() for column in self._columns)
        known = (None if math.isnan(s) else s for s in strength)
        self._rows = list(zip(zip(*rules, strict=True), *counts, known, strict=True))
        self._from, self._to = start, start + len(self._rows)


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


def voted_pairs(state: State) -> Iterator[VotedPair]:
    """Every such pair with its votes, walked beside each other; both come in the order of pairs."""
    moved = _moved(state)
    stream = _votes(state)
    pending = next(stream, None)
    places = np.flatnonzero(state.votes.n_judgments).tolist()
    for pair, place in zip(pairs(state), places, strict=True):
        votes: list[Vote] = []
        while pending is not None and pending[0] <= place:
            if pending[0] == place:
                votes.append(pending[1])
            pending = next(stream, None)
        votes.extend(moved.get(place, ()))
        yield VotedPair(pair, votes)


def _votes(state: State, only_moved: bool = False) -> Iterator[tuple[int, Vote]]:
    """Counted votes with the place of the pair they were given on, in stream order; or those that were moved alone."""
    found = state.collected
    merged = state.merged
    moved = merged.into != np.arange(merged.into.size)
    query = collecting.in_order(
        select(Judgment.annotator_id, Judgment.strength, Judgment.confidence, *_words(state))
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .where(collecting.in_scope(state.study.id, state.as_of))
    )
    stream = rows(state.session, query)
    y = found.chosen_first
    for index, row in enumerate(stream):
        place = int(found.pair[index])
        if found.reason[index] or bool(moved[place]) != only_moved:
            continue
        value = float(y[index])
        yield (
            place,
            Vote(
                state.salted("annotator", row[0]),
                1.0 - value if merged.flipped[place] else value,
                row[1],
                row[2],
                without_personal_details(row[3]) if len(row) > 3 else None,
            ),
        )


def _words(state: State) -> list[Any]:
    return [Judgment.rationale] if state.options.include_text else []


def _moved(state: State) -> dict[int, list[Vote]]:
    """Votes that were given on an exact duplicate, under the pair they count for."""
    found: dict[int, list[Vote]] = {}
    if state.merged.count:
        for place, vote in _votes(state, only_moved=True):
            found.setdefault(int(state.merged.into[place]), []).append(vote)
    return found


def judgments(state: State) -> Iterator[JudgmentRecord]:
    """Every answer of the export's people, counted or not."""
    later, joined = collecting.later_answer(state.as_of)
    first, second = aliased(Response), aliased(Response)
    query = collecting.in_order(
        select(
            *Judgment.__table__.columns,
            Item.external_id.label("item"),
            Item.gold.label("gold"),
            Pair.first_id.label("first_id"),
            first.external_id.label("first"),
            second.external_id.label("second"),
            later.id.label("later"),
            Assignment.shown_at,
            Assignment.slot,
            Assignment.policy,
            Assignment.draw,
            Assignment.propensity,
        )
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .join(Pair, Pair.id == Judgment.pair_id)
        .join(Item, Item.id == Pair.item_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .outerjoin(Assignment, Assignment.id == Judgment.assignment_id)
        .outerjoin(later, joined)
        .where(collecting.in_scope(state.study.id, state.as_of))
    )
    reasons = state.collected.reason
    for index, row in enumerate(rows(state.session, query)):
        yield _judgment(state, row, NAMES[int(reasons[index])])


def _judgment(state: State, row: Any, reason: str | None) -> JudgmentRecord:
    left_first = row.left_id == row.first_id
    by_number = {row.first_id: row.first}
    other = row.right_id if left_first else row.left_id
    by_number[other] = row.second
    chosen = {"left": row.left_id, "right": row.right_id}.get(row.choice)
    expected = row.gold if row.is_gold else None
    words = state.options.include_text and row.later is None and row.choice != "retracted"
    return JudgmentRecord(
        judgment_id=state.salted("judgment", row.id),
        item_id=row.item,
        pair_id=pair_id(row.item, row.first, row.second),
        annotator_id=state.salted("annotator", row.annotator_id),
        choice=row.choice,
        first_response_id=row.first,
        second_response_id=row.second,
        left_first=left_first,
        strength=row.strength,
        confidence=row.confidence,
        stance=row.stance,
        view=row.view,
        predicted_share=row.predicted_share,
        skip_reason=row.skip_reason,
        tie_reason=row.tie_reason,
        reason_tags=[str(t) for t in row.reason_tags or []],
        aspects={str(k): str(v) for k, v in (row.aspects or {}).items()},
        spans=_spans(row.spans, by_number) if row.later is None else [],
        response_ms=row.elapsed_ms,
        shown_at=minute(row.shown_at),
        submitted_at=minute(row.answered_at),
        work_session=row.work_session,
        place=row.slot,
        policy=row.policy,
        branch=(row.draw or {}).get("branch"),
        propensity=row.propensity,
        is_gold=row.is_gold,
        gold_correct=None if expected is None or chosen is None else by_number.get(chosen) == expected,
        is_repeat=row.retest_of is not None or reason == "repeat",
        repeat_of=None if row.retest_of is None else state.salted("judgment", row.retest_of),
        late=row.late,
        source=row.source,
        superseded_by=None if row.later is None else state.salted("judgment", row.later),
        exclusion=reason,
        rationale=without_personal_details(row.rationale) if words else None,
        better=without_personal_details(row.better) if words else None,
        study_version=row.protocol_version,
    )


def _spans(spans: list[Any] | None, by_number: dict[int, str]) -> list[dict[str, Any]]:
    return [
        {
            "response_id": by_number[s["response_id"]],
            "start": int(s["start"]),
            "end": int(s["end"]),
            "tag": str(s["tag"]),
        }
        for s in spans or []
        if s.get("response_id") in by_number
    ]


def items(state: State) -> Iterator[ItemRecord]:
    """Every item that was there by then, voted on or not."""
    query = (
        select(
            Item.external_id,
            Item.prompt,
            Item.prompt_hash,
            Item.topic,
            Item.kind,
            Item.gold,
            Item.flags,
            Item.retired_at,
            Item.details,
            PromptSplit.split,
            PromptSplit.fold,
        )
        .outerjoin(PromptSplit, splits.joined(state.options.split))
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .order_by(Item.id)
    )
    for row in rows(state.session, query):
        yield ItemRecord(
            item_id=row.external_id,
            prompt_id=row.prompt_hash[:16],
            prompt_sha256=row.prompt_hash,
            prompt=messages(row.prompt),
            topic=row.topic,
            kind=row.kind or state.spec.item_kind,
            gold_response_id=row.gold,
            flags=[str(f) for f in row.flags or []],
            retired=row.retired_at is not None and row.retired_at <= state.as_of,
            split=state.placer.place(row.prompt_hash, row.split, row.fold)[0],
            details=row.details or {},
        )


def responses(state: State) -> Iterator[ResponseRecord]:
    """Every response of every such item, in the item's order."""
    query = (
        select(
            Response.external_id,
            Item.external_id.label("item"),
            Response.position,
            Response.text,
            Response.model,
            Response.variant_of,
            Response.variant,
            Response.flags,
            Response.details,
        )
        .join(Item, Item.id == Response.item_id)
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .order_by(Item.id, Response.position, Response.id)
    )
    for row in rows(state.session, query):
        yield ResponseRecord(
            response_id=row.external_id,
            item_id=row.item,
            position=row.position,
            text=row.text,
            source=row.model,
            variant_of=row.variant_of,
            variant=row.variant,
            flags=[str(f) for f in row.flags or []],
            details=row.details or {},
        )


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
            Item.prompt,
            Item.prompt_hash,
            PromptSplit.split,
            PromptSplit.fold,
        )
        .join(Item, Item.id == Response.item_id)
        .outerjoin(PromptSplit, splits.joined(state.options.split))
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .order_by(Item.id, Response.position, Response.id)
    )
    for row in rows(state.session, query):
        place = int(np.searchsorted(numbers, row.id))
        if place >= numbers.size or numbers[place] != row.id or not n[place]:
            continue
        yield RatedResponse(
            response_id=row.external_id,
            prompt_id=row.prompt_hash[:16],
            item_id=row.item,
            split=state.placer.place(row.prompt_hash, row.split, row.fold)[0],
            prompt=messages(row.prompt),
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


def split_rows(state: State) -> Iterator[SplitRecord]:
    """Every request with the part and the fold it was given."""
    query = (
        select(Item.prompt_hash, PromptSplit.split, PromptSplit.fold)
        .outerjoin(PromptSplit, splits.joined(state.options.split))
        .where(Item.study_id == state.study.id, Item.added_at <= state.as_of)
        .distinct()
        .order_by(Item.prompt_hash)
    )
    for prompt_hash, split, fold in rows(state.session, query):
        placed = state.placer.place(prompt_hash, split, fold)
        yield SplitRecord(prompt_hash[:16], prompt_hash, *placed)


def assignments(state: State) -> Iterator[AssignmentRecord]:
    """Every comparison that was put to the export's people, answered or not."""
    left, right = aliased(Response), aliased(Response)
    first, second = aliased(Response), aliased(Response)
    answered = (
        select(Judgment.id)
        .where(and_(Judgment.assignment_id == Assignment.id, Judgment.created_at <= state.as_of))
        .exists()
    )
    query = (
        select(
            Assignment.id,
            Assignment.annotator_id,
            Item.external_id.label("item"),
            first.external_id.label("first"),
            second.external_id.label("second"),
            left.external_id.label("left"),
            right.external_id.label("right"),
            Assignment.policy,
            Assignment.draw,
            Assignment.score,
            Assignment.propensity,
            Assignment.retest_of,
            Assignment.is_gold,
            answered.label("answered"),
            Assignment.slot,
            Assignment.work_session,
            Assignment.shown_at,
            Assignment.protocol_version,
        )
        .join(Annotator, Annotator.id == Assignment.annotator_id)
        .join(Pair, Pair.id == Assignment.pair_id)
        .join(Item, Item.id == Pair.item_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
        .join(left, left.id == Assignment.left_id)
        .join(right, right.id == Assignment.right_id)
        .where(Assignment.study_id == state.study.id, Assignment.shown_at <= state.as_of, may_be_released())
        .order_by(Assignment.annotator_id, Assignment.id)
    )
    for row in rows(state.session, query):
        draw = row.draw or {}
        pool = draw.get("pool_size")
        yield AssignmentRecord(
            assignment_id=state.salted("assignment", row.id),
            annotator_id=state.salted("annotator", row.annotator_id),
            item_id=row.item,
            pair_id=pair_id(row.item, row.first, row.second),
            left_response_id=row.left,
            right_response_id=row.right,
            policy=row.policy,
            branch=draw.get("branch"),
            score=row.score,
            propensity=row.propensity,
            pool_size=pool if isinstance(pool, int) else None,
            is_repeat=row.retest_of is not None,
            is_gold=row.is_gold,
            answered=row.answered,
            place=row.slot,
            work_session=row.work_session,
            shown_at=_known(minute(row.shown_at)),
            study_version=row.protocol_version,
        )


def pair_id(item: str, first: str, second: str) -> str:
    """A pair's id, the same in every export and whichever response is named first."""
    one, other = (first, second) if first <= second else (second, first)
    return hashlib.sha256(f"{len(item)}:{item}{len(one)}:{one}{other}".encode()).hexdigest()[:20]


def messages(prompt: list[Any]) -> list[Message]:
    """The conversation with exactly two keys a message."""
    return [{"role": str(m["role"]), "content": str(m["content"])} for m in prompt]


def minute(moment: datetime | None) -> datetime | None:
    """The moment to the minute: finer times would let answers be matched with other records."""
    return None if moment is None else moment.replace(second=0, microsecond=0)


def _known(moment: datetime | None) -> datetime:
    if moment is None:
        raise ValueError("an assignment has been shown")
    return moment
