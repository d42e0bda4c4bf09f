"""The ordinary questions of a study in the order they were put, with what was guessed, what was answered, and how likely each was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.observations import CODE
from app.assignments.tables import Assignment, PairLoad
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.tables import Pair, Response

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
BATCH = 20_000


@dataclass(frozen=True)
class Pool:
    """The pairs that are asked about: not checks, not retired. id: int64 (n_pairs,), ascending.  topic: index into ``topics``,
    -1 for none.  cap: judgments a pair takes.  longer: int8, 1 where the first response is longer, -1 the second, 0 alike.
    """

    id: Ints
    topic: Ints
    topics: tuple[str, ...]
    cap: Ints
    longer: NDArray[np.int8]


@dataclass(frozen=True)
class Draws:
    """Answered draws in the order they were put: first questions about pairs, no repeats, no checks.

    person, pair: int64 (n,), dense; pair is a place in ``pool``.  choice: int8 (n,), as in observations.  first_left: bool (n,).
    y: float64 (n,), 1 = the pair's first response preferred, 1/2 a tie, NaN = neither or skipped.
    guess: float64 (n,), probability of preferring the first as guessed beforehand, NaN where none was.
    even: bool (n,), drawn evenly.  propensity: float64 (n,), of the pair among those that could be drawn.
    put, answered: float64 (n,), seconds since 1970.  opted_out: topics left out, by person.
    """

    person: Ints
    pair: Ints
    choice: NDArray[np.int8]
    first_left: Flags
    y: Floats
    guess: Floats
    even: Flags
    propensity: Floats
    put: Floats
    answered: Floats
    opted_out: tuple[frozenset[str], ...]
    pool: Pool

    @property
    def n(self) -> int:
        return int(self.pair.size)


def draws(session: Session, study_id: int) -> Draws:
    """All answered draws whose pair is still asked about. Cost: one pass over answers and pool."""
    pool = _pool(session, study_id)
    later = aliased(Judgment)
    rows = session.execute(
        select(
            Assignment.annotator_id, Assignment.pair_id, Judgment.choice, Assignment.left_id == Pair.first_id,
            Assignment.policy, Assignment.propensity, Assignment.draw, Assignment.shown_at, Assignment.closed_at,
        )
        .join(Judgment, Judgment.assignment_id == Assignment.id)
        .join(Pair, Pair.id == Assignment.pair_id)
        .join(Annotator, Annotator.id == Assignment.annotator_id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Assignment.study_id == study_id,
            Assignment.state == "answered",
            Assignment.retest_of.is_(None),
            Assignment.is_gold.is_(False),
            later.id.is_(None),
            Judgment.choice != "retracted",
            Annotator.withdrawn_at.is_(None),
        )
        .order_by(Assignment.shown_at, Assignment.id)
        .execution_options(yield_per=BATCH)
    )  # fmt: skip
    place = {int(key): i for i, key in enumerate(pool.id.tolist())}
    kept = [_row(r, place) for r in rows if r[1] in place]
    person, pair, choice, first_left, guess, even, p, put, answered = (
        zip(*kept, strict=True) if kept else ((),) * 9
    )
    keys, who = np.unique(np.array(person, np.int64), return_inverse=True)
    code = np.array(choice, np.int8)
    left = np.array(first_left, np.bool_)
    y = np.full(code.size, np.nan)
    y[code == CODE["tie"]] = 0.5
    sided = (code == CODE["left"]) | (code == CODE["right"])
    y[sided] = ((code == CODE["left"]) == left)[sided]
    return Draws(
        who.astype(np.int64), np.array(pair, np.int64), code, left, y, np.array(guess, np.float64), np.array(even, np.bool_),
        np.array(p, np.float64), np.array(put, np.float64), np.array(answered, np.float64), _opted_out(session, study_id, keys), pool,
    )  # fmt: skip


def _row(row: Any, place: dict[int, int]) -> tuple[Any, ...]:
    draw = row.draw or {}
    within = min(1.0, row.propensity / draw.get("branch_probability", 1.0))
    closed = row.closed_at or row.shown_at
    return (
        row.annotator_id, place[row.pair_id], CODE[row.choice], row[3], draw.get("guess", np.nan),
        draw.get("branch") == "explore" or row.policy == "random", within, row.shown_at.timestamp(), closed.timestamp(),
    )  # fmt: skip


def _opted_out(session: Session, study_id: int, keys: Ints) -> tuple[frozenset[str], ...]:
    found = dict(
        session.execute(
            select(Annotator.id, Annotator.opted_out_topics).where(Annotator.study_id == study_id)
        ).all()
    )
    return tuple(frozenset(found.get(k) or ()) for k in keys.tolist())


def _pool(session: Session, study_id: int) -> Pool:
    one, two = aliased(Response), aliased(Response)
    rows = session.execute(
        select(PairLoad.pair_id, PairLoad.topic, PairLoad.cap, func.length(one.text) - func.length(two.text))
        .join(Pair, Pair.id == PairLoad.pair_id)
        .join(one, one.id == Pair.first_id)
        .join(two, two.id == Pair.second_id)
        .where(PairLoad.study_id == study_id, PairLoad.gold.is_(False), PairLoad.retired.is_(False))
        .order_by(PairLoad.pair_id)
        .execution_options(yield_per=BATCH)
    )
    topics: dict[str, int] = {}
    kept = [(r[0], topics.setdefault(r[1], len(topics)) if r[1] else -1, r[2], np.sign(r[3])) for r in rows]
    key, topic, cap, longer = np.array(kept, np.int64).reshape(-1, 4).T
    return Pool(key, topic, tuple(topics), cap, longer.astype(np.int8))
