"""Questions about a person's choices: when they come, with which probability, and what an answer does."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from app.aggregation import keeping
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.tables import Assignment, PersonLoad
from app.db.session import connect
from app.judgments.errors import AnswerIncomplete, EditWindowClosed
from app.metapreferences import answering, reads
from app.metapreferences.errors import NotOffered
from app.metapreferences.tables import MetaEvent
from app.people.tables import Annotator
from app.querying import meta
from app.questions.asking import LAST, Occasion
from app.reports import fitting
from app.studies.tables import Response, Study
from tests import factories
from tests.conftest import Clock
from tests.querying.test_issue_next import ask, assert_books_balance, people_of, reply

OWN = {"kind": "M1", "text": "Should answers be funny?", "options": ["Yes", "No"]}


def lengthy(count=60):
    """Pairs of a short and a long answer; a third of them say the same at two lengths."""
    return [
        {
            "id": f"i{n:03}",
            "prompt": f"Request {n}?",
            "responses": [
                {"id": "a", "text": f"Short answer number {n}."},
                {
                    "id": "b",
                    "text": f"Short answer number {n}. " + "And some more of the same. " * (n % 5 + 2),
                    **({"variant_of": "a", "variant": "length"} if n % 3 == 0 else {}),
                },
            ],
        }
        for n in range(count)
    ]


def longer_side(database, serving):
    with database.read() as session:
        row = session.get_one(Assignment, serving)
        return "left" if session.get_one(Response, row.left_id).external_id == "b" else "right"


OTHER = {"left": "right", "right": "left"}


def give(database, made, person, serving, now, **given):
    with database.write() as session:
        study, annotator = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
        return answering.answer(session, study, annotator, serving, given, now=now, source="api").event.id


def kind_of(database, serving):
    with database.read() as session:
        return session.get_one(Assignment, serving).kind


def work(database, made, person, clock, count, *, answer="ignore", prefer="longer", stands=None):
    """Answer so many questions, comparisons by length; the kinds put, in order. ``stands``: what is said of every case put."""
    kinds = []
    for _ in range(count):
        got = ask(database, made, person, clock.tick(seconds=20))
        if got is None:
            break
        kind = kind_of(database, got[0])
        kinds.append(kind)
        if kind == "comparison":
            side = longer_side(database, got[0])
            reply(
                database,
                made,
                person,
                got[0],
                clock.tick(seconds=9),
                side if prefer == "longer" else OTHER[side],
            )
        else:
            with database.read() as session:
                put = session.get_one(Assignment, got[0]).payload
            offered = [o["value"] for o in put["options"]]
            chosen = answer if answer in offered else offered[0]
            told = (
                {} if stands is None else {"stands": {c["judgment_id"]: stands for c in put.get("cases", [])}}
            )
            give(database, made, person, got[0], clock.tick(seconds=9), choice=chosen, **told)
    return kinds


@pytest.fixture(scope="module")
def swayed_template(sqlite_template, tmp_path_factory):
    """A database with a study in which ten people chose the longer answer nearly always, fitted; and its study."""
    file = tmp_path_factory.mktemp("swayed") / "swayed.sqlite3"
    shutil.copy(sqlite_template, file)
    database, clock = connect(f"sqlite:///{file}"), Clock()
    with database.write() as session:
        made = factories.study(
            session,
            now=clock.now,
            rows=lengthy(),
            querying={"retest": 0},
            meta={"share": 0.2, "kinds": ["M1", "M12"]},
        )
    for number, person in enumerate(people_of(database, made, 10, clock.now)):
        for n in range(15):
            got = ask(database, made, person, clock.tick())
            side = longer_side(database, got[0])
            reply(
                database,
                made,
                person,
                got[0],
                clock.tick(seconds=20),
                OTHER[side] if (n + number) % 5 == 0 else side,
            )
            with database.write() as session:
                session.get_one(PersonLoad, person).session_answered = 0
    fitting.fit(database, made.study_id, now=clock.tick())
    database.dispose()
    return file, made


@pytest.fixture
def swayed(swayed_template, tmp_path):
    """A copy of that database, and its study."""
    template, made = swayed_template
    file = tmp_path / "swayed.sqlite3"
    shutil.copy(template, file)
    database = connect(f"sqlite:///{file}")
    yield database, made
    database.dispose()


def test_a_session_has_at_most_three_one_in_five_and_none_in_the_first_five(swayed, clock):
    database, made = swayed
    for person in people_of(database, made, 6, clock.now):
        kinds = work(database, made, person, clock, 15)
        asked = [n for n, k in enumerate(kinds) if k != "comparison"]
        assert len(asked) <= 3
        assert all(n >= 5 for n in asked)
        for n, place in enumerate(asked, start=1):
            assert n <= (place + 1) / 5
    assert_books_balance(database, made)


def test_the_dearest_question_is_about_length_and_moves_labels(swayed, clock):
    database, made = swayed
    from app.aggregation import labels

    asked = Counter()
    for person in people_of(database, made, 8, clock.now):
        work(database, made, person, clock, 7, stands=True)
    with database.read() as session:
        rows = session.scalars(sa.select(Assignment).where(Assignment.kind == "M1")).all()
        asked.update(r.payload["template"] for r in rows)
        found = labels.labels(session, session.get_one(Study, made.study_id))
    assert asked["M1.length"] >= 5
    assert found.endorsed.moved.sum() >= 30
    assert not found.endorsed.stable.all()


def test_saying_so_without_standing_by_what_it_turns_over_is_hardly_a_correction(swayed, clock):
    """Who leaves every case open has no more effect than who stands by none; who stands by all of them corrects the label."""
    from app.aggregation import labels

    database, made = swayed
    told = {}
    for stands, people in ((None, 4), (False, 4), (True, 8)):
        for person in people_of(database, made, people, clock.now):
            work(database, made, person, clock, 7, stands=stands)
        with database.read() as session:
            held = [p for p in reads.active_patches(session, made.study_id) if p.target_id == "length"]
            found = labels.labels(session, session.get_one(Study, made.study_id))
        told[stands] = next(w.endorsed for w in found.endorsed.wishes.wishes if w.name == "length")
        if stands is not True:
            assert held and all(p.shown and not p.stood for p in held if p.var == "endorsed")
    assert told[None] > 0.93 and told[False] > 0.93
    assert told[True] < 0.8


def test_questions_that_are_due_are_counted_on_the_overview(swayed, clock):
    from app.reports import asked
    from app.web.research import asking

    database, made = swayed
    with database.read() as session:
        study = session.get_one(Study, made.study_id)
        found = fitting.current(session, study, now=clock.now)
        due, told = asked.due(session, study), found["querying"]["questions_due"]
        spec = asking.studies.spec_of(session, study)
        panel = asking.queue(session, study, spec, found)
        silent = asking.queue(
            session, study, spec, {**found, "querying": {**found["querying"], "questions_due": {}}}
        )
        dearest = asked.upcoming(session, study)
    assert due == told and 1 <= sum(n.due for n in dearest) <= due["M1"]
    last = panel.waiting[-1]
    assert (last.count, last.words) == (due["M1"], "Questions to people about their choices")
    assert panel.waiting[:-1] == silent.waiting


def test_every_question_says_how_likely_it_was(swayed, clock):
    database, made = swayed
    for person in people_of(database, made, 8, clock.now):
        work(database, made, person, clock, 6)
    with database.read() as session:
        rows = session.scalars(sa.select(Assignment).where(Assignment.kind == "M1")).all()
        assert rows
        for row in rows:
            n = row.draw["eligible"]
            best = row.draw["branch"] == "worth_most"
            assert 0.05 / n - 1e-9 <= row.propensity <= 0.8 + 0.2 / n + 1e-9
            assert not best or row.propensity > 0.2 / n
            assert row.payload["trigger"]["statistic"] == "average_marginal_effect"
            assert set(row.payload["preview"]) >= {"count", "ignore"}


def occasion(name, price, *, triggered=True):
    return Occasion("M1", name, {}, {}, (("a", 1.0, 10 * price),), triggered), price


def test_a_draw_has_the_probability_it_says():
    from random import Random

    options = [occasion("x", 0.5), occasion("y", 0.2), occasion("z", 0.9, triggered=False)]
    rng, seen, told = Random(4), Counter(), {}
    for _ in range(6000):
        taken, chosen = meta.choose(options, 0.1, rng)
        assert taken.vote == pytest.approx(0)
        seen[chosen.occasion.template] += 1
        told[chosen.occasion.template] = chosen.probability
    assert sum(told.values()) == pytest.approx(1.0)
    assert told == pytest.approx({"x": 0.2 / 3 + 0.8 * 5 / 7, "y": 0.2 / 3 + 0.8 * 2 / 7, "z": 0.2 / 3})
    for name, count in seen.items():
        assert count / 6000 == pytest.approx(told[name], abs=0.02)
    rare = [meta.choose(options, 1.0, rng) for _ in range(6000)]
    assert all(taken.vote == pytest.approx(0.95) for taken, _ in rare)
    assert sum(c is not None for _, c in rare) / 6000 == pytest.approx(0.05, abs=0.01)
    assert all(c.random for _, c in rare if c is not None)


def test_a_question_is_priced_by_how_long_people_here_take_over_it():
    """Twenty answers of fifty seconds: (5 x 20 + 20 x 50) / 25 = 44; before a fit, and where it says nothing, the kind's own 20."""
    told = [MetaEvent(kind="M1", assignment_id=str(n), elapsed_ms=50_000) for n in range(20)]
    tapped = [
        MetaEvent(kind="M12", judgment_id="j", elapsed_ms=900),
        MetaEvent(kind="M1", assignment_id="x"),
    ]
    taken = keeping.question_seconds([*told, *tapped])
    assert taken == {"M1": (50.0, 20)}
    kept = keeping.Kept(1, "", {"question_seconds": taken})
    assert [meta.seconds("M1", k) for k in (None, keeping.Kept(1, "", {}), kept)] == [20, 20, 44]
    ((_, price),) = meta.priced([occasion("x", 0.5)[0]], kept)
    assert price == pytest.approx(5.0 / 44)


