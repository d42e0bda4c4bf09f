"""Agreement against the krippendorff package and published figures."""

from __future__ import annotations

import csv
import json
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.agreement import (
    agreement_intervals,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_nominal,
    krippendorff_ordinal,
    share,
)
from app.inference.agreement_bootstrap import _figures, bootstrap_intervals
from app.inference.errors import InvalidSetting
from tests.inference.real_votes import load


def by_package(unit, category, people):
    krippendorff = pytest.importorskip("krippendorff")
    table = np.full((people.max() + 1, unit.max() + 1), np.nan)
    table[people, unit] = category
    return krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")


@given(st.integers(2, 6), st.integers(3, 12), st.integers(0, 2**31))
def test_equals_the_package(raters, units, seed):
    rng = np.random.default_rng(seed)
    people, unit = np.nonzero(rng.random((raters, units)) < 0.8)
    category = rng.integers(0, 3, unit.size)
    ours = krippendorff_nominal(unit.astype(np.int64), category.astype(np.int64))
    if ours.alpha is None:
        return
    assert ours.alpha == pytest.approx(by_package(unit, category, people), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=2, max_size=60), st.randoms())
def test_names_and_order_do_not_matter(ratings, rnd):
    unit, category = (np.array(x, dtype=np.int64) for x in zip(*ratings, strict=True))
    shuffled = ratings[:]
    rnd.shuffle(shuffled)
    unit2, category2 = (np.array(x, dtype=np.int64) for x in zip(*shuffled, strict=True))
    one, other = krippendorff_nominal(unit, category), krippendorff_nominal(unit2 + 7, 2 - category2)
    assert (one.units, one.ratings) == (other.units, other.ratings)
    assert one.alpha == pytest.approx(other.alpha) if one.alpha is not None else other.alpha is None


def test_two_people_who_agree_on_nothing_do_not_look_unanimous():
    found = krippendorff_nominal(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 0, 0, 1]))
    assert found.pairwise == 0
    assert found.alpha < 0


