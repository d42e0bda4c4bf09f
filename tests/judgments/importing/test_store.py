"""Votes from elsewhere in the database: all or nothing, once each, repeats as retests; and the reports of real ones."""

from __future__ import annotations

import io
import json

import pytest
import sqlalchemy as sa

from app.aggregation.observations import observations
from app.assignments.tables import PairLoad, Spending
from app.judgments.importing import files
from app.judgments.importing.store import bring_in
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.reports import fitting
from app.reports.agreement import agreements
from app.studies.importing.errors import BadRows
from app.studies.importing.files import read_path
from app.studies.tables import Study
from tests import factories


def rows(*records):
    return files.read_stream(
        io.BytesIO("\n".join(json.dumps(r) for r in records).encode()), "v.jsonl"
    ).all_or_nothing()


def vote(person="p1", item="i00000", left="m0", right="m1", choice="left", **more):
    return {"annotator_id": person, "item_id": item, "left": left, "right": right, "choice": choice, **more}


@pytest.fixture
def bring(database, clock, make_study):
    made = make_study(pairs=3)

    def do(*records, **options):
        with database.write() as session:
            return bring_in(
                session,
                session.get_one(Study, made.study_id),
                rows(*records),
                by=None,
                now=clock.tick(minutes=5),
                **options,
            )

    do.study_id = made.study_id
    return do


def stored(database):
    with database.read() as session:
        return session.scalars(sa.select(Judgment).order_by(Judgment.created_at, Judgment.id)).all()


def test_votes_are_stored_and_take_no_place(bring, database):
    found = bring(vote(), vote("p2", choice="tie", extra={"reason": "alike", "strength": 2, "confidence": 9}))
    assert (found.added, found.unchanged) == (2, 0)
    one, two = stored(database)
    assert (one.source, one.counts, one.assignment_id) == ("import", False, None)
    assert (two.rationale, two.strength, two.confidence) == ("alike", 2, None)
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.sum(PairLoad.counted))) == 0
        assert not session.scalar(sa.select(sa.func.sum(Spending.judgments)))
        assert {a.source for a in session.scalars(sa.select(Annotator))} == {"import"}


def test_again_is_unchanged_and_two_alike_are_two(bring, database):
    assert bring(vote(), vote()).added == 2
    again = bring(vote(), vote(), vote(), vote("p2"))
    assert (again.added, again.unchanged) == (2, 2)
    assert len(stored(database)) == 4


def test_repeats_follow_time_and_name_what_they_repeat(bring, database):
    bring(
        vote(choice="right", timestamp="2026-01-03T00:00:00Z"),
        vote(choice="left", timestamp="2026-01-01T00:00:00Z"),
        vote(left="m1", right="m0", choice="left", timestamp="2026-01-02T00:00:00Z"),
    )
    first, second, third = stored(database)
    assert [j.choice for j in (first, second, third)] == ["left", "left", "right"]
    assert first.retest_of is None
    assert (second.retest_of, third.retest_of) == (first.id, second.id)
    bring(vote(choice="tie", timestamp="2026-02-01T00:00:00Z"))
    assert stored(database)[-1].retest_of == third.id


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (vote(item="nothing"), "no item 'nothing'"),
        (vote(left="m7"), "no response 'm7'"),
        (vote(right="m0"), "stands on both sides"),
    ],
)
def test_one_bad_row_and_nothing_is_stored(bring, database, bad, words):
    with pytest.raises(BadRows) as caught:
        bring(vote(), bad)
    assert caught.value.errors == [{"where": "line 2", "message": caught.value.errors[0]["message"]}]
    assert words in caught.value.errors[0]["message"]
    assert stored(database) == []


def test_attributes_make_groups(database, clock, make_study):
    made = make_study(pairs=1, people={"profile": [{"key": "region", "label": "Where?", "options": ["north", "south"]}], "groups": {"key": "region"}})  # fmt: skip
    told = [files.Attributes("p1", {"region": "north"}), files.Attributes("never", {"region": "south"})]
    with database.write() as session:
        bring_in(
            session,
            session.get_one(Study, made.study_id),
            rows(vote()),
            annotators=told,
            by=None,
            now=clock.now,
        )
    with database.read() as session:
        (one,) = session.scalars(sa.select(Annotator))
    assert (one.external_id, one.group_label) == ("p1", "north")