def test_other_steps_compete_with_questions_by_price():
    from random import Random

    from app.querying.router import Offer

    steps = [
        Offer("retest", "a", 0.3, share=0.4, chance=0.05),
        Offer("repeat", "b", 0.3, share=0, chance=0.02),
    ]
    rng, seen, told, draws = Random(6), Counter(), {}, 8000
    for _ in range(draws):
        taken, chosen = meta.choose([occasion("x", 0.5)], 0.1, rng, steps)
        key = chosen.occasion.template if chosen else taken.index
        seen[key] += 1
        told[key] = taken.probability
    assert sum(told.values()) == pytest.approx(1)
    assert set(told) == {"x", 1, 2, None} and told[2] == pytest.approx(0.02)
    assert told[1] > 0.1 > told[2]
    for key, p in told.items():
        assert seen[key] / draws == pytest.approx(p, abs=5 * (p * (1 - p) / draws) ** 0.5)


def test_at_least_fifteen_per_cent_are_drawn_at_random():
    from random import Random

    rng = Random(8)
    drawn = [meta.choose([occasion("x", 0.5), occasion("y", 0.1)], 0.2, rng)[1] for _ in range(4000)]
    assert sum(c.random for c in drawn if c) / sum(1 for c in drawn if c) >= 0.15


