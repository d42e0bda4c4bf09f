"""Patches over time: whatever order they are made, revoked, restored, switched and withdrawn in, labels are as if computed afresh."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.aggregation import labels
from app.judgments import writes as judgments
from app.metapreferences import reads, writes
from app.metapreferences.errors import PatchActive, PatchRevoked, PersonGone
from app.metapreferences.writes import Asked, By
from app.people import writes as people
from app.people.tables import Annotator
from app.questions.protocol import MetaAnswer, PatchDraft
from app.studies.tables import Study
from tests import factories
from tests.querying.test_issue_next import ask, people_of, reply

PEOPLE = 4


def items():
    """Pairs of a short answer and a longer one of the same kind."""
    return [
        {
            "id": f"i{n:03}",
            "prompt": f"Request {n}?",
            "responses": [
                {"id": "a", "text": "Short answer."},
                {
                    "id": "b",
                    "text": "A longer answer. " * (n % 4 + 2),
                    "variant_of": "a",
                    "variant": "length",
                },
            ],
        }
        for n in range(16)
    ]


@pytest.fixture
def voted(sqlite_database, clock):
    """Four people who each chose the longer answer of every pair but two."""
    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=items(), meta={"share": 0}, querying={"retest": 0}
        )
    for person in people_of(database, made, PEOPLE, clock.now):
        for n in range(16):
            serving, _ = ask(database, made, person, clock.tick())
            with database.read() as session:
                from app.assignments.tables import Assignment
                from app.studies.tables import Response

                row = session.get_one(Assignment, serving)
                longer = "left" if session.get_one(Response, row.left_id).external_id == "b" else "right"
            other = {"left": "right", "right": "left"}[longer]
            reply(database, made, person, serving, clock.tick(), longer if n % 8 else other)
    return database, made


def drafts(session, study_id):
    """Things that could be said: about length, about a choice, about how to resolve disagreement."""
    from sqlalchemy import select

    from app.judgments.tables import Judgment

    ids = session.scalars(
        select(Judgment.id).where(Judgment.study_id == study_id).order_by(Judgment.id)
    ).all()
    return [
        ("M1", PatchDraft("person", "influence", "length", "endorsed", 0.0, ids[:2], 2, 3)),
        ("M1", PatchDraft("person", "influence", "length", "endorsed", 1.0, ids[:1])),
        ("M12", PatchDraft("person", "judgment", ids[3], "value_weight", 0.0, ids[3:4])),
        ("M4", PatchDraft("person", "judgment", ids[9], "tie", 0.5, ids[9:10])),
        ("M4", PatchDraft("person", "judgment", ids[20], "answer_from", ids[30], ids[20:21])),
        ("M1", PatchDraft("study", "influence", "formatting", "endorsed", 0.0)),
    ]


@dataclass
class Model:
    """What should hold, kept apart from the tables."""

    made: list[tuple[str, int, str]] = field(default_factory=list)
    holds: dict[str, bool] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)

    def active(self):
        return [
            i for i, who, kind in self.made if self.holds[i] and kind not in self.off and who not in self.gone
        ]


STEPS = st.lists(
    st.tuples(st.sampled_from(["make", "revoke", "restore", "switch", "withdraw"]), st.integers(0, 30)),
    min_size=1,
    max_size=14,
)


class _Undo(Exception):
    pass


def arrays(found):
    e = found.endorsed
    return [e.p_raw, e.p_endorsed, e.weight, e.side, e.stable, e.logit_shift, e.flips]


def same(one, other):
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_array_equal(a, b)
    pairs = range(one.endorsed.p_raw.size)
    assert [one.endorsed.patches_of(p) for p in pairs] == [other.endorsed.patches_of(p) for p in pairs]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_order_of_events_gives_what_a_fresh_computation_gives(voted, clock, steps):
    database, made = voted
    labels._kept.clear()
    with contextlib.suppress(_Undo), database.write() as session:
        study = session.get_one(Study, made.study_id)
        persons = [p.id for p in session.query(Annotator).filter_by(study_id=study.id).order_by(Annotator.id)]
        could, model, now = drafts(session, study.id), Model(), clock.now
        for step, n in steps:
            now += timedelta(seconds=1)
            take(session, study, persons, could, model, step, n, now)
            labels.labels(session, study)
        found = labels.labels(session, study)
        assert [p.id for p in found.patches] == model.active()
        labels._kept.clear()
        same(found, labels.labels(session, study))
        then = labels.labels(session, study, as_of=now)
        same(found, then)
        raise _Undo
    labels._kept.clear()


def take(session, study, persons, could, model, step, n, now):
    person = persons[n % PEOPLE]
    if step == "make" and person not in model.gone:
        kind, draft = could[n % len(could)]
        patch = writes.make(session, study.id, draft, kind=kind, by=By(annotator_id=person), now=now)
        model.made.append((patch.id, person, kind))
        model.holds[patch.id] = True
    elif step in {"revoke", "restore"} and model.made:
        patch_id, who, _ = model.made[n % len(model.made)]
        patch = reads.get_patch(session, patch_id)
        try:
            getattr(writes, step)(session, patch, by=By(annotator_id=who), now=now)
            model.holds[patch_id] = step == "restore"
        except (PatchActive, PatchRevoked):
            assert model.holds[patch_id] == (step == "restore")
        except PersonGone:
            assert who in model.gone
    elif step == "switch":
        kind = ("M1", "M4", "M12")[n % 3]
        writes.switch(session, study.id, kind, on=kind in model.off, by=By(), now=now)
        model.off ^= {kind}
    elif step == "withdraw" and person not in model.gone:
        annotator = session.get_one(Annotator, person)
        writes.withdraw(session, annotator, now=now)
        judgments.erase(session, annotator, now=now)
        people.withdraw(session, annotator, now=now)
        model.gone.add(person)
        for patch_id, who, _ in model.made:
            if who == person:
                model.holds[patch_id] = False


def test_what_held_at_a_moment_can_be_told_later(voted, clock):
    database, made = voted
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        person = session.query(Annotator).filter_by(study_id=study.id).first()
        kind, draft = drafts(session, study.id)[0]
        before = clock.tick()
        patch = writes.make(
            session, study.id, draft, kind=kind, by=By(annotator_id=person.id), now=clock.tick()
        )
        during = clock.tick()
        moved = labels.labels(session, study)
        writes.revoke(session, patch, by=By(), now=clock.tick())
        assert not labels.labels(session, study).patches
        assert not labels.labels(session, study, as_of=before).patches
        same(labels.labels(session, study, as_of=during), moved)
        assert labels.labels(session, study) is labels.labels(session, study)
        assert moved.told(int(moved.pair_id[1]))["patches"] == [patch.id]
        writes.switch(session, study.id, "M1", on=False, by=By(), now=clock.tick())
        writes.restore(session, patch, by=By(), now=clock.tick())
        assert not labels.labels(session, study).patches
        writes.switch(session, study.id, "M1", on=True, by=By(), now=clock.tick())
        same(labels.labels(session, study), moved)
        assert [a.act for a in reads.list_acts(session, study.id)] == [
            "made",
            "revoked",
            "off",
            "restored",
            "on",
        ]


def test_an_answer_and_its_patches_come_together_and_a_change_replaces_them(database, clock):
    with database.write() as session:
        made = factories.study(session, now=clock.now)
        person = factories.annotator(session, made.study_id, now=clock.now)
        asked = Asked("M1", "M1.length", 1, "Should length count?", ("no", "yes"))
        draft = PatchDraft("person", "influence", "length", "endorsed", 0.0)
        first = writes.record(
            session,
            made.study_id,
            person,
            asked,
            MetaAnswer("no"),
            [draft],
            now=clock.tick(seconds=9),
            shown_at=clock.now,
        )
        second = writes.record(
            session,
            made.study_id,
            person,
            asked,
            MetaAnswer("yes"),
            [],
            now=clock.tick(),
            shown_at=clock.now,
            supersedes=first,
        )
        assert not reads.active_patches(session, made.study_id)
        assert [e.id for e in reads.list_events(session, made.study_id)] == [second.id]
        (old,) = reads.list_patches(session, made.study_id)
        assert (old.active, old.patch.revoked_at) == (False, clock.now)


def test_a_tap_beside_a_choice_follows_the_choice(database, clock, make_study):
    made = make_study(querying={"retest": 0}, meta={"share": 0})
    (person,) = people_of(database, made, 1, clock.now)
    serving, _ = ask(database, made, person, clock.now)
    given = reply(database, made, person, serving, clock.tick(), view="guess")
    with database.write() as session:
        from app.judgments.tables import Judgment

        annotator, study = session.get_one(Annotator, person), session.get_one(Study, made.study_id)
        judgment = session.get_one(Judgment, given)
        event = writes.note_view(session, annotator, judgment, now=clock.tick())
        assert writes.note_view(session, annotator, judgment, now=clock.tick()).id == event.id
        (patch,) = reads.active_patches(session, study.id)
        assert (patch.kind, patch.target_id, patch.var, patch.value) == ("M12", given, "value_weight", 0.0)
        assert labels.labels(session, study).endorsed.weight.tolist() == [0.0]
        changed = judgments.revise(
            session, study, annotator, serving, factories.answer("right", view="my_view"), now=clock.tick()
        ).judgment
        writes.note_view(session, annotator, changed, now=clock.tick())
        assert not reads.active_patches(session, study.id)
        assert len(reads.list_events(session, study.id)) == 1


def test_one_persons_patches_are_told_without_reading_what_others_said(database, clock):
    with database.write() as session:
        made, other = factories.study(session, now=clock.now), factories.study(session, now=clock.now)
        mine, theirs = (factories.annotator(session, made.study_id, now=clock.now) for _ in range(2))
        draft = PatchDraft("person", "influence", "length", "endorsed", 0.0)
        for n in range(6):
            writes.make(
                session, made.study_id, draft, kind="M1", by=By(annotator_id=theirs.id), now=clock.tick()
            )
            if n % 3 == 0:
                kind = ("M1", "M9")[n % 2]
                one = writes.make(
                    session, made.study_id, draft, kind=kind, by=By(annotator_id=mine.id), now=clock.tick()
                )
        writes.revoke(session, one, by=By(annotator_id=mine.id), now=clock.tick())
        writes.switch(session, made.study_id, "M1", on=False, by=By(), now=clock.tick())
        writes.switch(session, other.study_id, "M9", on=False, by=By(), now=clock.tick())
        every = reads.list_patches(session, made.study_id)
        own = reads.list_patches(session, made.study_id, annotator_id=mine.id)
        assert own == [p for p in every if p.patch.annotator_id == mine.id]
        assert [p.active for p in own] == [False, False] and [p.switched_off for p in own] == [False, True]
        assert len(reads._acts_of_person(session, made.study_id, mine.id)) == 4
        assert reads.switched_off(session, made.study_id) == {"M1"}
