"""The card's figures against independent ones: the krippendorff package and real judgments."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import krippendorff
import numpy as np
import pytest

from app.db.session import Database
from app.exports.figures import nominal_alpha
from tests.exports import builder, reading


def test_alpha_is_the_package_s():
    rng = np.random.default_rng(1)
    for _ in range(30):
        table = rng.integers(0, 4, (40, 3))
        assert nominal_alpha(table) == pytest.approx(
            krippendorff.alpha(value_counts=table, level_of_measurement="nominal"), abs=1e-9
        )


def test_alpha_is_not_known_without_two_answers_that_could_differ():
    assert nominal_alpha(np.zeros((0, 3), np.int64)) is None
    assert nominal_alpha(np.array([[1, 0, 0], [0, 1, 0]])) is None
    assert nominal_alpha(np.array([[3, 0, 0], [2, 0, 0]])) is None


@pytest.mark.parametrize("name", ["pandalm", "ukpconvarg_a", "lf_quality"])
def test_alpha_of_real_judgments(shared_data: Path, name: str):
    """First judgment of a person on a pair; the value that the reference gives for the same reading."""
    units: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    seen = set()
    with (shared_data / name / "judgments.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            low, high = sorted((row["left"], row["right"]))
            unit = (row["item_id"], low, high)
            if (row["annotator_id"], unit) in seen or row["choice"] not in {"left", "right", "tie"}:
                continue
            seen.add((row["annotator_id"], unit))
            chosen = row[row["choice"]] if row["choice"] != "tie" else None
            units[unit][1 if chosen is None else 0 if chosen == low else 2] += 1
    reference = json.loads((shared_data / name / "reference.json").read_text())
    told = reference.get("krippendorff_by_canonical_unit") or reference["krippendorff"]
    table = np.array(list(units.values()))
    assert table[table.sum(axis=1) >= 2].sum() == told["ratings_in_them"]
    assert nominal_alpha(table) == pytest.approx(told["alpha"], abs=1e-9)


def test_alpha_does_not_hang_on_the_order_of_the_item_s_list(sqlite_database: Database, tmp_path: Path):
    """ "First" is first as text: turning some items' lists round changes nothing."""
    alphas = []
    for slug, ids in (("one", ("a", "b")), ("other", ("b", "a"))):
        with sqlite_database.write() as session:
            made = builder.study(session, slug)
            for n in range(9):
                order = ids if n % 2 else ("a", "b")
                made.item(f"i{n}", ids=order)
                for who in range(4):
                    choice = "a" if (n * who) % 3 else "b" if who % 2 else "tie"
                    made.vote(f"p{who}", f"i{n}", choice, pair=order)
        reading.make(sqlite_database, made.study.id, tmp_path / slug, now=made.tick())
        alphas.append(reading.manifest(tmp_path / slug)["figures"]["krippendorff_alpha"])
    assert alphas[0] is not None
    assert alphas[0] == alphas[1]


def test_habits_and_lengths_are_counted(sqlite_database: Database, tmp_path: Path):
    with sqlite_database.write() as session:
        made = builder.study(session)
        made.item("i0", "Short.", "A good deal longer.", prompt="Why?")
        made.item("i1", "Short.", "A good deal longer.", prompt="How?")
        made.item("i2", "x" * 5000, "Brief.", prompt="Where?")
        first = made.vote("p", "i0", "b", swapped=False)
        made.vote("p", "i0", "b", retest_of=first.id, swapped=True, counts=False)
        again = made.vote("p", "i1", "a", swapped=False)
        made.vote("p", "i1", "b", retest_of=again.id, swapped=True, counts=False)
        made.vote("p", "i2", "a", swapped=False)
    reading.make(sqlite_database, made.study.id, tmp_path / "x", now=made.tick())
    figures = reading.manifest(tmp_path / "x")["figures"]
    assert figures["retests"] == {"n": 2, "same_choice": 0.5}
    assert figures["left_share"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["lengths"]["longer_chosen"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["lengths"]["characters"] == {"p5": 23, "median": 23, "p95": 4507, "most": 5006}
    assert figures["lengths"]["over_1024_tokens"] == 1


def test_unknown_figures_are_null(sqlite_database: Database, tmp_path: Path):
    with sqlite_database.write() as session:
        made = builder.study(session)
        made.item("i0")
    reading.make(sqlite_database, made.study.id, tmp_path / "x", now=made.tick())
    figures = reading.manifest(tmp_path / "x")["figures"]
    assert figures["krippendorff_alpha"] is figures["left_share"] is figures["votes_per_pair"] is None
    assert figures["retests"]["same_choice"] is figures["lengths"]["longer_chosen"] is None


def test_a_simulated_study_says_so(sqlite_database: Database, tmp_path: Path):
    with sqlite_database.write() as session:
        made = builder.small(session, simulated=True)
    reading.make(sqlite_database, made.study.id, tmp_path / "x", now=made.tick())
    card = (tmp_path / "x" / "README.md").read_text(encoding="utf-8")
    assert "**These judgments come from simulated people.**" in card
    assert "- simulated\n" in card
    assert reading.manifest(tmp_path / "x")["study"]["simulated"] is True
