"""States, claims and the value of votes against closed forms, brute force and simulation."""

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from app.inference.errors import InvalidSetting, InvalidShare
from app.inference.intervals import log_e_value
from app.inference.stopping import (
    gain_of_votes,
    normal_probabilities,
    proven,
    right_after,
    share_probabilities,
    states,
    value_looking_ahead,
    value_of_votes,
)


def test_each_state_and_which_comes_first():
    first = [0.99, 0.01, 0.99, 0.5, 0.5, np.nan, 0.94]
    tie = [0.0, 0.0, 0.0, 0.96, 0.5, np.nan, 0.0]
    conflict = [0.1, np.nan, 0.9, 0.0, 0.5, np.nan, 0.0]
    assert states(first, tie, conflict) == [
        "clear_first", "clear_second", "contested", "tie", "open", "open", "open",
    ]  # fmt: skip
    with pytest.raises(InvalidSetting):
        states(first, tie, conflict, alpha=1.0)


def test_probabilities_of_a_share_are_those_of_a_beta():
    a, b = np.array([3.0, 20.0, 1.0]), np.array([2.0, 22.0, 9.0])
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    above, close = share_probabilities(mean, variance, within=0.1)
    assert above == pytest.approx(stats.beta.sf(0.5, a, b))
    assert close == pytest.approx(stats.beta.cdf(0.6, a, b) - stats.beta.cdf(0.4, a, b))
    certain = share_probabilities([0.0, 1.0, np.nan], [0.0, 0.0, 0.1])
    assert certain[0][:2].tolist() == [0.0, 1.0] and np.isnan(certain[0][2])
    up, near = normal_probabilities([0.7], [0.25], within=0.4)
    assert up[0] == pytest.approx(stats.norm.sf(0, 0.7, 0.5))
    assert near[0] == pytest.approx(stats.norm.cdf(0.4, 0.7, 0.5) - stats.norm.cdf(-0.4, 0.7, 0.5))


def test_claims_need_evidence_for_as_many_pairs_as_there_are():
    alone = proven([9], [0])
    assert alone.tolist() == [1] and log_e_value(9, 9) >= np.log(20)
    among = proven([9] + [3] * 499, [0] + [3] * 499)
    assert among.tolist() == [0] * 500
    assert proven([0, 14], [14, 0]).tolist() == [-1, 1]
    with pytest.raises(InvalidShare):
        proven([-1], [2])


def test_claims_on_true_ties_looked_at_after_every_vote():
    """Wilson's interval looked at after every vote would claim a quarter of them."""
    rng = np.random.default_rng(11)
    votes = rng.random((2000, 60)) < 0.5
    k = votes.cumsum(axis=1)
    n = np.arange(1, 61)
    ever = (log_e_value(k, np.broadcast_to(n, k.shape)) >= np.log(20)).any(axis=1).mean()
    half = 1.96 * np.sqrt(k / n * (1 - k / n) / n)
    peeking = ((np.abs(k / n - 0.5) > half) & (n >= 5)).any(axis=1).mean()
    assert ever < 0.05 < 0.2 < peeking


@pytest.mark.parametrize("votes", [1, 3])
@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (0.8, 0.5), (-2.0, 3.0)])
def test_value_of_votes_is_the_integral_it_stands_for(mean, variance, votes):
    w = 0.2 * votes
    s = np.sqrt(w * variance**2 / (1 + w * variance))
    after = integrate.quad(lambda z: abs(z) * stats.norm.pdf(z, mean, s), -20, 20, points=[0])[0]
    # deciding by the sign earns |posterior mean| on average, against |mean| now, and half of the difference is avoided loss
    expected = (after - abs(mean)) / 2
    assert float(value_of_votes(mean, variance, 0.2, votes=votes)) == pytest.approx(expected, rel=1e-6)


def test_value_shrinks_with_certainty_and_looking_ahead_never_less():
    m = np.linspace(0, 3, 31)
    one = value_of_votes(m, 1.0, 0.25)
    assert (np.diff(one) < 0).all() and value_of_votes(0.5, 0.0, 0.25) == 0.0
    ahead = value_looking_ahead(m, 1.0, 0.25)
    assert (ahead >= one).all() and (ahead[20:] > one[20:] * 1.5).all()
    with pytest.raises(InvalidSetting):
        value_of_votes(0.0, 1.0, 0.25, votes=0)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.0, 5.0), (1.5, 0.5)])
def test_chance_of_a_right_guess_by_playing_out_every_sequence(a, b):
    for n in range(5):
        total = 0.0
        for outcome in itertools.product((0, 1), repeat=n):
            x, y, chance = a, b, 1.0
            for vote in outcome:
                chance *= (x if vote else y) / (x + y)
                x, y = x + vote, y + 1 - vote
            total += chance * max(x, y) / (x + y)
        assert float(right_after(a, b, n)) == pytest.approx(total)


def test_votes_go_where_they_tell_most_and_add_up_to_what_is_promised():
    a, b = np.array([1.0, 1.0, 30.0, 4.0]), np.array([1.0, 1.0, 2.0, 4.0])
    found = gain_of_votes(a, b, votes=2)
    assert found.votes.tolist() == [1, 1, 0, 0]
    assert found.now == pytest.approx(np.mean(np.maximum(a, b) / (a + b)))
    assert found.gain == pytest.approx(2 * (2 / 3 - 1 / 2) / 4)
    more = gain_of_votes(a, b, votes=20)
    assert more.votes.sum() <= 20 and more.gain > found.gain and more.votes[2] <= more.votes[3]
    assert gain_of_votes(a, b, votes=0).gain == 0
    assert gain_of_votes([], [], votes=5).now == 0.5
    with pytest.raises(InvalidShare):
        gain_of_votes([0.0], [1.0])


def test_no_other_way_to_spend_four_votes_gains_more():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 3.0])
    best = max(
        sum(float(right_after(x, y, n)) for x, y, n in zip(a, b, plan, strict=True)) / 3
        for plan in itertools.product(range(5), repeat=3)
        if sum(plan) <= 4
    )
    found = gain_of_votes(a, b, votes=4)
    assert found.after == pytest.approx(best, abs=2e-3) and found.after >= best - 1e-12
