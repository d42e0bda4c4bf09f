"""What no export may hold: names, times to the second, small groups, rare attributes, words nobody asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from app.db.session import Database
from app.exports.cleaning import without_personal_details
from app.studies.tables import Study
from tests.exports import builder, reading

Fill = Callable[..., tuple[Database, int, datetime]]
GROUPS = {
    "people": {"profile": [{"key": "region", "label": "Where?"}], "groups": {"key": "region", "weights": {}}}
}


def crowd(made: builder.Builder) -> None:
    """Nine northerners, seven southerners; five with a cat, four with a dog, one with an e-mail for an attribute."""
    made.item("i0")
    for n in range(16):
        region = "north" if n < 9 else "south"
        attributes = {
            "region": region,
            "pet": "cat" if n < 5 else "dog" if n < 9 else "",
            "mail": f"p{n}@example.org",
        }
        made.person(
            f"p{n}", attributes=attributes, external_id=f"PROLIFIC{n:03d}", panel_session=f"SESSION{n}"
        )
        made.vote(
            f"p{n}", "i0", "a" if n % 3 else "b",
            rationale=f"Secret {n}, write to me@home.org", better="Or call +44 20 7946 0958", timing={"device": "phone"},
            extra={"trial": n},
        )  # fmt: skip


def made_export(fill: Fill, folder: Path, **given: object) -> dict[str, bytes]:
    database, study_id, now = fill(crowd, **GROUPS)
    reading.make(
        database, study_id, folder, now=now, **{"format": "all", "rule": "majority,group_balanced", **given}
    )
    return reading.hashed(folder)


def test_nobody_can_be_named(fill: Fill, tmp_path: Path):
    database, study_id, now = fill(crowd, **GROUPS)
    reading.make(database, study_id, tmp_path / "x", now=now, format="all", rule="majority,group_balanced")
    whole = b"".join(reading.hashed(tmp_path / "x").values())
    for secret in (b"PROLIFIC", b"SESSION", b"@example.org", b"phone", b"trial", b"Secret", b"7946"):
        assert secret not in whole
    for n in range(16):
        assert f"p{n}-".encode() not in whole
    with database.read() as session:
        assert session.get_one(Study, study_id).secret.encode() not in whole


def test_groups_are_named_from_eight_and_attributes_from_five(fill: Fill, tmp_path: Path):
    whole = b"".join(made_export(fill, tmp_path / "x").values())
    rows = reading.rows(tmp_path / "x", "annotators")
    assert sorted(str(r["group"]) for r in rows) == ["None"] * 7 + ["north"] * 9
    values = [(a["key"], a["value"]) for r in rows for a in r["attributes"]]
    assert sorted(set(values)) == [("pet", "cat"), ("region", "north")]
    assert b"south" not in whole
    assert b"dog" not in whole
    figures = reading.manifest(tmp_path / "x")["figures"]
    assert figures["groups"] == [
        {"group": "north", "people": 9, "weight": 0.5},
        {"group": None, "people": 7, "weight": None},
    ]
    assert figures["suppressed_values"] == 18


def test_a_group_too_small_to_name_still_counts_in_rules_that_balance(fill: Fill, tmp_path: Path):
    made_export(fill, tmp_path / "x")
    row = reading.rows(tmp_path / "x", "preference")[0]
    assert 0.5 < row["p_group_balanced"] < 1
    assert row["p_group_balanced"] != row["p_chosen"]


def test_times_are_to_the_minute_and_joining_to_the_week(fill: Fill, tmp_path: Path):
    made_export(fill, tmp_path / "x")
    for config, columns in (("judgments", ("shown_at", "submitted_at")), ("assignments", ("shown_at",))):
        for row in reading.rows(tmp_path / "x", config):
            assert all(row[c].endswith(":00.000Z") for c in columns)
    assert {r["joined_week"] for r in reading.rows(tmp_path / "x", "annotators")} == {"2026-W10"}


def test_words_only_when_asked_and_without_addresses(fill: Fill, tmp_path: Path):
    made_export(fill, tmp_path / "x", include_text=True)
    rows = reading.rows(tmp_path / "x", "judgments")
    assert min(r["reason_text"] for r in rows) == "Secret 0, write to [e-mail]"
    assert {r["better_text"] for r in rows} == {"Or call [number]"}
    votes = reading.rows(tmp_path / "x", "comparisons")[0]["individual_preference"]
    assert all(v["reason"].startswith("Secret") for v in votes)
    assert "was replaced" not in (tmp_path / "x" / "README.md").read_text()
    assert reading.manifest(tmp_path / "x")["privacy"]["free_text"] is True


def test_words_of_an_answer_that_was_changed_or_taken_back_are_not_told(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        made.item("i0")
        first = made.vote("p", "i0", "a", rationale="First thought.")
        made.vote("p", "i0", "b", revises=first, rationale="Second thought.")
        taken = made.vote("q", "i0", "a", rationale="Never mind.")
        made.vote("q", "i0", "retracted", revises=taken)

    database, study_id, now = fill(make)
    reading.make(database, study_id, tmp_path / "x", now=now, format="all", include_text=True)
    whole = b"".join(reading.hashed(tmp_path / "x").values())
    assert b"Second thought." in whole
    assert b"First thought." not in whole
    assert b"Never mind." not in whole


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mail a.b+c@d-e.co.uk now", "mail [e-mail] now"),
        ("see https://x.org/me?a=1 or www.x.org", "see [link] or [link]"),
        ("call (020) 7946-0958 today", "call [number] today"),
        ("I am @someone", "I am [handle]"),
        ("In 2024 there were 3 of 10, about 12,500.", "In 2024 there were 3 of 10, about 12,500."),
        ("", None),
        (None, None),
    ],
)
def test_personal_details(text: str | None, left: str | None):
    assert without_personal_details(text) == left
