"""Issuing questions: what is drawn, with which probability, and what is kept true while many people ask at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.assignments import reads as assignment_reads
from app.assignments.tables import Assignment, PairLoad, PersonLoad, Pool, Spending
from app.judgments import writes as judgments
from app.judgments.tables import Judgment
from app.people import writes as people
from app.people.tables import Annotator
from app.querying import registry
from app.querying.writes import issue_next
from app.studies import writes as studies
from app.studies.errors import StudyNotOpen
from app.studies.tables import Study
from tests import factories


def ask(database, made, annotator_id, now, seed=None):
    """One person's next question: (assignment id, pair id) or None."""
    with database.write() as session:
        study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, annotator_id)
        found = issue_next(session, study, person, now=now, seed=seed)
        return None if found is None else (found.id, found.pair_id)


def reply(database, made, annotator_id, assignment_id, now, choice="left", **fields):
    with database.write() as session:
        study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, annotator_id)
        given = factories.answer(choice, **fields)
        return judgments.record(session, study, person, assignment_id, given, now=now).judgment.id


def people_of(database, made, count, now):
    with database.write() as session:
        return factories.annotators(session, made.study_id, count, now=now)


def assert_books_balance(database, made):
    """Every counter equals what the rows say."""
    with database.read() as session:
        loads = session.scalars(sa.select(PairLoad).where(PairLoad.study_id == made.study_id)).all()
        positions = sorted(p.position for p in loads if p.position is not None)
        assert positions == list(range(len(positions)))
        assert session.get_one(Pool, made.study_id).open_pairs == len(positions)
        superseded = sa.select(Judgment.supersedes).where(Judgment.supersedes.is_not(None))
        counted = Counter(
            session.scalars(
                sa.select(Judgment.pair_id).where(Judgment.counts, Judgment.id.not_in(superseded))
            )
        )
        held = Counter(
            session.scalars(
                sa.select(Assignment.pair_id).where(
                    Assignment.state == "open", Assignment.retest_of.is_(None), ~Assignment.is_gold
                )
            )
        )
        for load in loads:
            assert (load.counted, load.reserved) == (counted[load.pair_id], held[load.pair_id])
            full = load.counted + load.reserved >= load.cap
            assert (load.position is None) == (full or load.retired or load.gold)
        inside = {p.pair_id for p in loads if p.position is not None}
        for person in session.scalars(sa.select(PersonLoad)):
            seen = session.scalars(
                sa.select(Assignment.pair_id).where(
                    Assignment.annotator_id == person.annotator_id,
                    Assignment.retest_of.is_(None),
                    Assignment.state.in_(("open", "answered")),
                )
            )
            assert person.seen_open == len(inside & set(seen))
            repeats = sa.select(sa.func.count()).where(
                Assignment.annotator_id == person.annotator_id,
                Assignment.retest_of.is_not(None),
                Assignment.state.in_(("open", "answered")),
            )
            assert person.repeats == session.scalar(repeats)
        live = session.scalar(sa.select(sa.func.sum(Spending.live)).where(Spending.study_id == made.study_id))
        assert live == session.scalar(sa.select(sa.func.count()).where(Assignment.state == "open"))


