"""What the shapes beside the default mean, row by row, against the votes they were made from."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.db.session import Database
from app.exports.formats.preference_expanded import drawn
from app.exports.formats.preference_margin import SUREST, margin
from tests.exports import builder, reading

REGIONS = {
    "people": {"profile": [{"key": "region", "label": "Where?"}], "groups": {"key": "region", "weights": {}}}
}


def regions(made: builder.Builder) -> None:
    """Nine of the north want the first answer of even items, eight of the south the second; three of the west are too few."""
    for n in range(4):
        made.item(f"i{n}", f"First {n}.", f"Second {n}.", topic="home")
    made.item("later")
    for n in range(20):
        made.person(f"p{n}", attributes={"region": "north" if n < 9 else "south" if n < 17 else "west"})
    for n in range(4):
        for who in range(20):
            made.vote(f"p{who}", f"i{n}", "a" if (who < 9) == (n % 2 == 0) else "b")
    first = made.vote("p1", "later", "a")
    made.vote("p1", "later", "b", retest_of=first.id, counts=False)
    made.item("split")
    made.vote("p0", "split", "a")
    made.vote("p1", "split", "b")
    made.item("poor")
    made.vote("p2", "poor", "neither")
    made.vote("p3", "poor", "tie")
    made.vote("p4", "poor", "skip")


def made(database: Database, folder: Path, **given: Any) -> Path:
    with database.write() as session:
        study = builder.study(session, **REGIONS)
        regions(study)
    reading.make(database, study.study.id, folder, now=study.tick(), **{"format": "all", **given})
    return folder


def counts(folder: Path, config: str) -> dict[str, int]:
    told = next(c for c in reading.manifest(folder)["configs"] if c["name"] == config)
    return {r["reason"]: r["count"] for r in told["left_out"]}


def test_margins_are_logits_and_never_null(sqlite_database: Database, tmp_path: Path):
    folder = made(sqlite_database, tmp_path / "x", rule="soft")
    rows = reading.rows(folder, "preference_margin")
    assert len(rows) == len(reading.rows(folder, "preference")) == 5
    for row in rows:
        assert row["margin"] == pytest.approx(math.log(row["p_chosen"] / (1 - row["p_chosen"])))
        assert row["margin"] > 0
    assert margin(1.0) == pytest.approx(math.log(SUREST / (1 - SUREST)))


def test_each_vote_is_a_row_in_its_own_direction(sqlite_database: Database, tmp_path: Path):
    folder = made(sqlite_database, tmp_path / "x")
    rows = reading.rows(folder, "preference_votes")
    assert len(rows) == 4 * 20 + 3
    assert counts(folder, "preference_votes") == {"ties": 1, "neither": 1}
    judgments = {r["judgment_id"]: r for r in reading.rows(folder, "judgments")}
    for row in rows:
        cast = judgments[row["judgment_id"]]
        assert cast["annotator_id"] == row["annotator_id"]
        assert cast["chosen_response_id"] == row["chosen_response_id"]
        assert not cast["excluded"]
        assert row["chosen"][-1]["content"] != row["rejected"][-1]["content"]
    assert Counter(r["chosen_response_id"] for r in rows if r["item_id"] == "i0") == {"a": 9, "b": 11}


def test_expanded_rows_stand_in_both_directions_by_probability(sqlite_database: Database, tmp_path: Path):
    folder = made(sqlite_database, tmp_path / "x", rule="majority", copies=20)
    rows = reading.rows(folder, "preference_expanded")
    assert Counter(r["item_id"] for r in rows) == dict.fromkeys(("i0", "i1", "i2", "i3", "later"), 20)
    for item, a in (("i0", 9), ("i1", 11)):
        assert Counter(r["chosen_response_id"] for r in rows if r["item_id"] == item) == {"a": a, "b": 20 - a}
    for row in (r for r in rows if r["item_id"] != "later"):
        share = 0.55 if (row["chosen_response_id"] == "b") == (row["item_id"] in {"i0", "i2"}) else 0.45
        assert row["p_chosen"] == pytest.approx(share)
        assert row["agreement"] == pytest.approx(share)
        assert (
            row["chosen"][-1]["content"]
            == ("First " if row["chosen_response_id"] == "a" else "Second ") + row["item_id"][1] + "."
        )


def test_what_does_not_come_out_whole_is_drawn_once_with_the_seed(sqlite_database: Database, tmp_path: Path):
    draws = [drawn(0.3, 8.0, 5, f"pair {n}") for n in range(4000)]
    assert {n for _, n in draws} == {8}
    assert {k for k, _ in draws} == {2, 3}
    assert sum(k for k, _ in draws) / 4000 == pytest.approx(2.4, abs=0.03)
    light = [drawn(0.3, 8 * 0.2, 5, f"pair {n}")[1] for n in range(4000)]
    assert sum(light) / 4000 == pytest.approx(1.6, abs=0.03)
    assert drawn(0.3, 8.0, 5, "a") == drawn(0.3, 8.0, 5, "a")
    assert [drawn(0.3, 8.0, 6, f"pair {n}") for n in range(4000)] != draws
    assert drawn(0.0, 8.0, 1, "sure") == (0, 8)


def test_weights_of_a_half_halve_the_rows(sqlite_database: Database, tmp_path: Path):
    """Half of this pair's voters told no group: a rule that balances groups rests on the other half."""
    with sqlite_database.write() as session:
        study = builder.study(session, **REGIONS)
        for n in range(200):
            study.item(f"i{n}")
            study.vote("north", f"i{n}", "a") if n else study.person("north", attributes={"region": "north"})
            study.vote("nowhere", f"i{n}", "a")
    reading.make(sqlite_database, study.study.id, tmp_path / "x", now=study.tick(), format="preference_expanded",
                 rule="group_balanced", copies=3)  # fmt: skip
    sizes = Counter(r["item_id"] for r in reading.rows(tmp_path / "x", "preference_expanded"))
    assert set(sizes.values()) == {1, 2}
    assert sum(sizes.values()) == pytest.approx(199 * 1.5, rel=0.15)


