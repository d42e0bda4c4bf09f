"""Rows that nobody chose: only where a person let the study's picture answer, weighed by how right it is, and never among the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.db.session import Database
from app.metapreferences.tables import PatchEvent
from tests.exports import builder, reading

NAME = "preference_delegated"


@pytest.fixture
def made(sqlite_database: Database):
    """Twelve people who agree on six pairs of two topics; four of them are asked again, three say the same. One has seen two pairs."""
    with sqlite_database.write() as session:
        made = builder.study(session)
        for n in range(6):
            made.item(f"i{n}", f"One {n}.", f"Two {n}.", topic="money" if n % 2 else "work")
        for u in range(12):
            for n in range(6):
                first = made.vote(f"p{u:02}", f"i{n}", "a")
                if n == 0 and u < 4:
                    made.vote(f"p{u:02}", "i0", "a" if u else "b", retest_of=first.id, counts=False)
        for n in range(2):
            made.vote("new", f"i{n}", "a")
        return sqlite_database, made


def written(made, tmp_path: Path, name: str = "x", **options):
    database, study = made
    reading.make(
        database, study.study.id, tmp_path / name, now=study.tick(), format=f"{NAME},preference", **options
    )
    return reading.rows(tmp_path / name, NAME)


def let(made, value, **more):
    database, study = made
    with database.write() as session:
        study.session = session
        return builder.delegate(study, "new", value, **more).id


@pytest.mark.parametrize("value", [None, {"choice": "no", "text": ""}])
def test_nobody_speaks_for_whoever_did_not_say_so(made, tmp_path, value):
    if value:
        let(made, value)
    assert written(made, tmp_path) == []


def test_only_pairs_they_have_not_answered_marked_and_weighed(made, tmp_path):
    let(made, {"choice": "yes", "text": ""})
    rows = written(made, tmp_path)
    assert {r["item_id"] for r in rows} == {"i2", "i3", "i4", "i5"} and len(rows) == 4
    assert {r["source"] for r in rows} == {"surrogate_delegated"}
    assert len({r["annotator_id"] for r in rows}) == 1
    for row in rows:
        assert row["chosen"][-1]["content"].startswith("One") and row["p_chosen"] > 0.8
        assert row["weight"] == pytest.approx(2 * 0.75 - 1)
        assert (row["repeats"], row["repeats_guessed"]) == (0, 0)
    assert "weight" not in reading.rows(tmp_path / "x", "preference")[0] or all(
        r["n_judgments"] >= 12 for r in reading.rows(tmp_path / "x", "preference")
    )


def test_some_topics_a_sample_and_stopping(made, tmp_path):
    let(made, {"choice": "topics", "text": "Only about money, please."})
    assert {r["item_id"] for r in written(made, tmp_path)} == {"i3", "i5"}
    let(made, {"choice": "sample", "text": ""})
    rows = written(made, tmp_path, "y")
    assert len(rows) == 4 and rows[0]["weight"] == pytest.approx(0.25)
    let(made, "off", var="guessing")
    assert written(made, tmp_path, "z") == []


def test_taken_back_it_is_in_no_later_export_and_the_earlier_moment_stays(made, tmp_path):
    database, study = made
    patch = let(made, {"choice": "yes", "text": ""})
    then = study.tick()
    assert len(written(made, tmp_path)) == 4
    with database.write() as session:
        session.add(
            PatchEvent(study_id=study.study.id, patch_id=patch, kind="M9", act="revoked", at=study.tick())
        )
    assert written(made, tmp_path, "y") == []
    reading.make(database, study.study.id, tmp_path / "z", now=then, format=NAME)
    assert len(reading.rows(tmp_path / "z", NAME)) == 4


def test_without_repeats_nobody_knows_how_right_a_picture_is(sqlite_database: Database, tmp_path: Path):
    with sqlite_database.write() as session:
        made = builder.study(session)
        for n in range(3):
            made.item(f"i{n}", f"One {n}.", f"Two {n}.")
            for u in range(6):
                made.vote(f"p{u}", f"i{n}", "a")
        made.person("new")
        made.vote("new", "i0", "a")
        builder.delegate(made, "new", {"choice": "yes", "text": ""})
    assert written((sqlite_database, made), tmp_path) == []
