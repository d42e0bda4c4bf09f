"""An export is there whole or not at all; numbers, states, archives, and what happens when it cannot be made."""

from __future__ import annotations

import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from app.aggregation.protocol import EmptyGroup, NoGroups
from app.db.session import Database
from app.exports import options, reads, writing
from app.exports.archive import archive
from app.exports.build import build
from app.exports.errors import FolderInUse
from app.exports.preview import preview
from app.exports.tables import Export
from app.kit.errors import NotFound
from app.studies.tables import Study
from tests.exports import builder, reading

Made = tuple[Database, int, datetime]


def test_numbers_go_up_also_when_asked_at_once(database: Database, tmp_path: Path):
    with database.write() as session:
        made = builder.small(session)
    study_id, now = made.study.id, made.tick()
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: reading.ask(database, study_id, now=now), range(16)))
    with database.read() as session:
        listed = reads.list_exports(session, study_id)
        assert [e.number for e in listed] == list(range(16, 0, -1))
        assert {e.id for e in listed} == set(ids)
        assert {e.state for e in listed} == {"queued"}
        assert reads.get_numbered(session, study_id, 3).number == 3
        with pytest.raises(NotFound):
            reads.get_numbered(session, study_id, 17)
        with pytest.raises(NotFound):
            reads.get_export(session, "nothing")


def test_built_again_it_takes_the_same_place_with_the_same_bytes(made_small: Made, tmp_path: Path):
    database, study_id, now = made_small
    export_id = reading.ask(database, study_id, now=now, format="all", file_type="jsonl")
    build(database, export_id, tmp_path / "x", now=now)
    first = reading.hashed(tmp_path / "x")
    (tmp_path / "x" / "stray.txt").write_text("left by somebody")
    build(database, export_id, tmp_path / "x", now=now)
    assert reading.hashed(tmp_path / "x") == first
    assert [p.name for p in tmp_path.iterdir() if p.name != "alone.sqlite3"][:1] == ["x"]
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_folder_with_other_things_is_left_alone(made_small: Made, tmp_path: Path):
    database, study_id, now = made_small
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderInUse, match="name another folder"):
        reading.make(database, study_id, tmp_path / "mine", now=now)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    assert reading.make(database, study_id, tmp_path / "empty", now=now).state == "done"


def test_a_build_that_breaks_leaves_what_was_there(
    made_small: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The disk is full at the second flush: the old directory stays, the row says failed, a later build mends it."""
    database, study_id, now = made_small
    export_id = reading.ask(database, study_id, now=now, format="all", file_type="jsonl")
    build(database, export_id, tmp_path / "x", now=now)
    before = reading.hashed(tmp_path / "x")

    def full(self: object, rows: list[object]) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(writing.JsonlWriter, "write", full)
        with pytest.raises(OSError, match="No space"):
            build(database, export_id, tmp_path / "x", now=now)
    with database.read() as session:
        found = reads.get_export(session, export_id)
        assert (found.state, found.error) == ("failed", "The export could not be written; try again.")
    assert reading.hashed(tmp_path / "x") == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    mended = build(database, export_id, tmp_path / "x", now=now)
    assert (mended.state, mended.error) == ("done", None)


def test_a_rule_that_needs_groups_says_what_is_missing(sqlite_database: Database, tmp_path: Path):
    groups = {
        "profile": [{"key": "region", "label": "Where?"}],
        "groups": {"key": "region", "weights": {"n": 1, "s": 1}},
    }
    with sqlite_database.write() as session:
        plain = builder.small(session)
        grouped = builder.study(session, "grouped", people=groups)
        grouped.item("i0")
        grouped.person("p", attributes={"region": "n"})
        grouped.vote("p", "i0", "a")
    asked = options.read(rule="group_balanced", file_type="jsonl")
    for made, error, words in (
        (plain, NoGroups, "this study has none"),
        (grouped, EmptyGroup, "'s' should count for 50%"),
    ):
        now = grouped.tick()
        with sqlite_database.read() as session, pytest.raises(error, match=words):
            preview(session, session.get_one(Study, made.study.id), asked, now=now)
        with pytest.raises(error, match=words):
            reading.make(
                sqlite_database, made.study.id, tmp_path / made.study.slug, now=now, rule="group_balanced"
            )
        with sqlite_database.read() as session:
            found = reads.list_exports(session, made.study.id)[0]
            assert found.state == "failed"
            assert words in (found.error or "")


def test_progress_goes_from_nothing_to_nearly_all(made_small: Made, tmp_path: Path):
    database, study_id, now = made_small
    told: list[float] = []
    export_id = reading.ask(database, study_id, now=now, format="all", file_type="jsonl")
    build(database, export_id, tmp_path / "x", now=now, progress=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < 0.2
    assert 0.9 < told[-1] <= 1


def test_the_archive_is_the_directory_and_the_same_bytes_each_time(made_small: Made, tmp_path: Path):
    database, study_id, now = made_small
    reading.make(
        database, study_id, tmp_path / "x", now=now, format="preference,judgments", file_type="parquet"
    )
    one = b"".join(archive(tmp_path / "x", "advice-1"))
    for path in (tmp_path / "x").rglob("*"):
        path.touch()
    assert b"".join(archive(tmp_path / "x", "advice-1")) == one
    with zipfile.ZipFile(io.BytesIO(one)) as read:
        assert read.testzip() is None
        found = {n: read.read(n) for n in read.namelist()}
    there = {f"advice-1/{p.relative_to(tmp_path / 'x').as_posix()}": p.read_bytes()
             for p in (tmp_path / "x").rglob("*") if p.is_file()}  # fmt: skip
    assert found == there
    assert list(found) == sorted(found)


def test_the_archive_is_streamed(tmp_path: Path):
    """Pieces come while files are read, none larger than a few blocks."""
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "large.parquet").write_bytes(bytes(9_000_000))
    pieces = [len(p) for p in archive(tmp_path / "x", "n")]
    assert len(pieces) > 8
    assert max(pieces) < 3_000_000


def test_the_row_tells_what_the_api_promises(made_small: Made, tmp_path: Path):
    database, study_id, now = made_small
    made = reading.make(
        database, study_id, tmp_path / "x", now=now, format="preference,judgments", split="80/10/10"
    )
    with database.read() as session:
        found = session.get_one(Export, made.id)
    assert (found.state, found.progress, found.finished_at) == ("done", 1.0, now)
    assert {"path", "bytes", "sha256", "rows"} == set((found.files or [])[0])
    for file in found.files or []:
        assert (tmp_path / "x" / file["path"]).stat().st_size == file["bytes"]
    counts = found.counts or {}
    assert sum(counts["rows"]["preference"].values()) == 6
    assert counts["rows"]["judgments"] == {"train": 38}
    assert counts["judgments"]["collected"] == 38
