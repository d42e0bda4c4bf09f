"""How people differ: careless and contrary ones are found and pull less; what each person does comes back; refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from app.inference.comparisons import Unidentified
from app.inference.crowd_effects import crowd_effects
from app.inference.davidson import davidson
from app.inference.errors import InvalidSetting, InvalidVotes
from tests.inference.simulated_votes import pairs, vote

CARELESS, CONTRARY = 1, 2


def crowd(seed, *, bad, ties=0.0, n_items=100, people=60, n=4000):
    """Workloads of many sizes; of the bad a seventh answers the wrong way round, the others without looking."""
    rng = np.random.default_rng([seed, 26])
    strength, load = rng.normal(0, 1.5, n_items), rng.pareto(1.5, people) + 0.2
    who = rng.choice(people, n, p=load / load.sum())
    kind = np.zeros(people, int)
    if bad:
        order = rng.permutation(people)
        kind[order[: people * 3 // 10]], kind[order[people * 3 // 10 : people * 35 // 100]] = (
            CARELESS,
            CONTRARY,
        )
    attention, side = np.exp(rng.normal(0, 0.3, people)), rng.normal(0, 0.3, people)
    left, right = pairs(rng, n, n_items)
    d = attention[who] * (strength[left] - strength[right]) + side[who]
    d = np.where(kind[who] == CARELESS, 3 * side[who], np.where(kind[who] == CONTRARY, -d, d))
    return strength, (left, right, vote(rng, d, ties)), who, kind


def caught(score, bad):
    """Chance that a bad person scores below a good one."""
    place = rankdata(score)
    return 1 - (place[bad].sum() - bad.sum() * (bad.sum() + 1) / 2) / (bad.sum() * (~bad).sum())


@pytest.mark.parametrize("ties", [0.0, 0.6])
def test_careless_and_contrary_people_are_found_and_pull_less(ties):
    """A third bad: rank agreement .95 on average over five worlds, where one model for all reaches about .89."""
    found, plain, area = [], [], []
    for seed in range(5):
        strength, votes, who, kind = crowd(seed, bad=True, ties=ties)
        fit = crowd_effects(*votes, n_items=100, annotator=who)
        assert fit.converged
        found.append(spearmanr(strength, fit.strength).statistic)
        alike = davidson(*votes, n_items=100, prior_sd=1.5, uncertainty="none")
        plain.append(spearmanr(strength, alike.strength).statistic)
        area.append(caught(fit.reliability, kind[fit.annotator] > 0))
        contrary = (kind[fit.annotator] == CONTRARY) & (fit.votes >= 20)
        assert (fit.reliability[contrary] < 0).all() and (fit.flip_rate[contrary] > 0.5).all()
    assert np.mean(found) >= 0.945
    assert np.mean(found) > np.mean(plain) + 0.03
    assert np.mean(area) >= 0.95


def test_where_nobody_is_bad_nothing_is_lost():
    found, plain = [], []
    for seed in range(5):
        strength, votes, who, _ = crowd(seed, bad=False)
        fit = crowd_effects(*votes, n_items=100, annotator=who)
        found.append(spearmanr(strength, fit.strength).statistic)
        alike = davidson(*votes, n_items=100, prior_sd=1.5, uncertainty="none")
        plain.append(spearmanr(strength, alike.strength).statistic)
    assert np.mean(found) > np.mean(plain) - 0.002


def test_what_each_person_does_comes_back():
    rng = np.random.default_rng(9)
    people, each, n_items = 30, 400, 12
    strength = rng.normal(0, 1.5, n_items)
    attention, side = np.exp(rng.normal(0, 0.4, people)), rng.normal(0, 0.6, people)
    nu, flip = np.exp(rng.normal(-0.5, 0.8, people)), np.where(np.arange(people) < 4, 0.3, 0.0)
    who = np.repeat(np.arange(people), each)
    left, right = pairs(rng, who.size, n_items)
    outcome = vote(rng, attention[who] * (strength[left] - strength[right]) + side[who], nu[who])
    turned = rng.random(who.size) < flip[who]
    fit = crowd_effects(left, right, np.where(turned, 1 - outcome, outcome), n_items=n_items, annotator=who)
    straight = flip == 0
    assert np.corrcoef(fit.sensitivity[straight], attention[straight])[0, 1] > 0.9
    assert np.corrcoef(fit.side_bias, side)[0, 1] > 0.9
    assert np.corrcoef(np.log(fit.tie_strength), np.log(nu))[0, 1] > 0.9
    assert fit.reliability[~straight].max() < np.median(fit.reliability[straight])
    assert np.corrcoef(fit.strength, strength)[0, 1] > 0.99
    assert fit.votes.tolist() == [each] * people


def test_people_of_few_votes_are_taken_for_usual_ones():
    strength, votes, who, _ = crowd(1, bad=False)
    left, right, outcome = (np.append(column, last) for column, last in zip(votes, (0, 1, 1.0), strict=True))
    fit = crowd_effects(left, right, outcome, n_items=strength.size, annotator=np.append(who, 1000))
    assert (fit.annotator[-1], fit.votes[-1]) == (1000, 1)
    assert fit.sensitivity[-1] == pytest.approx(1, abs=0.15)
    assert abs(fit.side_bias[-1]) < 0.15
    assert fit.flip_rate[-1] == pytest.approx(fit.usual_flip_rate, abs=0.15)


def test_names_and_sides_do_not_matter():
    _, (left, right, outcome), who, _ = crowd(2, bad=True, ties=0.5, n_items=12, people=15, n=600)
    base = crowd_effects(left, right, outcome, n_items=12, annotator=who)
    names, called = np.random.default_rng(1).permutation(12), np.random.default_rng(2).permutation(15)
    renamed = crowd_effects(names[left], names[right], outcome, n_items=12, annotator=called[who])
    np.testing.assert_allclose(renamed.strength[names], base.strength, atol=1e-6)
    back = {int(p): k for k, p in enumerate(renamed.annotator)}
    np.testing.assert_allclose(
        renamed.reliability[[back[int(called[p])] for p in base.annotator]], base.reliability, atol=1e-6
    )
    swapped = crowd_effects(right, left, 1 - outcome, n_items=12, annotator=who)
    np.testing.assert_allclose(swapped.strength, base.strength, atol=1e-6)
    np.testing.assert_allclose(swapped.side_bias, -base.side_bias, atol=1e-6)


def test_what_settles_nothing_is_named():
    nothing = crowd_effects([], [], [], n_items=3, annotator=np.zeros(0, int))
    assert isinstance(nothing, Unidentified)
    assert nothing.reason == "no_comparisons"
    assert crowd_effects([0, 1], [1, 2], [0.5, 0.5], n_items=3, annotator=[0, 1]).reason == "all_ties"


def test_one_vote_and_an_item_nobody_saw_stay_finite():
    fit = crowd_effects([0], [1], [1], n_items=3, annotator=[7])
    assert np.isfinite(fit.strength).all() and np.isfinite(fit.reliability).all()
    assert fit.tie_strength is None
    assert fit.strength[0] > fit.strength[2] > fit.strength[1]


def test_what_are_no_votes_is_refused():
    with pytest.raises(InvalidVotes):
        crowd_effects([0], [1], [0.7], n_items=2, annotator=[0])
    with pytest.raises(InvalidVotes):
        crowd_effects([0], [1], [1], n_items=2, annotator=None)
    with pytest.raises(InvalidSetting):
        crowd_effects([0], [1], [1], n_items=2, annotator=[0], prior_sd=0.0)