@pytest.mark.parametrize("policy", ["random", "even"])
def test_every_pair_gets_exactly_what_was_wanted(database, clock, make_study, policy):
    """Eight people at once, three judgments a pair; some walk away and their pairs return."""
    made = make_study(
        pairs=12, querying={"policy": policy, "retest": 0}, collection={"per_pair": {"min": 3, "max": 3}}
    )
    persons = people_of(database, made, 8, clock.now)

    def work(person):
        walked_away = False
        for step in range(60):
            now = clock.now + timedelta(seconds=step)
            got = ask(database, made, person, now)
            if got is None:
                return
            if person % 4 == 0 and step == 2 and not walked_away:
                return
            if step % 7 == 5:
                reply(database, made, person, got[0], now, "skip")
            else:
                reply(database, made, person, got[0], now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, persons))
    assert_books_balance(database, made)
    clock.tick(minutes=30)
    for person in people_of(database, made, 6, clock.now):
        while (got := ask(database, made, person, clock.tick())) is not None:
            reply(database, made, person, got[0], clock.now)
    with database.read() as session:
        assert set(
            session.scalars(sa.select(PairLoad.counted).where(PairLoad.study_id == made.study_id))
        ) == {3}
        good = (
            sa.select(Judgment.pair_id, sa.func.count())
            .where(Judgment.choice != "skip")
            .group_by(Judgment.pair_id)
        )
        assert {n for _, n in session.execute(good)} == {3}
    assert_books_balance(database, made)


def test_a_held_question_comes_back_unchanged(database, clock, make_study):
    made = make_study(pairs=20)
    (person,) = people_of(database, made, 1, clock.now)
    first = ask(database, made, person, clock.now)
    assert ask(database, made, person, clock.tick(minutes=19)) == first


def test_two_tabs_asking_at_once_get_the_same_question(database, clock, make_study):
    made = make_study(pairs=20)
    (person,) = people_of(database, made, 1, clock.now)
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda _: ask(database, made, person, clock.now), range(6)))
    assert len(set(got)) == 1


def test_an_abandoned_pair_returns_to_others_and_to_the_same_person(database, clock, make_study):
    made = make_study(pairs=1, collection={"per_pair": {"min": 1, "max": 1}})
    one, other = people_of(database, made, 2, clock.now)
    assert ask(database, made, one, clock.now) is not None
    assert ask(database, made, other, clock.now) is None
    held = ask(database, made, other, clock.tick(minutes=21))
    assert held is not None
    assert ask(database, made, one, clock.now) is None
    assert ask(database, made, one, clock.tick(minutes=21)) is not None
    assert_books_balance(database, made)


@pytest.mark.parametrize("policy", ["random", "even", "contested"])
def test_logged_propensities_weigh_to_one(sqlite_database, clock, policy):
    """The mean of 1{pair drawn}/propensity is one for every pair: what an unbiased estimate rests on."""
    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, pairs=6, querying={"policy": policy, "retest": 0, "explore": 0.3}
        )
    (busy,) = people_of(database, made, 1, clock.now)
    for _ in range(3):
        reply(database, made, busy, ask(database, made, busy, clock.now)[0], clock.now)
    with database.read() as session:
        pairs = session.scalars(sa.select(PairLoad.pair_id).where(PairLoad.study_id == made.study_id)).all()
    draws, weights = 500, {pair: [] for pair in pairs}
    for seed in range(draws):
        with database.write() as session:
            study = session.get_one(Study, made.study_id)
            person = people.join(session, made.study_id, now=clock.now, source="api").annotator
            drawn = issue_next(session, study, person, now=clock.now, seed=seed * 7919)
            weights[drawn.pair_id].append(1 / drawn.propensity)
            session.rollback()
    for found in weights.values():
        mean = sum(found) / draws
        error = (sum(w * w for w in found) / draws - mean**2) ** 0.5 / draws**0.5
        assert abs(mean - 1) < 4.5 * error


def test_a_policy_that_is_not_there_draws_evenly_and_says_so(database, clock, make_study, monkeypatch):
    there = {name: policy for name, policy in registry.acquisitions().items() if name != "ranking"}
    monkeypatch.setattr(registry, "acquisitions", lambda: there)
    made = make_study(pairs=3, querying={"policy": "ranking"})
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    with database.read() as session:
        row = session.get_one(Assignment, got[0])
        assert row.policy == "even"
        assert row.draw["asked_policy"] == "ranking"
        assert "drew evenly" in row.draw["note"]


