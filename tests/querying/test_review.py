"""After a person said what fits them: repeats come more often, what they disowned is asked again first, and all of it is noted."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.aggregation import keeping, labels
from app.aggregation.observations import observations
from app.assignments.tables import Assignment, PersonLoad
from app.inference.own_slopes import DISOWNED_SD
from app.judgments.tables import Judgment
from app.metapreferences import own, reads
from app.people.tables import Annotator
from app.querying import about_me, own_guess
from app.questions.asking import Statement
from app.questions.protocol import MetaAnswer
from app.reports import agreement, asked
from app.studies import reads as studies
from app.studies.tables import Pair, Study
from tests import factories
from tests.querying.test_issue_next import ask, people_of, reply
from tests.querying.test_meta import lengthy, longer_side


def work(database, made, person, clock, count):
    """Answer so many comparisons, nearly always for the longer one; what was asked."""
    rows = []
    for n in range(count):
        serving, _ = ask(database, made, person, clock.tick())
        side = longer_side(database, serving)
        reply(
            database, made, person, serving, clock.tick(), side if n % 6 else {"left": "right", "right": "left"}[side]
        )  # fmt: skip
        rows.append(serving)
    with database.read() as session:
        return [session.get_one(Assignment, r) for r in rows]


def review(database, made, person, clock, choice, *, name="length", evidence=(), foil=False):
    with database.write() as session:
        annotator = session.get_one(Annotator, person)
        spec = studies.spec_of(session, session.get_one(Study, made.study_id))
        found = about_me.read(session, annotator, spec)
        one = Statement(name, 1, len(evidence), len(evidence) or 1, tuple(evidence), foil)
        return about_me.answer_statement(
            session, annotator, spec, found, one, MetaAnswer(choice), now=clock.tick(), shown_at=clock.now
        ).id


@pytest.fixture
def begun(database, clock):
    """A study that repeats one pair in twenty, and a person who has answered thirty."""
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=lengthy(150), querying={"policy": "random", "retest": 0.05},
            collection={"per_annotator": 400}, session={"questions": 10}, meta={"share": 0},
        )  # fmt: skip
    (person,) = people_of(database, made, 1, clock.now)
    work(database, made, person, clock, 30)
    return database, made, person


def firsts(session, person, count):
    return session.scalars(
        sa.select(Judgment.id)
        .where(Judgment.annotator_id == person, Judgment.retest_of.is_(None))
        .order_by(Judgment.id)
        .limit(count)
    ).all()


def test_what_does_not_fit_is_asked_again_first(begun, clock):
    database, made, person = begun
    with database.read() as session:
        evidence = firsts(session, person, 4)
        repeated = set(session.scalars(sa.select(Judgment.retest_of).where(Judgment.annotator_id == person)))
    review(database, made, person, clock, "not_me", evidence=evidence)
    rows = [r for r in work(database, made, person, clock, 40) if r.retest_of]
    wanted = set(evidence) - repeated
    assert {r.retest_of for r in rows[: len(wanted)]} == wanted
    for n, row in enumerate(rows):
        queued = n < len(wanted)
        assert (row.draw.get("queued") == "not_me") == queued
        if queued:
            assert row.propensity == pytest.approx(0.2 / (len(wanted) - n))


def test_one_in_five_repeats_after_a_review_and_it_is_told_apart(begun, clock):
    database, made, person = begun
    review(database, made, person, clock, "fits", evidence=())
    with database.read() as session:
        assert session.get_one(PersonLoad, person).reviewed_slot == 30
    rows = work(database, made, person, clock, 75)
    chance = {r.slot: r.propensity * r.draw["eligible"] for r in rows if r.retest_of}
    assert {round(p, 6) for s, p in chance.items() if s < 70} == {0.2}
    by_slot = {r.slot: r.draw["branch_probability"] for r in rows if not r.retest_of}
    assert {round(p, 6) for s, p in by_slot.items() if s < 70} == {0.8}
    assert {round(p, 6) for s, p in by_slot.items() if s >= 70} == {0.95}
    with database.read() as session:
        places = sa.select(Judgment.id, Assignment.slot).join(
            Assignment, Assignment.id == Judgment.assignment_id
        )
        slot = {key: at for key, at in session.execute(places)}  # noqa: C416 - rows, not pairs
        seen = observations(session, made.study_id)
        told = [bool(r.draw.get("reviewed_before")) for r in rows if r.retest_of]
        assert told == [slot[r.retest_of] < 30 for r in rows if r.retest_of]
        after, elsewhere = agreement.seeing(seen)
        assert after.n == sum(told) > 0
        assert after.n + elsewhere.n == int(seen.repeat.sum())


def test_a_study_that_repeats_nothing_repeats_nothing_then_either(database, clock):
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=lengthy(60), querying={"policy": "random", "retest": 0}, meta={"share": 0}
        )  # fmt: skip
    (person,) = people_of(database, made, 1, clock.now)
    work(database, made, person, clock, 20)
    with database.read() as session:
        evidence = firsts(session, person, 3)
    review(database, made, person, clock, "not_me", evidence=evidence)
    assert not any(r.retest_of for r in work(database, made, person, clock, 20))


def test_what_is_disowned_leaves_the_study_picture_of_a_person_until_they_take_that_back(
    sqlite_database, clock
):
    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=lengthy(80), querying={"policy": "random", "retest": 0}, meta={"share": 0}
        )  # fmt: skip
    person, *others = people_of(database, made, 6, clock.now)
    for one in (person, *others):
        work(database, made, one, clock, 50)

    def slope(kept):
        return kept.result["people"][str(person)][list(kept.result["influences"]).index("length")]

    before = keeping.keep(database, made.study_id, now=clock.tick())
    review(database, made, person, clock, "not_me", evidence=())
    with database.write() as session:
        annotator = session.get_one(Annotator, person)
        pair = session.scalars(sa.select(Pair).order_by(Pair.id.desc())).first()
        at_once = own_guess.guess(session, annotator, before, pair, first_left=True)
    after = keeping.keep(database, made.study_id, now=clock.tick())
    assert slope(before) > 0.5
    assert abs(slope(after)) < 3 * DISOWNED_SD
    assert after.result["disowned"] == {str(person): ["length"]}
    others_before, others_after = (
        {k: v for k, v in kept.result["people"].items() if k != str(person)} for kept in (before, after)
    )
    assert others_before == others_after
    with database.write() as session:
        annotator = session.get_one(Annotator, person)
        again = own_guess.guess(session, annotator, after, pair, first_left=True)
        usual = own_guess.guess(session, annotator, before, pair, first_left=True)
        assert again == pytest.approx(at_once, abs=0.1) and usual == at_once
        (patch,) = reads.list_patches(session, made.study_id, annotator_id=person)
        own.undo(session, annotator, patch.patch.id, now=clock.tick())
    back = keeping.keep(database, made.study_id, now=clock.tick())
    assert back.result["people"] == before.result["people"]


def test_how_many_foils_were_accepted_is_told(begun, clock):
    database, made, person = begun
    review(database, made, person, clock, "fits", name="length")
    review(database, made, person, clock, "partly", name="hedging", foil=True)
    review(database, made, person, clock, "not_me", name="warmth", foil=True)
    review(database, made, person, clock, "unsure", name="emoji", foil=True)
    with database.read() as session:
        study = session.get_one(Study, made.study_id)
        (m9,) = asked.kinds(session, study.id, labels.labels(session, study))
        assert (m9.foils.answered, m9.foils.accepted, m9.foils.people) == (2, 1, 1)
        assert [p.patch.target_id for p in reads.list_patches(session, study.id)] == ["length"]


def test_answers_that_say_nothing_make_asking_worth_less(sqlite_database, clock):
    """Twelve people are not sure of length; the figures that questions are priced by count them, each once."""
    from app.metapreferences import writes
    from app.metapreferences.writes import Asked

    database = sqlite_database
    with database.write() as session:
        made = factories.study(session, now=clock.now, rows=lengthy(20), meta={"share": 0})
    people = people_of(database, made, 12, clock.now)
    work(database, made, people[0], clock, 6)

    def say(person, choice, before=None):
        with database.write() as session:
            asked = Asked("M1", "M1.length", 1, "Should being longer count?", ("count", "ignore", "unsure"))
            return writes.record(
                session, made.study_id, session.get_one(Annotator, person), asked, MetaAnswer(choice), [],
                now=clock.tick(), shown_at=clock.now, supersedes=before,
            )  # fmt: skip

    def told():
        facts = keeping.keep(database, made.study_id, now=clock.tick()).result["influences"]
        return facts["length"]["undecided"], facts["length"]["confounded"], facts["hedging"]["undecided"]

    assert told() == (0, 0, 0)
    events = [say(p, "unsure") for p in people]
    assert told() == (12, 0, 0)
    say(people[0], "confound", events[0])
    assert told() == (11, 1, 0)
