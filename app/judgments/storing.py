"""The row of an answer, and storing it with the counters that it moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from app.assignments import pool
from app.assignments.pool import Deltas
from app.assignments.tables import Assignment, PersonLoad
from app.assignments.writes import CLOSE, Opened, close, note_closed
from app.db.base import table_of
from app.db.chain import Chain
from app.judgments.tables import Judgment
from app.kit.ids import new_id
from app.people.tables import Annotator
from app.questions.answers import ComparisonAnswer

_JUDGMENTS, _PERSONS = table_of(Judgment), table_of(PersonLoad)
INSERT = insert(_JUDGMENTS)
_COUNTERS = (
    "last_active_at",
    "answered",
    "session_answered",
    "slot",
    "voided",
    "session_active_ms",
    "quick_run",
)
_MOVE = (
    update(_PERSONS)
    .where(_PERSONS.c.annotator_id == bindparam("who"))
    .values({name: bindparam(f"to_{name}") for name in _COUNTERS})
)
_ROW = (
    "id", "study_id", "annotator_id", "assignment_id", "item_id", "pair_id", "left_id", "right_id", "choice", "strength", "aspects",
    "rationale", "reason_tags", "skip_reason", "tie_reason", "better", "stance", "spans", "predicted_share", "confidence", "view",
    "client_token", "elapsed_ms", "timing", "is_gold", "work_session", "protocol_version", "source", "created_at",
    "answered_at", "revision", "late", "counts",
)  # fmt: skip
"""Columns of an answer that fills a place; it is no repeat, and supersedes none."""
_STORE = Chain((_JUDGMENTS, _ROW), CLOSE, pool.SETTLE, _MOVE, pool.SPEND)
QUICK_MS_PER_WORD = 125
"""Eight words a second: faster than anybody reads both answers."""


@dataclass(frozen=True)
class Submission:
    """What came beside the answer: through which door, and what the page measured."""

    source: str = "page"
    timing: dict[str, Any] | None = None
    allow_late: bool = False


def row_of(
    assignment: Assignment,
    annotator: Annotator,
    answer: ComparisonAnswer,
    *,
    now: datetime,
    submission: Submission,
) -> dict[str, Any]:
    """An answer as its row, but for what the answers before it and its pair make of it: revision, supersedes, late, counts."""
    by_side = {"left": assignment.left_id, "right": assignment.right_id}
    spans = [
        {"response_id": by_side[s.side], "start": s.start, "end": s.end, "tag": s.tag}
        for s in answer.spans or []
    ]
    server_ms = int((now - assignment.shown_at).total_seconds() * 1000)
    timing = dict(submission.timing or {})
    timing["server_ms"] = server_ms
    return {
        "id": new_id(now),
        "study_id": assignment.study_id,
        "annotator_id": annotator.id,
        "assignment_id": assignment.id,
        "item_id": assignment.item_id,
        "pair_id": assignment.pair_id,
        "left_id": assignment.left_id,
        "right_id": assignment.right_id,
        "choice": answer.choice,
        "strength": answer.strength,
        "aspects": answer.aspects or None,
        "rationale": answer.rationale or None,
        "reason_tags": answer.reason_tags or None,
        "skip_reason": answer.skip_reason,
        "tie_reason": answer.tie_reason,
        "better": answer.better or None,
        "stance": answer.stance,
        "spans": spans or None,
        "predicted_share": answer.predicted_share,
        "confidence": answer.confidence,
        "view": answer.view,
        "client_token": answer.client_token,
        "elapsed_ms": answer.elapsed_ms if answer.elapsed_ms is not None else min(server_ms, 86_400_000),
        "timing": timing,
        "retest_of": assignment.retest_of,
        "is_gold": assignment.is_gold,
        "work_session": assignment.work_session,
        "protocol_version": assignment.protocol_version,
        "source": submission.source,
        "created_at": now,
        "answered_at": now,
    }


def store(session: Session, opened: Opened, row: dict[str, Any], deltas: Deltas, *, now: datetime) -> None:
    """A first answer with the counters it moves. One that fills the place its question held, as nearly all do, goes in one go."""
    who, person = row["annotator_id"], opened.person
    moved = _moved(person, row, now=now)
    if row["counts"] and not deltas and person not in session.dirty:
        values = {f"new_{name}": value for name, value in row.items()}
        values |= {
            "which": row["assignment_id"],
            "becomes": "answered",
            "closed": now,
            "pair": row["pair_id"],
        }
        values |= moved | {
            "who": who,
            "study": row["study_id"],
            "at": pool.shard_of(who),
            "lives": -1,
            "given": 1,
        }
        if not _STORE.run(session, values):
            raise RuntimeError("the assignment, its pair or the person's counters are not there")
        note_closed(opened.assignment, "answered", now=now)
    else:
        session.execute(INSERT, row)
        close(session, opened.assignment, "answered", now=now)
        if not row["late"]:
            _settle(session, row, deltas)
        if row["choice"] != "skip":
            deltas.judgments[pool.shard_of(who)] += 1
        session.flush()
        session.execute(_MOVE, moved | {"who": who})
        deltas.apply(session, row["study_id"])
    for name, value in moved.items():
        set_committed_value(person, name.removeprefix("to_"), value)


def _settle(session: Session, row: dict[str, Any], deltas: Deltas) -> None:
    """The hold ends: its place is filled by the judgment, or goes back."""
    deltas.live[pool.shard_of(row["annotator_id"])] -= 1
    if row["retest_of"] is not None or row["is_gold"]:
        return
    if row["counts"]:
        pool.settle(session, row["pair_id"])
    else:
        pool.release(session, row["study_id"], row["pair_id"], deltas, reserved=1)


def _moved(person: PersonLoad, row: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    """The person's counters after an answer, by parameter of ``_MOVE``: their place in the sequence of sides, their session, quick
    answers in a row.
    """
    skipped = row["choice"] == "skip"
    given, timing = int(not skipped), row["timing"]
    words = timing.get("words")
    spent = timing.get("active_ms") or timing["server_ms"]
    quick = words is not None and not skipped and spent < words * QUICK_MS_PER_WORD
    return {
        "to_last_active_at": now,
        "to_answered": person.answered + given,
        "to_session_answered": person.session_answered + given,
        "to_slot": person.slot + given,
        "to_voided": person.voided + int(row["late"] or (skipped and row["retest_of"] is not None)),
        "to_session_active_ms": person.session_active_ms
        + int(timing.get("active_ms") or min(timing["server_ms"], 120_000)),
        "to_quick_run": person.quick_run + 1 if quick else 0,
    }
