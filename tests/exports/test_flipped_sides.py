"""Had every pair been shown the other way round and answered alike, labels, agreement and ranking would be the same."""

from __future__ import annotations

import json
from pathlib import Path

import sqlalchemy as sa

from app.aggregation.observations import observations
from app.assignments.tables import Assignment
from app.db.session import Database
from app.judgments.tables import Judgment
from app.reports.agreement import agreements
from app.reports.ranking import ranking
from tests import factories
from tests.exports import reading
from tests.querying.test_issue_next import ask, people_of, reply

BY_SIDE = {"judgments", "assignments", "comparisons", "arena"}
"""Configs that tell the side on purpose."""


def lines(data: bytes) -> list[dict[str, object]]:
    """Rows with their figures to twelve places: the side bias of one_coin turns its sign over, which rounds otherwise."""
    return [
        json.loads(line, parse_float=lambda figure: round(float(figure), 12)) for line in data.splitlines()
    ]


def flip(database: Database) -> None:
    """Swap the sides of everything shown, and the side of every choice with them."""
    with database.write() as session:
        for table in (Assignment, Judgment):
            session.execute(sa.update(table).values(left_id=table.right_id, right_id=table.left_id))
        swapped = sa.case(
            (Judgment.choice == "left", "right"), (Judgment.choice == "right", "left"), else_=Judgment.choice
        )
        session.execute(sa.update(Judgment).values(choice=swapped))


def test_sides_do_not_matter(database: Database, clock, make_study, tmp_path: Path):
    made = make_study(
        rows=factories.items(6, responses=3), querying={"retest": 0.4}, collection={"per_pair": {"max": 6}}
    )
    people = people_of(database, made, 6, clock.now)
    choices = ["left", "right", "right", "tie", "left", "neither", "skip", "right"]
    for turn in range(14):
        for number, person in enumerate(people):
            got = ask(database, made, person, clock.tick(), seed=turn * 100 + number)
            if got is not None:
                reply(
                    database,
                    made,
                    person,
                    got[0],
                    clock.tick(),
                    choices[(turn * 5 + number * 3) % len(choices)],
                )

    def everything(folder: Path) -> dict[str, object]:
        reading.make(database, made.study_id, folder, now=clock.now, format="all",
                     rule="majority,soft,dawid_skene,one_coin")  # fmt: skip
        with database.read() as session:
            seen = observations(session, made.study_id)
        found = agreements(seen, seed=1)
        files = {
            path: data
            for path, data in reading.hashed(folder).items()
            if path.endswith(".jsonl") and path.split("/")[0] not in BY_SIDE
        }
        return {
            "alpha": found.between,
            "retest": found.retest,
            "ranking": ranking(seen, seed=1),
            "files": files,
        }

    before = everything(tmp_path / "a")
    flip(database)
    after = everything(tmp_path / "b")
    assert before["alpha"] == after["alpha"]
    assert before["alpha"].units >= 12
    assert before["retest"] == after["retest"]
    assert before["retest"].n >= 2
    for one, other in zip(before["ranking"].rows, after["ranking"].rows, strict=True):
        assert one.model == other.model
        assert abs(one.strength - other.strength) < 1e-9
    assert before["files"].keys() == after["files"].keys()
    assert len(before["files"]) >= 8
    for path, data in before["files"].items():
        assert lines(data) == lines(after["files"][path]), path


def test_a_wrong_side_would_be_seen(database: Database, clock, make_study, tmp_path: Path):
    """The same with the choices left where they were: labels turn over, so the test above can fail."""
    made = make_study(pairs=2)
    for person in people_of(database, made, 1, clock.now):
        while (got := ask(database, made, person, clock.tick())) is not None:
            reply(database, made, person, got[0], clock.tick(), "left")
    reading.make(database, made.study_id, tmp_path / "a", now=clock.now, format="preference_text")
    with database.write() as session:
        session.execute(sa.update(Judgment).values(left_id=Judgment.right_id, right_id=Judgment.left_id))
    reading.make(database, made.study_id, tmp_path / "b", now=clock.now, format="preference_text")
    first = [json.loads(json.dumps(r))["chosen"] for r in reading.rows(tmp_path / "a", "preference_text")]
    second = [r["chosen"] for r in reading.rows(tmp_path / "b", "preference_text")]
    assert first != second
