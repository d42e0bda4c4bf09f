"""The entropy of a vote: closed forms against integrals, and what each part means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference import entropy_split as es

X, W = np.polynomial.hermite_e.hermegauss(101)
W = W / W.sum()
MEANS, VARIANCES = (
    st.floats(-8, 8, allow_nan=False),
    st.floats(0, 12, allow_nan=False),
)


def exact(mean, epistemic, people):
    """(total, epistemic, people, noise) by 101 x 101 nodes."""
    shared = mean + np.sqrt(epistemic) * X
    chance = es.logistic(shared[:, None] + np.sqrt(people) * X)
    of_shared = chance @ W
    total = es.entropy(W @ of_shared)
    middle = W @ es.entropy(of_shared)
    noise = W @ es.entropy(chance) @ W
    return float(total), float(total - middle), float(middle - noise), float(noise)


def test_expected_entropy_is_the_integral():
    standard = np.linspace(-8, 8, 4001)
    density = np.exp(-(standard**2) / 2)
    density /= density.sum()
    for mean in np.linspace(-9, 9, 19):
        for variance in np.geomspace(1e-3, 80, 25):
            found = density @ es.entropy(es.logistic(mean + np.sqrt(variance) * standard))
            assert es.expected_entropy(mean, variance) == pytest.approx(found, abs=1e-3)


def test_the_split_is_near_the_integral_everywhere_and_close_on_average():
    means, variances = np.linspace(0, 4, 9), np.array([0.0, 0.1, 0.4, 1.0, 2.0, 4.0])
    errors = []
    for mean in means:
        for epistemic in variances:
            for people in variances:
                found = es.split(mean, epistemic, people)
                mine = (found.total, found.epistemic, found.people, found.noise)
                errors.append(np.abs(np.array(mine) - exact(mean, epistemic, people)))
    assert np.max(errors) < 0.05
    assert np.mean(errors) < 0.007


@given(mean=MEANS, epistemic=VARIANCES, people=VARIANCES)
def test_parts_add_up_are_not_negative_and_do_not_see_sides(mean, epistemic, people):
    found, turned = es.split(mean, epistemic, people), es.split(-mean, epistemic, people)
    parts = (found.epistemic, found.people, found.noise)
    assert sum(parts) == pytest.approx(float(found.total), abs=1e-12)
    assert min(float(p) for p in parts) >= 0
    assert float(found.epistemic) == pytest.approx(float(turned.epistemic), abs=1e-12)
    assert float(found.people) == pytest.approx(float(turned.people), abs=1e-12)


def test_what_is_not_there_has_no_part():
    assert es.split(1.0, 0.0, 2.0).epistemic == pytest.approx(0, abs=2e-3)
    assert es.split(1.0, 2.0, 0.0).people == pytest.approx(0, abs=1e-9)
    coin = es.split(0.0, 0.0, 0.0)
    assert (coin.total, coin.noise) == (pytest.approx(1), pytest.approx(1, abs=1e-3))


def test_uncertain_is_not_contested():
    """A coin and an even split between camps look alike to counting; here they do not."""
    coin, camps = es.split(0.0, 0.01, 0.01), es.split(0.0, 0.01, 9.0)
    assert coin.total == pytest.approx(camps.total, abs=1e-3)
    assert camps.people > 0.3 > 10 * coin.people


def test_groups_differ_by_the_jensen_shannon_divergence_of_their_predictions():
    mean, variance, weight = np.array([[30.0, -30.0], [2.0, 2.0]]), np.zeros((2, 2)), np.array([0.5, 0.5])
    np.testing.assert_allclose(es.between_groups(mean, variance, weight), [1.0, 0.0], atol=1e-9)
    unsure = es.between_groups(np.array([[2.0, -2.0]]), np.full((1, 2), 50.0), weight)
    sure = es.between_groups(np.array([[2.0, -2.0]]), np.zeros((1, 2)), weight)
    assert unsure[0] < sure[0] / 5
