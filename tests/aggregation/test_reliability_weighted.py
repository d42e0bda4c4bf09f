"""Reliability-weighted against sums by hand, people with known habits, and a steady length-picker."""

from __future__ import annotations

import numpy as np
import pytest

from app.aggregation.pooling.majority import POOL as MAJORITY
from app.aggregation.pooling.reliability_weighted import LEAST_WEIGHT, POOL, reliability
from app.aggregation.protocol import Retests, Votes


def retests(person, before, after, pull=None) -> Retests:
    n = len(person)
    return Retests(
        person=np.asarray(person, np.int64),
        pair=np.zeros(n, np.int64),
        before=np.asarray(before, float),
        after=np.asarray(after, float),
        swapped=np.zeros(n, bool),
        pull=None if pull is None else np.asarray(pull, float),
    )


def test_a_weight_is_one_minus_twice_the_flips():
    """With very many repeats the study's mean has no say: one person flips in none, one in a quarter, one in half."""
    n = 40_000
    flips = np.concatenate([np.zeros(n), np.arange(n) % 4 == 0, np.arange(n) % 2 == 0]).astype(float)
    found = reliability(retests(np.repeat([0, 1, 2], n), np.ones(3 * n), 1 - flips), 4)
    np.testing.assert_allclose(found.weight[:3], [1.0, 0.5, LEAST_WEIGHT], atol=2e-3)
    assert found.mean == pytest.approx(0.5)
    assert found.weight[3] == pytest.approx(0.5)  # nobody asked this person twice: the study's mean


def test_votes_are_weighed_by_it():
    again = retests(
        np.repeat([0, 1], 400), np.ones(800), np.concatenate([np.ones(400), np.arange(400) % 4 > 0])
    )
    votes = Votes.of([0, 0, 0], [0, 1, 1], [1.0, 0.0, 0.5], n_people=2, retests=again)
    r = reliability(again, 2).weight
    found = POOL.pool(votes)
    assert found.p_first[0] == pytest.approx((r[0] + 0.5 * r[1]) / (r[0] + 2 * r[1]))
    assert found.weight[0] == pytest.approx(r[0] + 2 * r[1])


def test_few_repeats_are_held_to_the_study_s_mean():
    """The moment estimate of how alike people are, written out with scipy's beta-binomial as the population."""
    rng = np.random.default_rng(3)
    a, b, people, n = 2.0, 8.0, 4000, 6
    rate = rng.beta(a, b, people)
    flips = rng.random((people, n)) < rate[:, None]
    found = reliability(
        retests(np.repeat(np.arange(people), n), np.ones(people * n), 1 - flips.ravel()), people
    )
    assert found.held == pytest.approx(a + b, rel=0.15)
    f = flips.mean(axis=1)
    expected = 1 - 2 * (n * f + found.held * flips.mean()) / (n + found.held)
    np.testing.assert_allclose(found.weight, np.clip(expected, LEAST_WEIGHT, 1), atol=1e-9)


def test_without_repeats_everybody_counts_alike_and_the_card_says_so():
    votes = Votes.of([0, 0, 0], [0, 1, 2], [1.0, 1.0, 0.0])
    found = POOL.pool(votes)
    assert found.p_first.tolist() == MAJORITY.pool(votes).p_first.tolist()
    assert found.parameters["mean_reliability"] is None
    assert "Nobody was asked the same pair twice" in found.cautions[0]


def test_dissent_costs_nothing_and_wavering_does():
    """A steady minority keeps its weight; a person who agrees with everybody and wavers loses theirs."""
    rng = np.random.default_rng(4)
    steady = np.repeat(np.arange(10), 50)
    wavering = np.repeat([10], 50)
    again = retests(
        np.concatenate([steady, wavering]), np.ones(550), np.concatenate([np.ones(500), rng.random(50) < 0.5])
    )
    weight = reliability(again, 11).weight
    assert weight[:10].min() > 0.95
    assert weight[10] < 0.3


def test_a_steady_length_picker_is_not_thereby_reliable():
    """One answers by length alone (pull of three logits), one by own opinion; without the correction both look alike."""
    rng = np.random.default_rng(5)
    n = 3000
    longer_first = rng.random(n) < 0.5
    pull = np.where(longer_first, 3.0, -3.0)
    picks = [(rng.random(n) < 1 / (1 + np.exp(-pull))).astype(float) for _ in range(2)]
    own = rng.integers(0, 2, n).astype(float)
    people = np.repeat([0, 1], n)
    before, after = np.concatenate([picks[0], own]), np.concatenate([picks[1], own])
    raw = reliability(retests(people, before, after), 2)
    corrected = reliability(retests(people, before, after, np.tile(pull, 2)), 2)
    assert raw.weight[0] > 0.75
    assert corrected.weight[0] < 0.15
    assert corrected.weight[1] > 0.95
    assert corrected.corrected
    assert not raw.corrected
    votes = Votes.of([0], [0], [1.0], n_people=2, retests=retests(people, before, after))
    assert "follows one, such as length, looks reliable" in POOL.pool(votes).cautions[-1]


def test_careless_people_among_many_opinions():
    """Half the people toss a coin; opinions differ honestly: closer to the share of the careful ones than a plain share."""
    ratios = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        pairs, people = 300, 40
        careful = np.arange(people) < 20
        share = rng.beta(1, 1, pairs)
        pair = np.repeat(np.arange(pairs), 10)
        person = np.concatenate([rng.choice(people, 10, replace=False) for _ in range(pairs)])
        y = np.where(careful[person], rng.random(pair.size) < share[pair], rng.random(pair.size) < 0.5)
        again = np.repeat(np.arange(people), 25)
        flip = np.where(careful[again], 0.02, 0.5)
        turned = (rng.random(again.size) < flip).astype(float)
        votes = Votes.of(
            pair,
            person,
            y.astype(float),
            n_people=people,
            retests=retests(again, np.ones(again.size), 1 - turned),
        )
        error = [np.sqrt(np.mean((rule.pool(votes).p_first - share) ** 2)) for rule in (POOL, MAJORITY)]
        ratios.append(error[0] / error[1])
    assert max(ratios) < 0.97
    assert np.mean(ratios) < 0.92