def test_the_share_of_the_study_file_is_kept(sqlite_database, clock):
    with sqlite_database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=lengthy(), meta={"share": 0.1, "own": [OWN, {**OWN, "kind": "M2"}]}
        )
    (person,) = people_of(sqlite_database, made, 1, clock.now)
    kinds = work(sqlite_database, made, person, clock, 20)
    asked = [n for n, k in enumerate(kinds) if k != "comparison"]
    assert asked and all(i <= (n + 1) * 0.1 for i, n in enumerate(asked, start=1))


def test_own_questions_are_asked_kept_and_not_asked_again(database, clock):
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=lengthy(), querying={"retest": 0}, meta={"own": [OWN]}
        )
    (person,) = people_of(database, made, 1, clock.now)
    kinds = work(database, made, person, clock, 15, answer="Yes")
    assert kinds.count("M1") == 1
    with database.read() as session:
        (event,) = reads.list_events(session, made.study_id)
        assert (event.text, event.answer["choice"], event.template) == (OWN["text"], "Yes", "M1.own.1")
        assert event.option_order[-2:] == list(LAST)
        person_row = session.get_one(PersonLoad, person)
        assert person_row.session_answered == person_row.answered == 15
    assert_books_balance(database, made)


@pytest.fixture
def asked(database, clock):
    """A meta-question that one person holds: (database, made, person, serving)."""
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=lengthy(), querying={"retest": 0}, meta={"own": [OWN]}
        )
    (person,) = people_of(database, made, 1, clock.now)
    work(database, made, person, clock, 5)
    serving, pair = ask(database, made, person, clock.tick())
    assert pair is None
    return database, made, person, serving


