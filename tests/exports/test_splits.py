"""Which part a request goes to: together with its like, given once, the same ever after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from app.db.session import Database
from app.exports.splits import Placer, given_name
from app.exports.tables import PromptSplit
from app.studies.tables import Study
from tests.exports import builder, reading

Fill = Callable[..., tuple[Database, int, datetime]]
WORDS = [
    "bread",
    "garden",
    "letter",
    "river",
    "music",
    "winter",
    "lesson",
    "harbour",
    "window",
    "journey",
    "tomato",
    "bicycle",
    "museum",
    "weather",
]


def request(n: int) -> str:
    """A request that shares hardly any run of words with the others."""
    return " ".join(WORDS[(3 * n + k * k * (n % 5 + 1)) % 14] + f"{n}" for k in range(1, 9)) + "?"


def parts(folder: Path) -> dict[str, str]:
    return {r["item_id"]: r["split"] for r in reading.rows(folder, "items")}


def test_no_request_is_in_two_parts(fill: Fill, tmp_path: Path):
    """Also where several items ask the same in other letters, and every pair of an item goes with it."""

    def make(made: builder.Builder) -> None:
        for n in range(60):
            made.item(
                f"i{n}",
                "One.",
                "Two.",
                "Three.",
                prompt=request(n // 2).upper() if n % 2 else request(n // 2),
            )
            for pair in (("a", "b"), ("a", "c"), ("b", "c")):
                made.vote("p", f"i{n}", pair[0], pair=pair)

    database, study_id, now = fill(make)
    reading.make(
        database,
        study_id,
        tmp_path / "x",
        now=now,
        format="preference,comparisons,items,splits",
        split="50/25/25",
    )
    for config in ("preference", "comparisons"):
        where: dict[str, set[str]] = {}
        for split in ("train", "validation", "test"):
            for row in reading.rows(tmp_path / "x", config, split):
                where.setdefault(row["prompt_id"], set()).add(split)
        assert len(where) == 30
        assert all(len(s) == 1 for s in where.values())
        assert len({s for found in where.values() for s in found}) == 3
    told = {r["prompt_id"]: r["split"] for r in reading.rows(tmp_path / "x", "splits")}
    assert {k: {v} for k, v in told.items()} == where


def test_shares_are_about_what_was_asked():
    placer = Placer("salt", (80, 15, 5))
    found = Counter(placer.by_hash(f"{n:064x}")[0] for n in range(20_000))
    for name, share in (("train", 0.8), ("validation", 0.15), ("test", 0.05)):
        # Four standard deviations of a share of 20,000.
        assert found[name] / 20_000 == pytest.approx(share, abs=4 * (share * (1 - share) / 20_000) ** 0.5)
    folds = Counter(placer.by_hash(f"{n:064x}")[1] for n in range(20_000))
    assert all(3600 < folds[f] < 4400 for f in range(5))
    assert Placer("salt", (100, 0, 0)).by_hash("f" * 64)[0] == "train"
    assert Placer("salt", (0, 0, 100)).by_hash("0" * 64)[0] == "test"


def test_another_study_splits_otherwise():
    one, other = Placer("a", (50, 0, 50)), Placer("b", (50, 0, 50))
    hashes = [f"{n:064x}" for n in range(200)]
    assert [one.by_hash(h) for h in hashes] != [other.by_hash(h) for h in hashes]


def test_places_are_kept_when_items_are_added(fill: Fill, tmp_path: Path):
    """A new request that is almost one of the first ones goes where that one is; and nothing given before moves."""

    def make(made: builder.Builder) -> None:
        for n in range(40):
            made.item(f"i{n}", prompt=f"Please explain in simple words {request(n)}")

    database, study_id, now = fill(make)
    reading.make(database, study_id, tmp_path / "one", now=now, format="items,splits", split="40/30/30")
    with database.write() as session:
        made = builder.Builder(session, session.get_one(Study, study_id), now=now)
        for n in range(40):
            made.item(f"j{n}", prompt=f"Please explain in simple words: {request(n)} Thanks!")
    export = reading.make(
        database, study_id, tmp_path / "two", now=made.tick(), format="items,splits", split="40/30/30"
    )
    before, after = parts(tmp_path / "one"), parts(tmp_path / "two")
    assert {k: v for k, v in after.items() if k in before} == before
    assert [after[f"j{n}"] for n in range(40)] == [before[f"i{n}"] for n in range(40)]
    folds = {r["prompt_sha256"]: r["fold"] for r in reading.rows(tmp_path / "two", "splits")}
    by_item = {r["item_id"]: folds[r["prompt_sha256"]] for r in reading.rows(tmp_path / "two", "items")}
    assert [by_item[f"j{n}"] for n in range(40)] == [by_item[f"i{n}"] for n in range(40)]
    told = (export.counts or {})["splits"]
    assert (told["new_requests"], told["near_duplicate_groups"], told["joined_two"]) == (40, 40, 0)


def test_a_bridge_between_two_parts_is_reported_and_moves_nobody(fill: Fill, tmp_path: Path):
    base = "Tell me everything about " + " ".join(WORDS)

    def make(made: builder.Builder) -> None:
        made.item("i0", prompt=base + ", please, and be brief", given_split="train")
        made.item("i1", prompt=base + ", please, and be swift", given_split="test")

    database, study_id, now = fill(make)
    export = reading.make(database, study_id, tmp_path / "x", now=now, format="items")
    assert parts(tmp_path / "x") == {"i0": "train", "i1": "test"}
    assert (export.counts or {})["splits"]["joined_two"] == 1
    with database.write() as session:
        made = builder.Builder(session, session.get_one(Study, study_id), now=now)
        made.item("i2", prompt=base + ", please, and be clear")
    export = reading.make(database, study_id, tmp_path / "y", now=made.tick(), format="items")
    assert {k: v for k, v in parts(tmp_path / "y").items() if k != "i2"} == {"i0": "train", "i1": "test"}
    assert (export.counts or {})["splits"]["joined_two"] == 1


def test_a_part_that_an_item_brought_along_is_kept(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        for n, name in enumerate(["test", "validation", "Training", "dev", "pilot", "all", "../x", ""]):
            made.item(f"i{n}", prompt=request(n), given_split=name)
            made.vote("p", f"i{n}", "a")

    database, study_id, now = fill(make)
    reading.make(database, study_id, tmp_path / "x", now=now, format="items,preference", split="100/0/0")
    assert list(parts(tmp_path / "x").values()) == [
        "test", "validation", "train", "validation", "pilot", "train", "train", "train",
    ]  # fmt: skip
    assert sorted(p.stem for p in (tmp_path / "x" / "preference").iterdir()) == [
        "pilot",
        "test",
        "train",
        "validation",
    ]
    assert "Items that came with a part of their own kept it." in (tmp_path / "x" / "README.md").read_text()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Train", "train"),
        ("val", "validation"),
        ("all", None),
        ("a b", None),
        ("", None),
        (None, None),
        ("x" * 33, None),
    ],
)
def test_names_of_parts(given: str | None, name: str | None):
    assert given_name(given) == name


def test_another_scheme_is_stored_beside(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        for n in range(20):
            made.item(f"i{n}", prompt=request(n))

    database, study_id, now = fill(make)
    for split in ("90/5/5", "50/50", "90/5/5"):
        reading.make(
            database, study_id, tmp_path / split.replace("/", "-"), now=now, format="items", split=split
        )
    with database.read() as session:
        schemes = Counter(
            session.scalars(PromptSplit.__table__.select().with_only_columns(PromptSplit.scheme))
        )
    assert schemes == {"90/5/5": 20, "50/0/50": 20}
