"""From collected to included: every reason, what it takes away, and that nothing else is lost. On both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from app.db.session import Database
from app.exports import options
from app.exports.preview import preview
from app.exports.subtraction import Subtraction
from app.people import writes as people
from app.people.tables import Annotator
from app.studies.tables import Study
from tests.exports import builder, reading

Made = tuple[Database, int, datetime]
Fill = Callable[..., Made]


def counted(made: Made, folder: Path, **given: object) -> tuple[dict[str, int], int, int]:
    """Reasons with their counts, all judgments, and those that feed labels, as the export's row tells them."""
    database, study_id, now = made
    export = reading.make(
        database, study_id, folder, now=now, format="preference,judgments,comparisons", **given
    )
    told = (export.counts or {})["judgments"]
    reasons = {s["reason"]: s["count"] for s in told["steps"]}
    assert told["collected"] - sum(reasons.values()) == told["included"]
    assert sum(r["n_judgments"] for r in reading.rows(folder, "comparisons")) == told["included"]
    listed = reading.rows(folder, "judgments")
    hidden = reasons.get("withdrawn", 0) + reasons.get("not_released", 0)
    assert len(listed) == told["collected"] - hidden
    by_reason = Counter(r["exclusion_reason"] for r in listed if r["excluded"])
    assert by_reason == {k: v for k, v in reasons.items() if k not in {"withdrawn", "not_released"}}
    assert all(r["exclusion_reason"] == "" for r in listed if not r["excluded"])
    return reasons, told["collected"], told["included"]


def two_items(made: builder.Builder) -> None:
    made.item("i0")
    made.item("i1")