def test_the_same_question_comes_back_until_it_is_answered(asked, clock):
    database, made, person, serving = asked
    assert ask(database, made, person, clock.tick())[0] == serving
    first = give(database, made, person, serving, clock.tick(), choice="Yes", client_token="t")
    assert give(database, made, person, serving, clock.tick(), choice="Yes", client_token="t") == first
    with pytest.raises(AlreadyAnswered):
        give(database, made, person, serving, clock.tick(), choice="No")
    assert kind_of(database, ask(database, made, person, clock.tick())[0]) == "comparison"


def test_a_question_that_ran_out_can_come_again(asked, clock):
    database, made, person, serving = asked
    clock.tick(minutes=30)
    with pytest.raises(AssignmentExpired):
        give(database, made, person, serving, clock.now, choice="Yes")
    again, _ = ask(database, made, person, clock.now)
    assert again != serving and kind_of(database, again) == "M1"
    assert_books_balance(database, made)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "choice"),
        ({"choice": "left"}, "choice"),
        ({"choice": 3}, "choice"),
        ({"choice": "Yes", "text": 7}, "text"),
        ({"choice": "Yes", "ranking": ["Yes", "Maybe"]}, "ranking.1"),
        ({"choice": "Yes", "stands": {"nobody": True}}, "stands.nobody"),
        ({"choice": "Yes", "points": {"Yes": -1}}, "points.Yes"),
        ({"choice": "Yes", "client_token": 5}, "client_token"),
    ],
)
def test_an_answer_that_does_not_go_with_the_question_names_its_place(asked, clock, given, where):
    from app.kit.errors import Malformed

    database, made, person, serving = asked
    with pytest.raises(Malformed) as refusal:
        give(database, made, person, serving, clock.tick(), **given)
    assert refusal.value.errors[0]["where"] == where
    with database.read() as session:
        assert not reads.list_events(session, made.study_id)
        assert session.get_one(Assignment, serving).state == "open"


def test_it_cannot_be_answered_as_a_comparison(asked, clock):
    database, made, person, serving = asked
    with pytest.raises(AnswerIncomplete):
        reply(database, made, person, serving, clock.tick())


def test_rather_not_is_a_skip(asked, clock):
    database, made, person, serving = asked
    give(database, made, person, serving, clock.tick(), choice="rather_not")
    with database.read() as session:
        assert session.get_one(PersonLoad, person).session_answered == 5
    assert kind_of(database, ask(database, made, person, clock.tick())[0]) == "comparison"
    assert_books_balance(database, made)


def test_an_answer_can_be_changed_for_a_day(asked, clock):
    database, made, person, serving = asked
    give(database, made, person, serving, clock.tick(), choice="Yes")

    def change(choice):
        with database.write() as session:
            study, annotator = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
            return answering.revise(
                session, study, annotator, serving, {"choice": choice}, now=clock.now
            ).event.id

    clock.tick(hours=23)
    second = change("No")
    with database.read() as session:
        assert [e.id for e in reads.list_events(session, made.study_id)] == [second]
    clock.tick(hours=2)
    with pytest.raises(EditWindowClosed):
        change("Yes")
    with pytest.raises(NotOffered):
        clock.now -= timedelta(hours=3)
        change("Perhaps")


def test_options_keep_their_order_for_one_person_and_differ_between_people(swayed, clock):
    database, made = swayed
    orders = {}
    for person in people_of(database, made, 12, clock.now):
        with database.write() as session:
            study, annotator = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
            spec = factories.spec(meta={"kinds": ["M1"]})
            about = {"influence": "length", "sign": 1, "toward": 3, "of": 4}
            one = Occasion("M1", "M1.length", about, {}, (), True)
            first, again = (meta.question(session, study, spec, annotator, one) for _ in range(2))
        assert first == again
        orders[person] = [o["value"] for o in first["options"]]
        assert orders[person][-2:] == ["unsure", "rather_not"]
    assert len({tuple(o) for o in orders.values()}) > 6


