"""What each tool writes, read back: sides put right, unknown outcomes refused and never taken for ties."""

from __future__ import annotations

import io
import json

import pytest

from app.judgments.importing import files
from app.studies.importing.errors import BadRows, UnreadableFile


def read(data, name="votes.jsonl", **options):
    if not isinstance(data, bytes):
        data = "\n".join(json.dumps(r) for r in (data if isinstance(data, list) else [data])).encode()
    return files.read_stream(io.BytesIO(data), name, **options)


def votes(data, name="votes.jsonl", **options):
    return [v for _, v in read(data, name, **options).all_or_nothing()]


OURS = {"annotator_id": "p1", "item_id": "i1", "left": "a", "right": "b", "choice": "left"}


def test_our_own_as_csv():
    text = (
        "annotator_id,item_id,left,right,choice,timestamp,extra\n"
        'p1,i1,a,b,left,2026-01-31T12:00:00Z,"{""reason"": ""clear, short""}"\n'
        "p2,i1,b,a,tie,,\n"
    )
    found = read(text.encode(), "votes.csv")
    assert found.format == "soundings"
    (first, second) = found.all_or_nothing()
    assert first[0] == "line 2"
    assert first[1].at.isoformat() == "2026-01-31T12:00:00+00:00"
    assert first[1].extra == {"reason": "clear, short"}
    assert (second[1].left, second[1].choice, second[1].at) == ("b", "tie", None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"choice": "both"}, "'both' is not a choice"),
        ({"choice": "A"}, "'A' is not a choice"),
        ({"choice": ""}, "choice: this field is needed"),
        ({"annotator_id": None}, "annotator_id: this field is needed"),
        ({"timestamp": "yesterday"}, "'yesterday' is not a time"),
        ({"extra": "[1]"}, "expected a JSON object"),
        ({"extra": "{"}, "this is not JSON"),
    ],
)
def test_a_bad_row_is_named(change, words):
    with pytest.raises(BadRows) as caught:
        votes([OURS, OURS | change])
    assert caught.value.errors[0]["where"] == "line 2"
    assert words in caught.value.errors[0]["message"]


def test_arena_battles():
    battle = {
        "question_id": "q1",
        "model_a": "x",
        "model_b": "y",
        "judge": "u7",
        "turn": 1,
        "tstamp": 1.7e9,
        "language": "English",
    }
    winners = ["model_a", "model_b", "tie", "tie (bothbad)"]
    found = votes([battle | {"winner": w} for w in winners])
    assert [v.choice for v in found] == ["left", "right", "tie", "neither"]
    assert (found[0].annotator, found[0].item, found[0].left, found[0].right) == ("u7", "q1", "x", "y")
    assert found[0].at.year == 2023
    assert found[0].extra == {"turn": 1, "language": "English"}
    with pytest.raises(BadRows, match="'draw' is not a choice"):
        votes(battle | {"winner": "draw"})


def test_argilla_in_three_spellings():
    nested = {
        "id": "i1", "fields": {"prompt": "?"}, "metadata": {"left": "r1", "right": "r2"},
        "responses": {"preference": [
            {"value": "A", "user_id": "u1", "status": "submitted"}, {"value": "B", "user_id": "u2", "status": "draft"},
            {"value": None, "user_id": "u3", "status": "discarded"},
        ]},
    }  # fmt: skip
    by_person = {
        "id": "i1", "fields": {}, "responses": [
            {"user_id": "u1", "status": "submitted", "values": {"preference": {"value": [{"value": "response-1", "rank": 2}, {"value": "response-2", "rank": 1}]}}},
            {"user_id": "u2", "status": "submitted", "values": {"preference": {"value": [{"value": "response-1", "rank": 1}, {"value": "response-2", "rank": 1}]}}},
        ],
    }  # fmt: skip
    flat = {
        "id": "i1",
        "best.responses": ["response_2", "tie"],
        "best.responses.users": ["u1", "u2"],
        "best.responses.status": ["submitted", "submitted"],
    }
    assert [(v.annotator, v.choice, v.left) for v in votes(nested)] == [
        ("u1", "left", "r1"),
        ("u3", "skip", "r1"),
    ]
    assert [(v.choice, v.left, v.right) for v in votes(by_person)] == [("right", 0, 1), ("tie", 0, 1)]
    assert [v.choice for v in votes(flat)] == ["right", "tie"]
    with pytest.raises(BadRows, match="not a choice"):
        votes(
            nested
            | {"responses": {"preference": [{"value": "good", "user_id": "u1", "status": "submitted"}]}}
        )