def test_each_reason_takes_what_it_says(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        two_items(made)
        for who in "pqr":
            made.vote(who, "i0", "a")
        changed = made.vote("s", "i0", "b")
        made.vote("s", "i0", "a", revises=changed)
        taken = made.vote("t", "i0", "b")
        made.vote("t", "i0", "retracted", revises=taken)
        made.vote("u", "i0", "skip")
        made.vote("v", "i0", "neither")
        first = made.vote("w", "i0", "a")
        made.vote("w", "i0", "b", retest_of=first.id, counts=False)
        made.vote("x", "i0", "b")
        people.leave_out(made.session, made.people["x"], reason="a robot", by=None, now=made.tick())
        made.vote("y", "i0", "b")
        people.withdraw(made.session, made.people["y"], now=made.tick())
        made.person("z", consent_scope="study_only")
        made.vote("z", "i0", "b")

    reasons, collected, included = counted(fill(make), tmp_path / "x")
    assert reasons == {
        "withdrawn": 1,
        "not_released": 1,
        "superseded": 2,
        "retracted": 1,
        "left_out": 1,
        "skip": 1,
        "repeat": 1,
        "neither": 1,
    }
    assert (collected, included) == (14, 5)
    row = reading.rows(tmp_path / "x", "preference")[0]
    assert (row["chosen_response_id"], row["n_judgments"], row["p_chosen"], row["agreement"]) == (
        "a",
        5,
        1.0,
        1.0,
    )


def test_the_current_answer_counts_and_its_history_is_kept(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        made.item("i0")
        one = made.vote("p", "i0", "a")
        two = made.vote("p", "i0", "tie", revises=one)
        made.vote("p", "i0", "b", revises=two)

    counted(fill(make), tmp_path / "x")
    assert reading.rows(tmp_path / "x", "preference")[0]["chosen_response_id"] == "b"
    rows = reading.rows(tmp_path / "x", "judgments")
    assert [r["chosen_response_id"] for r in rows] == ["a", None, "b"]
    assert [r["superseded_by"] for r in rows] == [rows[1]["judgment_id"], rows[2]["judgment_id"], None]


def test_an_answer_taken_back_leaves_the_pair_without_a_vote(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        two_items(made)
        made.vote("p", "i1", "a")
        one = made.vote("p", "i0", "a")
        made.vote("p", "i0", "retracted", revises=one)

    made = fill(make)
    counted(made, tmp_path / "x")
    assert [r["item_id"] for r in reading.rows(tmp_path / "x", "preference")] == ["i1"]


def test_a_retest_is_no_second_vote(fill: Fill, tmp_path: Path):
    """Two people for a, one for b; the one for b is asked twice more and says b again."""

    def make(made: builder.Builder) -> None:
        made.item("i0")
        made.vote("p", "i0", "a")
        made.vote("q", "i0", "a")
        first = made.vote("r", "i0", "b")
        made.vote("r", "i0", "b", retest_of=first.id, counts=False)
        made.vote("r", "i0", "b", retest_of=first.id, counts=False)

    assert counted(fill(make), tmp_path / "x")[0] == {"repeat": 2}
    row = reading.rows(tmp_path / "x", "preference")[0]
    assert (row["chosen_response_id"], row["n_judgments"], row["n_annotators"]) == ("a", 3, 3)
    repeats = [r for r in reading.rows(tmp_path / "x", "judgments") if r["is_repeat"]]
    assert len(repeats) == 2
    assert all(r["repeat_of"] == repeats[0]["repeat_of"] for r in repeats)


def test_a_retest_never_stands_in_for_the_answer_it_repeats(fill: Fill, tmp_path: Path):
    """The first answer was taken back; the repeat was asked to learn about the person, not about the pair."""

    def make(made: builder.Builder) -> None:
        made.item("i0")
        first = made.vote("p", "i0", "a")
        made.vote("p", "i0", "b", retest_of=first.id, counts=False)
        made.vote("p", "i0", "retracted", revises=first)

    reasons, _, included = counted(fill(make), tmp_path / "x")
    assert (reasons, included) == ({"superseded": 1, "retracted": 1, "repeat": 1}, 0)


def test_of_two_answers_brought_in_the_earlier_counts(fill: Fill, tmp_path: Path):
    """Imported twice for one pair and person: by the file's time, not by the order of rows."""

    def make(made: builder.Builder) -> None:
        made.item("i0")
        late, early = made.now.replace(hour=20), made.now.replace(hour=7)
        made.vote("p", "i0", "b", asked=False, answered_at=late)
        made.vote("p", "i0", "a", asked=False, answered_at=early)

    reasons, _, included = counted(fill(make), tmp_path / "x")
    assert (reasons, included) == ({"repeat": 1}, 1)
    assert reading.rows(tmp_path / "x", "preference")[0]["chosen_response_id"] == "a"


def test_an_answer_that_filled_a_place_counts_before_a_late_one(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        made.item("i0")
        made.vote("p", "i0", "b", late=True, counts=False, asked=False)
        made.vote("p", "i0", "a", asked=False)

    counted(fill(make), tmp_path / "x")
    assert reading.rows(tmp_path / "x", "preference")[0]["chosen_response_id"] == "a"


def test_late_answers_are_kept_and_marked(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        made.item("i0")
        made.vote("p", "i0", "a", late=True, counts=False)

    made = fill(make)
    reasons, _, included = counted(made, tmp_path / "x")
    assert (reasons, included) == ({}, 1)
    assert reading.rows(tmp_path / "x", "judgments")[0]["late"] is True
    assert counted(made, tmp_path / "y", exclude="late")[0] == {"late": 1}


@pytest.mark.parametrize("name", ["quick", "gold", "simulated", "one_sided"])
def test_what_can_be_left_out_is_left_out_only_when_asked(fill: Fill, tmp_path: Path, name: str):
    def make(made: builder.Builder) -> None:
        for n in range(24):
            made.item(f"i{n}")
            for who in "pq":
                made.vote(who, f"i{n}", "a", swapped=n % 2 == 1)
            swapped = n % 2 == 1
            made.vote("left", f"i{n}", "b" if swapped else "a", swapped=swapped)
        made.item("j")
        made.vote("p", "j", "a", timing={"words": 100, "active_ms": 12_000, "server_ms": 90_000})
        made.vote("q", "j", "a", timing={"words": 100, "active_ms": 13_000, "server_ms": 90_000})
        made.vote("r", "j", "a", timing={"words": 100, "server_ms": 12_499})
        made.vote("s", "j", "a", is_gold=True, counts=False)
        made.vote("t", "j", "a", source="simulated")

    made = fill(make)
    assert counted(made, tmp_path / "x")[0] == {}
    taken = {"quick": 2, "gold": 1, "simulated": 1, "one_sided": 24}[name]
    with made[0].read() as session:
        seen = preview(session, session.get_one(Study, made[1]), options.read(), now=made[2])
    assert seen.could_exclude[name] == taken
    assert counted(made, tmp_path / "y", exclude=[name])[0] == {name: taken}


def test_the_first_reason_that_fits_is_the_one_told(fill: Fill, tmp_path: Path):
    """A skipped answer of a person who is left out is counted once."""

    def make(made: builder.Builder) -> None:
        made.item("i0")
        made.vote("p", "i0", "skip", late=True)
        people.leave_out(made.session, made.people["p"], reason="x", by=None, now=made.tick())

    assert counted(fill(make), tmp_path / "x", exclude="late")[0] == {"left_out": 1}


def test_taken_back_in_counts_again(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        made.item("i0")
        made.vote("p", "i0", "a")
        people.leave_out(made.session, made.people["p"], reason="x", by=None, now=made.tick())
        people.take_back_in(made.session, made.people["p"], by=None, now=made.tick())

    assert counted(fill(make), tmp_path / "x") == ({}, 1, 1)


def test_pairs_add_up_and_ties_are_explained(fill: Fill, tmp_path: Path):
    def make(made: builder.Builder) -> None:
        made.item("i0", "One.", "Two.", "Three.")
        made.item("i1")
        made.item("i2", "Same.", "Same.")
        made.vote("p", "i0", "a")
        made.vote("p", "i0", "tie", pair=("a", "c"))
        made.vote("p", "i1", "a")
        made.vote("q", "i1", "b")
        made.vote("p", "i2", "a")

    database, study_id, now = fill(make)
    export = reading.make(database, study_id, tmp_path / "x", now=now, format="preference,comparisons")
    told = (export.counts or {})["pairs"]
    assert (told["collected"], told["included"]) == (5, 2)
    assert {s["reason"]: s["count"] for s in told["steps"]} == {"no_votes": 1, "undecided": 2}
    assert (export.counts or {})["left_out"] == {"preference": {"undecided": 2, "same_text": 1}}
    assert len(reading.rows(tmp_path / "x", "preference")) == 1
    assert len(reading.rows(tmp_path / "x", "comparisons")) == 4
    card = (tmp_path / "x" / "README.md").read_text(encoding="utf-8")
    assert "- minus 2: neither answer is ahead" in card
    assert "`preference` leaves out 1: pairs whose two answers are the same text" in card


def test_exact_duplicates_are_one_pair(fill: Fill, tmp_path: Path):
    """Loaded twice, the second time with the answers the other way round: votes are counted together, a person's once."""

    def make(made: builder.Builder) -> None:
        made.item("i0", "Yes.", "No.", prompt="Is it so?")
        made.item("i1", "No.", "Yes.", prompt="Is it so?")
        made.item("i2", "Yes.", "Maybe.", prompt="Is it so?")
        made.vote("p", "i0", "a")
        made.vote("q", "i1", "b")
        made.vote("r", "i1", "b", strength=3)
        made.vote("p", "i1", "a")
        made.vote("s", "i2", "b")

    made = fill(make)
    reasons, _, included = counted(made, tmp_path / "x")
    assert (reasons, included) == ({"repeat": 1}, 4)
    rows = reading.rows(tmp_path / "x", "preference")
    assert [(r["item_id"], r["chosen"][-1]["content"], r["n_judgments"], r["p_chosen"]) for r in rows] == [
        ("i0", "Yes.", 3, 1.0),
        ("i2", "Maybe.", 1, 1.0),
    ]
    assert rows[0]["strength_mean"] == 3.0
    votes = reading.rows(tmp_path / "x", "comparisons")[0]["individual_preference"]
    assert sorted(v["score"] for v in votes) == [-3, -2, -2]


def test_showing_every_pair_the_other_way_round_changes_no_label(database: Database, tmp_path: Path):
    """Agreement and labels are keyed by response; only the sides in judgments differ."""
    for slug, turned in (("one", False), ("other", True)):
        with database.write() as session:
            made = builder.study(session, slug)
            for n in range(8):
                made.item(f"i{n}", f"First {n}.", f"Second {n}.")
                for who in range(5):
                    side = bool((n * 5 + who) % 3 % 2)
                    made.vote(f"p{who}", f"i{n}", "a" if (n + who) % 3 else "b", swapped=side != turned)
            study_id, now = made.study.id, made.tick()
        reading.make(database, study_id, tmp_path / slug, now=now, format="preference,comparisons,unpaired,judgments",
                     rule="majority,soft,one_coin,dawid_skene", split="100")  # fmt: skip

    def told(slug: str, config: str) -> list[dict]:
        rows = [dict(r) for r in reading.rows(tmp_path / slug, config)]
        for row in rows:
            for vote in row.get("individual_preference", []):
                del vote["annotator_id"]
        return rows

    for config in ("preference", "unpaired", "comparisons"):
        one, other = told("one", config), told("other", config)
        for a, b in zip(one, other, strict=True):
            assert {k: v for k, v in a.items() if not k.startswith("p_")} == {
                k: v for k, v in b.items() if not k.startswith("p_")
            }
            assert [v for k, v in a.items() if k.startswith("p_")] == pytest.approx(
                [v for k, v in b.items() if k.startswith("p_")]
            )
    figures = [reading.manifest(tmp_path / s)["figures"]["krippendorff_alpha"] for s in ("one", "other")]
    assert figures[0] == figures[1]
    sides = [
        [r["left_response_id"] for r in reading.rows(tmp_path / s, "judgments")] for s in ("one", "other")
    ]
    assert sides[0] != sides[1]


def test_other_studies_are_not_read(database: Database, tmp_path: Path):
    with database.write() as session:
        noise = builder.small(session, "noise")
        made = builder.study(session, "mine")
        made.item("i0")
        made.vote("p", "i0", "a")
        study_id, now = made.study.id, noise.tick()
    reading.make(database, study_id, tmp_path / "x", now=now, format="all")
    assert [r["item_id"] for r in reading.rows(tmp_path / "x", "items")] == ["i0"]
    assert len(reading.rows(tmp_path / "x", "judgments")) == 1
    assert len(reading.rows(tmp_path / "x", "assignments")) == 1
    assert len(reading.rows(tmp_path / "x", "annotators")) == 1
    assert len(reading.rows(tmp_path / "x", "splits")) == 1


def test_the_preview_is_the_file(database: Database, tmp_path: Path):
    """The same subtraction and the same first rows, before anything is stored."""
    with database.write() as session:
        made = builder.study(session)
        for n in range(40):
            made.item(f"i{n}")
            made.vote("p", f"i{n}", "a" if n % 3 else "tie")
        study_id, now = made.study.id, made.tick()
    asked = options.read(format="preference,judgments", file_type="jsonl")
    with database.read() as session:
        seen = preview(session, session.get_one(Study, study_id), asked, now=now)
    export = reading.make(database, study_id, tmp_path / "x", now=now, format="preference,judgments")
    assert seen.format == "preference"
    assert seen.judgments.as_dict() == (export.counts or {})["judgments"]
    assert seen.pairs.as_dict() == (export.counts or {})["pairs"]
    assert [row for _, row in seen.rows] == reading.rows(tmp_path / "x", "preference", "train")[:20]
    assert list(seen.columns) == list(seen.rows[0][1])
    with database.read() as session:
        assert session.query(Annotator).count() == 1


def test_figures_that_do_not_add_up_are_not_shown():
    with pytest.raises(ValueError, match="do not add up"):
        Subtraction("judgments", 10, (), 9)
