"""Matched probes get their share until there are enough of them, and matters of fact go to people who know."""

from __future__ import annotations

from collections import Counter
from random import Random

import numpy as np
import pytest
import sqlalchemy as sa

from app.aggregation.tables import Fit, PairFigure
from app.assignments.tables import Assignment
from app.judgments import writes as judgments
from app.people.tables import Annotator
from app.querying import draw, favoured, reasons, refreshing, selection
from app.querying.acquisition import contested
from app.querying.protocol import CandidateView
from app.querying.writes import issue_next
from app.studies.tables import Item, Pair, Response, Study
from tests import factories
from tests.querying.test_refreshing import GROUPS, Crowd, rows


def with_probes(count=120, every=10):
    """Items of two answers that differ much in what the sides want; every tenth is the same answer at two lengths."""
    found = rows(count)
    for n, row in enumerate(found):
        if n % every == 0:
            a, b = row["responses"]
            b |= {"variant_of": "a", "variant": "length", "embedding": a["embedding"]}
            b["text"] = a["text"] + " And some more of the same."
            a["embedding"] = [round(v + 0.001, 4) for v in a["embedding"]]
    return found


def made_with_probes(make_study, policy, **collection):
    return make_study(
        rows=with_probes(), people=GROUPS, querying={"policy": policy, "retest": 0, "explore": 0.0},
        collection={"per_pair": {"min": 1, "max": 30}, **collection},
    )  # fmt: skip


@pytest.mark.parametrize("policy", ["contested", "information", "reward_model", "ranking"])
def test_probes_have_their_share_and_the_row_says_why(sqlite_database, clock, monkeypatch, policy):
    monkeypatch.setattr(favoured, "PROBE_SHARE", 0.5)
    database = sqlite_database
    with database.write() as session:
        made = made_with_probes(lambda **parts: factories.study(session, now=clock.now, **parts), policy)
        named = favoured.probes(session, made.study_id)
    assert len(named) == 12 and set(named.values()) == {"length"}
    crowd = Crowd(database, made, 10, clock.now)
    asked = crowd.answers(clock, 100, every=25)
    with database.read() as session:
        drawn = [session.get_one(Assignment, key) for key in asked]
    put = [row for row in drawn if row.pair_id in named and row.draw["branch"] == "policy"]
    assert 35 <= len(put) <= 75
    assert all(row.draw["favoured"] == favoured.PROBE for row in put)
    assert all("matched probe" in reasons.sentence(row) for row in put)
    assert all("favoured" not in row.draw for row in drawn if row.pair_id not in named)


def test_probes_of_which_there_are_enough_are_pairs_like_others():
    pairs, load = np.arange(10, 20), np.zeros(10, np.int32)
    found = {12: "length", 15: "length", 17: "formatting", 99: "length"}
    assert favoured.starved(found, pairs, load, cap=80).tolist() == [2, 5, 7]
    load[2] = favoured.ENOUGH
    assert favoured.starved(found, pairs, load, cap=80).tolist() == [7]
    load[7] = 30
    assert favoured.starved(found, pairs, load, cap=30).tolist() == []
    assert not favoured.starved({}, pairs, load, cap=80).size


def test_raised_pairs_have_exactly_their_share_of_the_draw():
    rng = np.random.default_rng(3)
    q = rng.random(40)
    q /= q.sum()
    raised = np.zeros(40, np.bool_)
    raised[[4, 9]] = True
    given = draw.with_share(q, raised, 0.3)
    assert given.sum() == pytest.approx(1) and given[raised].sum() == pytest.approx(0.3)
    assert given[4] / given[9] == pytest.approx(q[4] / q[9])
    np.testing.assert_allclose(given[~raised] / given[~raised].sum(), q[~raised] / q[~raised].sum())
    assert draw.with_share(q, raised, 0.01) is q
    q[raised] = 0
    assert draw.with_share(q / q.sum(), raised, 0.3)[raised].tolist() == pytest.approx([0.15, 0.15])
    assert draw.with_share(q, np.ones(40, np.bool_), 0.3) is q


