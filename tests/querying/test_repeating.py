"""How many earlier answers could be asked again: counted from few rows, and always what the whole history says."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
import sqlalchemy as sa

from app.aggregation import keeping
from app.aggregation.tables import Fit, PairFigure
from app.assignments import intake, reads
from app.assignments.pool import Deltas
from app.assignments.tables import Assignment, PersonLoad
from app.judgments import writes as judgments
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.querying import repeating
from app.querying.asking import Asking
from app.querying.writes import issue_next
from app.studies import reads as studies
from app.studies.tables import Study
from tests import factories


def asking_of(session, study, annotator, *, now):
    """The person as they stand now."""
    spec = studies.spec_of(session, study)
    at = {"study": study.id, "who": annotator.id, "gap": repeating.repeat_gap(spec), "now": now}
    row = session.execute(reads.standing(), at).one()
    stands = reads.as_standing(session, row, annotator.id)
    return Asking(
        study, spec, annotator, stands.person, 0, Random(0), Deltas(), now, None, None, stands.late_repeats
    )


class One:
    """One person of a study, who answers, passes over, changes and takes back."""

    def __init__(self, database, clock, made):
        self.database, self.clock, self.made = database, clock, made
        with database.write() as session:
            self.who = factories.annotator(session, made.study_id, now=clock.now).id

    def _rows(self, session):
        return session.get_one(Study, self.made.study_id), session.get_one(Annotator, self.who)

    def answer(self, choice, seed=None):
        with self.database.write() as session:
            study, person = self._rows(session)
            one = issue_next(session, study, person, now=self.clock.tick(), seed=seed)
            given = factories.answer(choice)
            judgments.record(session, study, person, one.id, given, now=self.clock.now)
            return one.id

    def change(self, assignment_id, choice):
        with self.database.write() as session:
            study, person = self._rows(session)
            if choice == "take back":
                current = session.scalars(
                    sa.select(Judgment.id)
                    .where(Judgment.assignment_id == assignment_id)
                    .order_by(Judgment.revision.desc())
                ).first()
                judgments.retract(session, study, person, current, now=self.clock.now)
            else:
                given = factories.answer(choice)
                judgments.revise(session, study, person, assignment_id, given, now=self.clock.now)

    def design(self, **parts):
        with self.database.write() as session:
            study = session.get_one(Study, self.made.study_id)
            spec = studies.spec_of(session, study)
            changed = {k: getattr(spec, k).model_copy(update=v) for k, v in parts.items()}
            intake.change_study(
                session, study, spec.model_copy(update=changed), by=self.made.owner_id, now=self.clock.now
            )

    def counted_and_listed(self):
        with self.database.read() as session:
            study, person = self._rows(session)
            asking = asking_of(session, study, person, now=self.clock.now)
            return repeating.count_repeatable(session, asking), len(
                repeating.list_repeatable(session, asking)
            )


@pytest.fixture
def one(database, clock, make_study):
    made = make_study(
        pairs=60, querying={"policy": "random", "retest": 0.4}, session={"questions": 10},
        collection={"per_pair": {"min": 1, "max": 3}},
    )  # fmt: skip
    return One(database, clock, made)


def test_the_count_is_what_the_history_says(one):
    for n in range(24):
        one.answer(("left", "tie", "skip", "neither", "right")[n % 5], seed=n)
        counted, listed = one.counted_and_listed()
        assert counted == listed
    assert counted > 3


@pytest.mark.parametrize(
    ("before", "after"),
    [("skip", "left"), ("left", "skip"), ("left", "right"), ("right", "take back"), ("tie", "neither")],
)
def test_the_count_follows_changes_of_mind(one, before, after):
    asked = [one.answer(before if n == 2 else "left", seed=n) for n in range(9)]
    one.change(asked[2], after)
    for n in range(12):
        one.answer("left", seed=100 + n)
        counted, listed = one.counted_and_listed()
        assert counted == listed


def test_the_count_follows_a_longer_session(one):
    for n in range(16):
        one.answer("left", seed=n)
    with one.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(Assignment.retest_of.is_not(None))) > 1
    one.design(session={"questions": 26})
    counted, listed = one.counted_and_listed()
    assert counted == listed


def test_checks_of_an_earlier_design_are_not_counted(database, clock, make_study):
    rows = factories.items(30)
    for row in rows[:5]:
        row["gold"] = "m0"
    made = make_study(
        rows=rows,
        querying={"policy": "random", "retest": 0.3},
        session={"questions": 10},
        gold={"share": 0.9},
    )
    one = One(database, clock, made)
    for n in range(9):
        one.answer("left", seed=n)
    one.design(gold={"share": 0.0})
    for n in range(5):
        one.answer("left", seed=50 + n)
        counted, listed = one.counted_and_listed()
        assert counted == listed > 0


def repeated(database, clock):
    """One person of a study of many pairs that repeats one answer in ten."""
    with database.write() as session:
        made = factories.study(
            session,
            now=clock.now,
            pairs=40,
            querying={"policy": "random", "retest": 0.1},
            session={"questions": 10},
        )
    return One(database, clock, made)


def test_a_repeat_comes_as_often_as_it_says(sqlite_database, clock):
    """Of many draws from one state, each answer is repeated as often as its propensity says."""
    one = repeated(sqlite_database, clock)
    asked = [one.answer("left" if n % 4 else "skip", seed=n) for n in range(22)]
    one.change(asked[4], "right")
    one.design(querying={"retest": 0.6})
    draws, weight, put = 400, Counter(), Counter()
    for seed in range(draws):
        with sqlite_database.write() as session:
            study, person = one._rows(session)
            got = issue_next(session, study, person, now=clock.now, seed=seed * 7919)
            if got.retest_of:
                put[got.retest_of] += 1
                weight[got.retest_of] += 1 / got.propensity
            session.rollback()
    with sqlite_database.read() as session:
        study, person = one._rows(session)
        asking = asking_of(session, study, person, now=clock.now)
        able = {r.id for r in repeating.list_repeatable(session, asking)}
    assert set(put) == able and len(able) > 4
    for key in able:
        share = put[key] / draws
        error = (share * (1 - share) / draws) ** 0.5 * draws / put[key]
        assert weight[key] / draws == pytest.approx(1.0, abs=4.5 * error)


def test_a_repeat_worth_more_than_a_vote_comes_beyond_its_share_and_weighs_to_one(sqlite_database, clock):
    """At a turn with a pair on which people waver: its repeat competes with votes by price, and every row's odds are exact."""
    database = sqlite_database
    one = repeated(database, clock)
    asked = [one.answer("left", seed=n) for n in range(15)]
    with database.write() as session:
        rows = [session.get_one(Assignment, key) for key in asked]
        again = {r.pair_id for r in rows if r.retest_of}
        wavering = next(r.pair_id for r in rows if r.pair_id not in again and r.slot < 8)
        figure = {"fit_id": 1, "votes": 9, "people": 9, "first": 5, "second": 4, "ties": 0, "neither": 0}
        session.add(
            PairFigure(
                pair_id=wavering, study_id=one.made.study_id, next_step="retest", within_person=0.2, **figure
            )
        )
        session.add(
            Fit(
                study_id=one.made.study_id, kind=keeping.KIND, method=keeping.METHOD, version=keeping.VERSION, seed=0,
                state="x", judgments=15, seconds=0.0, made_at=clock.now,
                result={"vote_price": 0.0001, "vote_seconds": 30.0, "influences": {}, "splits": {}, "people": {}},
            )
        )  # fmt: skip
        assert session.get_one(PersonLoad, one.who).session_answered == 15
    draws, weights, ordinary = 500, {}, []
    for seed in range(draws):
        with database.write() as session:
            study, person = one._rows(session)
            got = issue_next(session, study, person, now=clock.now, seed=seed * 7919)
            key = got.pair_id if got.retest_of else None
            weights.setdefault(key, []).append(1 / got.propensity if key else 0.0)
            if not key:
                ordinary.append(got.draw["branch_probability"])
            session.rollback()
    repeats = draws - len(ordinary)
    assert repeats / draws == pytest.approx(1 - np.mean(ordinary), abs=0.09)
    assert repeats / draws > 0.25  # of a share of .1, because one repeat is worth more than a vote
    assert len(weights[wavering]) > repeats / 2
    for key, found in weights.items():
        if key is not None:
            mean = sum(found) / draws
            error = (sum(w * w for w in found) / draws - mean**2) ** 0.5 / draws**0.5
            assert abs(mean - 1) < 4.5 * error
