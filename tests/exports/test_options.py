"""What may be asked of an export, and the sentences of refusals."""

from __future__ import annotations

import pytest

from app.aggregation.registry import UnknownRule
from app.exports import options
from app.exports.errors import BadOptions, ParquetMissing, UnknownFormat
from app.exports.options import EXCLUSIONS, ExportOptions


def test_defaults():
    found = options.read()
    assert found == ExportOptions(
        formats=("preference",), rules=("majority",), file_type=options.default_file_type()
    )
    assert (found.split, found.seed, found.exclude, found.include_text) == ("90/5/5", 0, (), False)


def test_lists_and_commas_are_the_same():
    one = options.read(format="judgments,preference", rule="soft, majority", exclude="late,quick")
    other = options.read(
        format=["preference", "judgments"], rule=["soft", "majority"], exclude=["quick", "late"]
    )
    assert one == other
    assert one.rules == ("soft", "majority")


def test_options_are_stored_and_read_again():
    asked = options.read(format="all", rule="soft", file_type="jsonl", split="80/20", seed=7, exclude="late")
    assert ExportOptions.model_validate(asked.model_dump(mode="json")) == asked


@pytest.mark.parametrize(
    ("given", "stored"), [("90/10", "90/0/10"), ("100", "100/0/0"), ("70/20/10", "70/20/10")]
)
def test_split(given: str, stored: str):
    assert options.read(split=given).split == stored


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"split": "90/5"}, "split", "adds up to 95"),
        ({"split": "a/b/c"}, "split", "not of the form 90/5/5"),
        ({"split": "-10/110"}, "split", "not of the form"),
        ({"seed": "x"}, "seed", "not a whole number"),
        ({"seed": -1}, "seed", "between 0"),
        ({"copies": 1}, "copies", "2 to 64 rows"),
        ({"copies": "many"}, "copies", "not a whole number"),
        ({"file_type": "csv"}, "file_type", "neither parquet nor jsonl"),
        ({"exclude": "boring"}, "exclude", "there are: left_out, late"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict, field: str, words: str):
    with pytest.raises(BadOptions, match=words) as caught:
        options.read(**given)
    assert caught.value.status == 422
    assert [e["where"] for e in caught.value.errors] == [field]


def test_names_that_are_not_there():
    with pytest.raises(UnknownFormat, match="there are: preference"):
        options.read(format="csv")
    with pytest.raises(UnknownRule, match=r"there are: .*majority"):
        options.read(rule="jury")


def test_without_pyarrow_jsonl_is_the_default_and_parquet_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert options.read().file_type == "jsonl"
    with pytest.raises(ParquetMissing, match="pyarrow"):
        options.read(file_type="parquet")


def test_every_exclusion_says_what_it_costs():
    assert all(e.words and e.caution.endswith(".") for e in EXCLUSIONS.values())
