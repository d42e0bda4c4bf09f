"""Labels as people want their choices read: patches of the export's moment, taken in, told of, and taken out again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from app.aggregation import labels
from app.db.session import Database
from app.exports.build import build
from app.exports.ways import ways
from app.metapreferences.tables import Patch, PatchEvent
from app.people import writes as people
from app.people.tables import Annotator
from app.studies.tables import Study
from tests.exports import builder, reading

RULES = {
    "rule": "endorsed+majority,majority,endorsed",
    "format": "preference,comparisons,preference_expanded",
}


def patch(made: builder.Builder, judgment: Any, var: str, value: Any, kind: str = "M12") -> Patch:
    """What a person said of one of their answers, from now on."""
    at = made.tick()
    row = Patch(
        id=f"{made.study.id:06d}P{made.n:019d}", study_id=made.study.id, scope="person", annotator_id=judgment.annotator_id,
        kind=kind, target_type="judgment", target_id=judgment.id, var=var, packed={"v": value}, stood=0, shown=0,
        sources=[judgment.id], active_from=at,
    )  # fmt: skip
    made.session.add(row)
    made.session.flush()
    act(made, row, "made", at)
    return row


def act(made: builder.Builder, row: Patch, what: str, at: datetime) -> None:
    made.session.add(PatchEvent(study_id=made.study.id, patch_id=row.id, kind=row.kind, act=what, at=at))
    made.session.flush()


@pytest.fixture
def said(sqlite_database: Database) -> tuple[Database, builder.Builder, Patch]:
    """Three items, five people each; on the first, two of the three for it were guessing, which they said."""
    with sqlite_database.write() as session:
        made = builder.study(session)
        for n in range(3):
            made.item(f"i{n}", f"One {n}.", f"Two {n}.", ids=("z", "y"))
        given = [
            [made.vote(f"p{u}", f"i{n}", "z" if u < 3 else "y", pair=("z", "y")) for u in range(5)]
            for n in range(3)
        ]
        first = patch(made, given[0][0], "value_weight", 0.0)
        patch(made, given[0][1], "value_weight", 0.0)
        return sqlite_database, made, first


def row_of(folder: Path, config: str, item: str) -> dict[str, Any]:
    return next(r for r in reading.rows(folder, config) if r["item_id"] == item)


def test_a_guess_counts_for_nothing_and_the_label_turns(
    said: tuple[Database, builder.Builder, Patch], tmp_path: Path
):
    database, made, _ = said
    reading.make(database, made.study.id, tmp_path / "x", now=made.tick(), **RULES)
    row = row_of(tmp_path / "x", "preference", "i0")
    assert row["chosen_response_id"] == "y"
    assert row["p_chosen"] == pytest.approx(2 / 3)
    assert row["p_majority"] == pytest.approx(2 / 5)
    assert row["p_raw"] == pytest.approx(2 / 5)
    assert len(row["patches"]) == 2
    assert row["stable"] is False
    assert "majority" in row["flipped_by"].split(",")
    assert "predictive" in row["flipped_by"].split(",")
    other = row_of(tmp_path / "x", "preference", "i1")
    assert (other["chosen_response_id"], other["p_chosen"], other["patches"]) == ("z", 0.6, [])
    schema = orjson.loads((tmp_path / "x" / "schema" / "preference.json").read_bytes())
    for one in reading.rows(tmp_path / "x", "preference"):
        jsonschema_rs.validator_for(schema).validate(one)
        assert "p_endorsed" in one
    told = reading.manifest(tmp_path / "x")["labels"][0]
    assert told["parameters"]["patches"] == 2
    assert told["parameters"]["pairs_moved"] == 1
    card = (tmp_path / "x" / "README.md").read_text(encoding="utf-8")
    assert "**endorsed+majority** (decides chosen and rejected)" in card


def test_no_patch_bears_its_stored_name(said: tuple[Database, builder.Builder, Patch], tmp_path: Path):
    database, made, first = said
    reading.make(database, made.study.id, tmp_path / "x", now=made.tick(), **RULES)
    assert first.id.encode() not in b"".join(reading.hashed(tmp_path / "x").values())


def test_lighter_pairs_become_fewer_rows(said: tuple[Database, builder.Builder, Patch], tmp_path: Path):
    database, made, _ = said
    reading.make(database, made.study.id, tmp_path / "x", now=made.tick(), copies=10, **RULES)
    rows = reading.rows(tmp_path / "x", "preference_expanded")
    assert sum(r["item_id"] == "i0" for r in rows) == 6
    assert sum(r["item_id"] == "i1" for r in rows) == 10


@pytest.mark.parametrize("rule", ["endorsed+majority", "majority,endorsed+majority"])
def test_a_row_tells_both_shares_and_the_weight_whichever_rule_decides(
    said: tuple[Database, builder.Builder, Patch], tmp_path: Path, rule: str
):
    """Three of five for z, two of the three guessing: 3/5 before, 1/3 after, of three votes; chosen is y or z as the rule says."""
    database, made, _ = said
    reading.make(database, made.study.id, tmp_path / "x", now=made.tick(), rule=rule)
    row = row_of(tmp_path / "x", "preference", "i0")
    turned = rule.startswith("endorsed")
    assert row["chosen_response_id"] == ("y" if turned else "z")
    assert row["p_raw"] == pytest.approx(2 / 5 if turned else 3 / 5)
    assert row["p_endorsed"] == pytest.approx(2 / 3 if turned else 1 / 3)
    assert (row["weight"], row["n_judgments"]) == (3, 5)
    assert set(row) >= {"influence_shift", "patches", "stable"}


def test_taken_back_the_labels_are_as_before_and_the_older_export_stays(
    said: tuple[Database, builder.Builder, Patch], tmp_path: Path
):
    database, made, first = said
    now = made.tick()
    old = reading.make(database, made.study.id, tmp_path / "old", now=now, **RULES)
    with database.write() as session:
        made.session, made.study = session, session.get_one(Study, made.study.id)
        act(made, session.get_one(Patch, first.id), "revoked", made.tick())
    reading.make(database, made.study.id, tmp_path / "new", now=made.tick(), **RULES)
    assert row_of(tmp_path / "new", "comparisons", "i0")["p_response2"] == pytest.approx(0.5)
    assert reading.manifest(tmp_path / "new")["labels"][0]["parameters"]["patches"] == 1
    build(database, old.id, tmp_path / "again", now=made.tick())
    assert reading.hashed(tmp_path / "again") == reading.hashed(tmp_path / "old")
    assert reading.manifest(tmp_path / "new")["state"] != reading.manifest(tmp_path / "old")["state"]


def test_who_withdraws_takes_their_word_along(said: tuple[Database, builder.Builder, Patch], tmp_path: Path):
    database, made, first = said
    with database.write() as session:
        people.withdraw(session, session.get_one(Annotator, first.annotator_id), now=made.tick())
    reading.make(database, made.study.id, tmp_path / "x", now=made.tick(), **RULES)
    assert reading.manifest(tmp_path / "x")["labels"][0]["parameters"]["patches"] == 1


def test_nobody_has_said_anything_changes_nothing_and_is_told(sqlite_database: Database, tmp_path: Path):
    with sqlite_database.write() as session:
        made = builder.study(session)
        for n in range(3):
            made.item(f"i{n}")
            for u in range(5):
                made.vote(f"p{u}", f"i{n}", "a" if u < 3 else "b")
    reading.make(
        sqlite_database, made.study.id, tmp_path / "x", now=made.tick(), rule="majority,endorsed+majority"
    )
    for row in reading.rows(tmp_path / "x", "preference"):
        assert row["p_endorsed+majority"] == row["p_chosen"] == row["p_raw"] == pytest.approx(0.6)
        assert row["p_endorsed"] == row["p_chosen"] and row["weight"] == row["n_judgments"] == 5
        assert row["patches"] == row["influence_shift"] == []
    assert "Nobody has said how their choices should be read" in (tmp_path / "x" / "README.md").read_text()


def test_what_people_told_of_themselves_later_does_not_change_an_earlier_moment(sqlite_database: Database):
    with sqlite_database.write() as session:
        made = builder.study(session, item_kind="value", people={"groups": {"key": "region"}})
        made.item("i0", "One.", "Two.")
        them = made.person("p", attributes={"affected": "no", "region": "north"}, group_label="north")
        made.vote("p", "i0", "a")
        then = made.tick()
        before = labels.basis(session, made.study)
        told = {"affected": "yes", "region": "south"}
        people.set_attributes(session, them, told, group_key="region", now=made.tick())
        session.flush()
        now = labels.basis(session, made.study)
        old = labels.basis(session, made.study, as_of=then)
        assert [b.raw.affected.tolist() for b in (before, now, old)] == [[False], [True], [False]]
        groups = [b.seen.people.groups[b.seen.people.group[0]] for b in (before, now, old)]
        assert groups == ["north", "south", "north"]


def test_answers_of_people_who_did_not_agree_to_release_teach_an_export_nothing(sqlite_database: Database):
    with sqlite_database.write() as session:
        made = builder.study(session)
        made.item("i0", "One.", "Two.")
        made.item("i1", "One, and more.", "Two.")
        made.person("q", consent_scope="internal")
        made.vote("p", "i0", "a")
        made.vote("q", "i1", "a")
        assert labels.basis(session, made.study).seen.n == 2
        found = labels.basis(session, made.study, as_of=made.tick(), released=True)
        assert (found.seen.n, found.sway.effects.n, found.seen.pairs.item_ids) == (1, 1, ("i0",))


def test_an_export_resolves_the_pairs_that_the_labels_resolve(sqlite_database: Database, tmp_path: Path):
    """Without groups repeats say that people stay on their side; the export reads them as the pages do."""
    with sqlite_database.write() as session:
        made = builder.study(session)
        made.item("split", "One.", "Two.", ids=("z", "y"))
        made.item("clear", "Three.", "Four.", ids=("z", "y"))
        people_ = [f"p{u:02}" for u in range(20)]
        first: dict[tuple[str, str], Any] = {}
        for again in (False, True):
            for item in ("split", "clear"):
                for u, name in enumerate(people_):
                    side = "z" if item == "clear" or u % 2 or u == 0 else "y"
                    before = first.get((name, item)) if again else None
                    vote = made.vote(
                        name, item, side, pair=("z", "y"), retest_of=before and before.id, counts=not again
                    )
                    first.setdefault((name, item), vote)
        for u in range(6):
            vote = first[people_[u], "split"]
            row = Patch(
                id=f"{made.study.id:06d}R{u:019d}", study_id=made.study.id, scope="person", annotator_id=vote.annotator_id,
                kind="M5", target_type="class", target_id="all", var="resolution", packed={"v": ["stay_out", "leave"]}, stood=0,
                shown=0, sources=[vote.id], active_from=made.tick(),
            )  # fmt: skip
            session.add(row)
            session.flush()
            act(made, row, "made", made.now)
        study = session.get_one(Study, made.study.id)
        live = labels.labels(session, study).endorsed
        assert live.resolved == ("stay_out", None) and live.weight.tolist() == [0, 20]
    found = {}
    for rule in ("soft", "endorsed"):
        folder = tmp_path / rule
        reading.make(sqlite_database, made.study.id, folder, now=made.tick(), format="preference", rule=rule)
        found[rule] = {r["item_id"] for r in reading.rows(folder, "preference")}
    assert found == {"soft": {"split", "clear"}, "endorsed": {"clear"}}


@pytest.mark.parametrize(("most", "sampled"), [(1000, None), (5, (1, 3))])
def test_the_ways_tell_what_people_s_own_words_would_change(
    said: tuple[Database, builder.Builder, Patch], most: int, sampled: tuple[int, int] | None
):
    """Two of three votes were guesses: majority teaches the first answer, the endorsed rules the second, on that item alone."""
    database, made, _ = said
    with database.read() as session:
        found = ways(session, session.get_one(Study, made.study.id), now=made.tick(), most=most)
    assert found.sampled == sampled
    by_rule = {rule: way for way in found.ways for rule in way.rules}
    assert {"endorsed", "endorsed+majority", "endorsed+soft"} <= by_rule.keys()
    if sampled is None:
        (pair,) = found.pairs
        assert pair.item_id == "i0"
        assert pair.sides[by_rule["majority"].number - 1] == 1
        assert pair.sides[by_rule["endorsed+majority"].number - 1] == -1
        assert by_rule["endorsed+majority"].apart == 1
    else:
        assert found.judged == 1
