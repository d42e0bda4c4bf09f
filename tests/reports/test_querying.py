"""Guesses are written down before each vote, and what is said of asking follows from them."""

from __future__ import annotations

import pytest

from app.assignments.tables import Assignment
from app.judgments import writes as judgments
from app.people import writes as people
from app.people.tables import Annotator
from app.querying.guessing import from_counts
from app.querying.writes import issue_next
from app.reports import fitting
from app.reports.querying import most_guessable, state_of
from app.reports.report import Analysis
from app.studies.tables import Study
from tests import factories


@pytest.fixture
def asked(database, make_study, clock):
    """Twelve people of two groups, each asked ten pairs; everyone prefers the pair's first response on even pairs."""
    made = make_study(pairs=30, querying={"policy": "even", "explore": 0.3, "retest": 0})
    guesses = []
    for number in range(12):
        with database.write() as session:
            study = session.get_one(Study, made.study_id)
            who = people.join(
                session,
                study.id,
                now=clock.tick(),
                source="api",
                attributes={"side": "ab"[number % 2]},
                group_key="side",
            ).annotator.id
        for turn in range(10):
            with database.write() as session:
                study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, who)
                one = issue_next(session, study, person, now=clock.tick(), seed=1000 * number + turn)
                first = one.pair_id % 2 == 0
                choice = "left" if (one.left_id < one.right_id) == first else "right"
                guesses.append((one.draw["guess"], first, one.id))
                judgments.record(session, study, person, one.id, factories.answer(choice), now=clock.tick())
    return made, guesses


def test_guesses_come_before_the_vote_and_are_scored_against_it(database, asked, clock):
    made, guesses = asked
    assert guesses[0][0] == 0.5 and {g for g, _, _ in guesses[:10]} == {0.5}
    kept = fitting.fit(database, made.study_id, now=clock.now)
    told = kept.result["querying"]
    with database.read() as session:
        even = {a.id for a in session.query(Assignment) if a.draw["branch"] == "explore"}
    expected = {}
    for arm in (True, False):
        hits = [
            0.5 if g == 0.5 else float((g > 0.5) == first)
            for g, first, key in guesses
            if (key in even) == arm
        ]
        expected[arm] = (len(hits), sum(hits) / len(hits))
    assert (told["random_arm"]["n"], told["random_arm_accuracy"]) == pytest.approx(expected[True])
    assert (told["prequential"]["n"], told["prequential_accuracy"]) == pytest.approx(expected[False])
    assert told["prequential_accuracy"] > 0.6 and told["unguessed"] == 0
    assert told["next_votes"]["gain"] > 0 and told["next_votes"]["votes"] == 100
    assert told["where"]["difference"] == pytest.approx(told["where"]["chosen"] - told["where"]["all_pairs"])
    assert told["where"]["interval"][0] < told["where"]["difference"] < told["where"]["interval"][1]
    shares = {s["name"]: s for s in told["shares"]}
    assert shares["tie"]["value"] < 0.01 and shares["left"]["naive"] == pytest.approx(0.5, abs=0.2)


def test_without_answers_nothing_is_known(database, make_study, clock):
    made = make_study(pairs=3)
    with database.read() as session:
        told = Analysis(session, session.get_one(Study, made.study_id), now=clock.now).document()["querying"]
    assert told["prequential_accuracy"] is None and told["random_arm_accuracy"] is None
    assert told["next_votes"] is None and told["where"]["why"] == "no answers yet"
    assert all(s["value"] is None and s["why"] for s in told["shares"])


def test_a_guess_is_shrunk_to_what_others_said_and_to_even():
    assert from_counts(0, 0, 0, 0) == 0.5
    assert from_counts(0, 4, 0, 0) == pytest.approx(1 - from_counts(4, 4, 0, 0))
    divided = from_counts(5, 10, 5, 5)
    assert 0.5 < divided < from_counts(10, 10, 5, 5)


def test_no_guess_can_beat_what_people_repeat():
    assert most_guessable(1.0) == 1.0 and most_guessable(0.5) == 0.5
    assert most_guessable(0.82) == pytest.approx(0.9)
    assert most_guessable(None) is None and most_guessable(0.4) is None


def test_states_of_pairs_need_votes_and_a_difference_that_matters():
    row = {"share": 0.95, "epistemic": 0.002, "conflict": 0.9, "between_groups": 0.08, "votes": 9}
    assert state_of([row]) == ["contested"]
    assert state_of([row | {"votes": 7}]) == ["clear_first"]
    assert state_of([row | {"between_groups": 0.05}]) == ["clear_first"]
    assert state_of([row | {"share": 0.5, "conflict": None, "epistemic": 0.0005}]) == ["tie"]
    assert state_of([row | {"share": None, "epistemic": None}]) == ["open"]
    assert state_of([]) == []