def test_a_ranking_without_a_model_draws_evenly_and_says_so(database, clock, make_study):
    made = make_study(pairs=3, querying={"policy": "ranking"})
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    with database.read() as session:
        row = session.get_one(Assignment, got[0])
        assert row.policy == "ranking"
        assert row.draw["note"] == "ranking has no model yet; drew evenly"
        assert row.propensity == pytest.approx(1 / 3)


def test_repeats_come_with_their_share_and_their_probability(database, clock, make_study):
    made = make_study(
        pairs=300, querying={"policy": "random", "retest": 0.3}, collection={"per_annotator": 400}
    )
    (person,) = people_of(database, made, 1, clock.now)
    for _ in range(200):
        got = ask(database, made, person, clock.tick())
        reply(database, made, person, got[0], clock.now)
    with database.read() as session:
        rows = session.scalars(sa.select(Assignment).order_by(Assignment.id)).all()
        repeats = [r for r in rows if r.retest_of]
        assert 35 <= len(repeats) <= 85
        by_judgment = {j.id: j for j in session.scalars(sa.select(Judgment))}
        order = {r.id: n for n, r in enumerate(rows)}
        asked_again = [by_judgment[r.retest_of].assignment_id for r in repeats]
        assert len(set(asked_again)) == len(asked_again)
        for row in repeats:
            first = by_judgment[row.retest_of]
            assert first.pair_id == row.pair_id
            assert order[row.id] - order[first.assignment_id] >= 7
            assert row.propensity == pytest.approx(0.3 / row.draw["eligible"])
            assert row.draw["branch"] == "retest"
        assert {(r.left_id == by_judgment[r.retest_of].left_id) for r in repeats} == {True, False}
        ordinary = next(r for r in rows[30:] if not r.retest_of)
        assert ordinary.draw["branch_probability"] == pytest.approx(0.7)
    assert_books_balance(database, made)


def test_repeats_do_not_fill_a_place(database, clock, make_study):
    made = make_study(pairs=10, querying={"retest": 0.5}, collection={"per_pair": {"min": 1, "max": 1}})
    (person,) = people_of(database, made, 1, clock.now)
    while (got := ask(database, made, person, clock.tick())) is not None:
        reply(database, made, person, got[0], clock.now)
    with database.read() as session:
        assert set(session.scalars(sa.select(PairLoad.counted))) == {1}


def test_in_each_block_of_eight_sides_come_up_equally(database, clock, make_study):
    made = make_study(pairs=40, querying={"retest": 0.1})
    (person,) = people_of(database, made, 1, clock.now)
    left_first = []
    for n in range(24):
        got = ask(database, made, person, clock.tick())
        if n % 5 == 0:
            reply(database, made, person, got[0], clock.now, "skip")
            got = ask(database, made, person, clock.tick())
        reply(database, made, person, got[0], clock.now)
        with database.read() as session:
            row = session.get_one(Assignment, got[0])
            left_first.append(row.left_id < row.right_id)
    for block in range(3):
        assert sum(left_first[block * 8 : block * 8 + 8]) == 4


def test_a_paused_study_asks_nothing_more_but_takes_the_answer_held(database, clock, make_study):
    made = make_study(pairs=5)
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    with database.write() as session:
        studies.set_state(session, session.get_one(Study, made.study_id), "paused", by=None, now=clock.now)
    with pytest.raises(StudyNotOpen):
        ask(database, made, person, clock.now)
    assert reply(database, made, person, got[0], clock.now)


def test_the_budget_and_a_persons_limit_are_kept(database, clock, make_study):
    made = make_study(pairs=50, collection={"budget": 7, "per_annotator": 5}, querying={"retest": 0})
    one, other = people_of(database, made, 2, clock.now)
    given = {one: 0, other: 0}
    for person in (one, other):
        while (got := ask(database, made, person, clock.tick())) is not None:
            reply(database, made, person, got[0], clock.now)
            given[person] += 1
    assert given == {one: 5, other: 2}


