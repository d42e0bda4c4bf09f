"""From questions put and answers recorded by the product's own functions to the rows of an export. On both databases."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from app.assignments.tables import Assignment
from app.db.session import Database
from app.exports import writes as exports
from app.judgments import writes as judgments
from app.judgments.tables import Judgment
from app.people import writes as people
from app.people.tables import Annotator
from app.querying import writes as querying
from app.studies.tables import Pair
from tests import factories
from tests.conftest import Clock
from tests.exports import reading


def answer_all(database: Database, made: factories.Made, person: int, clock: Clock) -> list[str]:
    """One person answers until nothing is left, always for the response with the smaller number; returns judgment ids."""
    given = []
    while True:
        with database.write() as session:
            study, annotator = factories.get_study(session, made), session.get_one(Annotator, person)
            asked = querying.issue_next(session, study, annotator, now=clock.tick())
            if asked is None:
                return given
            choice = "left" if (asked.left_id or 0) < (asked.right_id or 0) else "right"
            answer = factories.answer(choice)
            recorded = judgments.record(
                session, study, annotator, asked.id, answer, now=clock.tick(seconds=9)
            )
            given.append(recorded.judgment.id)


def test_what_was_recorded_is_what_is_exported(database: Database, tmp_path: Path, clock: Clock):
    with database.write() as session:
        made = factories.study(session, now=clock.now, pairs=6, querying={"policy": "even", "retest": 0.0})
        crowd = factories.annotators(session, made.study_id, 4, now=clock.now)
    given = {person: answer_all(database, made, person, clock) for person in crowd}
    with database.write() as session:
        study = factories.get_study(session, made)
        first, second, third, _ = (session.get_one(Annotator, p) for p in crowd)
        changed = session.get_one(Judgment, given[crowd[0]][0])
        elsewhere = next(
            j for j in given[crowd[1]] if session.get_one(Judgment, j).pair_id != changed.pair_id
        )
        other = {"left": "right", "right": "left"}[changed.choice]
        judgments.revise(
            session, study, first, changed.assignment_id or "", factories.answer(other), now=clock.tick()
        )
        judgments.retract(session, study, second, elsewhere, now=clock.tick())
        people.leave_out(session, third, reason="a test", by=None, now=clock.tick())

    export = reading.make(database, made.study_id, tmp_path / "x", now=clock.tick(), format="all")
    told = (export.counts or {})["judgments"]
    assert {s["reason"]: s["count"] for s in told["steps"]} == {
        "superseded": 2,
        "retracted": 1,
        "left_out": 6,
    }
    with database.read() as session:
        stored = session.scalar(select(func.count()).select_from(Judgment))
    assert told["collected"] == stored == 26
    assert told["included"] == 17
    rows = reading.rows(tmp_path / "x", "judgments")
    assert Counter(r["excluded"] for r in rows) == {True: 9, False: 17}
    assert all(0 < r["propensity"] <= 1 for r in rows)
    assert len(reading.rows(tmp_path / "x", "assignments")) == 24
    pairs = reading.rows(tmp_path / "x", "preference")
    assert len(pairs) == 6
    assert all(r["chosen"][-1]["content"].startswith("Answer 0") for r in pairs)
    assert sum(r["n_judgments"] for r in pairs) == 17


def test_withdrawing_through_the_product_empties_later_exports(
    database: Database, tmp_path: Path, clock: Clock
):
    with database.write() as session:
        made = factories.study(session, now=clock.now, pairs=3, querying={"policy": "even", "retest": 0.0})
        crowd = factories.annotators(session, made.study_id, 2, now=clock.now)
    for person in crowd:
        answer_all(database, made, person, clock)
    old = reading.make(database, made.study_id, tmp_path / "old", now=clock.tick(), format="all")
    with database.write() as session:
        person = session.get_one(Annotator, crowd[0])
        people.withdraw(session, person, now=clock.tick())
        judgments.erase(session, person, now=clock.now)
        assert exports.mark_withdrawn(session, person) == 1
    clock.now += timedelta(minutes=1)
    new = reading.make(database, made.study_id, tmp_path / "new", now=clock.now, format="all")
    assert len(reading.rows(tmp_path / "old", "judgments")) == 6
    assert len(reading.rows(tmp_path / "new", "judgments")) == 3
    assert len(reading.rows(tmp_path / "new", "annotators")) == 1
    assert (new.counts or {})["judgments"]["steps"][0] == {
        "reason": "withdrawn", "words": "of people who took their answers back", "count": 3,
    }  # fmt: skip
    assert old.fingerprint != new.fingerprint


def test_how_a_question_was_drawn_is_told_as_it_was_stored(database: Database, tmp_path: Path, clock: Clock):
    """Every branch of a comparison, from rows that the drawing itself wrote."""
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, pairs=12, querying={"policy": "even", "retest": 0.4, "explore": 0.3},
            session={"questions": 10},
        )  # fmt: skip
        crowd = factories.annotators(session, made.study_id, 3, now=clock.now)
    for person in crowd:
        answer_all(database, made, person, clock)
    reading.make(database, made.study_id, tmp_path / "x", now=clock.tick(), format="assignments")
    rows = reading.rows(tmp_path / "x", "assignments")
    with database.read() as session:
        query = select(Assignment, Pair.first_id).join(Pair, Pair.id == Assignment.pair_id)
        stored = session.execute(query.order_by(Assignment.annotator_id, Assignment.id)).all()
        told = [
            {
                k: one.draw.get(k)
                for k in ("branch", "branch_probability", "explore", "eligible", "candidates", "guess_by")
            }
            for one, _ in stored
        ]
        guesses = [
            None if (p := one.draw.get("guess")) is None else round(p if one.left_id == first else 1 - p, 4)
            for one, first in stored
        ]  # fmt: skip
    assert {r["branch"] for r in rows} == {"policy", "explore", "retest"}
    assert [{k: r[k] for k in told[0]} for r in rows] == told
    assert [r["guess_left"] for r in rows] == guesses
    for row in rows:
        assert row["eligible"] >= row["candidates"] >= 1
        assert row["branch_probability"] is not None
        if row["branch"] != "retest":
            assert row["guess_by"] == "counts"
            assert row["explore"] == 0.3
    assert {p for p in guesses if p is not None} - {0.5}
