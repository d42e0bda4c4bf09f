"""What every format promises, checked for each file in the seam the moment it exists."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import yaml

from app.db.session import Database
from app.exports import options, registry
from app.exports.errors import UnknownFormat
from app.exports.protocol import Format
from app.exports.snapshot import Snapshot
from app.exports.state import take
from app.exports.writing import BATCH, Files
from app.studies.tables import Study
from tests.exports import builder, reading

Made = tuple[Database, int, datetime]
HARD = 'مرحبا 你好 नमस्ते שלום 👩‍👩‍👧‍👦 é ﷽ \u2028 \\u0000 "quoted"\n\ttab'


@pytest.fixture(params=registry.formats().values(), ids=lambda f: f.name)
def one(request: pytest.FixtureRequest) -> Format:
    return request.param


def front_matter(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


REGIONS = {
    "people": {"profile": [{"key": "region", "label": "Where?"}], "groups": {"key": "region", "weights": {}}}
}


@pytest.fixture
def made_small(sqlite_database: Database) -> Made:
    """The small study, with a group that is large enough to be named."""
    with sqlite_database.write() as session:
        made = builder.small(session, **REGIONS)
        for n in range(8):
            made.person(f"n{n}", attributes={"region": "north"})
            for item in ("i0", "i1", "i5"):
                cast = made.vote(f"n{n}", item, "a" if n else "b")
            made.meta(cast, elapsed_ms=900)
            if n > 5:
                made.vote(f"n{n}", "i5", "a", retest_of=cast.id, counts=False)
        made.vote("handing over", "i1", "a")
        builder.delegate(made, "handing over", {"choice": "yes", "text": ""})
        return sqlite_database, made.study.id, made.tick()


def rich(made: builder.Builder) -> None:
    """Every optional field filled somewhere, so that every column a format may have is there."""
    made.item(
        "i0",
        "One.",
        "Two.",
        topic="home",
        details={"tags": ["x"], "source": "own", "n": [1, {"a": 2}]},
        gold="a",
    )
    made.item("i1", "Eins.", "Zwei.", "Drei.", given_split="test")
    for n in range(8):
        made.person(f"p{n}", attributes={"region": "north"})
    first = made.vote("p0", "i0", "a", strength=3, confidence=2, stance="for_me", view="my_view", predicted_share=0.5,
                      reason_tags=["Tone"], aspects={"care": "left"}, rationale="Mail me at a@b.org", is_gold=True)  # fmt: skip
    made.vote("p0", "i0", "b", retest_of=first.id, counts=False)
    made.vote("p1", "i0", "tie", tie_reason="same_content")
    made.vote("p2", "i0", "skip", skip_reason="dont_know")
    made.vote("p3", "i0", "neither", better="Say less.")
    row = made.pairs["i1", "a", "b"]
    marked = made.vote(
        "p4", "i1", "b", spans=[{"response_id": row.first_id, "start": 0, "end": 2, "tag": "good"}]
    )
    made.vote("p4", "i1", "a", revises=marked)
    cast = made.vote("p5", "i1", "c", pair=("a", "c"), asked=False, answered_at=None)
    made.meta(cast, answer={"ranking": ["b", "a"]}, answer_text="As I said to a@b.org", elapsed_ms=900)


def handed_over(made: builder.Builder) -> None:
    """Two people say the same when asked again, and somebody who has not answered that pair lets the study's picture do so."""
    for name in ("p2", "p3"):
        made.vote(name, "i1", "b")
    for name in ("p6", "p7"):
        before = made.vote(name, "i1", "b")
        made.vote(name, "i1", "b", retest_of=before.id, counts=False)
    builder.delegate(made, "p1", {"choice": "yes", "text": ""})


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_rows_are_what_schema_manifest_and_card_say(
    one: Format, sqlite_database: Database, tmp_path: Path, file_type: str
):
    with sqlite_database.write() as session:
        made = builder.study(session, **REGIONS)
        rich(made)
        handed_over(made)
    folder = tmp_path / "x"
    export = reading.make(
        sqlite_database, made.study.id, folder, now=made.tick(), format=one.name, rule="majority,soft",
        file_type=file_type, include_text=True,
    )  # fmt: skip

    rows = reading.rows(folder, one.name)
    assert rows
    with sqlite_database.read() as session:
        study = session.get_one(Study, made.study.id)
        asked = options.read(format=one.name, rule="majority,soft", file_type=file_type, include_text=True)
        columns = one.schema(take(session, study, asked, as_of=made.now).facts)
    schema = orjson.loads((folder / "schema" / f"{one.name}.json").read_bytes())
    assert list(schema["properties"]) == [c.name for c in columns] == list(rows[0])
    check = jsonschema_rs.validator_for(schema)
    for row in rows:
        check.validate(orjson.loads(orjson.dumps(row)))

    config = next(c for c in reading.manifest(folder)["configs"] if c["name"] == one.name)
    card = next(i for i in front_matter(folder)["dataset_info"] if i["config_name"] == one.name)
    assert [f["name"] for f in card["features"]] == list(rows[0])
    told = {s["name"]: s["num_examples"] for s in card["splits"]}
    listed = {f["path"]: f["rows"] for f in export.files or []}
    for split, n in told.items():
        written = len(reading.rows(folder, one.name, split))
        assert written == n == config["rows"][split] == listed[f"{one.name}/{split}.{file_type}"] > 0
    assert sum(told.values()) == len(rows)


