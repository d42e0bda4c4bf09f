"""Recording answers: once, for good, with their history."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.tables import Assignment, PairLoad
from app.judgments import reads, writes
from app.judgments.errors import AnswerIncomplete, ChangedElsewhere, EditWindowClosed, TokenReused
from app.judgments.tables import Judgment
from app.kit.errors import NotFound
from app.people.tables import Annotator
from app.studies import writes as studies
from app.studies.errors import StudyClosed
from app.studies.tables import Study
from tests import factories
from tests.querying.test_issue_next import ask, assert_books_balance, people_of, reply


def rows(database):
    with database.read() as session:
        return session.scalars(sa.select(Judgment).order_by(Judgment.assignment_id, Judgment.revision)).all()


def do(database, made, annotator_id, work):
    """Run ``work(session, study, annotator)`` in a write transaction."""
    with database.write() as session:
        return work(session, session.get_one(Study, made.study_id), session.get_one(Annotator, annotator_id))


def test_the_same_submit_again_is_one_judgment(database, clock, make_study):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    first = reply(database, made, person, got[0], clock.now, client_token="t1")
    again = reply(database, made, person, got[0], clock.tick(), client_token="t1")
    assert first == again
    assert len(rows(database)) == 1


def test_a_double_click_from_eight_hands_is_one_judgment(database, clock, make_study):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)

    def click(_):
        return reply(database, made, person, got[0], clock.now, client_token="same")

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(click, range(8)))
    assert len(ids) == 1
    assert len(rows(database)) == 1
    assert_books_balance(database, made)


def test_a_second_tab_is_told_that_it_was_answered(database, clock, make_study):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    reply(database, made, person, got[0], clock.now, client_token="tab1")
    with pytest.raises(AlreadyAnswered):
        reply(database, made, person, got[0], clock.now, "right", client_token="tab2")
    assert [r.choice for r in rows(database)] == ["left"]


def test_a_token_of_another_answer_is_refused(database, clock, make_study):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    reply(database, made, person, ask(database, made, person, clock.now)[0], clock.now, client_token="t")
    second = ask(database, made, person, clock.now)
    with pytest.raises(TokenReused):
        reply(database, made, person, second[0], clock.now, client_token="t")


def test_somebody_elses_assignment_is_not_found(database, clock, make_study):
    made = make_study()
    one, other = people_of(database, made, 2, clock.now)
    got = ask(database, made, one, clock.now)
    with pytest.raises(NotFound):
        reply(database, made, other, got[0], clock.now)
    assert rows(database) == []


def test_a_change_of_mind_keeps_its_history_and_one_current_value(database, clock, make_study):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    first = reply(database, made, person, got[0], clock.now, rationale="first thought")

    def change(session, study, annotator):
        given = factories.answer("right")
        return writes.revise(
            session, study, annotator, got[0], given, now=clock.tick(), based_on=first
        ).judgment.id

    second = do(database, made, person, change)
    history = rows(database)
    assert [(r.revision, r.choice, r.supersedes) for r in history] == [(1, "left", None), (2, "right", first)]
    assert history[0].rationale == "first thought"
    with database.read() as session:
        assert [j.id for j in session.scalars(reads.current())] == [second]
    with pytest.raises(ChangedElsewhere):
        do(database, made, person, change)
    assert_books_balance(database, made)


def test_taking_back_frees_the_place_and_twice_is_once(database, clock, make_study):
    made = make_study(pairs=1, collection={"per_pair": {"min": 1, "max": 1}})
    one, other = people_of(database, made, 2, clock.now)
    judgment = reply(database, made, one, ask(database, made, one, clock.now)[0], clock.now)
    assert ask(database, made, other, clock.now) is None
    for _ in range(2):
        do(database, made, one, lambda s, st, a: writes.retract(s, st, a, judgment, now=clock.tick()))
    assert [r.choice for r in rows(database)] == ["left", "retracted"]
    assert_books_balance(database, made)
    assert ask(database, made, other, clock.now) is not None


def test_an_answer_changed_back_from_a_skip_takes_a_place_only_where_one_is_left(database, clock, make_study):
    made = make_study(pairs=1, collection={"per_pair": {"min": 1, "max": 1}})
    one, other = people_of(database, made, 2, clock.now)
    got = ask(database, made, one, clock.now)
    reply(database, made, one, got[0], clock.now, "skip")
    reply(database, made, other, ask(database, made, other, clock.now)[0], clock.now)
    do(
        database,
        made,
        one,
        lambda s, st, a: writes.revise(s, st, a, got[0], factories.answer("left"), now=clock.tick()),
    )
    with database.read() as session:
        assert session.scalars(sa.select(PairLoad.counted)).one() == 1
        current = session.scalars(reads.current().where(Judgment.annotator_id == one)).one()
        assert (current.choice, current.counts) == ("left", False)
    assert_books_balance(database, made)


def test_the_window_closes_hours_after_the_session(database, clock, make_study):
    made = make_study(pairs=5, collection={"edit_hours": 24})
    (person,) = people_of(database, made, 1, clock.now)
    first = reply(database, made, person, ask(database, made, person, clock.now)[0], clock.now)
    reply(database, made, person, ask(database, made, person, clock.tick(hours=1))[0], clock.now)
    clock.tick(hours=23, minutes=30)
    do(database, made, person, lambda s, st, a: writes.retract(s, st, a, first, now=clock.now))
    clock.tick(hours=1)
    second = next(r.id for r in rows(database) if r.choice == "left" and r.id != first)
    with pytest.raises(EditWindowClosed):
        do(database, made, person, lambda s, st, a: writes.retract(s, st, a, second, now=clock.now))


def test_a_late_answer_is_refused_unless_asked_for_and_then_kept_apart(database, clock, make_study):
    made = make_study(pairs=1, collection={"per_pair": {"min": 1, "max": 1}, "reservation_minutes": 1})
    one, other = people_of(database, made, 2, clock.now)
    got = ask(database, made, one, clock.now)
    clock.tick(minutes=2)
    with pytest.raises(AssignmentExpired):
        reply(database, made, one, got[0], clock.now)
    theirs = ask(database, made, other, clock.now)
    late = do(
        database,
        made,
        one,
        lambda s, st, a: (
            writes.record(
                s,
                st,
                a,
                got[0],
                factories.answer("right"),
                now=clock.now,
                submission=writes.Submission(allow_late=True),
            ).judgment
        ),
    )
    assert (late.late, late.counts) == (True, False)
    reply(database, made, other, theirs[0], clock.now)
    assert_books_balance(database, made)
    with database.read() as session:
        assert session.scalars(sa.select(PairLoad.counted)).one() == 1


def test_a_late_answer_before_anyone_swept_returns_the_place(database, clock, make_study):
    made = make_study(pairs=2, collection={"reservation_minutes": 1})
    (one,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, one, clock.now)
    clock.tick(minutes=2)
    do(
        database,
        made,
        one,
        lambda s, st, a: writes.record(
            s,
            st,
            a,
            got[0],
            factories.answer("tie"),
            now=clock.now,
            submission=writes.Submission(allow_late=True),
        ),
    )
    assert_books_balance(database, made)
    nxt = ask(database, made, one, clock.now)
    assert nxt[1] != got[1]


def test_a_closed_study_takes_no_answer(database, clock, make_study):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    with database.write() as session:
        studies.set_state(session, session.get_one(Study, made.study_id), "closed", by=None, now=clock.now)
    with pytest.raises(StudyClosed):
        reply(database, made, person, got[0], clock.now)


def test_what_the_question_does_not_allow_is_named(database, clock, make_study):
    made = make_study(question={"rationale": "required", "aspects": [{"key": "tone", "label": "Tone?"}]})
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    with pytest.raises(AnswerIncomplete) as refusal:
        reply(
            database,
            made,
            person,
            got[0],
            clock.now,
            aspects={"toen": "left"},
            spans=[{"side": "left", "start": 0, "end": 10_000, "tag": "x"}],
        )
    assert {e["where"] for e in refusal.value.errors} == {"rationale", "aspects.toen", "spans.0"}
    assert rows(database) == []
    reply(database, made, person, got[0], clock.now, "skip")


def test_marks_are_kept_by_response_and_not_by_side(database, clock, make_study):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    reply(
        database,
        made,
        person,
        got[0],
        clock.now,
        spans=[{"side": "right", "start": 0, "end": 3, "tag": "helped"}],
    )
    with database.read() as session:
        assignment = session.get_one(Assignment, got[0])
    assert rows(database)[0].spans == [
        {"response_id": assignment.right_id, "start": 0, "end": 3, "tag": "helped"}
    ]


def test_a_session_that_fails_leaves_no_trace(database, clock, make_study):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)

    def fail(session, study, annotator):
        writes.record(session, study, annotator, got[0], factories.answer(), now=clock.now)
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        do(database, made, person, fail)
    assert rows(database) == []
    assert_books_balance(database, made)
    assert reply(database, made, person, got[0], clock.now)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("choice", "'best'"),
        ("strength", "4"),
        ("predicted_share", "1.5"),
        ("revision", "0"),
        ("confidence", "9"),
    ],
)
def test_the_database_itself_refuses_what_cannot_be_true(database, clock, make_study, column, value):
    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    reply(database, made, person, ask(database, made, person, clock.now)[0], clock.now)
    with pytest.raises(sa.exc.IntegrityError), database.write() as session:
        session.execute(sa.text(f"UPDATE judgment SET {column} = {value}"))


def test_withdrawing_erases_words_and_keeps_counts(database, clock, make_study):
    from app.people import writes as people

    made = make_study()
    (person,) = people_of(database, made, 1, clock.now)
    reply(
        database,
        made,
        person,
        ask(database, made, person, clock.now)[0],
        clock.now,
        rationale="private words",
    )

    def leave(session, _study, annotator):
        assert writes.erase(session, annotator, now=clock.now) == 1
        people.withdraw(session, annotator, now=clock.now)

    do(database, made, person, leave)
    assert [(r.choice, r.rationale) for r in rows(database)] == [("left", None)]
    with database.read() as session:
        assert reads.count_choices(session, made.study_id) == {}
