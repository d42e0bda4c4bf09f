"""The ranking policy: drawn in proportion to what is told, and honest where there is no ranking."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from app.inference.errors import InvalidVotes
from app.inference.rank_design import gains
from app.inference.rank_posterior import counted
from app.querying import draw
from app.querying.acquisition.ranking import ACQUISITION
from app.querying.protocol import CandidateView


def view(left, right, gain):
    n = len(left)
    return CandidateView(
        np.arange(n),
        np.zeros(n, dtype=np.int64),
        np.full(n, 9),
        candidate_left=np.array(left),
        candidate_right=np.array(right),
        rank_gain=gain,
    )


def ranking_gain():
    """0 is far above 1 and 2, which stand close together."""
    left, right = [0] * 12 + [0] * 12 + [1] * 4, [1] * 12 + [2] * 12 + [2] * 4
    outcome = [1] * 11 + [0] + [1] * 11 + [0] + [1, 0, 1, 0]
    return gains(counted(left, right, outcome, n_items=3), "order")


def test_open_comparisons_are_drawn_more_often_and_as_often_as_said():
    given = view([0, 1, 0, 2], [1, 2, 2, 2], ranking_gain())
    rng, seen, said = Random(3), np.zeros(4), np.zeros(4)
    for _ in range(4000):
        one = draw.choose(ACQUISITION, given, eligible=4, explore=0.1, rng=rng)
        assert one.note is None
        seen[one.index] += 1
        said[one.index] = one.probability
    assert seen.argmax() == 1
    assert said[1] > 0.8
    np.testing.assert_allclose(seen / 4000, said, atol=0.03)
    assert seen[3] > 0  # one source against itself: by exploring only


def test_sides_do_not_matter_and_a_pair_follows_its_gain():
    gain = ranking_gain()
    score = ACQUISITION.score(view([0, 1, 1, 2], [1, 0, 2, 1], gain))
    assert score[0] == score[1]
    assert score[2] == score[3]
    assert score[2] - score[0] == pytest.approx(np.log(gain[1, 2] / gain[0, 1]))


def test_a_source_the_ranking_does_not_know_is_worth_the_best():
    score = ACQUISITION.score(view([-1, 0], [1, 1], ranking_gain()))
    assert score[0] == 0
    assert score[1] < 0


@pytest.mark.parametrize("gain", [None, np.zeros((3, 3))])
def test_without_a_ranking_it_draws_evenly_and_says_so(gain):
    one = draw.choose(ACQUISITION, view([0, 1, 0], [1, 2, 2], gain), eligible=3, explore=0.0, rng=Random(1))
    assert one.probability == pytest.approx(1 / 3)
    assert "ranking" in one.note
    assert "drew evenly" in one.note


@pytest.mark.parametrize("gain", [np.ones((2, 2)), np.full((3, 3), np.nan), -np.ones((3, 3))])
def test_gains_that_do_not_fit_draw_evenly_and_say_so(gain):
    one = draw.choose(ACQUISITION, view([0, 1, 0], [1, 2, 2], gain), eligible=3, explore=0.0, rng=Random(1))
    assert one.probability == pytest.approx(1 / 3)
    assert "failed" in one.note


def test_without_a_ranking_pairs_with_fewer_judgments_come_first():
    given = CandidateView(np.arange(3), np.array([2, 0, 2]), np.full(3, 9))
    assert draw.probabilities(ACQUISITION.score(given), ACQUISITION.temperature)[1] > 0.999


def test_careless_people_pull_the_ranking_less(sqlite_database, clock):
    """A third of the people toss a coin and one answers the other way round: the model the policy goes by hardly follows them."""
    from app.aggregation.observations import observations
    from app.judgments import writes as judgments
    from app.people.tables import Annotator
    from app.querying import pool_features, scoring
    from app.querying.writes import issue_next
    from app.studies.tables import Response, Study
    from tests import factories

    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=factories.items(60, responses=4), querying={"policy": "random", "retest": 0},
            collection={"per_annotator": 500, "budget": 5000},
        )  # fmt: skip
        people = factories.annotators(session, made.study_id, 12, now=clock.now)
    rng = np.random.default_rng(3)
    strength = {"m0": 1.5, "m1": 0.5, "m2": -0.5, "m3": -1.5}
    for n in range(12 * 40):
        person = people[n % 12]
        with database.write() as session:
            study, who = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
            one = issue_next(session, study, who, now=clock.tick(), seed=n)
            gap = (
                strength[session.get_one(Response, one.left_id).model]
                - strength[session.get_one(Response, one.right_id).model]
            )
            gap *= 0.0 if n % 12 < 4 else -1.0 if n % 12 == 4 else 1.0
            given = factories.answer("left" if rng.random() < 1 / (1 + np.exp(-gap)) else "right")
            judgments.record(session, study, who, one.id, given, now=clock.now)
    features = pool_features.keep(database, made.study_id, "identity", now=clock.now)
    with database.read() as session:
        pool, seen = pool_features.load(session, features), observations(session, made.study_id)
    found, model = scoring._ranked(seen, pool)
    assert model == "crowd_davidson" and pool.sources == ("m0", "m1", "m2", "m3")
    truth = np.array(list(strength.values()))

    def scale(one):
        return float(one.mean @ truth / (truth @ truth))

    plain = counted(
        pool.left[seen.pair], pool.right[seen.pair],
        np.where(pool.first[seen.pair] == seen.pairs.first[seen.pair], seen.y, 1 - seen.y), n_items=4,
    )  # fmt: skip
    assert scale(plain) < 0.6 < scale(found) < 1.2
    assert found.n < plain.n == 480


@pytest.mark.parametrize("weight", [[1.0], [1.0, 2.0], [-0.1, 1.0], [np.nan, 1.0]])
def test_weights_that_are_none_are_refused(weight):
    with pytest.raises(InvalidVotes, match="weight"):
        counted([0, 1], [1, 0], [1, 1], n_items=2, weight=weight)


def test_a_vote_of_half_a_weight_is_half_a_vote():
    whole = counted([0, 0], [1, 1], [1, 1], n_items=2)
    half = counted([0, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], n_items=2, weight=[0.5] * 4)
    np.testing.assert_allclose(half.mean, whole.mean)
    np.testing.assert_allclose(half.covariance, whole.covariance)
