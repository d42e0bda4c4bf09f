"""Every stored answer and every question put, streamed; who gave it is known by this export's own ids alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased

from app.assignments.tables import Assignment
from app.exports import collecting
from app.exports.cleaning import without_personal_details
from app.exports.people import may_be_released
from app.exports.reasons import NAMES
from app.exports.records import (
    AssignmentRecord,
    JudgmentRecord,
)
from app.exports.rowwise import rows
from app.exports.state import State
from app.exports.tidying import minute, pair_id
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.tables import Item, Pair, Response


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
        annotator_id=state.person(row.annotator_id),
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
        reviewed_before=bool((row.draw or {}).get("reviewed_before")),
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
        yield AssignmentRecord(
            assignment_id=state.salted("assignment", row.id),
            annotator_id=state.person(row.annotator_id),
            item_id=row.item,
            pair_id=pair_id(row.item, row.first, row.second),
            left_response_id=row.left,
            right_response_id=row.right,
            policy=row.policy,
            branch=draw.get("branch"),
            branch_probability=draw.get("branch_probability"),
            explore=draw.get("explore"),
            score=row.score,
            propensity=row.propensity,
            eligible=draw.get("eligible"),
            candidates=draw.get("candidates"),
            guess_left=_guess_left(draw.get("guess"), first_left=row.left == row.first),
            guess_by=draw.get("guess_by"),
            is_repeat=row.retest_of is not None,
            is_gold=row.is_gold,
            answered=row.answered,
            place=row.slot,
            work_session=row.work_session,
            shown_at=_known(minute(row.shown_at)),
            study_version=row.protocol_version,
        )


def _guess_left(first: float | None, *, first_left: bool) -> float | None:
    """The study's guess is kept for the pair's first response; a reader has the sides."""
    return first if first is None or first_left else round(1 - first, 4)


def _known(moment: datetime | None) -> datetime:
    if moment is None:
        raise ValueError("an assignment has been shown")
    return moment