def test_the_budget_is_kept_by_many_at_once(database, clock, make_study):
    made = make_study(pairs=60, collection={"budget": 20}, querying={"retest": 0})
    persons = people_of(database, made, 8, clock.now)

    def work(person):
        while (got := ask(database, made, person, clock.now)) is not None:
            reply(database, made, person, got[0], clock.now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, persons))
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Judgment)) == 20


def test_topics_opted_out_of_are_never_drawn_and_the_count_is_exact(database, clock, make_study):
    made = make_study(
        rows=factories.items(40, topics=["cooking", "money"]), querying={"policy": "random", "retest": 0}
    )
    with database.write() as session:
        person = people.join(
            session, made.study_id, now=clock.now, source="api", opted_out_topics=["money"]
        ).annotator.id
    topics = []
    while (got := ask(database, made, person, clock.tick())) is not None:
        with database.read() as session:
            row = session.get_one(Assignment, got[0])
            topics.append(session.get_one(PairLoad, row.pair_id).topic)
            assert row.propensity == pytest.approx(1 / (20 - len(topics) + 1))
        reply(database, made, person, got[0], clock.now)
    assert topics == ["cooking"] * 20


def test_checks_come_apart_from_the_pool_and_at_most_two_a_session(database, clock, make_study):
    rows = factories.items(30)
    for row in rows[:6]:
        row["gold"] = "m0"
    made = make_study(rows=rows, gold={"share": 0.5}, querying={"retest": 0})
    (person,) = people_of(database, made, 1, clock.now)
    for _ in range(15):
        got = ask(database, made, person, clock.tick())
        reply(database, made, person, got[0], clock.now)
    with database.read() as session:
        checks = session.scalars(sa.select(Assignment).where(Assignment.is_gold)).all()
        assert len(checks) == 2
        assert all(c.policy == "check" for c in checks)
        assert session.get_one(Pool, made.study_id).open_pairs == 24
    assert_books_balance(database, made)


def test_a_raised_cap_opens_full_pairs_again(database, clock, make_study):
    from app.assignments import intake

    made = make_study(pairs=4, collection={"per_pair": {"min": 1, "max": 1}}, querying={"retest": 0})
    one, other = people_of(database, made, 2, clock.now)
    while (got := ask(database, made, one, clock.tick())) is not None:
        reply(database, made, one, got[0], clock.now)
    assert ask(database, made, other, clock.now) is None
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        spec = factories.spec(
            made.slug, collection={"per_pair": {"min": 1, "max": 2}}, querying={"retest": 0}
        )
        intake.change_study(session, study, spec, by=made.owner_id, now=clock.now)
        assert study.version == 2
    assert_books_balance(database, made)
    assert ask(database, made, one, clock.now) is None
    assert ask(database, made, other, clock.now) is not None


def test_a_retired_item_is_not_asked_and_can_come_back(database, clock, make_study):
    from app.assignments import intake

    made = make_study(pairs=2, querying={"retest": 0})
    (person,) = people_of(database, made, 1, clock.now)
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        intake.retire_item(session, study, "i00000", retired=True, by=None, now=clock.now)
    reply(database, made, person, ask(database, made, person, clock.now)[0], clock.now)
    assert ask(database, made, person, clock.now) is None
    assert_books_balance(database, made)
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        intake.retire_item(session, study, "i00000", retired=False, by=None, now=clock.now)
    assert ask(database, made, person, clock.now) is not None
    assert_books_balance(database, made)


def test_items_added_while_open_are_asked(database, clock, make_study):
    from app.assignments import intake
    from app.studies.importing.rows import read_items

    made = make_study(pairs=1, querying={"retest": 0})
    (person,) = people_of(database, made, 1, clock.now)
    reply(database, made, person, ask(database, made, person, clock.now)[0], clock.now)
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        intake.add_items(session, study, read_items(factories.items(2)), by=None, now=clock.now)
    assert ask(database, made, person, clock.now) is not None
    assert_books_balance(database, made)


