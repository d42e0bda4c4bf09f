"""Everything known to break trainers and readers, each as a test that fails when the trap is opened."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from app.db.session import Database
from app.exports import registry
from app.exports.cleaning import clean
from app.exports.schema import MESSAGES, NUMBER, TEXT, Column, features, json_schema
from app.exports.writing import Files, JsonlWriter, ParquetWriter, arrow_schema
from tests.exports import builder, reading

Fill = Callable[..., tuple[Database, int, datetime]]
Made = tuple[Database, int, datetime]
NOT_THERE = {"preference_delegated", "preference_group", "meta_preferences", "meta_judgments"}
"""The small study has no groups, and nobody was asked how their choices should be read."""
MEANT_BY_TRAINERS = {
    "prompt", "margin", "label", "completion", "messages", "tools", "chat_template_kwargs", "image", "images",
    "chosen_ids", "rejected_ids", "question", "input",
}  # fmt: skip
"""Names to which TRL or RewardBench give a meaning of their own."""


def conversation(made: builder.Builder) -> None:
    made.item("single", "Yes.", "No.")
    made.item(
        "system",
        "Yes.",
        "No.",
        prompt=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "So?"}],
    )
    made.item(
        "turns", "Five.", "Six.",
        prompt=[
            {"role": "user", "content": "Two and two?", "name": "Ann"},
            {"role": "assistant", "content": "Four.", "weight": 1},
            {"role": "user", "content": "And one more?"},
        ],
    )  # fmt: skip
    for item in ("single", "system", "turns"):
        made.vote("p", item, "b")


def export(made: Made, folder: Path, **given: Any) -> Path:
    database, study_id, now = made
    reading.make(database, study_id, folder, now=now, **{"format": "all", "rule": "majority,soft", **given})
    return folder


def front_matter(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


# what trainers read --------------------------------------------------------------------------------------------------


def test_the_default_config_bears_no_name_that_trainers_give_a_meaning(made_small: Made, tmp_path: Path):
    """A prompt beside whole conversations is doubled in training without a word; a null margin is a crash."""
    folder = export(made_small, tmp_path / "x")
    default = [c["config_name"] for c in front_matter(folder)["configs"] if c.get("default")]
    assert default == ["preference"]
    for row in reading.rows(folder, "preference"):
        assert not MEANT_BY_TRAINERS & row.keys()


def test_extra_columns_of_other_configs_bear_none_either(made_small: Made, tmp_path: Path):
    folder = export(made_small, tmp_path / "x")
    allowed = {
        "preference_explicit": {"prompt"},
        "preference_text": {"prompt"},
        "unpaired": {"prompt", "completion", "label"},
    }
    for config, names in allowed.items():
        assert MEANT_BY_TRAINERS & reading.rows(folder, config)[0].keys() == names


def test_messages_have_two_keys_and_share_all_turns_but_the_last(fill: Fill, tmp_path: Path):
    folder = export(fill(conversation), tmp_path / "x")
    rows = {r["item_id"]: r for r in reading.rows(folder, "preference")}
    assert [len(rows[i]["chosen"]) for i in ("single", "system", "turns")] == [2, 3, 4]
    for row in rows.values():
        assert row["chosen"][:-1] == row["rejected"][:-1]
        assert row["chosen"][-1]["content"] != row["rejected"][-1]["content"]
        for side in ("chosen", "rejected"):
            assert row[side][-1]["role"] == "assistant"
            assert all(list(m) == ["role", "content"] for m in row[side])
    for row in reading.rows(folder, "preference_explicit"):
        assert len(row["chosen"]) == len(row["rejected"]) == 1
        assert row["prompt"][-1]["role"] == "user"
    for row in reading.rows(folder, "items"):
        assert all(list(m) == ["role", "content"] for m in row["prompt"])


def test_texts_are_texts_and_conversations_are_left_out_with_their_number(fill: Fill, tmp_path: Path):
    """LLaMA-Factory drops lists with a warning only, NeMo-RL nests them: nothing but strings in the text config."""
    folder = export(fill(conversation), tmp_path / "x", split="100")
    rows = reading.rows(folder, "preference_text")
    assert [(r["prompt"], r["chosen"], r["rejected"]) for r in rows] == [
        ("What about single?", "No.", "Yes.")
    ]
    told = next(c for c in reading.manifest(folder)["configs"] if c["name"] == "preference_text")["left_out"]
    assert [(x["reason"], x["count"]) for x in told] == [("several_turns", 2)]
    entry = json.loads((folder / "dataset_info.json").read_text())["advice"]
    assert entry["ranking"] is True
    assert (folder / entry["file_name"]).is_file()
    assert set(entry["columns"].values()) <= rows[0].keys()


def test_no_llama_factory_entry_without_the_text_config(made_small: Made, tmp_path: Path):
    assert not (export(made_small, tmp_path / "x", format="preference") / "dataset_info.json").exists()


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_the_label_of_single_answers_is_a_boolean(made_small: Made, tmp_path: Path, file_type: str):
    """KTO sums it."""
    rows = reading.rows(export(made_small, tmp_path / "x", file_type=file_type), "unpaired")
    assert {type(r["label"]) for r in rows} == {bool}
    assert {r["label"] for r in rows} == {True, False}
    assert all(r["label"] == (r["p_good"] > 0.5) for r in rows)


def test_ties_never_have_a_winner(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        for n, choices in enumerate((["tie"], ["a", "b"], ["a", "b", "tie"], ["a", "tie"])):
            made.item(f"i{n}")
            for who, choice in zip("pqr", choices, strict=False):
                made.vote(who, f"i{n}", choice)

    folder = export(fill(make), tmp_path / "x")
    for config in ("preference", "preference_explicit", "preference_text"):
        assert [r["item_id"] for r in reading.rows(folder, config)] == ["i3"]
    kept = {r["item_id"]: r for r in reading.rows(folder, "comparisons")}
    assert [kept[f"i{n}"]["overall_preference"] for n in range(4)] == [0, 0, 0, -1]
    assert [round(kept[f"i{n}"]["p_tie"], 3) for n in range(4)] == [1.0, 0.0, 0.333, 0.5]
    assert [round(kept[f"i{n}"]["entropy"], 3) for n in range(4)] == [0.0, 1.0, 1.585, 1.0]


def test_neither_speaks_against_both_answers(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        made.item("i0")
        made.vote("p", "i0", "a")
        made.vote("q", "i0", "neither")
        made.vote("r", "i0", "neither")
        made.item("i1")
        made.vote("p", "i1", "neither")

    folder = export(fill(make), tmp_path / "x")
    rows = {(r["item_id"], r["response_id"]): (r["label"], round(r["p_good"], 3), r["n_judgments"])
            for r in reading.rows(folder, "unpaired")}  # fmt: skip
    assert rows == {
        ("i0", "a"): (False, 0.333, 3), ("i0", "b"): (False, 0.0, 3),
        ("i1", "a"): (False, 0.0, 1), ("i1", "b"): (False, 0.0, 1),
    }  # fmt: skip
    assert [r["item_id"] for r in reading.rows(folder, "preference")] == ["i0"]


def test_probabilities_point_to_the_chosen_answer(made_small: Made, tmp_path: Path):
    folder = export(made_small, tmp_path / "x", rule="soft,majority")
    for row in reading.rows(folder, "preference"):
        assert 0.5 < row["p_chosen"] < 1
        assert row["p_majority"] >= 0.5
        assert row["label_method"] == "soft"
    one = reading.rows(folder, "preference")[0]
    pair = next(r for r in reading.rows(folder, "comparisons") if r["pair_id"] == one["pair_id"])
    side = (
        pair["p_response2"] if pair["response2_id"] == one["chosen_response_id"] else 1 - pair["p_response2"]
    )
    assert side == pytest.approx(one["p_chosen"])


# files that load -----------------------------------------------------------------------------------------------------


def test_the_card_declares_every_column_and_the_true_number_of_rows(made_small: Made, tmp_path: Path):
    """One row too many in the card and a whole config cannot be loaded."""
    folder = export(made_small, tmp_path / "x")
    front = front_matter(folder)
    assert [c["config_name"] for c in front["configs"]] == [i["config_name"] for i in front["dataset_info"]]
    for config, info in zip(front["configs"], front["dataset_info"], strict=True):
        for file, split in zip(config["data_files"], info["splits"], strict=True):
            assert file["split"] == split["name"]
            lines = (folder / file["path"]).read_bytes().count(b"\n")
            assert lines == split["num_examples"] > 0
            assert (folder / file["path"]).stat().st_size == split["num_bytes"]


def test_no_split_without_rows_in_files_or_card(made_small: Made, tmp_path: Path):
    folder = export(made_small, tmp_path / "x", split="100/0/0")
    names = {s["name"] for i in front_matter(folder)["dataset_info"] for s in i["splits"]}
    assert names == {"train"}
    assert all(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert not list(folder.rglob("validation.*"))


def test_configs_without_rows_are_left_out_with_the_reason(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        made.item("i0")
        made.vote("p", "i0", "tie")

    folder = export(fill(make), tmp_path / "x")
    listed = {c["config_name"] for c in front_matter(folder)["configs"]}
    assert "preference" not in listed
    assert "comparisons" in listed
    assert (
        "- `preference` (pairs on which the rule finds neither answer ahead"
        in (folder / "README.md").read_text()
    )


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_no_column_is_always_null(fill: Fill, tmp_path: Path, file_type: str):
    """What nobody was asked has no column; an always-null one is read as type null."""

    def make(made: builder.Builder) -> None:
        made.item("i0", models=(None, None))
        made.item("i1", models=(None, None))
        made.vote("p", "i0", "a", asked=False)
        made.vote("p", "i1", "b", asked=False)

    folder = export(fill(make), tmp_path / "x", file_type=file_type)
    for config in registry.formats():
        rows = reading.rows(folder, config)
        for name in rows[0] if rows else ():
            if name == "left_share":  # told from ten choices up
                continue
            assert any(r[name] is not None for r in rows), (config, name)


def test_numbers_with_a_fraction_always_have_a_point(made_small: Made, tmp_path: Path):
    """Integers first and 0.5 later break a reader that guesses types block by block."""
    folder = export(made_small, tmp_path / "x")
    seen = 0
    for info in front_matter(folder)["dataset_info"]:
        name = info["config_name"]
        floats = [f["name"] for f in info["features"] if f.get("dtype") == "float64"]
        text = "".join(p.read_text(encoding="utf-8") for p in (folder / name).iterdir())
        for column in floats:
            for told in re.findall(rf'"{column}":([^,}}\]]+)', text):
                assert told == "null" or re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", told), (name, column, told)
                seen += 1
    assert seen > 30


def test_every_line_has_the_same_keys_in_the_same_order(made_small: Made, tmp_path: Path):
    folder = export(made_small, tmp_path / "x")
    for name in registry.formats():
        assert len({tuple(r) for r in reading.rows(folder, name)}) == (name not in NOT_THERE)


def test_parquet_holds_plain_lists_and_strings(made_small: Made, tmp_path: Path):
    """RewardBench and others do not take the large variants."""
    folder = export(made_small, tmp_path / "x", file_type="parquet")
    for path in folder.rglob("*.parquet"):
        found = pq.read_schema(path)
        assert "large" not in str(found)
        assert found.metadata is None
    chosen = pq.read_schema(folder / "preference" / "train.parquet").field("chosen").type
    assert chosen == pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    assert (
        pq.ParquetFile(folder / "preference" / "train.parquet").metadata.row_group(0).column(0).compression
        == "ZSTD"
    )


@pytest.mark.parametrize("bad", ["a\ud800b", "a\x00b", "\udfff"])
@pytest.mark.parametrize("writer", [JsonlWriter, ParquetWriter])
def test_half_surrogates_and_nul_become_a_mark(tmp_path: Path, bad: str, writer: type):
    schema = (Column("chosen", MESSAGES, "x"), Column("id", TEXT, "x"), Column("p", NUMBER, "x"))
    row = {"chosen": [{"role": "user", "content": bad}], "id": bad, "p": 1.0}
    rows = [*[{**row, "id": "fine", "chosen": []}] * 3, row]
    file_type = "parquet" if writer is ParquetWriter else "jsonl"
    files = Files(tmp_path / "c", schema, file_type)
    assert files.write_all(("train", r) for r in rows) == {"train": 4}
    read = reading.rows(tmp_path, "c")
    marked = clean(bad)
    assert "\ufffd" in marked
    assert len(marked) == len(bad)
    assert read[3]["chosen"][0]["content"] == read[3]["id"] == marked
    assert read[0]["id"] == "fine"


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
def test_text_that_only_looks_like_nul_is_left_alone(tmp_path: Path, file_type: str):
    schema = (Column("id", TEXT, "an id"),)
    told = ["a literal \\u0000 in a tutorial", "plain"]
    assert Files(tmp_path / "c", schema, file_type).write_all(("train", {"id": t}) for t in told) == {
        "train": 2
    }
    assert [r["id"] for r in reading.rows(tmp_path, "c")] == told


def test_ids_are_texts_and_join_across_files(made_small: Made, tmp_path: Path):
    folder = export(made_small, tmp_path / "x")
    items = {r["item_id"] for r in reading.rows(folder, "items")}
    responses = {(r["item_id"], r["response_id"]) for r in reading.rows(folder, "responses")}
    people = {r["annotator_id"] for r in reading.rows(folder, "annotators")}
    pairs = {r["pair_id"] for r in reading.rows(folder, "comparisons")}
    for row in reading.rows(folder, "preference"):
        assert row["item_id"] in items
        assert {(row["item_id"], row[k]) for k in ("chosen_response_id", "rejected_response_id")} <= responses
        assert row["pair_id"] in pairs
    for row in reading.rows(folder, "judgments"):
        assert row["annotator_id"] in people
        assert row["pair_id"] in pairs
        assert {(row["item_id"], row[k]) for k in ("left_response_id", "right_response_id")} <= responses
        chosen = {1: row["first_response_id"], 2: row["second_response_id"], 0: None}[row["choice"]]
        assert row["chosen_response_id"] == chosen
        if chosen:
            assert row[f"{row['screen_position']}_response_id"] == chosen
    for row in reading.rows(folder, "assignments"):
        assert row["annotator_id"] in people


def test_every_sum_is_right_and_only_the_note_is_outside(made_small: Made, tmp_path: Path):
    folder = export(made_small, tmp_path / "x", file_type="parquet")
    listed = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert there - listed.keys() == {"SHA256SUMS", "export.json"}
    for path, told in listed.items():
        assert hashlib.sha256((folder / path).read_bytes()).hexdigest() == told
    for file in reading.manifest(folder)["files"]:
        assert listed[file["path"]] == file["sha256"]


def test_no_hashed_file_knows_number_clock_or_predecessor(made_small: Made, tmp_path: Path):
    database, study_id, now = made_small
    made = reading.make(database, study_id, tmp_path / "x", now=now, format="all")
    for path, data in reading.hashed(tmp_path / "x").items():
        assert made.id.encode() not in data, path
        assert now.isoformat()[:19].encode() not in data, path


# one kind of column, three ways to say it ------------------------------------------------------------------------------


def test_a_kind_of_column_is_said_the_same_way_three_times():
    columns = (Column("chosen", MESSAGES, "a conversation"), Column("p", NUMBER, "a share", nullable=True))
    assert features(columns) == [
        {
            "name": "chosen",
            "list": [{"name": "role", "dtype": "string"}, {"name": "content", "dtype": "string"}],
        },
        {"name": "p", "dtype": "float64"},
    ]
    assert arrow_schema(columns).field("p").type == pa.float64()
    schema = json_schema("x", "X", columns)
    assert schema["properties"]["p"]["type"] == ["number", "null"]
    assert schema["properties"]["chosen"]["items"]["additionalProperties"] is False


def test_croissant_names_every_data_file_and_column_with_its_sum(made_small: Made, tmp_path: Path):
    folder = export(made_small, tmp_path / "x")
    told = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    listed = {f["path"]: f["sha256"] for f in reading.manifest(folder)["files"] if f["rows"] is not None}
    assert {f["@id"]: f["sha256"] for f in told["distribution"]} == listed
    columns = {r["name"]: [f["name"] for f in r["field"]] for r in told["recordSet"]}
    for path in listed:
        config, split = Path(path).parent.name, Path(path).stem
        assert columns[f"{config}-{split}"] == list(reading.rows(folder, config, split)[0])
    for key in ("dataCollection", "dataAnnotationProtocol", "dataAnnotationAnalysis", "annotatorDemographics", "dataBiases",
                "dataLimitations", "personalSensitiveInformation", "dataReleaseMaintenancePlan", "annotationsPerItem"):  # fmt: skip
        assert told[f"rai:{key}"]
    assert told["datePublished"] == "2026-03-02"