def test_label_studio_tasks():
    def task(*results, **more):
        return {
            "id": 5, "data": {"item_id": "i1", "left_id": "r2", "right_id": "r1"},
            "annotations": [
                {"completed_by": {"email": "a@b.c"}, "created_at": "2026-01-02T03:04:05Z", "lead_time": 12.5, "result": list(results)} | more
            ],
        }  # fmt: skip

    pairwise = {"type": "pairwise", "value": {"selected": "right"}}
    (found,) = votes(json.dumps([task(pairwise)]).encode(), "export.json")
    assert (found.annotator, found.item, found.left, found.choice) == ("a@b.c", "i1", "r2", "right")
    assert found.extra == {"elapsed_ms": 12500}
    choices = {"type": "choices", "value": {"choices": ["Tie"]}}
    assert votes(task(choices))[0].choice == "tie"
    assert votes(task(was_cancelled=True))[0].choice == "skip"
    with pytest.raises(BadRows, match="no pairwise or choices result"):
        votes(task())
    with pytest.raises(BadRows, match="one choice"):
        votes(task({"type": "choices", "value": {"choices": ["A", "B"]}}))


def test_potato_states_with_swapped_pairs_put_right():
    state = {
        "user_id": "ann",
        "instance_id_ordering": ["i1", "i2", "i3", "i4"],
        "instance_id_to_label_to_value": {
            "i1": [[{"schema": "preference", "name": "A"}, "true"]],
            "i2": {"preference": {"A": "true"}},
            "i3": [[{"schema": "preference", "name": "preference"}, "tie"]],
            "i4": [],
        },
        "instance_id_to_display_order": {"i1": ["A", "B"], "i2": ["B", "A"]},
        "instance_id_to_behavioral_data": {"i1": {"total_time_ms": 4200}},
    }
    found = votes(json.dumps(state).encode(), "user_state.json")
    assert [(v.item, v.left, v.right, v.choice) for v in found] == [
        ("i1", 0, 1, "left"),
        ("i2", 1, 0, "left"),
        ("i3", 0, 1, "tie"),
    ]
    assert found[0].extra == {"elapsed_ms": 4200}
    strange = state | {"instance_id_to_label_to_value": {"i1": [[{"schema": "s", "name": "lovely"}, "true"]]}}
    with pytest.raises(BadRows, match="none of the labels is a choice"):
        votes(strange)


def test_potato_as_its_documents_have_it():
    """Presentation order by instance and scheme as source indices, in either place; scale mode; several schemes."""
    state = {
        "user_id": "ann",
        "instance_id_ordering": ["i1", "i2", "i3", "i4"],
        "instance_id_to_label_to_value": {
            "i1": {"better": {"selection": "A"}},
            "i2": [[{"schema": "better", "name": "selection"}, "B"]],
            "i3": {"how_much": {"scale_value": "-2"}},
            "i4": {
                "fluency": {"selection": "A"},
                "overall": {"selection": "tie"},
                "tone": {"neutral": "true"},
            },
            "i5": {"how_much": {"scale_value": 0}},
        },
        "instance_id_to_presentation_order": {
            "i1": {"better": [1, 0], "tone": ["neutral", "warm"]},
            "i2": {"better": [0, 1]},
            "i4": {"fluency": [1, 0], "overall": [0, 1]},
        },
        "instance_id_to_behavioral_data": {
            "i3": {"presentation_order": {"how_much": [1, 0]}, "total_time_ms": 900}
        },
    }
    found = votes(json.dumps(state).encode(), "user_state.json")
    assert [(v.item, v.left, v.right, v.choice) for v in found] == [
        ("i1", 1, 0, "left"), ("i2", 0, 1, "right"), ("i3", 1, 0, "left"), ("i4", 0, 1, "tie"), ("i5", 0, 1, "tie"),
    ]  # fmt: skip
    assert found[2].extra == {"scale_value": -2.0, "strength": 2, "elapsed_ms": 900}

    def with_labels(labels, **more):
        return state | {"instance_id_to_label_to_value": {"i9": labels}} | more

    for labels, words in (
        ({"fluency": {"selection": "A"}, "depth": {"selection": "B"}}, "schemes depth, fluency"),
        ({"how_much": {"scale_value": "lots"}}, "'lots' is not a number"),
        ([[{"schema": "s", "name": "A"}, True], [{"schema": "s", "name": "B"}, True]], "two choices are set"),
    ):
        with pytest.raises(BadRows, match=words):
            votes(with_labels(labels))
    strange = with_labels(
        {"better": {"selection": "A"}}, instance_id_to_presentation_order={"i9": {"better": ["x", "y"]}}
    )
    with pytest.raises(BadRows, match="the order of the two"):
        votes(strange)


def test_what_is_no_file_of_votes():
    with pytest.raises(UnreadableFile, match="fields are a, b"):
        read([{"a": 1, "b": 2}])
    with pytest.raises(UnreadableFile, match="no rows"):
        read(b"")
    with pytest.raises(UnreadableFile, match="not a format of votes"):
        read([OURS], format="nice")


def test_an_annotators_file(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("annotator_id,region,age\np1,north,34\np2,,\n")
    assert [(a.annotator, a.given) for a in files.read_annotators(file)] == [
        ("p1", {"region": "north", "age": "34"}),
        ("p2", {}),
    ]
    file.write_text("annotator_id,region\np1,north\np1,south\n,east\n")
    with pytest.raises(BadRows) as caught:
        files.read_annotators(file)
    assert [e["where"] for e in caught.value.errors] == ["line 3", "line 4"]
