"""A ranking from people who differ: where they are alike it is the plain one; sides and ties are not taken for strength."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference.comparisons import Unidentified
from app.inference.rank_crowd import crowd_posterior
from app.inference.rank_design import gains
from app.inference.rank_posterior import counted
from tests.inference.simulated_votes import pairs, vote


def alike(seed, n=3000, ties=0.6):
    rng = np.random.default_rng([seed, 8])
    strength = rng.normal(0, 1, 8)
    left, right = pairs(rng, n, 8)
    return strength, (left, right, vote(rng, strength[left] - strength[right], ties)), rng.integers(0, 30, n)


@pytest.mark.parametrize("ties", [0.0, 0.6])
def test_where_people_are_alike_it_is_the_plain_posterior(ties):
    _, votes, who = alike(1, ties=ties)
    found = crowd_posterior(*votes, n_items=8, annotator=who)
    plain = counted(*votes, n_items=8, ties=ties > 0)
    assert found.method == "crowd_davidson" and found.n == plain.n == 3000
    stretch = float(found.mean @ plain.mean / (plain.mean @ plain.mean))
    assert 0.9 < stretch < 1.3  # a few slips are always seen, and cannot be told from a longer scale
    np.testing.assert_allclose(found.mean / stretch, plain.mean, atol=0.12)
    ours, theirs = found.differences()[1] / stretch**2, plain.differences()[1]
    off = ~np.eye(8, dtype=bool)
    np.testing.assert_allclose(ours[off], theirs[off], rtol=0.25)
    assert found.tie_strength == pytest.approx(plain.tie_strength, abs=0.1)
    told, expected = gains(found, "order"), gains(plain, "order")
    assert np.corrcoef(told[off], expected[off])[0, 1] > 0.95


def test_a_pull_to_one_side_is_not_taken_for_strength():
    """Most people lean to the left by two logits, and one item always stands there: its strength is no more than it is."""
    off, plain_off = [], []
    for seed in range(6):
        rng = np.random.default_rng([seed, 9])
        strength = np.array([0.0, 0.5, -0.5, 0.2])
        side = np.where(rng.random(20) < 0.75, 2.0, 0.0)
        left, right = pairs(rng, 2400, 4)
        turned = right == 0
        left, right = np.where(turned, right, left), np.where(turned, left, right)
        who = rng.integers(0, 20, 2400)
        said = vote(rng, strength[left] - strength[right] + side[who], 0.3)
        votes = (left, right, said)
        truth = strength[0] - strength[1:].mean()
        for found, to in (
            (crowd_posterior(*votes, n_items=4, annotator=who), off),
            (counted(*votes, n_items=4), plain_off),
        ):
            to.append(abs(found.mean[0] - found.mean[1:].mean() - truth))
    assert np.mean(off) < 0.35 < 1.0 < np.mean(plain_off)


def test_who_is_readier_to_tie_does_not_blur_the_strengths():
    """Half tie most of the time, half hardly: up to the scale, intervals of differences hold the truth as often as they say."""
    inside = []
    for seed in range(12):
        rng = np.random.default_rng([seed, 10])
        strength = rng.normal(0, 1, 6)
        left, right = pairs(rng, 1500, 6)
        who = rng.integers(0, 24, 1500)
        ahead = strength[left] - strength[right]
        said = np.where(who < 12, vote(rng, ahead, 4.0), vote(rng, ahead, 0.1))
        found = crowd_posterior(left, right, said, n_items=6, annotator=who)
        mean, variance = found.differences()
        at = np.triu_indices(6, 1)
        true = (strength[:, None] - strength[None, :])[at]
        stretch = mean[at] @ true / (true @ true)
        inside.append(np.abs(mean[at] - stretch * true) < 1.645 * np.sqrt(variance[at]))
    assert 0.85 < np.mean(inside) < 0.98


def test_without_a_choice_there_is_nothing_to_rank():
    assert isinstance(crowd_posterior([0, 1], [1, 0], [0.5, 0.5], n_items=2, annotator=[0, 1]), Unidentified)
