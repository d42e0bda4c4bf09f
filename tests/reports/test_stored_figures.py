"""Figures as they are stored: of people and of the groups they fall into, kept from fit to fit and named by a researcher."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa

from app.aggregation.tables import Fit, LearnedGroup, PersonFigure
from app.inference.opinion_groups import agreement_of_groupings
from app.judgments.importing.shape import Vote
from app.judgments.importing.store import bring_in
from app.kit.errors import NotFound
from app.people import reads as people_reads
from app.people import writes as people
from app.people.tables import Annotator
from app.reports import fitting, learned
from app.studies.tables import Study
from tests import factories
from tests.inference.test_opinion_groups import planted


@pytest.fixture
def study(database, clock):
    """Sixty people in two camps on forty pairs."""
    rows = factories.items(40)
    for n, row in enumerate(rows):
        row["responses"][n % 2]["text"] += " More words." * 9
    with database.write() as session:
        made = factories.study(session, now=clock.now, rows=rows)
    truth, person, pair, y = planted(0, people=60, pairs=40, each=24, pull=2.5)
    add_votes(database, made.study_id, person, pair, y, clock)
    return made, truth


def add_votes(database, study_id, person, pair, y, clock):
    votes = []
    for p, i, said in zip(person.tolist(), pair.tolist(), y.tolist(), strict=True):
        sides = ("m0", "m1") if (p + i) % 2 else ("m1", "m0")
        choice = "left" if (sides[0] == "m0") == bool(said) else "right"
        votes.append(
            ("line", Vote(f"p{p:02d}", f"i{i:05d}", *sides, choice, extra={"elapsed_ms": 4000 + 10 * p}))
        )
    with database.write() as session:
        bring_in(session, session.get_one(Study, study_id), votes, by=None, now=clock.tick())


def kept(database, study_id):
    with database.read() as session:
        rows = session.execute(
            sa.select(Annotator.external_id, PersonFigure)
            .join(Annotator, Annotator.id == PersonFigure.annotator_id)
            .where(PersonFigure.study_id == study_id)
            .order_by(Annotator.external_id)
        ).all()
    return dict(rows)


def test_people_and_groups_are_stored_with_how_they_were_found(database, clock, study):
    made, truth = study
    fit = fitting.fit(database, made.study_id, now=clock.tick())
    figures = kept(database, made.study_id)
    assert len(figures) == 60
    found = np.array([f.learned for f in figures.values()])
    assert agreement_of_groupings(found, truth) > 0.8
    groups = fit.result["groups"]
    assert (groups["count"], sum(groups["sizes"]), groups["why"]) == (2, 60, None)
    assert groups["stability"] > 0.5
    assert groups["seed"] == fit.seed
    assert (fit.method, fit.version, fit.judgments) == (
        "soundings-report",
        3,
        sum(f.judgments for f in figures.values()),
    )
    one = figures["p07"]
    assert (one.repeats, one.median_seconds) == (0, pytest.approx(4.1, abs=0.05))
    assert one.tendencies["length"][1] == one.tendencies["position"][1] == one.judgments
    assert sum(f.tendencies["position"][0] for f in figures.values()) == fit.result["choices"]["left"]


def test_numbers_and_names_stay_when_votes_come(database, clock, study):
    made, _ = study
    fitting.fit(database, made.study_id, now=clock.tick())
    before = {name: f.learned for name, f in kept(database, made.study_id).items()}
    with database.write() as session:
        owner = made.owner_id
        learned.name(session, made.study_id, 1, "  Likes it short ", by=owner, now=clock.now)
        with pytest.raises(NotFound):
            learned.name(session, made.study_id, 7, "None such", by=owner, now=clock.now)
    rng = np.random.default_rng(3)
    add_votes(
        database, made.study_id, np.full(20, 61), rng.permutation(40)[:20], rng.integers(0, 2, 20), clock
    )
    fitting.fit(database, made.study_id, now=clock.tick())
    after = {name: f.learned for name, f in kept(database, made.study_id).items()}
    same = [before[name] == after[name] for name in before]
    assert np.mean(same) > 0.9
    with database.read() as session:
        groups = learned.listed(session, made.study_id)
    assert [(g.number, g.name, g.named) for g in groups] == [
        (0, "Group 1", False), (1, "Likes it short", True),
    ]  # fmt: skip
    assert sum(g.people for g in groups) == sum(v is not None for v in after.values())


def test_who_withdraws_is_counted_no_more(database, clock, study):
    made, _ = study
    fitting.fit(database, made.study_id, now=clock.tick())
    with database.write() as session:
        one = session.scalar(sa.select(Annotator).where(Annotator.external_id == "p03"))
        people.withdraw(session, one, now=clock.now)
    with database.read() as session:
        assert sum(g.people for g in learned.listed(session, made.study_id)) == 59
        assert people_reads.count_annotators(session, made.study_id) == 59
    fitting.fit(database, made.study_id, now=clock.tick())
    assert len(kept(database, made.study_id)) == 59


def test_few_people_are_put_into_no_group(database, clock, make_study):
    made = make_study(pairs=10)
    _, person, pair, y = planted(1, people=12, pairs=10, each=9)
    add_votes(database, made.study_id, person, pair, y, clock)
    fit = fitting.fit(database, made.study_id, now=clock.tick())
    assert fit.result["groups"]["count"] == 0
    assert "20 on" in fit.result["groups"]["why"]
    assert {f.learned for f in kept(database, made.study_id).values()} == {None}
    with database.read() as session:
        assert learned.listed(session, made.study_id) == ()
        assert session.scalar(sa.select(sa.func.count()).select_from(LearnedGroup)) == 0


def test_the_same_votes_give_the_same_document(database, clock, study):
    made, _ = study
    one = fitting.fit(database, made.study_id, now=clock.now)
    two = fitting.fit(database, made.study_id, now=clock.now)
    assert one.result == two.result
    assert one.state == two.state
    with database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Fit).where(Fit.kind == "report")) == 2