def test_groups_have_their_own_labels_from_eight_people(sqlite_database: Database, tmp_path: Path):
    folder = made(sqlite_database, tmp_path / "x", rule="majority,soft")
    rows = reading.rows(folder, "preference_group")
    assert Counter(r["group"] for r in rows) == {"north": 5, "south": 4}
    assert "west" not in (folder / "preference_group" / "train.jsonl").read_text()
    assert counts(folder, "preference_group") == {"undecided": 2}
    for row in (r for r in rows if r["item_id"] != "later"):
        north = row["group"] == "north"
        assert row["chosen_response_id"] == ("a" if north == (row["item_id"] in {"i0", "i2"}) else "b")
        assert row["p_chosen"] == 1.0
        assert row["n_judgments"] == row["group_size"] == (9 if north else 8)
        assert row["p_everyone"] == pytest.approx(0.45 if north else 0.55)


def test_a_rule_that_weighs_groups_gives_a_group_its_plain_share(sqlite_database: Database, tmp_path: Path):
    folder = made(sqlite_database, tmp_path / "x", rule="group_balanced")
    assert {r["p_chosen"] for r in reading.rows(folder, "preference_group")} == {1.0}


def test_a_person_s_own_rows_bear_who_they_are_as_far_as_it_may_be_told(
    sqlite_database: Database, tmp_path: Path
):
    folder = made(sqlite_database, tmp_path / "x")
    people = {r["annotator_id"]: r for r in reading.rows(folder, "annotators")}
    rows = reading.rows(folder, "preference_person")
    assert len(rows) == 83
    for row in rows:
        person = people[row["annotator_id"]]
        assert row["group"] == person["group"]
        assert row["attributes"] == person["attributes"]
        assert row["steadiness"] == person["steadiness"]
    assert {r["group"] for r in rows} == {"north", "south", None}
    assert {r["p_everyone"] for r in rows if r["item_id"] == "i0"} == {0.45, 0.55}


def test_arena_battles_keep_the_sides_and_every_kind_of_answer(sqlite_database: Database, tmp_path: Path):
    folder = made(sqlite_database, tmp_path / "x")
    rows = {r["question_id"]: r for r in reading.rows(folder, "arena")}
    judgments = [r for r in reading.rows(folder, "judgments") if r["kind"] != "skip" and not r["is_repeat"]]
    assert rows.keys() == {j["judgment_id"] for j in judgments}
    for cast in judgments:
        row = rows[cast["judgment_id"]]
        won = {"left": "model_a", "right": "model_b"}.get(cast["screen_position"] or "")
        assert row["winner"] == (won or {"tie": "tie", "both_bad": "tie (bothbad)"}[cast["kind"]])
        assert row["model_a"] == f"model-{cast['left_response_id']}"
        assert row["model_b"] == f"model-{cast['right_response_id']}"
        assert row["judge"] == f"arena_user_{cast['annotator_id']}"
        assert row["turn"] == len(row["conversation_a"]) // 2 == 1
        assert row["tstamp"] % 60 == 0
        assert row["language"] == "English"
    assert Counter(r["winner"] for r in rows.values())["tie (bothbad)"] == 1


