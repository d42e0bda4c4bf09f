"""One person's slopes: against a general optimiser, in the limits, and what happens to what is disowned."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from app.inference.errors import InvalidVotes
from app.inference.own_slopes import DISOWNED_SD, own_slopes


def answers(n=400, seed=1):
    """Choices by the second influence alone, of which the first is a close companion."""
    rng = np.random.default_rng(seed)
    second = rng.normal(size=n)
    x = np.stack([0.8 * second + 0.6 * rng.normal(size=n), second, rng.normal(size=n)], axis=1)
    offset = rng.normal(0, 0.5, n)
    return (rng.random(n) < expit(offset + 1.2 * x[:, 1])).astype(float), offset, x


def test_it_is_the_posterior_mode():
    y, offset, x = answers()
    y[:20] = 0.5
    centre, spread = np.array([0.4, 0.1, -0.2]), np.array([0.3, 0.6, 0.05])

    def loss(b):
        eta = offset + x @ b
        return np.logaddexp(0, eta).sum() - y @ eta + (((b - centre) / spread) ** 2).sum() / 2

    found = minimize(loss, centre, method="BFGS", options={"gtol": 1e-8}).x
    assert own_slopes(y, offset, x, centre, spread) == pytest.approx(found, abs=1e-5)


def test_what_is_disowned_is_nothing_and_its_companion_takes_its_part():
    y, offset, x = answers()
    usual = own_slopes(y, offset, x, [0.6, 0.6, 0.0], [0.2, 0.2, 0.2])
    without = own_slopes(y, offset, x, [0.0, 0.6, 0.0], [DISOWNED_SD, 0.2, 0.2])
    assert abs(without[0]) < 0.1 < abs(usual[0])
    assert without[1] > usual[1]
    assert abs(without[1] - 1.2) < abs(usual[1] - 1.2)


def test_without_choices_it_is_where_it_started_and_with_many_where_they_say():
    assert own_slopes([], [], np.zeros((0, 2)), [0.3, 0.0], [0.5, 0.05]).tolist() == [0.3, 0.0]
    y, offset, x = answers(40_000)
    assert own_slopes(y, offset, x, [0.0] * 3, [5.0] * 3) == pytest.approx([0, 1.2, 0], abs=0.06)


def test_choices_that_all_go_one_way_are_held_by_the_spread():
    found = own_slopes(np.ones(50), np.zeros(50), np.ones((50, 1)), [0.0], [0.5])
    assert 0 < found[0] < 3


@pytest.mark.parametrize(
    "given", [([1.0], [0.0], [[0.0, 1.0]], [0.0], [1.0]), ([1.0], [0.0], [[0.0]], [0.0], [0.0])]
)
def test_what_does_not_fit_together_is_an_error(given):
    with pytest.raises(InvalidVotes):
        own_slopes(*(np.asarray(g, float) for g in given))
