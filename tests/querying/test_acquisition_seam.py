"""Policies: every file of the seam keeps one contract, and draws have the probabilities they log."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from app.kit.discover import SeamError, discover
from app.querying import draw, registry
from app.querying.protocol import Acquisition, CandidateView

POLICIES = sorted(registry.acquisitions())


def view(n, seed=0):
    rng = np.random.default_rng(seed)
    return CandidateView(np.arange(n), rng.integers(0, 5, n), np.full(n, 15))


def permuted(given, order):
    return CandidateView(given.pair_id[order], given.load[order], given.cap[order])


@pytest.mark.parametrize("name", POLICIES)
def test_scores_are_finite_repeatable_and_follow_the_candidates(name):
    policy = registry.acquisitions()[name]
    assert isinstance(policy, Acquisition)
    given = view(40)
    score = policy.score(given)
    assert score.shape == (40,)
    assert np.all(np.isfinite(score))
    assert np.array_equal(score, policy.score(given))
    order = np.random.default_rng(1).permutation(40)
    assert np.array_equal(policy.score(permuted(given, order)), score[order])


@pytest.mark.parametrize("name", POLICIES)
def test_scores_on_no_data_are_legal(name):
    policy = registry.acquisitions()[name]
    fresh = CandidateView(np.arange(3), np.zeros(3, dtype=np.int64), np.full(3, 1))
    assert draw.probabilities(policy.score(fresh), policy.temperature) == pytest.approx(np.full(3, 1 / 3))


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("explore", [0.0, 0.25, 1.0])
def test_draws_come_as_often_as_they_say(name, explore):
    policy, given, rng = registry.acquisitions()[name], view(12, 3), Random(5)
    seen = np.zeros(12)
    said = np.full(12, np.nan)
    draws = 4000
    for _ in range(draws):
        one = draw.choose(policy, given, eligible=12, explore=explore, rng=rng)
        seen[one.index] += 1
        said[one.index] = one.probability
    drawn = seen > 0
    error = np.sqrt(said[drawn] * (1 - said[drawn]) / draws)
    assert np.all(np.abs(seen[drawn] / draws - said[drawn]) < 5 * error + 1e-9)


def test_a_score_that_is_not_finite_draws_evenly_and_says_so():
    class Broken:
        name, candidates, temperature = "broken", 4, 0.0

        def score(self, given):
            return np.full(given.pair_id.shape[0], np.nan)

    one = draw.choose(Broken(), view(4), eligible=4, explore=0.0, rng=Random(1))
    assert one.probability == 0.25
    assert "drew evenly" in one.note


def test_a_file_copied_without_renaming_its_entry_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "seamy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "copied.py").write_text("class E:\n    name = 'original'\nENTRY = E()\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SeamError, match="must be the file's name"):
        discover("seamy", "ENTRY")