def test_both_file_types_hold_the_same_rows(one: Format, made_small: Made, tmp_path: Path):
    database, study_id, now = made_small
    for file_type in ("jsonl", "parquet"):
        reading.make(database, study_id, tmp_path / file_type, now=now, format=one.name, file_type=file_type)
    lines, table = (reading.rows(tmp_path / t, one.name) for t in ("jsonl", "parquet"))
    hidden = {
        "annotator_id",
        "judgment_id",
        "assignment_id",
        "superseded_by",
        "repeat_of",
        "annotator_fold",
        "question_id",
        "judge",
        "meta_judgment_id",
    }
    times = {"shown_at", "submitted_at", "at"}

    def plain(row: dict[str, Any]) -> dict[str, Any]:
        kept = {k: v for k, v in row.items() if k not in hidden and k != "individual_preference"}
        return {k: v.replace("Z", "+00:00")[:16] if k in times and isinstance(v, str) else
                v.isoformat()[:16] if k in times and v else v for k, v in kept.items()}  # fmt: skip

    def key(row: dict[str, Any]) -> bytes:
        return orjson.dumps(row, option=orjson.OPT_SORT_KEYS)

    assert sorted(map(plain, lines), key=key) == sorted(map(plain, table), key=key)


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_a_study_without_anything_is_legal(
    one: Format, sqlite_database: Database, tmp_path: Path, file_type: str
):
    with sqlite_database.write() as session:
        made = builder.study(session)
    export = reading.make(
        sqlite_database, made.study.id, tmp_path / "x", now=made.tick(), format=one.name, file_type=file_type
    )
    assert export.state == "done"
    assert reading.rows(tmp_path / "x", one.name) == []
    assert not (tmp_path / "x" / one.name).exists()
    front = front_matter(tmp_path / "x")
    assert "configs" not in front
    assert "dataset_info" not in front
    assert f"- `{one.name}` (" in (tmp_path / "x" / "README.md").read_text(encoding="utf-8")
    config = reading.manifest(tmp_path / "x")["configs"][0]
    assert (config["rows"], config["not_written"]) == ({}, "no rows")


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_every_script_comes_through(one: Format, sqlite_database: Database, tmp_path: Path, file_type: str):
    with sqlite_database.write() as session:
        made = builder.study(session, **REGIONS)
        made.item(
            "件-1",
            HARD + " eins",
            HARD + " zwei",
            prompt=HARD,
            ids=("回答 1", "回答 2"),
            models=("模型[1]", "نموذج"),
            given_split="train",
        )
        for n in range(8):
            made.person(f"p{n}", attributes={"region": "北"})
            both = ("回答 1", "回答 2")
            vote = made.vote(f"p{n}", "件-1", "回答 1", pair=both)
            made.meta(vote, text=HARD, elapsed_ms=900, kind="M1", template="M1.own.1")
            if n < 2:
                made.vote(f"p{n}", "件-1", "回答 1", pair=both, retest_of=vote.id, counts=False)
        made.item("2", HARD + " drei", HARD + " vier", prompt=HARD)
        made.vote("new", "2", "a")
        builder.delegate(made, "new", {"choice": "yes", "text": ""})
    reading.make(
        sqlite_database, made.study.id, tmp_path / "x", now=made.tick(), format=one.name, file_type=file_type
    )
    told = "\n".join(_texts(reading.rows(tmp_path / "x", one.name)))
    expected = {"annotators": "北", "splits": "train", "judgments": "回答 1", "assignments": "件-1"}
    assert expected.get(one.name, HARD) in told


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from itertools.chain.from_iterable(map(_texts, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain.from_iterable(map(_texts, value))
    else:
        yield str(value)


class Endless:
    """The streams of a real snapshot, over and over, ``n`` records of each; says how many were taken."""

    def __init__(self, view: Snapshot, n: int) -> None:
        self._n, self.taken = n, 0
        self.crowd = view.crowd
        self.facts, self.seed, self.copies = view.facts, 0, 8
        self._records = {
            name: list(getattr(view, name)())
            for name in ("pairs", "voted_pairs", "group_pairs", "judgments", "items", "responses", "rated_responses",
                         "annotators", "splits", "assignments", "meta_questions", "meta_answers", "delegated_pairs")
        }  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        if name not in self._records:
            raise AttributeError(name)
        return lambda **_: self._walk(self._records[name])

    def _walk(self, records: list[Any]) -> Iterator[Any]:
        for _, record in zip(range(self._n), itertools.cycle(records), strict=False):
            self.taken += 1
            yield record

    def leave_out(self, reason: str) -> None:
        pass


def endless(made: Made, one: Format, n: int) -> Endless:
    database, study_id, now = made
    with database.read() as session:
        study = session.get_one(Study, study_id)
        return Endless(Snapshot(take(session, study, options.read(format=one.name), as_of=now)), n)


def test_rows_are_streamed(one: Format, made_small: Made):
    """The first rows come before the last records are read."""
    view = endless(made_small, one, 100_000)
    first = list(itertools.islice(one.rows(view), 50))
    assert len(first) == 50
    assert view.taken < 500


def test_memory_does_not_grow_with_the_number_of_rows(one: Format, made_small: Made, tmp_path: Path):
    """What writing holds at its peak is a few batches, ten times the rows or not."""
    peaks = []
    for n in (BATCH * 2, BATCH * 6):
        view = endless(made_small, one, n)
        files = Files(tmp_path / str(n), one.schema(view.facts), "jsonl")
        tracemalloc.start()
        files.write_all(one.rows(view))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


def test_told_in_words(one: Format):
    assert isinstance(one, Format)
    assert len(one.title) > 5
    assert one.readers
    assert type(one).__doc__
    assert all(len(words) > 10 for words in one.leaves_out.values())


def test_every_column_is_explained(one: Format, made_small: Made):
    facts = endless(made_small, one, 1).facts
    columns = one.schema(facts)
    assert all(len(c.words) > 5 for c in columns)
    assert len({c.name for c in columns}) == len(columns)


def test_a_name_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(UnknownFormat, match="'csv' is not a format"):
        registry.named(["csv"])
    assert [f.name for f in registry.named(["all"])] == list(registry.formats())
    assert [f.name for f in registry.named(["judgments", "preference"])] == ["preference", "judgments"]
