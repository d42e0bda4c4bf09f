"""Majority against counting by hand, soft labels against a grid search and a simulation with a known answer."""

from __future__ import annotations

from math import lgamma

import numpy as np
import pytest

from app.aggregation.pooling.majority import POOL as MAJORITY
from app.aggregation.pooling.soft import LEAST, START
from app.aggregation.pooling.soft import POOL as SOFT
from app.aggregation.protocol import Votes


def test_majority_counts_a_tie_half():
    found = MAJORITY.pool(Votes.of([0, 0, 0, 1, 1, 2, 2], [0, 1, 2, 0, 1, 0, 1], [1, 1, 0.5, 1, 0, 0, 0.5]))
    assert found.p_first.tolist() == pytest.approx([2.5 / 3, 0.5, 0.25])
    assert found.side.tolist() == [1, 0, -1]
    assert found.weight.tolist() == [3, 2, 2]


def test_majority_weighs_votes():
    found = MAJORITY.pool(Votes.of([0, 0], [0, 1], [1, 0], weight=[1.0, 3.0]))
    assert found.p_first.tolist() == [0.25]


def test_soft_is_the_posterior_mean_of_its_own_prior():
    rng = np.random.default_rng(5)
    given = Votes.of(
        np.repeat(np.arange(50), 4), np.tile(np.arange(4), 50), rng.integers(0, 2, 200).astype(float)
    )
    found = SOFT.pool(given)
    a = found.parameters["prior"]
    k = np.bincount(given.pair, weights=given.y)
    np.testing.assert_allclose(found.p_first, (k + a) / (4 + 2 * a))


def test_the_prior_maximises_the_marginal_likelihood():
    """An independent way: log-gamma functions of the standard library over a fine grid."""
    rng = np.random.default_rng(6)
    q = rng.beta(0.6, 0.6, 300)
    y = (rng.random((300, 5)) < q[:, None]).astype(float)
    found = SOFT.pool(Votes.of(np.repeat(np.arange(300), 5), np.tile(np.arange(5), 300), y.ravel()))
    k = y.sum(axis=1)

    def logbeta(x: float, z: float) -> float:
        return lgamma(x) + lgamma(z) - lgamma(x + z)

    grid = np.exp(np.linspace(np.log(0.05), np.log(50), 2000))
    gain = [sum(logbeta(v + a, 5 - v + a) - logbeta(a, a) for v in k) for a in grid]
    assert found.parameters["prior"] == pytest.approx(grid[int(np.argmax(gain))], rel=0.01)
    # The prior that the shares were drawn from: 300 pairs with 5 votes tell it to about a fifth.
    assert found.parameters["prior"] == pytest.approx(0.6, rel=0.35)


def test_one_vote_a_pair_cannot_tell_a_prior():
    found = SOFT.pool(Votes.of([0, 1], [0, 1], [1, 0]))
    assert found.parameters["prior"] == START
    assert "no pair has two votes" in found.parameters["prior_from"]
    assert found.p_first.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_everyone_agreeing_everywhere_stays_inside_the_bounds():
    found = SOFT.pool(Votes.of(np.repeat(np.arange(9), 3), np.tile(np.arange(3), 9), np.ones(27)))
    assert found.parameters["prior"] == pytest.approx(LEAST, rel=0.01)
    assert (found.p_first < 1).all()


def test_soft_labels_predict_fresh_votes_better_than_shares():
    """Honest disagreement, three votes a pair: log-loss on a fresh vote, twenty studies."""
    wins = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        q = rng.beta(2, 2, 400)
        y = (rng.random((400, 3)) < q[:, None]).astype(float)
        given = Votes.of(np.repeat(np.arange(400), 3), np.tile(np.arange(3), 400), y.ravel())
        fresh = rng.random(400) < q

        def loss(p, fresh=fresh):
            p = np.clip(p, 1e-3, 1 - 1e-3)
            return -np.mean(np.where(fresh, np.log(p), np.log(1 - p)))

        wins += loss(SOFT.pool(given).p_first) < loss(MAJORITY.pool(given).p_first)
    assert wins == 20
