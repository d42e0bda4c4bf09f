"""Reading files of model outputs: every format and file kind, every bad row named, every oddity reported."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pytest
import sqlalchemy as sa

from app.studies.errors import ItemChanged
from app.studies.importing import files, oddities, rows, self_naming
from app.studies.importing.errors import BadRows, UnreadableFile
from app.studies.importing.store import prompt_hash, store_items
from app.studies.tables import Item, Pair, Response, Study
from tests import factories


def jsonl(*records):
    return "\n".join(json.dumps(r, ensure_ascii=False) for r in records).encode()


def read(data, name="f.jsonl", **options):
    return files.read_bytes(data, name, **options).checked


ITEM = {"id": "a", "prompt": "q", "responses": [{"model": "m", "text": "one"}, {"model": "m", "text": "two"}]}


def test_ids_of_responses_without_one():
    (row,) = read(
        jsonl(
            {
                "prompt": "q",
                "responses": [{"model": "m", "text": "1"}, {"model": "m", "text": "2"}, {"text": "3"}],
            }
        )
    ).rows
    assert [r.id for r in row.responses] == ["m", "m#2", "2"]
    assert row.id


def test_unknown_keys_become_metadata_and_meta_is_taken_for_it():
    (row,) = read(jsonl({**ITEM, "meta": {"a": 1}, "source": "web"})).rows
    assert row.metadata == {"a": 1, "source": "web"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": True}, "prompt: expected a text or a list of turns, got true"),
        ({"prompt": [{"role": "bard", "content": "x"}]}, "prompt.0.role"),
        ({"responses": [{"text": "one"}]}, "two or more"),
        ({"responses": [{"text": "one"}, {"text": 7}]}, "responses.1.text: expected text, got the number 7"),
        ({"responses": [{"text": "one"}, {"model": "x"}]}, "responses.1.text: this key is needed"),
        ({"pairs": [["m", "nobody"]]}, "pairs.0: 'nobody' is not the id of a response (m, m#2)"),
        ({"kind": "opinion"}, "kind: expected one of value, fact, mixed"),
        ({"gold": "z"}, "gold"),
        ({"id": "x" * 201}, "at most 200"),
        ({"responses": [{"text": "a\u0000"}, {"text": "b"}]}, "NUL"),
    ],
)
def test_a_bad_row_is_named_by_line_and_field(change, message):
    checked = read(jsonl(ITEM, {**ITEM, "id": "b", **change}))
    assert len(checked.rows) == 1
    (error,) = checked.errors
    assert error["where"] == "line 2"
    assert message in error["message"]
    with pytest.raises(BadRows, match="line 2"):
        checked.all_or_nothing()


def test_lines_that_are_not_json_and_blank_lines():
    checked = read(jsonl(ITEM) + b"\n\n{oops\n" + jsonl({**ITEM, "id": "b"}))
    assert [e["where"] for e in checked.errors] == ["line 3"]
    assert len(checked.rows) == 2


def test_the_same_id_with_other_content_in_one_file():
    checked = read(jsonl(ITEM, ITEM, {**ITEM, "prompt": "other"}))
    assert len(checked.rows) == 1
    assert "line 1" in checked.errors[0]["message"]


def as_csv(records, delimiter=",", encoding="utf-8"):
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), delimiter=delimiter)
    writer.writeheader()
    for r in records:
        writer.writerow({k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in r.items()})
    return out.getvalue().encode(encoding)


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16")])
def test_csv_with_line_breaks_in_cells(delimiter, encoding):
    records = [
        {
            "prompt": "one\nline\nmore",
            "response_a": "x; y",
            "response_b": "z, w",
            "model_a": "m1",
            "model_b": "m2",
        },
        {"prompt": "two", "response_a": "", "response_b": "b", "model_a": "m1", "model_b": "m2"},
        {"prompt": "عربي", "response_a": "中文", "response_b": "b", "model_a": "m [1] (x)", "model_b": "m2"},
    ]
    got = files.read_bytes(as_csv(records, delimiter, encoding), "f.csv")
    assert got.guess.format == "side_by_side"
    assert [r.where for r in got.checked.rows] == ["line 2", "line 5", "line 6"]
    assert got.checked.rows[1].responses[0].text == ""
    assert got.checked.rows[2].responses[0].id == "m [1] (x)"
    assert got.checked.errors == []


def test_csv_with_a_missing_cell_and_bytes_that_are_not_text():
    checked = read(b"prompt,response_a,response_b\nq,a,b\nq2,a\n", "f.csv")
    assert [e["where"] for e in checked.errors] == ["line 3"]
    with pytest.raises(UnreadableFile, match="line 2"):
        read(b"prompt,response_a,response_b\nq,\xff\xff,b\n", "f.csv")


def test_parquet_and_gzip_hold_the_same_items():
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    records = [{**ITEM, "topic": "t"}, {**ITEM, "id": "b", "topic": "t"}]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records), sink)
    plain = read(jsonl(*records)).rows
    parquet = read(sink.getvalue(), "f.parquet").rows
    zipped = read(gzip.compress(jsonl(*records)), "f.jsonl.gz").rows
    assert [r.content() for r in plain] == [r.content() for r in parquet] == [r.content() for r in zipped]


CONVERSATION = [{"role": "user", "content": "hi"}]
FORMATS = {
    "preference": {"prompt": "q", "chosen": "good", "rejected": "bad"},
    "arena": {
        "question_id": "1", "model_a": "a", "model_b": "b", "winner": "model_a",
        "conversation_a": [*CONVERSATION, {"role": "assistant", "content": "good"}],
        "conversation_b": [*CONVERSATION, {"role": "assistant", "content": "bad"}],
    },
    "alpaca_eval": {
        "instruction": "q", "output_1": "good", "generator_1": "a", "output_2": "bad", "generator_2": "b", "preference": 1.0,
    },
    "hh": {"chosen": "\n\nHuman: q\n\nAssistant: good", "rejected": "\n\nHuman: q\n\nAssistant: bad"},
    "helpsteer3": {"domain": "code", "context": CONVERSATION, "response1": "good", "response2": "bad", "overall_preference": -1},
    "side_by_side": {"messages": CONVERSATION, "answer_1": "good", "answer_2": "bad"},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("asked", ["auto", "by name"])
def test_each_format_is_read_and_guessed(name, asked):
    got = files.read_bytes(jsonl(FORMATS[name]), "f.jsonl", format="auto" if asked == "auto" else name)
    assert got.guess.format == name
    (row,) = got.checked.all_or_nothing()
    assert {r.text for r in row.responses} == {"good", "bad"}
    assert row.prompt[-1]["role"] == "user"


def test_which_one_a_source_preferred_does_not_show_in_the_order():
    made = [{"prompt": f"q{n}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(60)]
    firsts = [row.responses[0].text.startswith("good") for row in read(jsonl(*made)).rows]
    assert 15 < sum(firsts) < 45
    row = read(jsonl(made[0])).rows[0]
    assert next(r for r in row.responses if r.id == row.metadata["source_label"]).text == "good 0"


def test_conversations_that_do_not_share_the_request_are_named():
    bad = {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: other\n\nAssistant: b"}
    assert "do not share" in read(jsonl(FORMATS["hh"], bad), format="hh").errors[0]["message"]


def test_one_response_a_row_is_brought_together():
    records = [
        {"prompt_id": "p1", "prompt": "q", "model": "a", "response": "1"},
        {"prompt_id": "p2", "prompt": "r", "model": "a", "response": "1"},
        {"prompt_id": "p1", "prompt": "q", "model": "b", "response": "2"},
        {"prompt_id": "p2", "prompt": "r!", "model": "b", "response": "2"},
    ]
    checked = read(jsonl(*records))
    assert [(r.id, len(r.responses)) for r in checked.rows] == [("p1", 2)]
    assert [e["where"] for e in checked.errors] == ["line 4"]
    assert "line 2" in checked.errors[0]["message"]


def test_one_response_a_row_without_a_key_is_brought_together_by_its_prompt():
    data = b"prompt,model,response\nTwo and two?,a,4\nA bird?,a,robin\nTwo and two?,b,four\nA bird?,b,wren\n"
    found = files.read_bytes(data, "answers.csv")
    items = found.checked.all_or_nothing()
    assert [[r.id for r in row.responses] for row in items] == [["a", "b"], ["a", "b"]]
    assert len({row.id for row in items}) == 2
    assert "same prompt" in found.guess.note
    again = files.read_bytes(data.replace(b"A bird?", b"A fish?"), "answers.csv").checked.all_or_nothing()
    assert again[0].id == items[0].id != again[1].id


def test_one_response_a_row_without_any_prompt_says_what_would_help():
    checked = read(
        jsonl({"prompt": "", "model": "a", "response": "1"}, {"prompt": "", "model": "b", "response": "2"})
    )
    assert "prompt_id" in checked.errors[0]["message"]


def test_a_file_that_is_not_recognised_is_told_what_would_be():
    with pytest.raises(UnreadableFile, match=r"foo, bar.*prompt, chosen and rejected.*one answer a row"):
        read(jsonl({"foo": 1, "bar": 2}))


def test_a_mapping_put_right_by_hand():
    data = jsonl({"q": "ask", "x": "1", "y": "2"})
    with pytest.raises(UnreadableFile, match="q, x, y"):
        read(data)
    mapping = {"prompt": "q", "response_a": "x", "response_b": "y"}
    (row,) = read(data, format="side_by_side", mapping=mapping).rows
    assert [r.text for r in row.responses] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "model", "hidden"),
    [
        ("As ChatGPT, I cannot.", None, ["ChatGPT"]),
        ("I'm Claude. Claude Monet painted.", None, ["Claude"]),
        ("I was made by OpenAI.", None, ["OpenAI"]),
        ("I am my-model (v2) [beta]!", "my-model (v2) [beta]", ["my-model (v2) [beta]"]),
        ("Gemini is a star sign.", None, []),
    ],
)
def test_texts_that_name_their_own_model(text, model, hidden):
    assert [text[a:b] for a, b in self_naming.masks(text, model)] == hidden


def test_oddities_are_reported_and_not_refused():
    long = "word " * 2000
    made = [
        {"id": "e", "prompt": "q", "responses": [{"text": ""}, {"text": "x"}]},
        {"id": "s", "prompt": "q", "responses": [{"text": "same "}, {"text": "same"}]},
        {"id": "h", "prompt": "q", "responses": [{"text": "<script>alert(1)</script>"}, {"text": long}]},
    ]
    report = oddities.look(read(jsonl(*made)).rows)
    assert report.found == {
        "empty_response": ["line 1"], "identical_responses": ["line 2"], "html": ["line 3"], "very_long": ["line 3"],
    }  # fmt: skip
    assert len(report.sentences()) == 4


def test_items_are_stored_once_and_a_changed_one_is_refused(database, clock):
    with database.write() as session:
        made = factories.study(session, now=clock.now, rows=[], state="draft")
        study = session.get_one(Study, made.study_id)
        given = rows.read_items(factories.items(5, responses=3))
        first = store_items(session, study, given, now=clock.now)
        again = store_items(session, study, given, now=clock.now)
    assert (len(first.added_item_ids), len(first.new_pair_ids), again.unchanged) == (5, 15, 5)
    with database.read() as session:
        for pair in session.scalars(sa.select(Pair)):
            first_response, second = (
                session.get_one(Response, pair.first_id),
                session.get_one(Response, pair.second_id),
            )
            assert first_response.item_id == second.item_id == pair.item_id
            assert first_response.position < second.position
    changed = factories.items(6, responses=3)
    changed[2]["prompt"] = "another"
    with pytest.raises(ItemChanged, match="i00002"), database.write() as session:
        study = session.get_one(Study, made.study_id)
        store_items(session, study, rows.read_items(changed), now=clock.now)
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Item)) == 5


def test_prompts_that_differ_only_in_case_and_space_are_one_for_splits():
    one, other = ([{"role": "user", "content": c}] for c in ("How  do I\nbake?", "how do i bake?"))
    assert prompt_hash(one) == prompt_hash(other)


@pytest.mark.parametrize(
    ("name", "items", "responses"),
    [("pandalm", 170, 800), ("ukpconvarg_a", 16, 540), ("lf_quality", 14, 350)],
)
def test_real_sets_are_read_whole(shared_data, name, items, responses):
    path = shared_data / name / "items.jsonl"
    found = files.read_path(path)
    assert (len(found), sum(len(r.responses) for r in found)) == (items, responses)