def test_alpaca_eval_and_helpsteer_keep_ties(sqlite_database: Database, tmp_path: Path):
    folder = made(sqlite_database, tmp_path / "x", rule="majority")
    alpaca = {r["instruction"]: r for r in reading.rows(folder, "alpaca_eval")}
    assert alpaca["What about i0?"]["preference"] == pytest.approx(1.55)
    assert alpaca["What about split?"]["preference"] == 1.5
    assert alpaca["What about i0?"]["generator_1"] == "model-a"
    assert alpaca["What about poor?"]["preference"] == 1.5
    steer = {r["context"][0]["content"]: r for r in reading.rows(folder, "helpsteer3")}
    assert steer["What about split?"]["overall_preference"] == 0
    assert sorted(v["score"] for v in steer["What about i0?"]["individual_preference"]) == [-2] * 9 + [2] * 11
    assert (steer["What about i0?"]["domain"], steer["What about i0?"]["language"]) == ("home", "english")
    assert all(len(v) == 4 for r in steer.values() for v in r["individual_preference"])


def test_a_pair_loaded_twice_keeps_its_votes_the_right_way_round(sqlite_database: Database, tmp_path: Path):
    """The same request with the same answers in the other order: votes move over and turn."""
    with sqlite_database.write() as session:
        study = builder.study(session)
        study.item("one", "Yes.", "No.", prompt="So?")
        study.item("two", "No.", "Yes.", prompt="So?")
        study.vote("p", "one", "a")
        study.vote("q", "two", "b")
        study.vote("r", "two", "a", swapped=True)
    reading.make(sqlite_database, study.study.id, tmp_path / "x", now=study.tick(), format="all")
    chosen = Counter(r["chosen"][-1]["content"] for r in reading.rows(tmp_path / "x", "preference_votes"))
    assert chosen == {"Yes.": 2, "No.": 1}
    won = Counter()
    for row in reading.rows(tmp_path / "x", "arena"):
        side = row["winner"].removeprefix("model_")
        won[row[f"conversation_{side}"][-1]["content"]] += 1
    assert won == chosen


def test_what_people_said_of_their_choices_is_told_once_and_only_while_it_stands(
    sqlite_database: Database, tmp_path: Path
):
    with sqlite_database.write() as session:
        study = builder.study(session)
        study.item("one")
        votes = [study.vote(f"p{n}", "one", "a") for n in range(3)]
        before = study.meta(votes[0], "guess", answer_text="Call 0170 1234567", elapsed_ms=800)
        study.meta(votes[0], "my_view", supersedes=before.id)
        study.meta(
            votes[1],
            "guess",
            kind="M1",
            template="M1.length",
            text="In 4 of your 6 comparisons you picked the longer one. Suppose two answers are otherwise equally good. "
            "Should being longer count?",
            answer={"stands": {votes[1].id: True, "x": False}},
        )
        study.meta(votes[2], "guess", text="In 5 of your 9 ...")
        gone = study.people["p2"]
        from app.people import writes as people

        people.withdraw(session, gone, now=study.tick())
    reading.make(
        sqlite_database, study.study.id, tmp_path / "x", now=study.tick(), format="all", include_text=True
    )
    asked = reading.rows(tmp_path / "x", "meta_preferences")
    assert [(r["question_id"], r["n_answers"], r["text"]) for r in asked] == [
        (
            "M1.length.1.plain",
            1,
            "Suppose two answers are otherwise equally good. Should being longer count?",
        ),
        ("M12.1.plain", 1, "Is this your view, or would you be guessing?"),
    ]
    rows = {r["kind"]: r for r in reading.rows(tmp_path / "x", "meta_judgments")}
    assert rows.keys() == {"M1", "M12"}
    assert (rows["M12"]["choice"], rows["M12"]["reason_text"]) == ("my_view", None)
    assert (rows["M1"]["shown"], rows["M1"]["stood"]) == (2, 1)
    assert rows["M1"]["text"].startswith("In 4 of your 6 comparisons")
    pair = reading.rows(tmp_path / "x", "preference")[0]["pair_id"]
    assert rows["M1"]["about_pair_ids"] == [pair]
    whole = b"".join(reading.hashed(tmp_path / "x").values())
    assert votes[1].id.encode() not in whole
    assert b"5 of your 9" not in whole
    people_there = {r["annotator_id"] for r in reading.rows(tmp_path / "x", "annotators")}
    assert {r["annotator_id"] for r in rows.values()} <= people_there