@pytest.mark.parametrize("ratings", [([], []), ([1], [0]), ([0, 0], [2, 2])])
def test_what_cannot_be_known_is_none(ratings):
    unit, category = (np.array(x, dtype=np.int64) for x in ratings)
    assert krippendorff_nominal(unit, category).alpha is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("pandalm", "krippendorff_by_canonical_unit"),
        ("ukpconvarg_a", "krippendorff"),
        ("lf_quality", "krippendorff"),
    ],
)
def test_real_votes_give_the_reference_figures(shared_data, name, key):
    reference = json.loads((shared_data / name / "reference.json").read_text())
    first = {}
    units = defaultdict(lambda: len(units))
    with (shared_data / name / "judgments.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            if row["choice"] not in {"left", "right", "tie"}:
                continue
            a, b = sorted((row["left"], row["right"]))
            unit = units[row["item_id"], a, b]
            said = 2 if row["choice"] == "tie" else int((row["choice"] == "left") != (row["left"] == a))
            first.setdefault((row["annotator_id"], unit), said)
    found = krippendorff_nominal(
        np.array([u for _, u in first], dtype=np.int64), np.array(list(first.values()), dtype=np.int64)
    )
    assert found.alpha == pytest.approx(reference[key]["alpha"], abs=1e-9)
    assert found.units == reference[key]["units_with_2plus"]


def test_wilson_holds_at_the_ends():
    assert share(0, 10).interval[0] == pytest.approx(0, abs=1e-12)
    assert share(10, 10).interval[1] == pytest.approx(1, abs=1e-12)
    assert share(50, 100).interval == pytest.approx((0.4038, 0.5962), abs=1e-4)
    with pytest.raises(ValueError, match="not a share"):
        share(3, 2)


def crossed(seed, *, people=40, units=120, each=8, habit=0.8):
    """Ratings whose people have habits and whose units have truths: both matter to how sure alpha is."""
    rng = np.random.default_rng(seed)
    truth, own = rng.normal(0, 1.2, units), rng.normal(0, habit, people)
    unit = np.repeat(np.arange(units), each)
    who = np.concatenate([rng.choice(people, each, replace=False) for _ in range(units)])
    return unit, who, (rng.random(unit.size) < 1 / (1 + np.exp(-truth[unit] - own[who]))).astype(np.int64)


def resampled(rng, unit, said):
    """Alpha and the share of agreeing pairs with prompts of four units drawn anew."""
    prompts = int(unit.max()) // 4 + 1
    drawn = np.repeat(np.arange(prompts), rng.multinomial(prompts, np.full(prompts, 1 / prompts)))
    rows = [np.flatnonzero(unit // 4 == one) for one in drawn]
    fresh = np.concatenate([unit[r] + 1000 * n for n, r in enumerate(rows)])
    found = krippendorff_nominal(fresh, said[np.concatenate(rows)])
    return found.alpha, found.pairwise


def test_intervals_are_those_of_resampling():
    """The linearised intervals over prompts beside 1,000 draws of prompts."""
    rng = np.random.default_rng(5)
    unit, _, said = crossed(1)
    found = agreement_intervals(unit, said, cluster=unit // 4)
    assert found.people is False
    drawn = np.array([resampled(rng, unit, said) for _ in range(1000)])
    for told, values in ((found.alpha, drawn[:, 0]), (found.pairwise, drawn[:, 1])):
        low, high = np.quantile(values, (0.025, 0.975))
        assert 0.9 <= (told[1] - told[0]) / (high - low) <= 1.2
        assert low < sum(told) / 2 < high


def test_intervals_cover_where_people_have_habits():
    """.95 less three errors of 200 studies of 25 people; prompts alone would promise too much."""
    held = {"alpha": [], "alpha of prompts": [], "pairwise": [], "alpha, drawn": [], "pairwise, drawn": []}
    for seed in range(200):
        unit, who, said = crossed(seed, people=25, units=150, habit=1.0)
        both = agreement_intervals(unit, said, person=who)
        drawn = bootstrap_intervals(unit, said, person=who, draws=200, seed=seed)
        held["alpha, drawn"].append(drawn.alpha)
        held["pairwise, drawn"].append(drawn.pairwise)
        held["alpha"].append(both.alpha)
        held["pairwise"].append(both.pairwise)
        held["alpha of prompts"].append(agreement_intervals(unit, said).alpha)
    covered = {}
    for how, found in held.items():
        target = np.mean([np.mean(interval) for interval in held[how.split()[0].rstrip(",")]])
        covered[how] = np.mean([low <= target <= high for low, high in found])
    for how in ("alpha", "pairwise", "alpha, drawn", "pairwise, drawn"):
        assert 0.90 <= covered[how] <= 0.99, covered
    assert covered["alpha of prompts"] < covered["alpha"], covered


def test_draws_give_what_linearising_gives_where_much_is_known():
    """With many people and prompts the shape is near a normal's, so both say nearly the same; and a seed is all the chance there is."""
    unit, who, said = crossed(7, people=40, units=240, habit=0.6)
    exact = agreement_intervals(unit, said, person=who)
    drawn = bootstrap_intervals(unit, said, person=who, draws=2000, seed=1)
    assert drawn.people
    for one, other in ((drawn.alpha, exact.alpha), (drawn.pairwise, exact.pairwise)):
        width = other[1] - other[0]
        assert one == pytest.approx(other, abs=0.12 * width)
        assert one != other
    assert bootstrap_intervals(unit, said, person=who, seed=4) == bootstrap_intervals(
        unit, said, person=who, seed=4
    )


def test_draws_weigh_nothing_where_everybody_is_drawn_once():
    """The figures of a draw are alpha and the share of agreeing pairs themselves when every weight is one."""
    unit, _, said = crossed(3)
    kinds = int(said.max()) + 1
    counts = np.zeros((int(unit.max()) + 1, kinds, 1))
    np.add.at(counts, (unit, said, 0), 1.0)
    alpha, pairwise = _figures(counts, counts, np.ones((counts.shape[0], 1)))
    found = krippendorff_nominal(unit, said)
    assert (alpha[0], pairwise[0]) == pytest.approx((found.alpha, found.pairwise), abs=1e-12)


def test_draws_need_people_and_clusters():
    unit, who, said = crossed(2)
    few = who < 8
    assert bootstrap_intervals(unit[few], said[few], person=who[few], seed=1).people is False
    assert bootstrap_intervals(unit[:40], said[:40], seed=1).alpha is None
    assert bootstrap_intervals(np.arange(5), np.zeros(5, np.int64), seed=1).pairwise is None
    alone = bootstrap_intervals(unit, np.zeros_like(said), person=who, seed=1)
    assert alone.alpha is None
    with pytest.raises(InvalidSetting):
        bootstrap_intervals(unit, said, draws=10, seed=1)


def test_intervals_need_people_and_clusters():
    unit, who, said = crossed(2)
    few = who < 8
    assert agreement_intervals(unit[few], said[few], person=who[few]).people is False
    assert agreement_intervals(unit[:40], said[:40]).alpha is None
    assert agreement_intervals(np.arange(5), np.zeros(5, np.int64)).pairwise is None


@given(st.integers(2, 6), st.integers(3, 12), st.integers(0, 2**31))
def test_ordinal_alpha_equals_the_package(raters, units, seed):
    krippendorff = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(seed)
    people, unit = np.nonzero(rng.random((raters, units)) < 0.8)
    category = rng.integers(-3, 4, unit.size)
    ours = krippendorff_ordinal(unit, category)
    table = np.full((raters, units), np.nan)
    table[people, unit] = category
    if ours is None:
        return
    theirs = krippendorff.alpha(reliability_data=table, level_of_measurement="ordinal")
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_kappas_are_those_of_the_libraries():
    metrics, rates = (
        pytest.importorskip("sklearn.metrics"),
        pytest.importorskip("statsmodels.stats.inter_rater"),
    )
    rng = np.random.default_rng(3)
    for _ in range(20):
        one = rng.integers(0, 3, 40)
        two = np.where(rng.random(40) < 0.5, one, rng.integers(0, 3, 40))
        assert cohen_kappa(one, two) == pytest.approx(metrics.cohen_kappa_score(one, two), abs=1e-12)
        said = rng.integers(0, 3, (30, 5))
        table = np.stack([(said == c).sum(axis=1) for c in range(3)], axis=1)
        found = fleiss_kappa(np.repeat(np.arange(30), 5), said.ravel())
        assert found.kappa == pytest.approx(rates.fleiss_kappa(table), abs=1e-12)
        assert (found.raters, found.units) == (5, 30)
    assert cohen_kappa(np.zeros(3, int), np.zeros(3, int)) is None
    assert cohen_kappa(np.zeros(0, int), np.zeros(0, int)) is None
    assert fleiss_kappa(np.arange(3), np.zeros(3, int)).kappa is None


@pytest.mark.parametrize(("name", "key"), [("pandalm", "fleiss_by_canonical_unit"), ("ukpconvarg_a", "fleiss"), ("lf_quality", "fleiss")])  # fmt: skip
def test_real_votes_give_the_references_kappas(shared_data, name, key):
    real = load(shared_data, name)
    first = real.first_of_each()
    found = fleiss_kappa(real.unit[first], real.said[first])
    told = real.reference[key]
    assert (found.units, found.raters) == (told["units"], told["raters_per_unit"])
    assert found.kappa == pytest.approx(told["kappa"], abs=1e-9)
    if name == "pandalm":
        order = np.argsort(real.unit, kind="stable")
        by_person = [real.said[order][real.annotator[order] == p] for p in range(3)]
        for pair, value in real.reference["cohen_kappa"].items():
            one, two = (real.annotators.index(a) for a in pair.split("-"))
            assert cohen_kappa(by_person[one], by_person[two]) == pytest.approx(value, abs=1e-9)
