"""The posterior of strengths vote by vote: against the batch fit and exact integrals; its invariances; what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.inference.davidson import davidson
from app.inference.errors import InvalidSetting, InvalidVotes
from app.inference.paired_newton import outcomes
from app.inference.rank_posterior import counted, prior, restored
from tests.inference.simulated_votes import pairs, vote


def votes(seed, n_items=8, n=120, ties=0.6):
    rng = np.random.default_rng(seed)
    left, right = pairs(rng, n, n_items)
    strength = rng.normal(0, 1.2, n_items)
    return left, right, vote(rng, strength[left] - strength[right], ties)


@pytest.mark.parametrize("ties", [0.0, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_settled_online_and_batch_are_one(seed, ties):
    given = votes(seed, ties=ties)
    online = prior(8).learn(*given).settled()
    batch = counted(*given, n_items=8)
    assert online.n == batch.n == 120
    np.testing.assert_allclose(online.mean, batch.mean, atol=1e-8)
    np.testing.assert_allclose(online.covariance, batch.covariance, atol=1e-8)
    assert online.tie_strength == pytest.approx(batch.tie_strength, abs=1e-8)


@pytest.mark.parametrize("seed", range(6))
def test_between_settlings_it_stays_within_a_third_of_a_standard_error(seed):
    """Ten votes a round after the first forty; the mode and the mean of a skewed posterior are not the same number."""
    left, right, outcome = votes(seed, 8, 160)
    found, off = counted(left[:40], right[:40], outcome[:40], n_items=8), []
    for k in range(40, 160):
        found = found.updated(int(left[k]), int(right[k]), float(outcome[k]))
        batch = counted(left[: k + 1], right[: k + 1], outcome[: k + 1], n_items=8)
        error = np.sqrt(np.diag(batch.covariance))
        off.append((np.abs(found.mean - batch.mean) / error).max())
        ratio = np.sqrt(np.diag(found.covariance)) / error
        assert ratio.min() > 0.85 and ratio.max() < 1.15
        if found.since == 10:
            found = found.settled()
    assert max(off) < 1 / 3


def test_one_vote_gives_the_exact_moments():
    """Against a fine grid over the difference of two items."""
    start = prior(2, prior_sd=1.0)
    for outcome in (1.0, 0.5, 0.0):
        after = start.updated(0, 1, outcome)
        grid = np.linspace(-12, 12, 200_001)
        chance = outcomes(grid, start.tie_strength)
        like = {1.0: chance.win, 0.5: chance.tie, 0.0: chance.loss}[outcome]
        weight = np.exp(-(grid**2) / 4) * like
        weight /= weight.sum()
        mean = weight @ grid
        along = np.array([1.0, -1.0])
        assert after.mean[0] - after.mean[1] == pytest.approx(mean, abs=1e-6)
        assert along @ after.covariance @ along == pytest.approx(weight @ (grid - mean) ** 2, abs=1e-5)
        assert after.mean.sum() == pytest.approx(0, abs=1e-12)


def test_with_many_votes_it_is_davidsons_posterior():
    left, right, outcome = votes(3, 6, 4000)
    found = counted(left, right, outcome, n_items=6, prior_sd=2.0)
    fit = davidson(left, right, outcome, n_items=6, prior_sd=2.0, uncertainty="model")
    np.testing.assert_allclose(found.mean, fit.strength, atol=1e-3)  # but for one imagined vote about ties
    assert found.tie_strength == pytest.approx(fit.tie_strength, rel=2e-3)
    centre = np.eye(6) - 1 / 6
    np.testing.assert_allclose(centre @ found.covariance @ centre, fit.covariance(), atol=1e-5)


def test_names_and_sides_do_not_matter():
    left, right, outcome = votes(5, 6, 60)
    base = prior(6).learn(left, right, outcome)
    names = np.random.default_rng(1).permutation(6)
    renamed = prior(6).learn(names[left], names[right], outcome)
    np.testing.assert_allclose(renamed.mean[names], base.mean, atol=1e-9)
    np.testing.assert_allclose(renamed.covariance[np.ix_(names, names)], base.covariance, atol=1e-9)
    swapped = prior(6).learn(right, left, 1 - outcome)
    np.testing.assert_allclose(swapped.mean, base.mean, atol=1e-9)
    np.testing.assert_allclose(swapped.covariance, base.covariance, atol=1e-9)


def test_it_comes_back_from_json_bit_for_bit_and_goes_on_the_same():
    left, right, outcome = votes(2, 5, 53)
    found = prior(5).learn(left, right, outcome)
    assert found.since > 0
    back = restored(json.loads(json.dumps(found.state())))
    for one, two in ((found, back), (found.updated(0, 1, 0.5), back.updated(0, 1, 0.5))):
        assert np.array_equal(one.mean, two.mean)
        assert np.array_equal(one.covariance, two.covariance)
        assert np.array_equal(one.wins, two.wins)
        assert np.array_equal(one.tied, two.tied)
    assert (back.n, back.since, back.iterations) == (53, found.since, found.iterations)


@pytest.mark.parametrize("outcome", [1.0, 0.5])
def test_votes_that_all_agree_stay_finite(outcome):
    found = prior(3).learn([0] * 200, [1] * 200, [outcome] * 200).settled()
    assert np.isfinite(found.mean).all()
    assert np.linalg.eigvalsh(found.covariance).min() > 0
    assert 0 < found.tie_strength < np.inf
    assert found.covariance[2, 2] == pytest.approx(found.prior_sd**2)  # never compared: as before
    assert found.mean[2] == pytest.approx(0, abs=1e-9)


def test_no_votes_are_the_prior():
    fresh = counted([], [], [], n_items=4)
    assert np.array_equal(fresh.mean, np.zeros(4))
    assert np.array_equal(fresh.covariance, prior(4).covariance)
    assert fresh.n == 0


def test_a_vote_leaves_the_posterior_before_it_alone():
    before = prior(3)
    before.updated(0, 1, 1.0)
    assert before.n == 0
    assert np.array_equal(before.mean, np.zeros(3))


@pytest.mark.parametrize("bad", [(0, 0, 1.0), (0, 3, 1.0), (-1, 0, 1.0), (0, 1, 0.7), (0, 1, float("nan"))])
def test_what_is_no_vote_is_refused(bad):
    with pytest.raises(InvalidVotes):
        prior(3).updated(*bad)


def test_a_tie_where_there_are_none_is_refused():
    with pytest.raises(InvalidVotes, match="without ties"):
        prior(3, ties=False).updated(0, 1, 0.5)
    with pytest.raises(InvalidVotes, match="without ties"):
        counted([0], [1], [0.5], n_items=3, ties=False)
    assert counted([0], [1], [1], n_items=3, ties=False).method == "bradley_terry"


@pytest.mark.parametrize("bad", [{"n_items": 1}, {"n_items": 2001}, {"n_items": 3, "prior_sd": 0.0}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(InvalidSetting):
        prior(**bad)
    with pytest.raises(InvalidSetting):
        restored({"version": 2})