def test_a_change_of_mind_is_asked_about_and_counts(sqlite_database, clock):
    """Someone meets a pair again and answers differently; they say they changed their mind."""
    database = sqlite_database
    from app.aggregation import labels

    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=lengthy(20), querying={"retest": 0.9}, meta={"share": 0.2, "kinds": ["M4"]},
            session={"questions": 10},
        )  # fmt: skip
    (person,) = people_of(database, made, 1, clock.now)
    asked = 0
    for _ in range(12):
        serving, pair = ask(database, made, person, clock.tick(seconds=30))
        if pair is None:
            break
        with database.read() as session:
            repeat = session.get_one(Assignment, serving).retest_of
        side = longer_side(database, serving)
        reply(database, made, person, serving, clock.tick(), OTHER[side] if repeat else side)
        asked += 1
    assert asked < 12
    with database.read() as session:
        row = session.get_one(Assignment, serving)
        assert row.kind == "M4"
        first, again = row.payload["about"]["first"], row.payload["about"]["again"]
        before = labels.labels(session, session.get_one(Study, made.study_id))
    give(database, made, person, serving, clock.tick(seconds=8), choice="today")
    with database.read() as session:
        (patch,) = reads.active_patches(session, made.study_id)
        assert (patch.var, patch.target_id, patch.value) == ("answer_from", first, again)
        after = labels.labels(session, session.get_one(Study, made.study_id))
        from app.judgments.tables import Judgment

        at = after.place(session.get_one(Judgment, first).pair_id)
    assert before.endorsed.side[at] == -after.endorsed.side[at] != 0


def test_a_kind_that_is_switched_off_in_the_study_is_not_asked(swayed, clock):
    database, made = swayed
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        from app.assignments import intake
        from app.studies import reads as studies

        spec = studies.spec_of(session, study)
        quiet = spec.model_copy(update={"meta": spec.meta.model_copy(update={"kinds": ["M12"]})})
        intake.change_study(session, study, quiet, by=made.owner_id, now=clock.now)
    (person,) = people_of(database, made, 1, clock.now)
    assert set(work(database, made, person, clock, 15)) == {"comparison"}


def test_people_say_what_is_done_where_they_differ(sqlite_database, clock):
    """Twenty-two people are split on three pairs; six of them are asked, and most want both sides shown."""
    from app.aggregation import keeping, labels
    from app.querying import worlds
    from app.questions import registry
    from app.studies import reads as studies

    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=factories.items(3), querying={"retest": 0}, collection={"per_pair": {"min": 1, "max": 40}},
            meta={"share": 0.2, "kinds": ["M5"]},
            people={"profile": [{"key": "region", "label": "Where?", "options": ["north", "south"]}], "groups": {"key": "region"}},
        )  # fmt: skip
    with database.write() as session:
        everyone = [
            factories.annotator(
                session, made.study_id, now=clock.now, group_key="region",
                attributes={"region": ("north", "south")[n % 2]},
            ).id
            for n in range(22)
        ]  # fmt: skip
    for number, person in enumerate(everyone):
        for _ in range(3):
            serving, _ = ask(database, made, person, clock.tick())
            with database.read() as session:
                first = (
                    session.get_one(Response, session.get_one(Assignment, serving).left_id).external_id
                    == "m0"
                )
            reply(
                database,
                made,
                person,
                serving,
                clock.tick(),
                "left" if first == (number % 2 == 0) else "right",
            )
    kept = keeping.keep(database, made.study_id, now=clock.tick())
    assert {len(pairs) for pairs in kept.result["splits"].values()} == {3}
    assert kept.result["differing"] == {"by": "groups", "why": None}
    for person in everyone[:6]:
        with database.write() as session:
            study, annotator = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
            spec = studies.spec_of(session, study)
            facts = worlds.world(session, annotator, spec, kept)
            (one,) = registry.by_code()["M5"].occasions(facts)
            assert one.about["counts"][0][0] == 22 and one.about["counts"][0][1:] == [11, 11]
            assert set(one.evidence) <= {r.id for r in worlds.own_answers(session, person).rows}
            session.get_one(PersonLoad, person).session_answered = 5
            deltas = meta.Deltas()
            turn = meta._put(
                session, study, spec, annotator, session.get_one(PersonLoad, person),
                meta.Chosen(one, 0.5, False, 1.0, 0.1, 1), seed=1, deltas=deltas, now=clock.tick(),
            )  # fmt: skip
            deltas.apply(session, study.id)
            answering.answer(
                session, study, annotator, turn.id, {"choice": "both_sides", "ranking": ["both_sides", "stay_out"]}, now=clock.tick(),
                source="api",
            )  # fmt: skip
    with database.read() as session:
        found = labels.labels(session, session.get_one(Study, made.study_id))
    assert found.endorsed.resolved == ("both_sides",) * 3
    assert found.endorsed.weight.tolist() == [0, 0, 0] and found.endorsed.weight_raw.tolist() == [22, 22, 22]
    assert len(found.endorsed.patches_of(0)) == 6
