"""What two exports differ in, and the lines of the README that readers copy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.db.session import Database
from app.exports.changes import NotAnExport, between
from app.exports.soft_labels import TRAINER
from app.exports.ways import ways
from app.studies.tables import Study
from tests.exports import builder, reading

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_pairs_that_came_went_flipped_and_moved(sqlite_database: Database, tmp_path: Path, file_type: str):
    with sqlite_database.write() as session:
        made = builder.study(session)
        for n in range(4):
            made.item(f"i{n}")
        for who in "pqr":
            made.vote(who, "i0", "a")
            made.vote(who, "i1", "a" if who < "r" else "b")
        made.vote("p", "i2", "a")
    reading.make(sqlite_database, made.study.id, tmp_path / "one", now=made.tick(), file_type=file_type)
    with sqlite_database.write() as session:
        made.session, made.study = session, session.get_one(Study, made.study.id)
        for who in "stu":
            made.vote(who, "i1", "b")
        made.vote("s", "i0", "b")
        made.vote("q", "i2", "b")
        made.vote("q", "i3", "b")
    reading.make(
        sqlite_database,
        made.study.id,
        tmp_path / "two",
        now=made.tick(),
        file_type=file_type,
        rule="majority,soft",
    )
    told = between(tmp_path / "one", tmp_path / "two")
    assert told.labels == {"came": 1, "went": 1, "flipped": 1, "moved": 1, "kept": 2}
    assert {p.what: (p.before, p.after) for p in told.pairs} == {
        "flipped": (pytest.approx(2 / 3), pytest.approx(1 / 3)),
        "moved": (1.0, 0.75),
        "came": (None, None),
        "went": (None, None),
    }
    assert told.settings == (("rules", ["majority"], ["majority", "soft"]),)
    counts = {c.name: (c.before, c.after) for c in told.counts}
    assert counts["judgments collected"] == (7, 13)
    assert not told.same
    assert between(tmp_path / "one", tmp_path / "one").same


def test_a_folder_that_holds_no_export_is_refused(tmp_path: Path):
    with pytest.raises(NotAnExport, match="holds no export"):
        between(tmp_path, tmp_path)


def test_ways_are_told_apart_by_what_they_do(sqlite_database: Database):
    """Votes of two groups that differ: each rule is behind exactly one way, and small groups are not named."""
    regions = {"profile": [{"key": "region", "label": "Where?"}], "groups": {"key": "region", "weights": {}}}
    with sqlite_database.write() as session:
        made = builder.study(session, people=regions)
        made.item("i0", "Short.", "A longer answer.")
        made.item("i1", "Short.", "A longer answer.")
        for n in range(15):
            made.person(f"p{n}", attributes={"region": "north" if n < 12 else "south"})
            made.vote(f"p{n}", "i0", "a" if n < 8 else "b")
            made.vote(f"p{n}", "i1", "b")
    with sqlite_database.read() as session:
        found = ways(session, session.get_one(Study, made.study.id), now=made.tick())
    assert (found.judged, found.differing, found.sampled) == (2, 1, None)
    assert found.refused == (("endorsed", "nobody has said how their choices should be read"),)
    rules = [r for way in found.ways for r in way.rules]
    assert len(rules) == len(set(rules)) == 10
    assert found.ways[0].rules[0] == "majority"
    assert found.ways[0].longer == 0.5
    assert found.ways[0].followed == pytest.approx(23 / 30, abs=1e-4)
    assert [name for name, _ in found.ways[0].groups] == ["north"]
    (pair,) = found.pairs
    assert (pair.item_id, pair.votes) == ("i0", (8, 7, 0))
    balanced = next(i for i, way in enumerate(found.ways) if "group_balanced" in way.rules)
    assert (pair.sides[0], pair.sides[balanced]) == (1, -1)


def test_of_many_votes_the_ways_are_those_of_a_sample_of_items(sqlite_database: Database):
    """As many whole items as have about so many votes, the same ones each time."""
    with sqlite_database.write() as session:
        made = builder.study(session)
        for n in range(12):
            made.item(f"i{n}", f"One {n}.", f"Two {n}, longer.")
            for u in range(5):
                made.vote(f"p{u}", f"i{n}", "a" if u < n % 6 else "b")
        now = made.tick()
    with sqlite_database.read() as session:
        study = session.get_one(Study, made.study.id)
        whole, some, again = (ways(session, study, now=now, most=n) for n in (60, 23, 23))
    assert (whole.judged, whole.sampled) == (12, None)
    assert (some.judged, some.sampled) == (4, (4, 12))
    assert all(sum(pair.votes) == 5 for pair in some.pairs)
    assert some == again


def test_the_readme_s_trainer_is_the_one_that_is_tested():
    """``tests/trainers`` runs this text; the README and each card print it."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert TRAINER.format(probability="p_chosen").strip() in [b.strip() for b in blocks]
    assert any("exports/latest/files/preference/train.jsonl" in b for b in blocks)


def test_a_study_whose_groups_nobody_told_yet_still_shows_its_ways(sqlite_database: Database):
    with sqlite_database.write() as session:
        made = builder.study(session, people={"groups": {"key": "region"}})
        made.item("i0")
        made.vote("p", "i0", "a")
        found = ways(session, made.study, now=made.tick())
    assert found.judged == 1 and found.ways
    why = dict(found.refused)
    assert "nobody has told one" in why["group_balanced"] and "group_informed_consensus" in why
