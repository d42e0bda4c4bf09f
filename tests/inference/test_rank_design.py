"""What to compare next: the gains against their definition, invariances, goals, batches, and fewer votes than at random."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from app.inference.errors import InvalidSetting
from app.inference.rank_design import GOALS, choose, expected_information, gains
from app.inference.rank_posterior import counted, prior
from tests.inference.simulated_votes import pairs, vote


def known(seed=0, n_items=7, n=60):
    rng = np.random.default_rng(seed)
    left, right = pairs(rng, n, n_items)
    strength = rng.normal(0, 1.5, n_items)
    return left, right, vote(rng, strength[left] - strength[right], 0.4)


def asked(goal):
    return {"goal": goal, "top_k": 2 if goal == "top_k" else None}


def test_gain_for_scores_is_the_fall_of_the_summed_variances():
    posterior = counted(*known(), n_items=7)
    found = gains(posterior, "scores")
    s = posterior.covariance
    for i, j in ((0, 1), (2, 6), (5, 3)):
        x = np.zeros(7)
        x[i], x[j] = 1.0, -1.0
        w = expected_information(x @ posterior.mean, np.array(x @ s @ x), posterior.tie_strength)
        after = np.linalg.inv(np.linalg.inv(s) + w * np.outer(x, x))
        assert found[i, j] == pytest.approx(np.trace(s) - np.trace(after), rel=1e-9)


@pytest.mark.parametrize("goal", GOALS)
def test_gains_follow_names_and_forget_sides(goal):
    left, right, outcome = known()
    base = gains(counted(left, right, outcome, n_items=7), **asked(goal))
    assert base.shape == (7, 7)
    assert np.isfinite(base).all() and (base >= 0).all() and (np.diag(base) == 0).all()
    assert base.max() > 0
    np.testing.assert_allclose(base, base.T, rtol=1e-12)
    names = np.random.default_rng(2).permutation(7)
    renamed = gains(counted(names[left], names[right], outcome, n_items=7), **asked(goal))
    np.testing.assert_allclose(renamed[np.ix_(names, names)], base, rtol=1e-5, atol=1e-12)
    swapped = gains(counted(right, left, 1 - outcome, n_items=7), **asked(goal))
    np.testing.assert_allclose(swapped, base, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("goal", GOALS)
def test_before_any_vote_no_pair_is_better_than_another(goal):
    found = gains(prior(5), **asked(goal))
    off = found[np.triu_indices(5, 1)]
    np.testing.assert_allclose(off, off[0])
    firsts = {
        (int(b.first[0]), int(b.second[0]))
        for b in (choose(prior(5), 1, seed=k, **asked(goal)) for k in range(30))
    }
    assert len(firsts) > 5


@pytest.mark.parametrize("goal", GOALS)
def test_what_is_in_flight_is_not_asked_again_at_once(goal):
    posterior = counted(*known(), n_items=7)
    batch = choose(posterior, 6, seed=1, **asked(goal))
    assert (batch.first < batch.second).all()
    first = (int(batch.first[0]), int(batch.second[0]))
    free, busy = gains(posterior, **asked(goal)), gains(posterior, pending=[first], **asked(goal))
    assert busy[first] < free[first]
    assert batch.gain[0] == pytest.approx(free[first])
    assert (batch.gain > 0).all()


def test_a_batch_counts_each_comparison_in_before_the_next():
    """Downdated step by step for scores, where what counts does not change, as if computed afresh each time."""
    posterior = counted(*known(), n_items=7)
    batch = choose(posterior, 5, "scores", seed=1)
    asked_so_far = []
    for first, second, gain in zip(batch.first, batch.second, batch.gain, strict=True):
        afresh = gains(posterior, "scores", pending=asked_so_far)
        assert gain == pytest.approx(afresh.max(), rel=1e-9)
        asked_so_far.append((int(first), int(second)))
    assert len(set(asked_so_far)) > 3


def test_order_asks_about_neighbours_and_scores_do_not_mind():
    """Six items two logits apart, all compared alike: the order is open between neighbours only."""
    rng = np.random.default_rng(4)
    left, right = pairs(rng, 900, 6)
    posterior = counted(left, right, vote(rng, 2.0 * (right - left), 0.0), n_items=6)
    best = np.unravel_index(gains(posterior, "order").argmax(), (6, 6))
    assert abs(int(best[0]) - int(best[1])) == 1


def test_top_k_asks_about_the_border():
    """Twelve items close together; the best three are to be found."""
    rng = np.random.default_rng(4)
    left, right = pairs(rng, 3000, 12)
    posterior = counted(left, right, vote(rng, 0.5 * (right - left), 0.0), n_items=12)
    place = np.argsort(np.argsort(-posterior.mean))
    found = gains(posterior, "top_k", top_k=3)
    best = np.unravel_index(found.argmax(), (12, 12))
    assert {int(place[best[0]]), int(place[best[1]])} <= {1, 2, 3, 4}
    order = np.argsort(-posterior.mean)
    assert found[order[0], order[1]] < 0.5 * found.max()  # both are in
    far = [int(np.flatnonzero(place == k)[0]) for k in (10, 11)]
    assert found[far[0], far[1]] < 0.05 * found.max()


def reached(seed, goal, n_items=30, n=400):
    """Mean rank agreement over the second half of a run."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 2, n_items)
    posterior, seen = prior(n_items), []
    while posterior.n < n:
        if goal is None:
            first, second = pairs(rng, 8, n_items)
        else:
            batch = choose(posterior, 8, goal, seed=seed)
            first, second = batch.first, batch.second
        posterior = posterior.learn(first, second, vote(rng, truth[first] - truth[second]), settle_every=8)
        if posterior.n > n / 2:
            seen.append(spearmanr(truth, posterior.mean).statistic)
    return np.mean(seen)


def test_asking_for_the_order_finds_it_sooner_than_asking_at_random():
    gained = [reached(seed, "order") - reached(seed, None) for seed in range(20)]
    assert np.mean(gained) > 3 * np.std(gained, ddof=1) / np.sqrt(len(gained))


@pytest.mark.parametrize(
    "bad",
    [
        {"goal": "glory"},
        {"goal": "top_k"},
        {"goal": "top_k", "top_k": 0},
        {"goal": "top_k", "top_k": 4},
        {"goal": "order", "top_k": 2},
        {"goal": "order", "pending": [(1, 1)]},
        {"goal": "order", "pending": [(0, 9)]},
    ],
)
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(InvalidSetting):
        gains(prior(4), **bad)


def test_a_batch_has_at_least_one():
    with pytest.raises(InvalidSetting):
        choose(prior(4), 0, "order", seed=1)
