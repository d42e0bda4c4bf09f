"""Agreement against the krippendorff package and published figures."""

from __future__ import annotations

import csv
import json
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.agreement import alpha_interval, krippendorff_nominal, share


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


def test_alphas_interval_is_that_of_resampling():
    """The linearised interval beside 1,000 resamples of units."""
    rng = np.random.default_rng(5)
    truth = rng.beta(0.8, 0.8, 200)
    said = (rng.random((200, 5)) < truth[:, None]).astype(np.int64)
    unit = np.repeat(np.arange(200), 5)
    low, high = alpha_interval(unit, said.ravel())
    drawn = [krippendorff_nominal(unit, said[rng.integers(0, 200, 200)].ravel()).alpha for _ in range(1000)]
    assert np.quantile(drawn, (0.025, 0.975)) == pytest.approx((low, high), abs=0.015)
    clustered = alpha_interval(unit, said.ravel(), cluster=unit // 4)
    assert clustered is not None
    assert alpha_interval(unit[:25], said.ravel()[:25]) is None
