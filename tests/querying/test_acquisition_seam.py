"""Policies: every file of the seam keeps one contract, and draws have the probabilities they log."""

from __future__ import annotations

from dataclasses import fields, replace
from random import Random

import numpy as np
import pytest

from app.kit.discover import SeamError, discover
from app.querying import draw, registry
from app.querying.acquisition.reward_model import STEADY
from app.querying.protocol import Acquisition, CandidateView, Expected, Learns, Stored
from app.studies.spec import POLICIES as OFFERED

POLICIES = sorted(registry.acquisitions())
MODES = ("bare", "looking", "stored")


def expected(n, rng, *, groups=True):
    variance, overall = rng.uniform(0.05, 3, n), rng.uniform(0.05, 2, n)
    return Expected(
        mean=rng.normal(0, 2, n), variance=variance, people=rng.uniform(0, 1, n), overall_mean=rng.normal(0, 1, n),
        overall_variance=overall, shared=rng.uniform(-1, 1, n) * np.sqrt(variance * overall), reach=rng.uniform(0, 1, n), apart=rng.uniform(0, 0.3, n),
        groups_known=groups, votes=int(rng.integers(1, 2000)),
    )  # fmt: skip


def view(n, seed=0, mode="bare"):
    """Candidates without a model, with one that is looked at, or with scores kept from an earlier look."""
    rng = np.random.default_rng(seed)
    bare = CandidateView(np.arange(n), rng.integers(0, 5, n), np.full(n, 15))
    if mode == "looking":
        gain = np.abs(rng.normal(size=(6, 6)))
        left, right = rng.integers(0, 6, n), rng.integers(-1, 6, n)
        return replace(
            bare, expected=expected(n, rng, groups=bool(seed % 2)), candidate_left=left, candidate_right=right,
            rank_gain=gain + gain.T,
        )  # fmt: skip
    if mode == "stored":
        score = np.where(rng.random(n) < 0.2, np.nan, -rng.exponential(0.2, n))
        return replace(bare, stored=Stored(score, rng.uniform(0, 1, n), rng.integers(0, 4, n)))
    return bare


def permuted(given, order):
    """The same candidates in another order."""

    def moved(value, name):
        if isinstance(value, (Expected, Stored)):
            return replace(value, **{f.name: moved(getattr(value, f.name), f.name) for f in fields(value)})
        if not isinstance(value, np.ndarray) or name == "rank_gain":
            return value
        return value[order]

    return replace(given, **{f.name: moved(getattr(given, f.name), f.name) for f in fields(given)})


def turned(given):
    """The same candidates with first and second response exchanged."""
    if given.expected is None:
        return given
    seen = given.expected
    return replace(
        given, expected=replace(seen, mean=-seen.mean, overall_mean=-seen.overall_mean),
        candidate_left=given.candidate_right, candidate_right=given.candidate_left,
    )  # fmt: skip


def test_every_policy_a_study_file_can_name_is_there():
    assert set(OFFERED) == set(POLICIES)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", [0, 1])
def test_scores_are_finite_repeatable_and_follow_the_candidates(name, mode, seed):
    policy = registry.acquisitions()[name]
    assert isinstance(policy, Acquisition)
    given = view(40, seed, mode)
    score = policy.score(given)
    assert score.shape == (40,)
    assert np.all(np.isfinite(score))
    assert np.array_equal(score, policy.score(given))
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_allclose(policy.score(permuted(given, order)), score[order], atol=1e-12)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("seed", [0, 1])
def test_swapping_sides_changes_nothing(name, seed):
    policy, given = registry.acquisitions()[name], view(40, seed, "looking")
    np.testing.assert_allclose(policy.score(turned(given)), policy.score(given), atol=1e-9)


@pytest.mark.parametrize("name", POLICIES)
def test_scores_on_no_data_are_legal(name):
    policy = registry.acquisitions()[name]
    fresh = CandidateView(np.arange(3), np.zeros(3, dtype=np.int64), np.full(3, 1))
    assert draw.probabilities(policy.score(fresh), policy.temperature) == pytest.approx(np.full(3, 1 / 3))


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    ("mode", "explore"), [("bare", 0.0), ("bare", 0.25), ("bare", 1.0), ("looking", 0.25), ("stored", 0.25)]
)
def test_draws_come_as_often_as_they_say(name, mode, explore):
    policy, given, rng = registry.acquisitions()[name], view(12, 3, mode), Random(5)
    seen = np.zeros(12)
    said = np.full(12, np.nan)
    draws = 1500
    for _ in range(draws):
        one = draw.choose(policy, given, eligible=12, explore=explore, rng=rng)
        seen[one.index] += 1
        said[one.index] = one.probability
    drawn = seen > 0
    error = np.sqrt(said[drawn] * (1 - said[drawn]) / draws)
    assert np.all(np.abs(seen[drawn] / draws - said[drawn]) < 5 * error + 1e-9)


LEARNED = [name for name in POLICIES if isinstance(registry.acquisitions()[name], Learns)]


@pytest.mark.parametrize("name", LEARNED)
def test_without_a_model_it_draws_evenly_and_says_so_with_one_it_says_nothing(name):
    policy = registry.acquisitions()[name]
    one = draw.choose(policy, view(6), eligible=6, explore=0.0, rng=Random(1))
    assert one.note == f"{name} has no model yet; drew evenly"
    for mode in ("looking", "stored"):
        assert draw.choose(policy, view(6, 1, mode), eligible=6, explore=0.0, rng=Random(1)).note is None


@pytest.mark.parametrize("name", LEARNED)
def test_what_was_asked_since_is_worth_less_and_what_is_new_the_best(name):
    policy = registry.acquisitions()[name]
    kept = Stored(np.array([0.0, 0.0, -1.0, np.nan]), np.array([0.5, 0.5, 0.5, 0.0]), np.array([0, 2, 0, 0]))
    score = policy.score(replace(view(4), stored=kept))
    assert score[0] - score[1] == pytest.approx(np.log(2))
    assert score[3] == score[0] == 0


@pytest.mark.parametrize("name", [n for n in LEARNED if registry.acquisitions()[n].model == "preference"])
def test_more_unknown_is_worth_more_and_a_coin_is_worth_little(name):
    """Uncertain because nothing is known, not uncertain because chance decides."""
    policy = registry.acquisitions()[name]
    for groups in (True, False):
        seen = Expected(
            mean=np.zeros(2), variance=np.array([2.0, 0.01]), people=np.full(2, 0.01), overall_mean=np.zeros(2),
            overall_variance=np.array([2.0, 0.01]), shared=np.array([2.0, 0.01]), reach=np.array([1.0, 0.01]), apart=np.full(2, 0.1),
            groups_known=groups, votes=3000,
        )  # fmt: skip
        score = policy.score(replace(view(2), expected=seen))
        assert score[0] == 0
        assert score[1] < -2


def test_scores_for_a_reward_model_count_the_more_the_more_votes_carry_them():
    """Even before the first vote, half as far as they will by some hundreds, nearly all the way by tens of thousands."""
    policy, seen = registry.acquisitions()["reward_model"], expected(50, np.random.default_rng(7))
    none, some, many = (
        policy.score(replace(view(50), expected=replace(seen, votes=n))) for n in (0, STEADY, 100 * STEADY)
    )
    assert (none == 0).all()
    np.testing.assert_allclose(some, many / 2, rtol=0.02)
    assert np.ptp(many) > 1


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
