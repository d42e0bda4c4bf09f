"""Averages over a pool: exact expectations by playing out every course of a small study, and the size of errors in large ones."""

import numpy as np
import pytest

from app.inference.assisted import aipw, hajek, horvitz_thompson, lure, naive
from app.inference.errors import InvalidVotes

MU = np.array([0.9, 0.6, 0.2])


def courses(steps, choose):
    """Every course of draws and votes with its probability: (chance, pairs, votes, propensities)."""
    todo = [(1.0, (), (), ())]
    for _ in range(steps):
        todo = [
            (chance * p * (MU[i] if y else 1 - MU[i]), (*pairs, i), (*votes, y), (*ps, p))
            for chance, pairs, votes, ps in todo
            for i, p in enumerate(choose(pairs, votes))
            if p > 0
            for y in (0.0, 1.0)
        ]
    return todo


def greedy(pairs, votes):
    """Asks what won before, with a tenth explored."""
    score = np.array([1 + sum(v for q, v in zip(pairs, votes, strict=True) if q == i) for i in range(3)])
    q = score**4 / (score**4).sum()
    return 0.1 / 3 + 0.9 * q


def test_the_plain_mean_is_off_and_the_weighted_ones_are_exact():
    found = {"naive": 0.0, "ht": 0.0, "aipw": 0.0}
    for chance, pairs, votes, ps in courses(4, greedy):
        before = [[(1 + sum(v for q, v in zip(pairs[:t], votes[:t], strict=True) if q == i)) / (2 + pairs[:t].count(i)) for i in range(3)] for t in range(4)]  # fmt: skip
        guess = [before[t][pairs[t]] for t in range(4)]
        guesses = [sum(g) for g in before]
        found["naive"] += chance * naive(votes).value
        found["ht"] += chance * horvitz_thompson(votes, ps, 3).value
        found["aipw"] += chance * aipw(votes, ps, 3, guess=guess, guesses=guesses).value
    assert found["ht"] == pytest.approx(MU.mean(), abs=1e-12)
    assert found["aipw"] == pytest.approx(MU.mean(), abs=1e-12)
    assert abs(found["naive"] - MU.mean()) > 0.04


def test_pairs_that_cannot_be_drawn_are_a_certainty_stratum():
    """After the first draw its pair is shut; its mean outcome is then taken as known."""

    def shut(pairs, votes):
        p = greedy(pairs, votes)
        for i in pairs:
            p[i] = 0.0
        return p / p.sum()

    total = 0.0
    for chance, pairs, votes, ps in courses(2, shut):
        known = [0.0, MU[pairs[0]]]
        total += chance * horvitz_thompson(votes, ps, 3, certain=known).value
    assert total == pytest.approx(MU.mean(), abs=1e-12)


def test_lure_is_exact_both_ways_it_can_be_written_and_on_every_course():
    y, n = np.array([1.0, 0.0, 1.0, 1.0, 0.0]), 5

    def choose(seen):
        score = np.array([0.0 if i in seen else 1 + 3 * y[i] + len(seen) for i in range(n)])
        return score / score.sum()

    for asked in (1, 2, 3, 5):
        todo = [(1.0, (), ())]
        for _ in range(asked):
            todo = [
                (c * p, (*seen, i), (*qs, p))
                for c, seen, qs in todo
                for i, p in enumerate(choose(seen))
                if p > 0
            ]
        total = 0.0
        for chance, seen, qs in todo:
            found = lure(y[list(seen)], qs, n)
            total += chance * found.value
            if asked < n:
                m = np.arange(1, asked + 1)
                steps = (
                    np.concatenate([[0], np.cumsum(y[list(seen)])[:-1]]) + y[list(seen)] / np.array(qs)
                ) / n
                weight = n * (n - asked) / ((n - m) * (n - m + 1))
                assert found.value == pytest.approx((weight * steps).sum() / asked)
        assert total == pytest.approx(y.mean(), abs=1e-12)
    everyone = lure(y, [1 / (n - i) for i in range(n)], n)
    assert everyone.value == pytest.approx(0.6) and everyone.error == pytest.approx(0.0)


def test_under_even_draws_they_are_one_and_the_same():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 400).astype(float)
    p = np.full(400, 1 / 50)
    plain = naive(y)
    assert horvitz_thompson(y, p, 50).value == pytest.approx(plain.value)
    assert hajek(y, p).value == pytest.approx(plain.value)
    assert hajek(y, p).error == pytest.approx(plain.error)
    assert aipw(y, p, 50, guess=np.full(400, 0.3), guesses=15.0).value == pytest.approx(plain.value)
    assert plain.error == pytest.approx(y.std(ddof=1) / 20) and plain.effective == pytest.approx(400)


def test_errors_by_person_are_those_of_people_not_of_votes():
    rng = np.random.default_rng(6)
    who = np.repeat(np.arange(40), 25)
    lean = rng.normal(0.5, 0.2, 40).clip(0, 1)
    y = (rng.random(1000) < lean[who]).astype(float)
    by_vote, by_person = naive(y), naive(y, cluster=who)
    assert by_person.error > 1.5 * by_vote.error
    few = naive(y[:100], cluster=who[:100])
    assert few.interval is None and "4 people" in few.why


@pytest.mark.parametrize(
    ("y", "p", "pool"),
    [
        ([], [], 3),
        ([1.0], [0.0], 3),
        ([2.0], [0.5], 3),
        ([1.0], [0.5], 0),
        ([1.0, 0.0], [0.5], 3),
        ([np.nan], [0.5], 3),
    ],
)
def test_what_cannot_be_averaged_is_refused(y, p, pool):
    with pytest.raises(InvalidVotes):
        horvitz_thompson(y, p, pool)


def test_a_pool_smaller_than_what_was_asked_of_it_is_refused():
    with pytest.raises(InvalidVotes, match="without repeating"):
        lure([1.0, 0.0], [0.5, 1.0], 1)
