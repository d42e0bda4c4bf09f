"""The card's figures against independent ones."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import krippendorff
import numpy as np
import pytest

from app.db.session import Database
from tests.exports import builder, reading

Made = tuple[Database, int, datetime]


def test_alpha_is_the_package_s_of_the_exported_judgments(made_small: Made, tmp_path: Path):
    """Read back from the file of judgments: counted ones, "first" being first as text."""
    database, study_id, now = made_small
    reading.make(database, study_id, tmp_path / "x", now=now, format="judgments")
    units: dict[str, list[int]] = {}
    for row in reading.rows(tmp_path / "x", "judgments"):
        if not row["excluded"]:
            low = min(row["left_response_id"], row["right_response_id"])
            place = 1 if row["choice"] == 0 else 0 if row["chosen_response_id"] == low else 2
            units.setdefault(row["pair_id"], [0, 0, 0])[place] += 1
    told = reading.manifest(tmp_path / "x")["figures"]["krippendorff_alpha"]
    expected = krippendorff.alpha(value_counts=np.array(list(units.values())), level_of_measurement="nominal")
    assert told == pytest.approx(expected, abs=1e-6)


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
