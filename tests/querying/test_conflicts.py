"""Someone else takes a pair's last place while a question is being drawn: what remains is drawn as often as the rows say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest
import sqlalchemy as sa

from app.assignments import pool, reads
from app.assignments.pool import Deltas
from app.assignments.tables import Assignment, PairLoad
from app.people.tables import Annotator
from app.querying import draw, pairing
from app.querying.protocol import CandidateView
from app.querying.writes import issue_next
from app.studies.tables import Study
from tests import factories
from tests.querying.test_issue_next import ask, assert_books_balance, people_of


class Graded:
    name, candidates, temperature = "graded", 64, 1.0

    def score(self, view):
        return np.log(1.0 + view.pair_id.astype(np.float64))


def _view(n):
    return CandidateView(np.arange(n), np.zeros(n, np.int64), np.ones(n, np.int64))


@pytest.mark.parametrize("explore", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("without", [frozenset(), frozenset({5}), frozenset({0, 3, 4})])
def test_what_is_gone_is_never_drawn_and_its_mass_goes_to_the_others(explore, without):
    rng, draws, n = Random(3), 3000, 6
    seen, said = np.zeros(n), np.zeros(n)
    for _ in range(draws):
        one = draw.choose(Graded(), _view(n), eligible=n, explore=explore, rng=rng, without=without)
        seen[one.index] += 1
        said[one.index] = one.probability
    assert not seen[list(without)].any()
    assert said.sum() == pytest.approx(1)
    assert np.abs(seen / draws - said).max() < 5 * (0.25 / draws) ** 0.5
    mixed = explore / n + (1 - explore) * np.arange(1, n + 1) / 21
    mixed[list(without)] = 0
    np.testing.assert_allclose(said, mixed / mixed.sum())


def test_a_draw_of_which_all_that_was_wanted_is_gone_is_even():
    class OnlyTheFirst(Graded):
        temperature = 0.0

        def score(self, view):
            return -view.pair_id.astype(np.float64)

    got = draw.choose(
        OnlyTheFirst(), _view(4), eligible=8, explore=0.0, rng=Random(1), without=frozenset({0})
    )
    assert got.index > 0 and got.probability == pytest.approx(4 / 8 / 3)


@pytest.mark.parametrize("policy", ["random", "even", "information"])
def test_propensities_weigh_to_one_though_pairs_are_taken_in_between(
    sqlite_database, clock, monkeypatch, policy
):
    """The mean of 1{pair drawn}/propensity is one for every pair that could be had, with others filling pairs in the middle."""
    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, pairs=14, querying={"policy": policy, "retest": 0, "explore": 0.3},
            collection={"per_pair": {"min": 1, "max": 2}},
        )  # fmt: skip
    for person in people_of(database, made, 9, clock.now):
        ask(database, made, person, clock.now, seed=person)
    with database.read() as session:
        pairs = session.scalars(
            sa.select(PairLoad.pair_id).where(PairLoad.position.is_not(None)).order_by(PairLoad.pair_id)
        ).all()
        nearly = session.scalars(
            sa.select(PairLoad.pair_id).where(PairLoad.reserved == 1).order_by(PairLoad.pair_id)
        ).all()
    taken = set(nearly[:3])
    usual = pairing._candidates

    def others_are_quicker(session, asking, size, wanted):
        found = usual(session, asking, size, 5 if policy != "even" else wanted)
        for pair in taken:
            pool.reserve(session, asking.study.id, pair, Deltas(), room=False)
        return found

    monkeypatch.setattr(pairing, "_candidates", others_are_quicker)
    monkeypatch.setattr(pool, "is_shared", lambda _session: True)
    (newcomer,) = people_of(database, made, 1, clock.now)
    draws, weights, gone = 350, {pair: [] for pair in pairs}, 0
    for seed in range(draws):
        with database.write() as session:
            study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, newcomer)
            got = issue_next(session, study, person, now=clock.now, seed=seed * 7919)
            weights[got.pair_id].append(1 / got.propensity)
            gone += got.draw.get("gone", 0)
            session.rollback()
    assert gone > 50
    for pair, found in weights.items():
        if pair in taken:
            assert not found
            continue
        mean = sum(found) / draws
        error = (sum(w * w for w in found) / draws - mean**2) ** 0.5 / draws**0.5
        assert abs(mean - 1) < 4.5 * error


def test_of_many_after_the_last_places_nobody_gets_one_twice(database, clock, make_study):
    """Twelve people at once after twelve pairs of one place each: every pair goes to one, and each row sums its odds."""
    made = make_study(
        pairs=12, querying={"policy": "random", "retest": 0}, collection={"per_pair": {"min": 1, "max": 1}}
    )
    persons = people_of(database, made, 12, clock.now)
    with ThreadPoolExecutor(12) as threads:
        got = list(threads.map(lambda who: ask(database, made, who, clock.now), persons))
    assert sorted(pair for _, pair in got) == sorted({pair for _, pair in got})
    with database.read() as session:
        assert reads.pool_size(session, made.study_id).open_pairs == 0
        for row in session.scalars(sa.select(Assignment)):
            at_hand = row.draw["candidates"] - row.draw.get("gone", 0)
            assert row.propensity == pytest.approx(row.draw["candidates"] / row.draw["eligible"] / at_hand)
    assert_books_balance(database, made)
