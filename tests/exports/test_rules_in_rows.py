"""Every rule that was asked for stands side by side in each row, with its range, its least agreeing group, and what it would flip."""

from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import numpy as np
import orjson
import pytest

from app.aggregation import registry
from app.db.session import Database
from tests.exports import builder, reading

REGION = {"profile": [{"key": "region", "label": "Where?"}], "groups": {"key": "region", "weights": {}}}
RULES = tuple(registry.rules())


@pytest.fixture
def folder(sqlite_database: Database, tmp_path: Path) -> Path:
    """Three answers an item, nine people of the north against seven of the south, one who told no region."""
    with sqlite_database.write() as session:
        made = builder.study(session, people=REGION)
        for n in range(6):
            made.item(f"i{n}", f"One {n}.", f"Two {n}.", f"Three {n}.")
        for n in range(16):
            made.person(f"p{n}", attributes={"region": "north" if n < 9 else "south"})
        made.person("nowhere")
        for n in range(6):
            for who in range(16):
                for pair in (("a", "b"), ("a", "c"), ("b", "c")):
                    agrees = who < 9 if n % 2 else (who * 7 + n) % 5 > 0
                    made.vote(f"p{who}", f"i{n}", pair[0] if agrees else pair[1], pair=pair)
        made.item("alone")
        made.vote("nowhere", "alone", "a")
    reading.make(sqlite_database, made.study.id, tmp_path / "x", now=made.tick(), format="preference,comparisons",
                 rule=["majority", *(r for r in RULES if r != "majority")])  # fmt: skip
    return tmp_path / "x"


def test_each_row_bears_every_rule_and_keeps_its_schema(folder: Path):
    rows = reading.rows(folder, "preference")
    schema = orjson.loads((folder / "schema" / "preference.json").read_bytes())
    check = jsonschema_rs.validator_for(schema)
    assert len(rows) == 19
    for row in rows:
        check.validate(row)
        assert list(row) == list(schema["properties"])
        for rule in RULES[1:]:
            assert f"p_{rule}" in row or rule == "majority"
    assert "p_majority" not in rows[0]


def test_ranges_hold_their_figure_seen_from_the_chosen_answer(folder: Path):
    rows = [r for r in reading.rows(folder, "preference") if r["item_id"] != "alone"]
    for rule in ("bradley_terry", "group_informed_consensus"):
        assert all(r[f"p_{rule}_low"] <= r[f"p_{rule}"] <= r[f"p_{rule}_high"] for r in rows)
    assert not any(c.endswith("_low") for c in rows[0] if c.startswith(("p_chosen", "p_soft")))


def test_what_a_rule_does_not_know_is_null_and_never_a_half(folder: Path):
    """The only voter on this pair told no group: rules that weigh groups have no figure."""
    row = next(r for r in reading.rows(folder, "preference") if r["item_id"] == "alone")
    assert row["p_group_balanced"] is row["p_group_informed_consensus"] is None
    assert row["p_group_informed_consensus_low"] is row["p_group_informed_consensus_least_group"] is None
    assert {"group_balanced", "group_informed_consensus"} <= set(row["flipped_by"].split(","))
    assert row["stable"] is False
    pair = next(r for r in reading.rows(folder, "comparisons") if r["item_id"] == "alone")
    assert pair["p_response2_group_balanced"] is None


def test_the_least_agreeing_group_is_named_from_eight_people(folder: Path):
    """Seven of the south object on odd items; they are too few to be named, and so is their share."""
    rows = {r["pair_id"]: r for r in reading.rows(folder, "preference") if r["item_id"] in {"i1", "i3", "i5"}}
    assert rows
    for row in rows.values():
        assert row["p_group_informed_consensus_least_group"] is None
        assert row["p_group_informed_consensus_least_share"] is None
    told = {r["p_group_informed_consensus_least_group"] for r in reading.rows(folder, "preference")}
    assert told <= {None, "north"}
    assert "south" not in (folder / "preference").joinpath("train.jsonl").read_text()


def test_stable_is_what_the_columns_say(folder: Path):
    seen = set()
    for row in reading.rows(folder, "preference"):
        against = [
            rule
            for rule in RULES
            if rule != "majority" and (row[f"p_{rule}"] is None or row[f"p_{rule}"] <= 0.5 + 1e-9)
        ]
        assert sorted(r for r in row["flipped_by"].split(",") if r) == sorted(against)
        assert row["stable"] == (not against)
        seen.add(row["stable"])
    assert seen == {True, False}


def test_one_rule_alone_has_no_word_on_stability(sqlite_database: Database, tmp_path: Path):
    with sqlite_database.write() as session:
        made = builder.small(session)
    reading.make(sqlite_database, made.study.id, tmp_path / "x", now=made.tick(), rule="bradley_terry")
    rows = reading.rows(tmp_path / "x", "preference")
    assert "stable" not in rows[0]
    assert all(r["p_chosen_low"] <= r["p_chosen"] <= r["p_chosen_high"] for r in rows)
    assert np.all([r["label_method"] == "bradley_terry" for r in rows])
