"""Davidson: against a direct maximisation, a case worked by hand, Bradley-Terry without ties; the scale that ties do not shrink."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from app.inference.bradley_terry import bradley_terry
from app.inference.comparisons import Unidentified
from app.inference.davidson import davidson
from tests.inference.simulated_votes import chances, pairs, vote


def votes(seed, n_items=6, n=300, ties=0.8):
    rng = np.random.default_rng(seed)
    left, right = pairs(rng, n, n_items)
    strength = rng.normal(0, 1, n_items)
    return left, right, vote(rng, strength[left] - strength[right], ties)


def by_hand(left, right, outcome, n_items, prior_sd=None):
    """The same likelihood written out, climbed by a general optimiser."""

    def cost(at):
        s, nu = at[:-1] - at[:-1].mean(), np.exp(at[-1])
        won, tie, lost = chances(s[left] - s[right], nu)
        chance = np.where(outcome == 1, won, np.where(outcome == 0, lost, tie))
        penalty = 1e-9 * at[:-1].mean() ** 2 + (0 if prior_sd is None else (s @ s) / prior_sd**2 / 2)
        return -np.log(chance).sum() + penalty

    found = minimize(cost, np.zeros(n_items + 1), method="BFGS", options={"gtol": 1e-6})
    return found.x[:-1] - found.x[:-1].mean(), np.exp(found.x[-1])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("prior_sd", [None, 0.7])
def test_it_is_where_a_general_optimiser_ends(seed, prior_sd):
    given = votes(seed)
    fit = davidson(*given, n_items=6, prior_sd=prior_sd)
    strength, nu = by_hand(*given, 6, prior_sd)
    np.testing.assert_allclose(fit.strength, strength, atol=2e-5)
    assert fit.tie_strength == pytest.approx(nu, rel=2e-5)


def test_two_items_are_solved_by_hand():
    """w wins, l losses, t ties: strength difference log(w / l), nu = t / sqrt(w l)."""
    fit = davidson([0] * 13, [1] * 13, [1] * 8 + [0] * 2 + [0.5] * 3, n_items=2)
    assert fit.strength[0] - fit.strength[1] == pytest.approx(np.log(4))
    assert fit.tie_strength == pytest.approx(3 / 4)


def test_without_ties_it_is_bradley_terry():
    left, right, outcome = votes(4, ties=0.0)
    fit, plain = davidson(left, right, outcome, n_items=6), bradley_terry(left, right, outcome, n_items=6)
    assert fit.tie_strength == 0
    np.testing.assert_allclose(fit.strength, plain.strength, atol=1e-9)
    np.testing.assert_allclose(fit.standard_error, plain.standard_error, atol=1e-9)


def test_ties_do_not_shrink_the_scale_as_half_wins_do():
    """Half of all comparisons tie: the truth comes back from Davidson, three quarters of it or less from half wins."""
    rng = np.random.default_rng(8)
    strength = np.linspace(-1.5, 1.5, 10)
    left, right = pairs(rng, 60_000, 10)
    outcome = vote(rng, strength[left] - strength[right], 3.0)
    assert 0.4 < (outcome == 0.5).mean() < 0.6
    fit, halved = davidson(left, right, outcome, n_items=10), bradley_terry(left, right, outcome, n_items=10)
    assert fit.tie_strength == pytest.approx(3.0, rel=0.05)
    assert (fit.strength @ strength) / (strength @ strength) == pytest.approx(1.0, abs=0.03)
    assert (halved.strength @ strength) / (strength @ strength) < 0.75
    assert np.abs((fit.strength - strength) / fit.standard_error).max() < 4


@pytest.mark.parametrize("ties", [0.5, 2.0])
def test_intervals_cover_where_people_differ(ties):
    """.93 to .97 of 40 people's 95 % intervals, 150 studies; each person has strengths of their own."""
    rng = np.random.default_rng(20260305)
    strength = rng.normal(0, 1, 12)

    def study(people, each):
        own = strength + rng.normal(0, 0.7, (people, 12))
        who = np.repeat(np.arange(people), each)
        left, right = pairs(rng, who.size, 12)
        return left, right, vote(rng, own[who, left] - own[who, right], ties), who

    big = study(20_000, 50)
    target = davidson(*big[:3], n_items=12, uncertainty="none").strength
    covered = []
    for _ in range(150):
        left, right, outcome, who = study(40, 80)
        low, high = davidson(left, right, outcome, n_items=12, annotator=who).interval_logits.T
        covered.append(((low <= target) & (target <= high)).mean())
    assert 0.93 <= np.mean(covered) <= 0.97


def test_names_and_sides_do_not_matter():
    left, right, outcome = votes(1)
    base = davidson(left, right, outcome, n_items=6)
    names = np.random.default_rng(0).permutation(6)
    renamed = davidson(names[left], names[right], outcome, n_items=6)
    np.testing.assert_allclose(renamed.strength[names], base.strength, atol=1e-8)
    swapped = davidson(right, left, 1 - outcome, n_items=6)
    np.testing.assert_allclose(swapped.strength, base.strength, atol=1e-8)
    assert swapped.tie_strength == pytest.approx(base.tie_strength)


@pytest.mark.parametrize(
    ("left", "right", "outcome", "reason"),
    [
        ([], [], [], "no_comparisons"),
        ([0, 1], [1, 0], [0.5, 0.5], "all_ties"),
        ([0, 1, 2, 3], [1, 0, 3, 2], [1, 1, 1, 0.5], "disconnected"),
        ([0, 0, 1, 1], [1, 1, 2, 2], [1, 1, 1, 1], "one_sided"),
        ([0, 0], [1, 1], [1, 0.5], "ties_unbounded"),
    ],
)
def test_what_settles_nothing_is_named(left, right, outcome, reason):
    n_items = 1 + max([1, *left, *right])
    found = davidson(left, right, outcome, n_items=n_items)
    assert isinstance(found, Unidentified)
    assert (found.method, found.reason) == ("davidson", reason)
    assert found.why
    assert sorted(i for c in found.components for i in c.tolist()) == list(range(n_items))
