"""Where people differ for good: against closed forms and drawn posteriors, and never where they only waver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from app.inference.decomposition.items import Posterior
from app.inference.decomposition.lasting import _groups_beyond, _spread_beyond, lasting
from app.inference.decomposition.votes import read_votes
from tests.recovery.population import Design, Population


def counted(*rows):
    """Votes of two groups of forty: each row is (people of one, for the first, people of the other, for the first)."""
    person, pair, y = [], [], []
    for number, (n1, k1, n2, k2) in enumerate(rows):
        for start, n, k in ((0, n1, k1), (40, n2, k2)):
            person += range(start, start + n)
            pair += [number] * n
            y += [1.0] * k + [0.0] * (n - k)
    group = np.repeat([0, 1], 40)
    return read_votes(person, pair, y, group=group, names=("one", "two"), weights=(0.5, 0.5))


APART, EVEN, FEW = (40, 36, 40, 4), (40, 20, 40, 20), (3, 3, 3, 0)
AGREED = ((40, 39, 40, 40),) * 20


def test_groups_that_stand_against_each_other_are_known_and_even_ones_are_not():
    found = lasting(counted(APART, EVEN, FEW, *AGREED))
    assert found.by == "groups"
    assert found.known.tolist() == [True, False, False] + [False] * 20
    assert found.probability[0] > 0.99 and np.isnan(found.probability[1])


def test_the_probability_is_that_of_drawn_shares():
    """Two hundred thousand draws from the same posterior, cell by cell, give the same chance."""
    votes = counted((40, 30, 40, 12), (20, 14, 20, 5), APART, EVEN, *AGREED)
    n = np.array([[40, 40], [20, 20], [40, 40], [40, 40]] + [[40, 40]] * 20)
    k = np.array([[30, 12], [14, 5], [36, 4], [20, 20]] + [[39, 40]] * 20)
    posterior = Posterior(n, k, np.array([0.5, 0.5]))
    posterior.moments()
    rng = np.random.default_rng(0)
    drawn = []
    for row in range(2):
        cell = rng.choice(posterior.a.size, 200_000, p=posterior.cells(np.array([row]))[0])
        mu = rng.beta(posterior.a[cell][:, None] + k[row], posterior.b[cell][:, None] + (n - k)[row])
        drawn.append(float((mu.var(axis=1) > 0.06).mean()))
    assert _groups_beyond(posterior, np.arange(2), 0.06) == pytest.approx(drawn, abs=0.02)
    assert min(drawn) > 0.05 and max(drawn) < 0.95
    told = lasting(votes)
    assert told.known[:2].tolist() == [
        p >= 0.8 and e <= 0.018 for p, e in zip(drawn, told.epistemic[:2], strict=True)
    ]


def test_one_beta_is_its_distribution_function():
    """With one cell of the grid alone, p(1 - p) > c is an interval of a beta variable."""
    posterior = Posterior(np.array([[20]]), np.array([[12]]), np.ones(1))
    posterior.prior = np.eye(posterior.a.size)[60]
    a, b = posterior.a[60] + 12, posterior.b[60] + 8
    edge = 0.5 - np.sqrt(0.25 - 0.2)
    exact = beta(a, b).cdf(1 - edge) - beta(a, b).cdf(edge)
    assert _spread_beyond(posterior, np.array([0]), np.array([0.2]))[0] == pytest.approx(exact)
    assert _spread_beyond(posterior, np.array([0]), np.array([0.25]))[0] == 0


def test_swapping_responses_and_groups_changes_nothing():
    one = lasting(counted((40, 30, 40, 8), *AGREED))
    other = lasting(counted((40, 10, 40, 32), *((40, 1, 40, 0),) * 20))
    assert one.known.tolist() == other.known.tolist()
    assert one.probability[0] == pytest.approx(other.probability[0], abs=0.02)


def everybody(wavering, *, repeats=True, seed=0, people=40, pairs=30):
    """Half of the people prefer the first response of the first ten pairs, all that of the others; or each tosses a coin there."""
    rng = np.random.default_rng(seed)
    pair, person = (c.ravel() for c in np.indices((pairs, people)))
    side = ((person + pair) % 2 == 0) | (pair >= 10)

    def answers():
        coin = rng.random(pair.size) < 0.5
        return np.where((pair < 10) & wavering, coin, side).astype(float)

    y = [answers(), answers()] if repeats else [answers()]
    return read_votes(np.tile(person, len(y)), np.tile(pair, len(y)), np.concatenate(y))


def test_without_groups_repeats_tell_people_who_differ_from_people_who_waver():
    stay, waver = lasting(everybody(False)), lasting(everybody(True))
    assert stay.by == waver.by == "people"
    assert stay.known.tolist() == [True] * 10 + [False] * 20
    assert not waver.known.any()


def test_without_groups_and_repeats_nothing_is_known_and_it_says_why():
    found = lasting(everybody(False, repeats=False))
    assert found.by is None and not found.known.any()
    assert found.why == "no groups are defined, and 0 repeats are fewer than 20"


def test_no_votes_at_all():
    found = lasting(read_votes([], [], [], prompt=[0, 1]))
    assert found.known.tolist() == [False, False] and found.by is None


def given(population):
    return {k: v for k, v in population.votes().items() if k != "log_seconds"}


@pytest.mark.parametrize("grouped", [True, False])
def test_false_alarms_stay_under_five_per_cent(grouped):
    """Nobody and no group differs for good (B = P = 0): hardly a pair is taken for one to be settled."""
    alarms, pairs = 0, 0
    for seed in (1, 2, 3):
        population = Population(Design(pairs=2_000, votes=20, group_spread=0.0, person_spread=0.0), seed)
        group = {"group": population.group, "names": ("a", "b", "c", "d"), "weights": population.weights}
        found = lasting(read_votes(**given(population), **(group if grouped else {})))
        assert found.by == ("groups" if grouped else "people")
        alarms, pairs = alarms + int(found.known.sum()), pairs + found.known.size
    assert alarms / pairs < 0.05


def test_real_conflicts_between_groups_are_found():
    population = Population(Design(pairs=2_000, votes=60, people=800), 4)
    names = ("a", "b", "c", "d")
    found = lasting(
        read_votes(**given(population), group=population.group, names=names, weights=population.weights)
    )
    known = np.flatnonzero(found.known)
    true = population.truth(known)["groups"]
    assert known.size > 50
    assert (true > 0.06).mean() > 0.8
