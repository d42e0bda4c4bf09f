"""The same state gives the same bytes, also later; another state gives others; who withdraws is gone. On both databases."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.db.session import Database
from app.exports import options, splits, writes
from app.exports.build import build
from app.exports.tables import Export
from app.people import writes as people
from app.people.tables import Annotator
from app.studies.tables import Study, StudyVersion
from tests.exports import builder, reading

EVERYTHING = {"format": "all", "rule": "majority,soft,one_coin"}


@pytest.fixture
def made(database: Database) -> tuple[Database, builder.Builder]:
    with database.write() as session:
        small = builder.small(session)
        for n in range(8):
            small.person(f"n{n}", attributes={"region": "north" if n else "south"})
            small.vote(f"n{n}", "i0", "a")
    return database, small


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_asked_twice_the_same_bytes(made: tuple[Database, builder.Builder], tmp_path: Path, file_type: str):
    database, small = made
    now = small.tick()
    for name, later in (("one", 0), ("two", 90)):
        reading.make(database, small.study.id, tmp_path / name, now=now + timedelta(minutes=later),
                     file_type=file_type, **EVERYTHING)  # fmt: skip
    one, two = reading.hashed(tmp_path / "one"), reading.hashed(tmp_path / "two")
    assert one.keys() == two.keys()
    assert len(one) > 20
    for path, data in one.items():
        assert data == two[path], path
    beside = [json.loads((tmp_path / n / "export.json").read_text()) for n in ("one", "two")]
    assert [b["number"] for b in beside] == [1, 2]
    assert beside[0]["fingerprint"] == beside[1]["fingerprint"]
    assert beside[1]["previous"]["fingerprint"] == beside[0]["fingerprint"]


def test_remade_after_more_has_happened_the_same_bytes(
    made: tuple[Database, builder.Builder], tmp_path: Path
):
    """Votes, corrections, exclusions, attributes, items, retests and a new protocol version that came later do not count."""
    database, small = made
    export_id = reading.ask(database, small.study.id, now=small.tick(), file_type="jsonl", **EVERYTHING)
    build(database, export_id, tmp_path / "x", now=small.now)
    before = reading.hashed(tmp_path / "x")

    with database.write() as session:
        small.session, small.study = session, session.get_one(Study, small.study.id)
        small.people = {n: session.get_one(Annotator, p.id) for n, p in small.people.items()}
        small.vote("q", "i1", "a", retest_of="x", counts=False)
        earlier = small.vote("new", "i0", "b")
        small.vote("new", "i0", "a", revises=earlier)
        small.item("late", "What about i0? One.", "Two.", prompt="What about i0")
        small.vote("new", "late", "a")
        people.leave_out(session, small.people["p"], reason="x", by=None, now=small.tick())
        people.set_attributes(
            session, small.people["n1"], {"region": "east"}, group_key=None, now=small.tick()
        )
        spec = session.get_one(StudyVersion, (small.study.id, 1)).spec
        session.add(StudyVersion(study_id=small.study.id, number=2, created_at=small.tick(),
                                 spec={**spec, "guidelines": "Something else"}))  # fmt: skip
        small.study.version = 2
    with database.read() as session:
        study = session.get_one(Study, small.study.id)
    splits.ensure(database, study, scheme="90/5/5", shares=(90, 5, 5), as_of=small.now, now=small.now)

    build(database, export_id, tmp_path / "y", now=small.tick())
    after = reading.hashed(tmp_path / "y")
    assert before.keys() == after.keys()
    for path, data in before.items():
        assert data == after[path], path
    reading.make(database, small.study.id, tmp_path / "z", now=small.tick(), **EVERYTHING)
    assert "Something else" in (tmp_path / "z" / "README.md").read_text(encoding="utf-8")


def test_a_correction_after_the_moment_leaves_the_earlier_answer_standing(
    made: tuple[Database, builder.Builder], tmp_path: Path
):
    database, small = made
    with database.write() as session:
        small.session, small.study = session, session.get_one(Study, small.study.id)
        small.item("fresh")
        vote = small.vote("only", "fresh", "a")
        asked = options.read(file_type="jsonl")
        export_id = writes.request_export(session, small.study, asked, by=None, now=small.now).id
        small.vote("only", "fresh", "b", revises=vote)
    build(database, export_id, tmp_path / "x", now=small.tick())
    chosen = {r["item_id"]: r["chosen_response_id"] for r in reading.rows(tmp_path / "x", "preference")}
    assert chosen["fresh"] == "a"


def test_a_new_vote_changes_the_bytes_and_the_ids_of_people(
    made: tuple[Database, builder.Builder], tmp_path: Path
):
    database, small = made
    reading.make(database, small.study.id, tmp_path / "one", now=small.tick(), **EVERYTHING)
    with database.write() as session:
        small.session, small.study = session, session.get_one(Study, small.study.id)
        small.vote("another", "i2", "b")
    reading.make(database, small.study.id, tmp_path / "two", now=small.tick(), **EVERYTHING)
    assert (tmp_path / "one" / "SHA256SUMS").read_bytes() != (tmp_path / "two" / "SHA256SUMS").read_bytes()
    for config, column in (
        ("annotators", "annotator_id"),
        ("judgments", "judgment_id"),
        ("judgments", "annotator_id"),
        ("assignments", "assignment_id"),
    ):
        one, two = ({r[column] for r in reading.rows(tmp_path / n, config)} for n in ("one", "two"))
        assert not one & two
    pairs = [{r["pair_id"] for r in reading.rows(tmp_path / n, "comparisons")} for n in ("one", "two")]
    assert pairs[0] == pairs[1]


def test_a_withdrawn_person_is_gone_from_every_file(made: tuple[Database, builder.Builder], tmp_path: Path):
    """Also from a remade older export; the old one is marked, one from before they came is not."""
    database, small = made
    early = reading.make(database, small.study.id, tmp_path / "early", now=builder.START, format="items")
    with database.write() as session:
        small.session, small.study = session, session.get_one(Study, small.study.id)
        small.item("lonely")
        small.vote("gone", "lonely", "b", rationale="Something only I would say.", strength=2, is_gold=True)
    old = reading.make(
        database, small.study.id, tmp_path / "old", now=small.tick(), include_text=True, **EVERYTHING
    )
    whole = b"".join(reading.hashed(tmp_path / "old").values())
    assert b"Something only I would say." in whole
    with database.read() as session:
        before = session.get_one(Annotator, small.people["gone"].id)
    with database.write() as session:
        person = session.get_one(Annotator, small.people["gone"].id)
        people.withdraw(session, person, now=small.tick())
        assert writes.mark_withdrawn(session, person) == 1
    with database.read() as session:
        assert session.get_one(Export, old.id).holds_withdrawn is True
        assert session.get_one(Export, early.id).holds_withdrawn is False

    new = reading.make(
        database, small.study.id, tmp_path / "new", now=small.tick(), include_text=True, **EVERYTHING
    )
    build(database, old.id, tmp_path / "remade", now=small.tick())
    for name in ("new", "remade"):
        folder = tmp_path / name
        assert (
            len(reading.rows(folder, "annotators")) == len(reading.rows(tmp_path / "old", "annotators")) - 1
        )
        assert "lonely" not in {r["item_id"] for r in reading.rows(folder, "judgments")}
        assert "lonely" not in {r["item_id"] for r in reading.rows(folder, "preference")}
        assert "lonely" not in {r["item_id"] for r in reading.rows(folder, "assignments")}
        told = b"".join(reading.hashed(folder).values())
        assert b"Something only I would say." not in told
        steps = {
            s["reason"]: s["count"] for s in reading.manifest(folder)["subtraction"]["judgments"]["steps"]
        }
        assert steps["withdrawn"] == 1
    assert new.holds_withdrawn is False
    with database.read() as session:
        assert session.get_one(Export, old.id).holds_withdrawn is False
    assert before.pseudonym.encode() not in whole


def test_who_withdraws_while_an_export_is_written_is_noticed(
    made: tuple[Database, builder.Builder], tmp_path: Path
):
    database, small = made

    def meanwhile(share: float) -> None:
        if 0 < share < 0.2:
            with database.write() as session:
                people.withdraw(session, session.get_one(Annotator, small.people["p"].id), now=now)

    now = small.tick()
    export_id = reading.ask(database, small.study.id, now=now, file_type="jsonl", format="all")
    export = build(database, export_id, tmp_path / "x", now=now, progress=meanwhile)
    assert export.state == "done"
    assert export.holds_withdrawn is True


def test_one_moment_for_all_files(made: tuple[Database, builder.Builder], tmp_path: Path):
    """A vote that is stored while files are being written is in none of them, even if it bears an earlier time."""
    database, small = made
    now: datetime = small.tick()

    def meanwhile(share: float) -> None:
        if 0 < share < 0.2:
            with database.write() as session:
                small.session, small.study = session, session.get_one(Study, small.study.id)
                small.now = now - timedelta(hours=1)
                small.vote(f"hasty-{share}", "i3", "a")

    export_id = reading.ask(database, small.study.id, now=now, file_type="jsonl", format="all")
    build(database, export_id, tmp_path / "x", now=now, progress=meanwhile)
    told = reading.manifest(tmp_path / "x")["subtraction"]["judgments"]
    assert len(reading.rows(tmp_path / "x", "judgments")) == told["collected"]
    assert sum(r["n_judgments"] for r in reading.rows(tmp_path / "x", "annotators")) == told["collected"]
    assert len(reading.rows(tmp_path / "x", "assignments")) == told["collected"] - 2
