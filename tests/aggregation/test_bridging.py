"""Bridging against a general minimiser, and on two camps of which each votes on what it likes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import spearmanr

from app.aggregation.pooling.bridging import FEWEST, HOLD_COMMON, HOLD_SIDED, POOL, factor
from app.aggregation.pooling.majority import POOL as MAJORITY
from app.aggregation.protocol import Votes


def camps(seed: int, *, choosy: float, people: int = 300, pairs: int = 150, n: int = 9000):
    """Three fifths and two fifths of people; a pair is common good plus side; ``choosy`` people vote on what their side likes."""
    rng = np.random.default_rng(seed)
    camp = np.where(rng.random(people) < 0.6, 1, -1)
    common, sided = rng.normal(0, 1, pairs), rng.normal(0, 1.5, pairs)
    u, p = rng.integers(0, people, 6 * n), rng.integers(0, pairs, 6 * n)
    kept = rng.random(6 * n) < 1 / (1 + np.exp(-choosy * camp[u] * sided[p]))
    u, p = u[kept][:n], p[kept][:n]
    y = (rng.random(u.size) < 1 / (1 + np.exp(-(common[p] + camp[u] * sided[p])))).astype(float)
    return Votes.of(p, u, y, n_pairs=pairs, n_people=people), common, camp


def test_it_is_the_least_of_its_own_sum():
    """scipy's general minimiser from a hundred times perturbed starts finds nothing lower, and the same common part."""
    votes, _, _ = camps(1, choosy=0.5, people=14, pairs=9, n=90)
    z = 2 * votes.y - 1

    def loss(x: np.ndarray) -> float:
        b, g, f = x[:9], x[9:18], x[18:]
        rest = z - b[votes.pair] - f[votes.person] * g[votes.pair]
        return rest @ rest + 10 * (HOLD_COMMON * b @ b + HOLD_SIDED * g @ g) + 90 / 14 * HOLD_SIDED * f @ f

    found = factor(votes)
    scale = (10 * (found.sided @ found.sided) / (90 / 14 * (found.person @ found.person))) ** 0.25
    ours = np.concatenate([found.common, found.sided / scale, found.person * scale])
    theirs = minimize(
        loss, ours + np.random.default_rng(2).normal(0, 0.05, ours.size), method="BFGS", tol=1e-12
    )
    assert loss(ours) <= theirs.fun + 1e-6
    np.testing.assert_allclose(theirs.x[:9], found.common, atol=1e-3)


def test_camps_that_vote_on_what_they_like_are_bridged():
    """Closer to the common good than a plain share, in each of four studies, and the camps are found."""
    for seed in range(4):
        votes, common, camp = camps(seed, choosy=0.8)
        fit = factor(votes)
        assert fit.converged
        assert abs(np.corrcoef(fit.person, camp)[0, 1]) > 0.85
        ours = spearmanr(fit.common, common).statistic
        plain = spearmanr(MAJORITY.pool(votes).p_first, common).statistic
        assert ours > plain + 0.05


def test_what_is_sided_is_left_undecided_and_counted():
    votes, _, _ = camps(3, choosy=0.8)
    found = POOL.pool(votes)
    assert found.parameters["too_sided"] > 10
    undecided = int((found.side == 0).sum())
    assert undecided == found.parameters["too_sided"] + found.parameters["one_side_only"]
    assert f"{found.parameters['too_sided']} pairs that split people by side" in found.cautions[0]


def test_without_two_sides_it_is_a_share_held_to_one_half():
    votes = Votes.of([0, 0, 0, 1], [0, 1, 2, 0], [1.0, 1.0, 1.0, 0.0])
    found = POOL.pool(votes)
    assert found.p_first == pytest.approx(
        [0.5 + 1.5 / (3 + 2 * HOLD_COMMON), 0.5 - 0.5 / (1 + 2 * HOLD_COMMON)]
    )
    assert "No two sides" in found.cautions[0]
    assert found.parameters["too_sided"] == 0


def test_one_side_alone_decides_nothing():
    """Two camps that differ on forty pairs; on the last pair only one of them voted."""
    people, pairs = 20, 41
    camp = np.arange(people) % 2
    pair = np.repeat(np.arange(pairs - 1), people)
    person = np.tile(np.arange(people), pairs - 1)
    y = np.where(np.arange(pairs - 1)[pair] % 2 == 0, camp[person], 1.0)
    own = np.flatnonzero(camp == 0)
    votes = Votes.of(
        np.r_[pair, np.full(own.size, 40)], np.r_[person, own], np.r_[y, np.arange(own.size) < 7]
    )
    found = POOL.pool(votes)
    assert found.side[1] == 1
    assert found.side[0] == 0
    assert found.side[40] == 0
    assert (found.parameters["too_sided"], found.parameters["one_side_only"]) == (20, 1)
    assert min(np.bincount(camp)) >= FEWEST
