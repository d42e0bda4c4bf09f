"""Steps beside ordinary pairs: taken as often as they say, likelier where they are called for, never beyond their share."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import numpy as np
import pytest
import sqlalchemy as sa

from app.aggregation.tables import PairFigure
from app.assignments.tables import Assignment
from app.judgments import writes as judgments
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.querying import quotas, reasons, refreshing, router, selection
from app.querying.acquisition import contested
from app.querying.router import Offer, Repeat
from app.querying.writes import issue_next
from app.studies.tables import Pair, Study
from tests import factories


def test_a_repeat_is_likelier_where_the_figures_call_for_it():
    repeats = [
        Repeat("a", 1, None, swapped=True),
        Repeat("b", 2, "retest", swapped=False),
        Repeat("c", 3, "swap_sides", swapped=True),
        Repeat("d", 4, "swap_sides", swapped=False),
    ]
    rng, seen, said = Random(1), Counter(), {}
    for _ in range(6000):
        one = router.choose_repeat(repeats, rng=rng)
        seen[one.index] += 1
        said[one.index] = one.probability
    assert said == pytest.approx({0: 0.1, 1: 0.4, 2: 0.4, 3: 0.1})
    for index, p in said.items():
        assert seen[index] / 6000 == pytest.approx(p, abs=5 * (p * (1 - p) / 6000) ** 0.5)


def test_offers_come_as_often_as_they_say_and_cheap_ones_only_by_chance():
    offers = [
        Offer("M1", "length", 3.0, share=0.5, chance=0.02),
        Offer("M5", "pair 9", 1.0, chance=0.02),
        Offer("M4", "pair 2", 0.1, chance=0.02),
        Offer("swap_sides", "pair 4", 0.2, share=0.3),
    ]
    rng, seen, said, chance, draws = Random(2), Counter(), {}, Counter(), 8000
    for _ in range(draws):
        one = router.choose_offer(offers, vote_price=0.5, rng=rng)
        seen[one.index] += 1
        said[one.index] = one.probability
        chance[one.index] += one.by_chance
        assert one.vote == pytest.approx(0.94 * (1 - 0.5 * 0.75 - 0.25))
    assert sum(said.values()) == pytest.approx(1)
    assert said[2] == pytest.approx(0.02) and 3 not in seen
    assert said[0] == pytest.approx(0.02 + 0.94 * 0.5 * 0.75)
    for key, p in said.items():
        assert seen[key] / draws == pytest.approx(p, abs=5 * (p * (1 - p) / draws) ** 0.5)
    assert chance[2] == seen[2]
    assert chance[0] / seen[0] == pytest.approx(0.02 / said[0], abs=0.02)


def test_without_offers_or_worth_it_is_a_vote():
    assert router.choose_offer([], vote_price=1, rng=Random(1)) == router.Taken(None, 1.0, 1.0)
    one = router.choose_offer([Offer("M1", "x", 0.1)], vote_price=1.0, rng=Random(1))
    assert (one.index, one.probability, one.vote) == (None, 1.0, 1.0)
    for wrong in (Offer("M1", "x", 1.0, share=2), Offer("M1", "x", 1.0, chance=-0.1)):
        with pytest.raises(ValueError, match="share"):
            router.choose_offer([wrong], vote_price=1, rng=Random(1))
    with pytest.raises(ValueError, match="add up"):
        router.choose_offer([Offer("M1", "x", 1.0, chance=0.7)] * 2, vote_price=1, rng=Random(1))


def test_where_something_is_worth_it_for_sure_no_vote_comes():
    rng = Random(5)
    for _ in range(200):
        one = router.choose_offer([Offer("a", "x", 2.0), Offer("b", "y", 0.1)], vote_price=1.0, rng=rng)
        assert (one.index, one.probability, one.vote) == (0, 1.0, 0.0)


def test_a_repeat_moves_most_where_people_waver_most():
    moved = [router.moves(Repeat("a", 1, None, swapped=False, within=w)) for w in (0.0, 0.1, 0.25)]
    assert moved == pytest.approx([0.0, 0.2 * 0.8 / 13, 0.25 / 13])
    unknown = router.moves(Repeat("a", 1, None, swapped=False))
    assert moved[1] < unknown < moved[2]


def test_a_repeat_that_is_called_for_says_so_and_weighs_to_one(sqlite_database, clock):
    """The mean of 1{answer repeated}/propensity is one for every answer that can be repeated."""
    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session,
            now=clock.now,
            pairs=12,
            querying={"policy": "random", "retest": 0.5},
            session={"questions": 10},
        )
        who = factories.annotator(session, made.study_id, now=clock.now).id
    for n in range(11):
        with database.write() as session:
            study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, who)
            one = issue_next(session, study, person, now=clock.tick(), seed=n)
            judgments.record(session, study, person, one.id, factories.answer("left"), now=clock.now)
    with database.write() as session:
        firsts = session.scalars(
            sa.select(Assignment).where(Assignment.retest_of.is_(None)).order_by(Assignment.slot)
        ).all()
        again = set(session.scalars(sa.select(Assignment.pair_id).where(Assignment.retest_of.is_not(None))))
        wavering = next(a.pair_id for a in firsts if a.slot < 6 and a.pair_id not in again)
        session.add(
            PairFigure(
                pair_id=wavering, study_id=made.study_id, fit_id=1, votes=4, people=2, first=2, second=2, ties=0,
                neither=0, next_step="retest",
            )
        )  # fmt: skip
    weights, reason, draws = {}, None, 300
    for seed in range(draws):
        with database.write() as session:
            study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, who)
            one = issue_next(session, study, person, now=clock.now, seed=seed * 7919)
            if one is not None and one.retest_of:
                weights.setdefault(one.pair_id, []).append(1 / one.propensity)
                if one.pair_id == wavering:
                    reason = reasons.sentence(one)
                    assert one.draw["reason"] == router.REASONS["retest"]
            session.rollback()
    assert "likelier because people choose differently on it" in reason
    assert len(weights[wavering]) > 1.5 * np.mean([len(w) for p, w in weights.items() if p != wavering])
    for found in weights.values():
        mean = sum(found) / draws
        error = (sum(w * w for w in found) / draws - mean**2) ** 0.5 / draws**0.5
        assert abs(mean - 1) < 4.5 * error


def test_pairs_that_need_votes_of_a_group_are_worth_more_to_its_people(database, clock, make_study):
    made = make_study(pairs=30, people={"groups": {"key": "side", "weights": {"north": 1, "south": 1}}})
    with database.write() as session:
        for n in range(4):
            factories.annotator(
                session,
                made.study_id,
                now=clock.now,
                attributes={"side": ("north", "south")[n % 2]},
                group_key="side",
            )
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.write() as session:
        before = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
        pair = session.scalars(sa.select(Pair.id).where(Pair.study_id == made.study_id)).all()[7]
        session.add(
            PairFigure(
                pair_id=pair, study_id=made.study_id, fit_id=1, votes=4, people=2, first=2, second=2, ties=0, neither=0,
                next_step="more_votes:south",
            )
        )  # fmt: skip
    refreshing.refresh(database, made.study_id, now=clock.now)
    with database.read() as session:
        after = selection.current(session, made.study_id, "contested", contested.ACQUISITION.version)
    at = int(after.places(np.array([pair]))[0])
    moved = (after.score - after.score[:, [0]]) - (before.score - before.score[:, [0]])
    assert moved[after.groups.index("south"), at] == pytest.approx(np.log(2), abs=1e-4)
    assert moved[after.groups.index("north"), at] == pytest.approx(0, abs=1e-4)
    assert after.score.max() == 0
    assert after.vote_price("south", seconds=30) > 0


@pytest.mark.parametrize("policy", ["contested", "even", "random"])
def test_room_is_kept_for_a_group_whose_people_are_about(database, clock, make_study, policy):
    made = make_study(
        pairs=60, people={"groups": {"key": "side", "weights": {"north": 0.5, "south": 0.5}}},
        collection={"budget": 20, "per_pair": {"min": 1, "max": 9}},
        querying={"retest": 0, "policy": policy},
    )  # fmt: skip
    with database.write() as session:
        ids = [
            factories.annotator(
                session, made.study_id, now=clock.now, attributes={"side": s}, group_key="side"
            ).id
            for s in ("north", "south")
        ]

    def vote(person):
        with database.write() as session:
            study, who = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
            one = issue_next(session, study, who, now=clock.tick())
            if one is not None:
                judgments.record(session, study, who, one.id, factories.answer(), now=clock.now)
            return one

    vote(ids[1])
    while True:
        refreshing.refresh(database, made.study_id, now=clock.now)
        if vote(ids[0]) is None:
            break
    with database.read() as session:
        given = Counter(session.scalars(sa.select(Judgment.annotator_id)))
    assert given == {
        ids[0]: 15,
        ids[1]: 1,
    }  # four of the twenty are kept for the south, which has one of its five
    assert vote(ids[1]) is not None
    clock.now += timedelta(hours=25)
    assert vote(ids[0]) is not None  # nobody of the south is about any more


def test_what_is_owed_follows_the_weights():
    spec = factories.spec(
        people={"groups": {"key": "side", "weights": {"a": 3, "b": 1}}}, collection={"budget": 100}
    )
    assert quotas.owed(spec, {"a": 10, "b": 20}) == {"a": 27.5}
    assert quotas.owed(factories.spec(), {}) == {}
