"""Who may take a patch away and put it back, and what happens when two do it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa

from app.jobs.tables import Job
from app.kit.errors import NotFound
from app.metapreferences import acts, own, reads, writes
from app.metapreferences.errors import EndedByPerson, EndedByResearcher, PatchActive, PatchRevoked, Replaced
from app.metapreferences.tables import PatchEvent
from app.metapreferences.writes import Asked, By
from app.people.tables import Annotator
from app.questions.protocol import MetaAnswer, PatchDraft
from app.studies.tables import Study
from tests import factories

DRAFT = PatchDraft("person", "influence", "length", "endorsed", 0.0)


@pytest.fixture
def said(database, clock):
    """A study, two people, and what the first of them said."""
    with database.write() as session:
        made = factories.study(session, now=clock.now)
        person, other = factories.annotators(session, made.study_id, 2, now=clock.now)
        patch = writes.make(
            session, made.study_id, DRAFT, kind="M1", by=By(annotator_id=person), now=clock.tick()
        )
    return database, made, person, other, patch.id


def jobs(session, study_id):
    return session.scalars(sa.select(Job.key).where(Job.kind == "fit", Job.key == f"fit:{study_id}")).all()


def test_who_ended_it_last_decides_whether_it_counts_again(said, clock):
    database, made, person, other, patch_id = said
    with database.write() as session:
        study, owner = session.get_one(Study, made.study_id), made.owner_id
        mine, theirs = session.get_one(Annotator, person), session.get_one(Annotator, other)
        acts.revoke(session, study, patch_id, by=owner, now=clock.tick())
        with pytest.raises(EndedByResearcher):
            own.redo(session, mine, patch_id, now=clock.tick())
        assert not reads.holds(session, patch_id)
        acts.restore(session, study, patch_id, by=owner, now=clock.tick())
        own.undo(session, mine, patch_id, now=clock.tick())
        with pytest.raises(EndedByPerson):
            acts.restore(session, study, patch_id, by=owner, now=clock.tick())
        with pytest.raises(EndedByPerson):
            acts.restore(session, study, patch_id, by=None, now=clock.tick())
        own.redo(session, mine, patch_id, now=clock.tick())
        with pytest.raises(PatchActive):
            own.redo(session, mine, patch_id, now=clock.tick())
        for act in (own.undo, own.redo):
            with pytest.raises(NotFound):
                act(session, theirs, patch_id, now=clock.tick())
        assert reads.holds(session, patch_id)


def test_what_a_later_answer_replaced_is_put_back_by_nobody(said, clock):
    database, made, person, _, _ = said
    with database.write() as session:
        study, mine = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
        asked = Asked("M1", "M1.length", 1, "Should length count?", ("ignore", "count"))
        when = {"now": clock.tick(), "shown_at": clock.now}
        first = writes.record(session, study.id, mine, asked, MetaAnswer("ignore"), [DRAFT], **when)
        writes.record(session, study.id, mine, asked, MetaAnswer("unsure"), [], supersedes=first, **when)
        (old,) = reads.list_patches_of_event(session, first.id)
        with pytest.raises(Replaced):
            own.redo(session, mine, old.id, now=clock.tick())
        with pytest.raises(Replaced):
            acts.restore(session, study, old.id, by=made.owner_id, now=clock.tick())


def test_taking_back_and_counting_again_ask_for_a_fit(said, clock):
    database, made, person, _, patch_id = said
    for act in (own.undo, own.redo):
        with database.write() as session:
            session.execute(sa.delete(Job))
            act(session, session.get_one(Annotator, person), patch_id, now=clock.tick())
            assert jobs(session, made.study_id)


def at_once(database, *tasks):
    """Each in a transaction of its own, all let go in the same moment."""
    gate = Barrier(len(tasks))

    def run(task):
        gate.wait()
        with database.write() as session:
            return task(session)

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [f.result() for f in [pool.submit(run, task) for task in tasks]]


def test_of_settlements_at_once_one_holds(said, clock):
    """Eight people settle the same influence in the same moment; each that comes later replaces the one before."""
    database, made, *_ = said
    now = clock.tick()

    def settle(share):
        return lambda session: (
            acts.settle(
                session, session.get_one(Study, made.study_id), "length", share, by=made.owner_id, now=now
            ).id
        )

    at_once(database, *(settle(n / 8) for n in range(8)))
    with database.read() as session:
        held = [p for p in reads.active_patches(session, made.study_id) if p.scope == "study"]
        replaced = sa.select(sa.func.count()).where(PatchEvent.why == "replaced", PatchEvent.act == "revoked")
        assert len(held) == 1
        assert session.scalar(replaced) == 7


def test_of_switches_at_once_one_counts(said, clock):
    database, made, *_ = said
    now = clock.tick()

    def off(session):
        return acts.switch(
            session, session.get_one(Study, made.study_id), "M1", on=False, by=made.owner_id, now=now
        )

    assert sorted(at_once(database, *[off] * 6)) == [False] * 5 + [True]
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).where(PatchEvent.act == "off")) == 1


def test_of_a_patch_taken_away_at_once_one_request_does_it(said, clock):
    database, made, *_, patch_id = said
    now = clock.tick()

    def revoke(session):
        try:
            acts.revoke(session, session.get_one(Study, made.study_id), patch_id, by=made.owner_id, now=now)
        except PatchRevoked:
            return False
        return True

    assert sum(at_once(database, *[revoke] * 5)) == 1
