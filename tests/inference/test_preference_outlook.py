"""What is expected of a vote: against the posterior itself, by another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.inference import preference_posterior as pp
from app.inference.entropy_split import flattened, logistic
from app.inference.errors import InvalidSetting
from app.inference.preference_fit import fitted
from app.inference.preference_outlook import expected_information, group_weights, outlook, parts

DESIGN = pp.Design(np.zeros(4, np.int64), np.array([0, 2]), 3)
PI = np.array([0.5, 0.3, 0.2])


def posterior(n=150, seed=0):
    rng = np.random.default_rng(seed)
    x, person = rng.normal(size=(n, 4)), rng.integers(0, 12, n)
    said = (rng.random(n) < 1 / (1 + np.exp(-x @ rng.normal(size=4)))).astype(float)
    return fitted(pp.read(x, person, said, group=person % 3, side=np.ones(n), design=DESIGN), DESIGN)


def test_means_variances_and_covariances_are_those_of_draws():
    known, rng = posterior(), np.random.default_rng(1)
    x = rng.normal(size=(30, 4))
    seen = outlook(known, x, weight=PI)
    u = rng.multivariate_normal(known.mean.reshape(-1), known.covariance, 60_000).reshape(-1, 3, 4)
    logits = np.einsum("sgd,nd->sng", u, x)
    overall = logits @ PI
    np.testing.assert_allclose(seen.mean, logits.mean(0), atol=0.05)
    np.testing.assert_allclose(seen.variance, logits.var(0), rtol=0.05, atol=0.01)
    np.testing.assert_allclose(seen.overall_variance, overall.var(0), rtol=0.05, atol=0.01)
    centred = logits - logits.mean(0)
    together = (centred * (overall - overall.mean(0))[:, :, None]).mean(0)
    np.testing.assert_allclose(seen.shared, together, rtol=0.08, atol=0.02)
    own = x[:, [0, 2]]
    np.testing.assert_allclose(
        seen.people, np.einsum("nr,rs,ns->n", own, known.scales.people, own), rtol=1e-3
    )


def logit_of_share(seen, logits):
    """As a pool of people would divide, with what is not known and how persons differ."""
    flat = flattened(seen.variance.astype(float) + seen.people[:, None])
    share = logistic(logits * flat) @ PI
    return np.log(share / (1 - share)), flat


def test_reach_is_how_far_a_vote_takes_the_squared_error_of_the_share_down():
    """Against taking the vote in: how a share's logit moves with each group is found by moving the group a little."""
    known, rng = posterior(), np.random.default_rng(2)
    x = rng.normal(size=(40, 4))
    seen = outlook(known, x, weight=PI)
    logits = seen.mean.astype(float)
    middle, flat = logit_of_share(seen, logits)
    moved = [logit_of_share(seen, logits + 1e-4 * np.eye(3)[g])[0] - middle for g in range(3)]
    slope = np.stack(moved, 1) / 1e-4
    usual = (slope * flat).sum(1) / slope.sum(1)
    slope = slope / usual[:, None]
    omega = np.exp(-((middle / usual) ** 2) / (2 * (seen.overall_variance + 0.3)))
    toward = (slope[:, :, None] * x[:, None, :]).reshape(40, -1)
    for pair, group in ((0, 0), (7, 2), (21, 1)):
        along = known.covariance[:, 4 * group : 4 * group + 4] @ x[pair]
        v = seen.variance[pair, group]
        w = expected_information(seen.mean[pair, group], v + seen.people[pair])
        fell = (omega * (toward @ along) ** 2).mean() * w / (1 + w * v)
        assert w * seen.reach[pair, group] / (1 + w * v) == pytest.approx(fell, rel=0.02)


def test_a_group_that_decides_the_share_is_worth_more_than_its_size():
    """Two groups of one size: one sure of everything, the other open. A share moves with those who can still go either way."""
    design = pp.Design(np.zeros(2, np.int64), np.zeros(0, np.int64), 2)
    before = pp.prior(design)
    sure = replace(before, mean=np.array([[8.0, 0.0], [0.5, 0.0]]))
    x = np.array([[1.0, 0.3], [-0.8, 0.2]])
    seen = outlook(sure, x)
    assert (seen.reach[:, 1] > 1.5 * seen.reach[:, 0]).all()
    alike = outlook(before, x).reach
    np.testing.assert_allclose(alike[:, 0], alike[:, 1], rtol=1e-5)


def test_a_question_in_flight_makes_pairs_like_it_less_unknown():
    known, rng = posterior(), np.random.default_rng(3)
    x = rng.normal(size=(20, 4))
    x[1] = 1.1 * x[0]
    before, after = outlook(known, x, weight=PI), outlook(known, x, weight=PI, pending=[(x[0], 1)] * 5)
    fell = after.variance / before.variance
    assert fell[1, 1] < 0.75
    assert fell[1, 1] < np.median(fell[2:, 1])
    np.testing.assert_array_equal(before.mean, after.mean)


def test_parts_add_up_and_do_not_see_which_response_comes_first():
    known = posterior()
    x = np.random.default_rng(4).normal(size=(50, 4))
    one, two = (parts(outlook(known, s * x, weight=PI), PI) for s in (1, -1))
    np.testing.assert_allclose(one.epistemic + one.groups + one.people + one.noise, one.total, atol=0.02)
    np.testing.assert_allclose(one.share, 1 - two.share, atol=1e-5)
    np.testing.assert_allclose(one.groups, two.groups, atol=1e-5)


def test_half_precision_in_batches_is_the_same_but_for_rounding(monkeypatch):
    known = posterior()
    x = np.random.default_rng(5).normal(size=(100, 4)).astype(np.float16)
    whole = outlook(known, x.astype(np.float64), weight=PI)
    monkeypatch.setattr("app.inference.preference_outlook.BATCH", 7)
    np.testing.assert_allclose(outlook(known, x, weight=PI).variance, whole.variance, rtol=1e-4)


def test_weights_that_are_none_are_refused():
    assert group_weights(None, 4).tolist() == [0.25] * 4
    for wrong in ([1.0], [-1.0, 2.0], [0.0, 0.0]):
        with pytest.raises(InvalidSetting, match="2 groups"):
            group_weights(wrong, 2)
    with pytest.raises(InvalidSetting, match="4 features"):
        outlook(posterior(), np.zeros((2, 3)))
