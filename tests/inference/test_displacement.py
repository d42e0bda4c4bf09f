"""After a correction: whether new votes carry the influence still, and where it went."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from app.inference.clustered_logit import clustered_logit
from app.inference.displacement import displacement
from app.inference.errors import InvalidVotes

NAMES = ("length", "formatting", "warmth")


def votes(seed, before, after, *, n=4000, people=50, overlap=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    x[:, 1] = overlap * x[:, 0] + np.sqrt(1 - overlap**2) * x[:, 1]
    new = np.arange(n) >= n // 2
    eta = np.where(new, x @ np.array(after), x @ np.array(before))
    return rng.integers(0, people, n), (rng.random(n) < expit(eta)).astype(float), x, new


@pytest.mark.parametrize("seed", range(5))
def test_votes_that_go_on_as_before_still_carry_it_and_nothing_has_grown(seed):
    person, y, x, new = votes(seed, [0.5, 0.2, 0], [0.5, 0.2, 0])
    found = displacement(person, y, x, NAMES, "length", new)
    assert found.carried is True and found.why is None
    assert found.own.interval[0] < 0.5 < found.own.interval[1]
    assert [s.name for s in found.others if s.grown] == []


@pytest.mark.parametrize("seed", range(5))
def test_an_effect_that_went_into_another_feature_is_named(seed):
    person, y, x, new = votes(seed, [0.6, 0, 0], [0, 0.6, 0], overlap=0.5)
    found = displacement(person, y, x, NAMES, "length", new)
    assert found.carried is False
    assert found.others[0].name == "formatting" and found.others[0].grown
    assert not found.others[1].grown


def test_an_effect_that_is_gone_is_gone():
    person, y, x, new = votes(9, [0.6, 0.2, 0], [0, 0.2, 0])
    found = displacement(person, y, x, NAMES, "length", new)
    assert found.carried is False
    assert [s.name for s in found.others if s.grown] == []


def test_too_few_votes_say_nothing():
    person, y, x, new = votes(1, [0.6, 0, 0], [0.6, 0, 0], n=80)
    found = displacement(person, y, x, NAMES, "length", new)
    assert found.carried is None and found.own is None
    assert "30 or more" in found.why
    few = displacement(
        np.arange(2000) % 5,
        *votes(1, [1, 0, 0], [1, 0, 0], n=2000)[1:3],
        NAMES,
        "length",
        np.arange(2000) > 999,
    )
    assert "people" in few.why


def test_slopes_and_their_clustered_errors_are_those_of_statsmodels():
    sm = pytest.importorskip("statsmodels.api")
    person, y, x, _ = votes(5, [0.4, -0.3, 0.1], [0.4, -0.3, 0.1])
    offset = 0.2 * x[:, 0]
    beta, covariance = clustered_logit(x, y, person, offset)
    theirs = sm.GLM(y, x, family=sm.families.Binomial(), offset=offset).fit(
        cov_type="cluster", cov_kwds={"groups": person, "use_correction": False}
    )
    np.testing.assert_allclose(beta, theirs.params, atol=1e-4)
    np.testing.assert_allclose(np.diag(covariance) * 49 / 50, theirs.bse**2, rtol=1e-3)


def test_bad_input_is_named():
    person, y, x, new = votes(1, [0, 0, 0], [0, 0, 0], n=100)
    with pytest.raises(InvalidVotes, match="no influence 'tone'"):
        displacement(person, y, x, NAMES, "tone", new)
    with pytest.raises(InvalidVotes, match="one row for each vote"):
        displacement(person, y[:-1], x, NAMES, "length", new)