def test_attributes_that_come_later_hold_and_added_people_are_the_same(database, clock, make_study):
    """A second file tells more of people whose votes are there already; a person added through the API keeps their answers' order."""
    made = make_study(pairs=1, people={"profile": [{"key": "region", "label": "Where?", "options": ["north", "south"]}], "groups": {"key": "region"}})  # fmt: skip
    with database.write() as session:
        factories.annotator(session, made.study_id, now=clock.now, external_id="p1")

    def again(*told, **more):
        with database.write() as session:
            study = session.get_one(Study, made.study_id)
            return bring_in(
                session, study, rows(vote(**more)), annotators=told, by=None, now=clock.tick(minutes=1)
            )

    assert again().added == 1
    assert again(files.Attributes("p1", {"region": "north"})).unchanged == 1
    again(choice="right")
    with database.read() as session:
        (one,) = session.scalars(sa.select(Annotator))
        first, second = session.scalars(sa.select(Judgment).order_by(Judgment.id))
    assert (one.group_label, one.source) == ("north", "api")
    assert (first.retest_of, second.retest_of) == (None, first.id)


def bring_data(database, clock, folder):
    """A shared data set as a study of its own; its key."""
    with database.write() as session:
        made = factories.study(session, now=clock.now, rows=[], state="draft")
        study = session.get_one(Study, made.study_id)
        from app.assignments import intake

        intake.add_items(session, study, read_path(folder / "items.jsonl"), by=made.owner_id, now=clock.now)
        votes = files.read_path(folder / "judgments.csv").all_or_nothing()
        told = files.read_annotators(folder / "annotators.csv")
        brought = bring_in(session, study, votes, annotators=told, by=None, now=clock.now)
    return made.study_id, brought


def test_every_vote_of_the_arguments_and_their_agreement(database, clock, shared_data):
    folder = shared_data / "ukpconvarg_a"
    told = json.loads((folder / "reference.json").read_text())
    study_id, brought = bring_data(database, clock, folder)
    assert brought.added == told["basics"]["judgments"] == 44_375
    with database.read() as session:
        seen = observations(session, study_id)
    found = agreements(seen, seed=1)
    assert seen.people.id.size == told["basics"]["annotators"] == 3_608
    assert found.between.alpha == pytest.approx(told["krippendorff"]["alpha"], abs=1e-9)
    assert found.between.units == told["krippendorff"]["units_with_2plus"]
    assert found.between.pairwise == pytest.approx(told["pairwise_agreement"]["observed_agreement"], abs=1e-9)
    assert found.repeats == 0


def test_every_vote_on_the_light_fields_and_their_repeats(database, clock, shared_data):
    folder = shared_data / "lf_quality"
    told = json.loads((folder / "reference.json").read_text())
    study_id, brought = bring_data(database, clock, folder)
    assert brought.added == 26_580
    made = fitting.fit(database, study_id, now=clock.now)
    agreement, retest = made.result["agreement"], made.result["retest"]
    assert agreement["krippendorff_alpha"] == pytest.approx(told["krippendorff"]["alpha"], abs=1e-9)
    assert retest["n"] == told["basics"]["repeated_by_same_annotator"] == 17_760
    assert retest["same_sides"]["n"] == told["self_consistency"]["same_order"]["comparable"]
    assert retest["same_sides"]["same_choice"] == pytest.approx(
        told["self_consistency"]["same_order"]["share"], abs=1e-9
    )
    assert retest["swapped_sides"]["same_choice"] == pytest.approx(
        told["self_consistency"]["swapped"]["share"], abs=1e-9
    )
    assert made.result["choices"]["left"] == told["left_position"]["left"]
    assert made.result["decomposition"]["reliable"]