def _steps(sqlite_database, work):
    """SQLite virtual-machine steps that ``work`` takes: a cost without a clock."""
    count = 0

    def tick():
        nonlocal count
        count += 1

    def attach(connection, *_):
        connection.set_progress_handler(tick, 10)

    sqlite_database.writer.dispose()
    sa.event.listen(sqlite_database.writer, "connect", attach)
    work()
    count = 0
    work()
    sa.event.remove(sqlite_database.writer, "connect", attach)
    sqlite_database.writer.dispose()
    return count


@pytest.mark.parametrize("policy", ["random", "even"])
def test_asking_and_answering_cost_the_same_for_few_pairs_and_many(sqlite_database, clock, policy):
    costs = {}
    for pairs in (400, 8000):
        with sqlite_database.write() as session:
            made = factories.study(session, now=clock.now, pairs=pairs, querying={"policy": policy})
            person = factories.annotator(session, made.study_id, now=clock.now).id

        def work(made=made, person=person):
            for _ in range(10):
                got = ask(sqlite_database, made, person, clock.tick(), seed=5)
                reply(sqlite_database, made, person, got[0], clock.now)

        costs[pairs] = _steps(sqlite_database, work)
    assert costs[8000] < 1.5 * costs[400]


def test_asking_and_answering_cost_the_same_for_a_short_history_and_a_long_one(sqlite_database, clock):
    with sqlite_database.write() as session:
        made = factories.study(
            session, now=clock.now, pairs=3000,
            querying={"policy": "random"}, collection={"per_annotator": 10_000, "budget": 100_000},
        )  # fmt: skip
        fresh, old = factories.annotators(session, made.study_id, 2, now=clock.now)
    for _ in range(600):
        got = ask(sqlite_database, made, old, clock.tick())
        reply(sqlite_database, made, old, got[0], clock.now)
    for _ in range(40):
        got = ask(sqlite_database, made, fresh, clock.tick())
        reply(sqlite_database, made, fresh, got[0], clock.now)

    def work(person):
        for _ in range(20):
            got = ask(sqlite_database, made, person, clock.tick())
            reply(sqlite_database, made, person, got[0], clock.now)

    short, long = (_steps(sqlite_database, lambda p=p: work(p)) for p in (fresh, old))
    assert long < 2.0 * short


def test_a_failing_policy_costs_nobody_a_question(database, clock, make_study, monkeypatch):
    from app.querying.acquisition import even

    def broken(_self, _view):
        raise ZeroDivisionError

    monkeypatch.setattr(even.FewestFirst, "score", broken)
    made = make_study(pairs=4, querying={"policy": "even"})
    (person,) = people_of(database, made, 1, clock.now)
    got = ask(database, made, person, clock.now)
    with database.read() as session:
        row = session.get_one(Assignment, got[0])
        assert "failed (ZeroDivisionError); drew evenly" in row.draw["note"]
        assert row.propensity == pytest.approx(0.25)


def test_two_holds_of_one_full_pair_that_run_out_together(database, clock, make_study):
    made = make_study(pairs=1, collection={"per_pair": {"min": 2, "max": 2}})
    one, other, third = people_of(database, made, 3, clock.now)
    assert ask(database, made, one, clock.now)
    assert ask(database, made, other, clock.now)
    assert ask(database, made, third, clock.now) is None
    assert ask(database, made, third, clock.tick(minutes=25))
    assert_books_balance(database, made)


def test_a_run_out_lease_is_swept_by_whoever_asks(database, clock, make_study):
    made = make_study(pairs=3)
    persons = people_of(database, made, 3, clock.now)
    for person in persons[:2]:
        ask(database, made, person, clock.now)
    clock.tick(minutes=25)
    ask(database, made, persons[2], clock.now)
    with database.read() as session:
        assert assignment_reads.find_open(session, persons[0]) is None
    assert_books_balance(database, made)
