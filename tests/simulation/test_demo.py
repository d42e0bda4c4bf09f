"""The demo: enough real content, a study to vote in, and one filled by simulated people and labelled so."""

from __future__ import annotations

from collections import Counter

import numpy as np
import orjson
import pytest
import sqlalchemy as sa

from app.aggregation import labels
from app.assignments.tables import Assignment
from app.kit.rng import generator
from app.people.tables import Annotator
from app.reports import fitting, register
from app.simulation import world
from app.simulation.demo import build as demo
from app.simulation.demo.people import population, substance
from app.simulation.truth import truth
from app.studies import reads
from app.studies.tables import Study


def test_the_content_is_what_people_ask():
    rows = [orjson.loads(line) for line in demo.content().splitlines()]
    assert len(rows) >= 60
    assert {len(row["responses"]) for row in rows} == {2, 3, 4}
    assert len({row["topic"] for row in rows}) >= 8
    assert {"value", "fact"} <= set(Counter(row["kind"] for row in rows)) <= {"value", "fact", "mixed"}
    texts = [one["text"] for row in rows for one in row["responses"]]
    assert len(set(texts)) == len(texts)
    assert {row["id"] for row in rows} == set(demo.traits())


def test_it_is_made_once_and_says_what_is_simulated(sqlite_database, clock, monkeypatch):
    monkeypatch.setattr(demo, "PEOPLE", 4)
    for password in ("the first one", "the second one"):
        made = demo.build(sqlite_database, now=clock.now, password=password, report=lambda _share: None)
    with sqlite_database.read() as session:
        studies = {s.slug: s for s in session.scalars(sa.select(Study))}
        assert studies.keys() == {made.open_slug, made.filled_slug}
        assert (studies[made.open_slug].simulated, studies[made.filled_slug].simulated) == (False, True)
        assert {s.state for s in studies.values()} == {"open"}
        assert "simulated" in studies[made.filled_slug].title
        assert set(session.scalars(sa.select(Annotator.source))) == {"simulated"}
        answered = sa.select(sa.func.count()).where(Assignment.state == "answered")
        given = session.scalar(answered)
        assert given == 4 * demo.ANSWERS_EACH


@pytest.mark.slow  # some 1,150 answers through the product's own doors
def test_the_demo_spends_its_votes_where_groups_differ(sqlite_database, clock):
    """Against what is true of the simulated people, not against what the study thinks of them."""
    demo.build(sqlite_database, now=clock.now, password="a long password", report=lambda _share: None)
    with sqlite_database.read() as session:
        study = reads.find_study(session, demo.FILLED)
        told = fitting.latest(session, study.id).result["querying"]
        seen = world.of_study(session, study.id, seed=demo.SEED, substances=0, given=substance(demo.traits()))
        asked = session.execute(
            sa.select(Assignment.pair_id, Assignment.draw).where(
                Assignment.study_id == study.id,
                Assignment.state == "answered",
                Assignment.kind == "comparison",
                Assignment.retest_of.is_(None),
            )
        ).all()
    people, rng = population(), generator(5)
    standing = [people.person(rng, group=g) for g in people.groups for _ in range(200)]
    first, second = ([seen.impressions[key] for key in seen.pairs[:, side].tolist()] for side in (1, 2))
    contested = dict(
        zip(seen.pairs[:, 0].tolist(), truth(standing, people.groups, first, second).contested(), strict=True)
    )
    arms = Counter()
    for pair, draw in asked:
        if "note" not in draw:
            arms[draw["branch"], bool(contested[pair])] += 1
    chosen = arms["policy", True] / (arms["policy", True] + arms["policy", False])
    assert chosen > 1.1 * np.mean(list(contested.values()))
    assert told["where"]["measure"] == "expected"
    assert told["where"]["chosen"] > told["where"]["all_pairs"] and told["where"]["interval"][0] > 0
    assert told["random_arm"]["n"] > 50 and told["prequential"]["n"] > 500 and told["unguessed"] == 0
    assert 0.55 < told["prequential_accuracy"] < told["most_guessable"]
    the_register_tells_its_story(sqlite_database)


def the_register_tells_its_story(database):
    """People choose longer answers, most do not stand by it, labels move; without what they said of it they move back."""
    with database.read() as session:
        study = reads.find_study(session, demo.FILLED)
        found = labels.labels(session, study)
        without = labels.labels(session, study, without=frozenset({"M1"}))
    length, back = (next(e for e in register.entries(f) if e.name == "length") for f in (found, without))
    assert length.effect.share_interval[0] > 0.5 and length.effect.q_value < 0.01
    assert (length.status, length.own) == ("corrected", True)
    assert length.said.people >= 8 and length.said.not_count > 2 * length.said.counts
    assert length.said.stood > length.said.shown / 2
    assert length.moved > 50 and length.turned.size >= 1
    assert (back.moved, back.turned.size, back.endorsed) == (0, 0, None)
