"""From votes to what is asked next: the background work and the draw that looks its scores up, through the real scheduler."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import sqlalchemy as sa

from app.aggregation.tables import Fit, FitPart
from app.assignments import intake
from app.assignments.tables import Assignment
from app.judgments import writes as judgments
from app.people.tables import Annotator
from app.querying import pool_features, reasons, refreshing, selection, vote_log
from app.querying.acquisition import contested
from app.querying.writes import issue_next
from app.studies.importing.rows import read_items
from app.studies.tables import Item, Pair, Response, Study
from tests import factories

GROUPS = {
    "profile": [{"key": "side", "label": "Which side?", "options": ["north", "south"]}],
    "groups": {"key": "side", "weights": {"north": 0.5, "south": 0.5}},
}


def rows(count, seed=0):
    """Items whose two responses differ in two things, carried by their vectors: ``common`` and ``divisive``."""
    rng = np.random.default_rng(seed)
    found = []
    for n in range(count):
        divisive = n % 4 == 0
        a = rng.normal(size=4)
        b = rng.normal(size=4)
        a[1] = 2.0 * rng.choice([-1, 1]) if divisive else 0.0
        b[1] = -a[1] if divisive else 0.0
        found.append(
            {
                "id": f"i{n:04d}",
                "prompt": f"Request {n}?",
                "responses": [
                    {"id": "a", "text": f"One thing, {n}.", "embedding": [round(float(v), 4) for v in a]},
                    {"id": "b", "text": f"Another, {n}.", "embedding": [round(float(v), 4) for v in b]},
                ],
            }
        )
    return found


class Crowd:
    """People of two sides who answer by the vectors; the sides want opposite things of the second number."""

    def __init__(self, database, made, count, now):
        self.database, self.made = database, made
        self.side = {}
        with database.write() as session:
            for n in range(count):
                label = "north" if n % 2 else "south"
                who = factories.annotator(
                    session, made.study_id, now=now, attributes={"side": label}, group_key="side"
                )
                self.side[who.id] = 1.0 if label == "north" else -1.0
            responses = session.scalars(sa.select(Response).where(Response.study_id == made.study_id)).all()
            self.vector = {r.id: np.array(r.embedding) for r in responses}
        self.rng = np.random.default_rng(7)

    def answers(self, clock, votes, *, every=None):
        """Ask and answer ``votes`` times, in turn; refresh after every so many. Returns assignment ids."""
        who, asked = list(self.side), []
        for n in range(votes):
            if every and n % every == 0:
                refreshing.refresh(self.database, self.made.study_id, now=clock.now)
            person = who[n % len(who)]
            with self.database.write() as session:
                study = session.get_one(Study, self.made.study_id)
                annotator = session.get_one(Annotator, person)
                one = issue_next(session, study, annotator, now=clock.tick(), seed=n)
                x = self.vector[one.left_id] - self.vector[one.right_id]
                logit = 1.5 * x[0] + 2.0 * self.side[person] * x[1]
                left = self.rng.random() < 1 / (1 + np.exp(-logit))
                given = factories.answer("left" if left else "right")
                judgments.record(session, study, annotator, one.id, given, now=clock.now)
                asked.append(one.id)
        return asked


@pytest.fixture
def studied(make_study):
    def make(policy="contested", count=160, **querying):
        return make_study(
            rows=rows(count), people=GROUPS, querying={"policy": policy, "retest": 0, **querying},
            collection={"per_pair": {"min": 1, "max": 6}},
        )  # fmt: skip

    return make


@pytest.mark.parametrize("policy", ["contested", "information", "reward_model"])
def test_questions_go_by_the_model_and_the_row_says_why(database, clock, studied, policy):
    made = studied(policy)
    crowd = Crowd(database, made, 8, clock.now)
    asked = crowd.answers(clock, 60, every=20)
    last = refreshing.refresh(database, made.study_id, now=clock.now)
    assert last.method == policy and last.judgments == 60
    with database.read() as session:
        found = [session.get_one(Assignment, key) for key in asked]
        by_model = [r for r in found if r.draw["branch"] == "policy"]
        assert len(by_model) > 40
        for row in by_model:
            assert row.policy == policy
            assert "note" not in row.draw
            assert row.draw["temperature"] == 0.05
            assert row.draw["group"] in {"north", "south"}
            assert session.get_one(Fit, row.draw["epoch"]).method == policy
            assert 0 < row.propensity <= 1
            told = row.draw["expected"]
            assert 0 <= told["share"] <= 1
            words = reasons.sentence(row)
            assert "for someone of the group" in words
            assert "of 160 pairs" in words or "pairs that could be asked" in words
            assert "too few votes" in words
        assert any(r.draw["branch"] == "explore" for r in found)


def test_votes_are_spent_where_the_sides_differ(sqlite_database, clock):
    """The same crowd, asked by chance and by the default: of the pairs on which the sides differ, the latter asks more."""
    share = {}
    for policy in ("random", "contested"):
        with sqlite_database.write() as session:
            made = factories.study(
                session, now=clock.now, rows=rows(160), people=GROUPS,
                querying={"policy": policy, "retest": 0}, collection={"per_pair": {"min": 1, "max": 6}},
            )  # fmt: skip
        crowd = Crowd(sqlite_database, made, 12, clock.now)
        asked = crowd.answers(clock, 180, every=45)
        with sqlite_database.read() as session:
            counted = Counter(
                session.scalars(
                    sa.select(Item.external_id)
                    .join(Assignment, Assignment.item_id == Item.id)
                    .where(Assignment.id.in_(asked))
                )
            )
        divisive = sum(n for key, n in counted.items() if int(key[1:]) % 4 == 0)
        share[policy] = divisive / 180
        if policy == "contested":
            with sqlite_database.read() as session:
                kept = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
                groups = kept.split[selection.SPLIT.index("groups")].astype(float)
                names = dict(
                    session.execute(
                        sa.select(Pair.id, Item.external_id)
                        .join(Item, Item.id == Pair.item_id)
                        .where(Pair.study_id == made.study_id)
                    ).all()
                )
            divided = np.array([int(names[int(p)][1:]) % 4 == 0 for p in kept.pair_id])
            assert groups[divided].mean() > 5 * groups[~divided].mean()
    assert share["contested"] > 1.4 * share["random"]


def test_two_processes_agree_and_an_old_refresh_is_let_go(database, clock, studied):
    made = studied()
    Crowd(database, made, 4, clock.now).answers(clock, 12, every=4)
    with database.read() as session:
        one = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
        selection._kept.clear()  # as another process
        other = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
        assert one.epoch == other.epoch
        assert np.array_equal(one.score, other.score)
        assert selection.current(session, made.study_id, "information", 1) is None
        assert (
            selection.current(session, made.study_id, "contested", contested.ACQUISITION.version + 1) is None
        )
        fits = session.scalars(sa.select(Fit.id).where(Fit.kind == "selection")).all()
        with_parts = session.scalars(
            sa.select(FitPart.fit_id).where(FitPart.name == "score").distinct()
        ).all()
        assert len(fits) == 3
        assert sorted(with_parts) == sorted(fits)[-2:]


def test_a_refresh_is_a_fold_over_the_log(database, clock, studied):
    """Step by step or from nothing, the same votes end in the same model; a vote taken back is as if it had not been."""
    made = studied()
    crowd = Crowd(database, made, 6, clock.now)
    asked = crowd.answers(clock, 75, every=25)
    stepwise = refreshing.refresh(database, made.study_id, now=clock.now)
    with database.read() as session:
        _, one = refreshing.posterior_of(session, made.study_id)
    assert stepwise.result["fitted_at"] == vote_log.place_of_fit(75) == 70
    with database.write() as session:
        session.execute(sa.delete(FitPart).where(FitPart.name.like("model.%")))
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.read() as session:
        _, other = refreshing.posterior_of(session, made.study_id)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-9)
    np.testing.assert_allclose(one.covariance, other.covariance, atol=1e-9)
    with database.write() as session:
        first = session.scalar(
            sa.select(judgments.Judgment.id).where(judgments.Judgment.assignment_id == asked[0])
        )
        study, person = (
            session.get_one(Study, made.study_id),
            session.get_one(Annotator, session.get_one(Assignment, asked[0]).annotator_id),
        )
        judgments.retract(session, study, person, first, now=clock.now)
    after = refreshing.refresh(database, made.study_id, now=clock.now)
    assert after.judgments == 74
    assert after.result["log"] != stepwise.result["log"]


def test_places_of_whole_fits_grow_with_the_log():
    places = sorted({vote_log.place_of_fit(n) for n in range(3000)})
    assert places[:4] == [0, 20, 70, 120]
    assert max(np.diff(places)) < 380
    assert len(places) < 40


def test_a_pair_in_flight_is_worth_less_to_the_next_person(database, clock, studied):
    made = studied(count=40)
    crowd = Crowd(database, made, 2, clock.now)
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.read() as session:
        kept = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
    ids, nobody = kept.pair_id, kept.load.astype(np.int64)
    before = kept.stored(ids, nobody, "north")
    asked = nobody.copy()
    asked[3] += 2
    after = kept.stored(ids, asked, "north")
    assert after.since[3] == 2 and after.since.sum() == 2
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        one = issue_next(session, study, session.get_one(Annotator, next(iter(crowd.side))), now=clock.now)
        pair = one.pair_id
    again = refreshing.refresh(database, made.study_id, now=clock.now)
    assert again.result["pending"] == 1
    with database.read() as session:
        later = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
    at = int(later.places(np.array([pair]))[0])
    fell = np.exp(later.score.astype(float)) / np.exp(kept.score.astype(float))
    assert fell[:, at].mean() < np.median(fell) and np.isfinite(before.score).all()


def test_new_items_are_worth_asking_before_the_next_refresh_and_measured_at_it(database, clock, studied):
    made = studied(count=30)
    Crowd(database, made, 2, clock.now)
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        more = [{**r, "id": "z" + r["id"]} for r in rows(5, seed=9)]
        intake.add_items(session, study, read_items(more), by=made.owner_id, now=clock.now)
    with database.read() as session:
        kept = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
        ids = np.array(session.scalars(sa.select(Pair.id).where(Pair.study_id == made.study_id)).all())
        stored = kept.stored(ids, np.zeros(ids.size, np.int64), "north")
        assert np.isnan(stored.score).sum() == 5
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.read() as session:
        kept = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
        assert kept.pair_id.size == 35
        features = session.scalars(sa.select(Fit).where(Fit.kind == "features")).all()
        assert len(features) == 1 and features[0].judgments == 35


def test_features_keep_style_apart_from_substance(database, clock, make_study):
    texts = ["Yes.", "**Yes**, of course!\n\n- first\n- second\n\n" + "A long answer follows here. " * 9]
    made = make_study(
        rows=[
            {"id": f"t{n}", "prompt": f"May I, {n}?", "responses": [{"text": f"{n} {t}"} for t in texts]}
            for n in range(6)
        ],
        querying={"features": "text"},
    )
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.read() as session:
        fit = session.scalar(sa.select(Fit).where(Fit.kind == "features"))
        pool = pool_features.load(session, fit.id)
        assert pool.method == "text"
        assert "length" in pool.columns
        length = pool.columns.index("length")
        assert pool.kind[length] == 1 and pool.kind[0] == 0
        first = dict(session.execute(sa.select(Pair.id, Pair.first_id)).all())
        assert [first[int(p)] for p in pool.pair_id] == pool.first.tolist()
        assert (pool.x[:, length] < 0).all()  # the first response is the short one
        np.testing.assert_allclose((pool.x[:, pool.kind == 0].astype(float) ** 2).sum(1).mean(), 1, rtol=0.02)
        assert set(pool.design(1).personal) >= set(np.flatnonzero(pool.kind == 1))


def test_embeddings_of_the_items_file_are_used(database, clock, studied):
    made = studied(count=20)
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.read() as session:
        assert session.scalar(sa.select(Fit.method).where(Fit.kind == "features")) == "given"


@pytest.mark.parametrize("goal", ["order", "scores", "mix", "top_k"])
def test_a_ranking_goes_by_its_goal(sqlite_database, clock, goal):
    with sqlite_database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=factories.items(12, responses=4),
            querying={"policy": "ranking", "goal": goal, "retest": 0, "explore": 0},
        )  # fmt: skip
        people = factories.annotators(session, made.study_id, 3, now=clock.now)
    for n in range(45):
        if n % 15 == 0:
            made_fit = refreshing.refresh(sqlite_database, made.study_id, now=clock.now)
        with sqlite_database.write() as session:
            study, who = session.get_one(Study, made.study_id), session.get_one(Annotator, people[n % 3])
            one = issue_next(session, study, who, now=clock.tick(), seed=n)
            assert "note" not in one.draw
            names = {
                r.id: r.model
                for r in session.scalars(sa.select(Response).where(Response.item_id == one.item_id))
            }
            left = names[one.left_id] > names[one.right_id]
            judgments.record(
                session, study, who, one.id, factories.answer("left" if left else "right"), now=clock.now
            )
            assert one.draw["goal"] == goal
    assert made_fit.result["sources"] == 4
    assert made_fit.result["top_k"] == (1 if goal == "top_k" else None)
    with sqlite_database.read() as session:
        kept = selection.current(session, made.study_id, "ranking", 1)
        assert len(set(np.round(kept.score[0], 6).tolist())) <= 6
        assert kept.score.max() == 0


def test_a_policy_without_a_model_needs_no_refresh(database, clock, make_study):
    made = make_study(pairs=4, querying={"policy": "even"})
    assert refreshing.refresh(database, made.study_id, now=clock.now) is None


def test_a_study_without_items_or_votes_is_no_error(database, clock, make_study):
    empty = make_study(rows=[], state="draft", querying={"policy": "contested"})
    assert refreshing.refresh(database, empty.study_id, now=clock.now) is None
    made = make_study(pairs=3)
    fit = refreshing.refresh(database, made.study_id, now=clock.now)
    assert fit.judgments == 0 and fit.result["complete"]


def test_a_store_that_cannot_be_read_costs_nobody_a_question(database, clock, studied):
    made = studied(count=10)
    crowd = Crowd(database, made, 1, clock.now)
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.write() as session:
        session.execute(sa.update(FitPart).where(FitPart.name == "score").values(data=b"nothing"))
    selection._kept.clear()
    (key,) = crowd.answers(clock, 1)
    with database.read() as session:
        row = session.get_one(Assignment, key)
        assert row.draw["note"] == "contested has no model yet; drew evenly"
        assert row.propensity == pytest.approx(1 / 10)


@pytest.mark.parametrize("policy", ["contested", "ranking"])
def test_where_nothing_has_changed_the_last_refresh_stands(database, clock, studied, policy):
    made = studied(policy, count=24)
    crowd = Crowd(database, made, 4, clock.now)

    def refreshed(**how):
        return refreshing.refresh(database, made.study_id, now=clock.tick(), **how).id

    crowd.answers(clock, 8)
    first = refreshed()
    assert refreshed() == first
    crowd.answers(clock, 1)
    second = refreshed()
    assert second != first
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        issue_next(session, study, session.get_one(Annotator, next(iter(crowd.side))), now=clock.now)
    third = refreshed()
    assert third != second  # a question is out: whoever asks next is to be asked another
    assert refreshed() == third
    whole = refreshed(whole=True)
    assert (whole == third) == (policy == "ranking")  # a ranking is always of all votes at once
    assert refreshed(whole=True) == whole
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        intake.add_items(session, study, read_items(factories.items(1)), by=None, now=clock.now)
    assert refreshed() > whole
    with database.write() as session:
        session.execute(sa.delete(FitPart).where(FitPart.name == "score"))
    last = refreshed()
    assert refreshed() == last