def test_a_raised_pair_comes_as_often_as_it_says():
    raised = np.arange(6) == 5
    view = CandidateView(
        np.arange(6), np.zeros(6, np.int64), np.ones(6, np.int64), raised=raised, raised_share=0.4
    )

    class LowestFirst:
        name, candidates, temperature = "lowest_first", 6, 1.0

        def score(self, view):
            return -3.0 * view.pair_id.astype(np.float64)

    rng, seen, said = Random(4), Counter(), {}
    for _ in range(4000):
        one = draw.choose(LowestFirst(), view, eligible=12, explore=0.1, rng=rng)
        seen[one.index] += 1
        said[one.index] = one.probability * 2
    assert said[5] == pytest.approx(0.1 / 6 + 0.9 * 0.4)
    for index, p in said.items():
        assert seen[index] / 4000 == pytest.approx(p, abs=5 * (p * (1 - p) / 4000) ** 0.5)


def test_the_share_is_met_over_draws_also_where_few_candidates_hold_one():
    assert favoured.share_of(0, candidates=256, eligible=9000) == 0
    assert favoured.share_of(12, candidates=120, eligible=120) == favoured.PROBE_SHARE
    rare = favoured.share_of(12, candidates=256, eligible=9000)
    hold = 1 - (1 - 256 / 9000) ** 12
    assert rare * hold == pytest.approx(favoured.PROBE_SHARE)
    assert favoured.share_of(1, candidates=256, eligible=10**6) == 0.5


def test_people_who_know_get_matters_of_fact_and_their_odds_are_exact(sqlite_database, clock):
    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session,
            now=clock.now,
            rows=rows(12),
            querying={"policy": "contested", "retest": 0, "explore": 0.1},
        )
        who = factories.annotator(session, made.study_id, now=clock.now)
        other = factories.annotator(session, made.study_id, now=clock.now)
        pair = session.scalars(
            sa.select(Pair.id).where(Pair.study_id == made.study_id).order_by(Pair.id)
        ).all()[5]
        session.add(
            PairFigure(
                pair_id=pair, study_id=made.study_id, fit_id=1, votes=4, people=4, first=2, second=2, ties=0, neither=0,
                next_step="verify",
            )
        )  # fmt: skip
        ids = who.id, other.id
    made_fit = refreshing.refresh(database, made.study_id, now=clock.now)
    with database.write() as session:
        fit = session.get_one(Fit, made_fit.id)
        fit.result = {**fit.result, "experts": [ids[0]]}
        fit.state = "as if one had answered much"
    with database.read() as session:
        kept = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
        flat = kept.stored(kept.pair_id, kept.load.astype(np.int64), None, person=ids[1])
        sure = kept.stored(kept.pair_id, kept.load.astype(np.int64), None, person=ids[0])
    raised = sure.score - flat.score
    assert raised[5] == pytest.approx(np.log(2)) and np.count_nonzero(raised) == 1
    seen, draws = Counter(), 150
    for person in ids:
        for seed in range(draws):
            with database.write() as session:
                study, one = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
                got = issue_next(session, study, one, now=clock.now, seed=seed * 7919)
                seen[person, got.pair_id == pair] += 1
                if got.pair_id == pair and person == ids[0] and got.draw["branch"] == "policy":
                    assert got.draw["favoured"] == favoured.KNOWS
                    assert "matter of fact" in reasons.sentence(got)
                    assert got.propensity > 0.5
                session.rollback()
    assert seen[ids[0], True] > 2 * seen[ids[1], True]


def test_who_knows_is_told_by_answers_that_hang_together(sqlite_database, clock):
    """Of twelve people, four answer by what responses are like and eight by the toss of a coin; they are told from the others."""
    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=rows(160), querying={"policy": "information", "retest": 0},
            collection={"per_pair": {"min": 1, "max": 9}, "budget": 5000},
        )  # fmt: skip
        people = factories.annotators(session, made.study_id, 12, now=clock.now)
        vector = {
            r.id: np.array(r.embedding)
            for r in session.scalars(sa.select(Response).join(Item, Item.id == Response.item_id))
        }
    rng = np.random.default_rng(2)
    for n in range(12 * 40):
        person = people[n % 12]
        with database.write() as session:
            study, one = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
            got = issue_next(session, study, one, now=clock.tick(), seed=n)
            x = (vector[got.left_id] - vector[got.right_id])[0]
            left = x > 0 if person in people[:4] else rng.random() < 0.5
            judgments.record(
                session, study, one, got.id, factories.answer("left" if left else "right"), now=clock.now
            )
    fit = refreshing.refresh(database, made.study_id, now=clock.now, whole=True)
    told = set(fit.result["experts"])
    assert len(told & set(people[:4])) >= 3 and len(told - set(people[:4])) <= 1
