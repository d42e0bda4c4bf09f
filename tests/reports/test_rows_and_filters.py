"""Rows behind numbers on both databases: kinds of judgments, people, items, pairs by model and group; and more people for a pair."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from app.assignments import intake
from app.assignments.errors import PairFull, PairNotAsked
from app.assignments.tables import PairLoad, Pool
from app.judgments.importing.files import Attributes
from app.judgments.importing.shape import Vote
from app.judgments.importing.store import bring_in
from app.kit.errors import NotFound
from app.people.tables import Annotator
from app.reports import divided, fitting, tables, voices
from app.reports.divided import Filter
from app.reports.judgment_rows import ABOUT, KINDS, judgments
from app.reports.tables import Wanted
from app.studies.tables import Pair, Study, StudyEvent
from tests import factories

PROFILE = {
    "profile": [{"key": "region", "label": "Where?", "options": ["north", "south"]}],
    "groups": {"key": "region"},
}


@pytest.fixture
def study(database, clock, make_study):
    """Thirty people on six pairs of three models; the south prefers the other one; p00 answers the first pair three times."""
    rows = factories.items(6, responses=2, topics=["cooking", "work"])
    for n, row in enumerate(rows):
        row["responses"][1]["model"] = "m1" if n < 4 else "m2"
        row["responses"][0]["text"] += " Longer." * 20
    made = make_study(rows=rows, people=PROFILE)
    votes = []
    for p in range(30):
        for i in range(6):
            second = "m1" if i < 4 else "m2"
            sides = ("m0", second) if (p + i) % 2 else (second, "m0")
            liked = "m0" if p < 15 else second
            choice = "tie" if p == 29 else "neither" if p == 28 else "skip" if p == 27 else "left" if sides[0] == liked else "right"  # fmt: skip
            votes.append(("line", Vote(f"p{p:02d}", f"i{i:05d}", *sides, choice)))
    for n, choice in enumerate(("left", "right")):
        votes.append(("line", Vote("p00", "i00000", "m0", "m1", choice, clock.now + timedelta(days=n + 1))))
    votes.append(("line", Vote("p27", "i00000", "m0", "m1", "left", clock.now + timedelta(days=1))))
    told = [Attributes(f"p{p:02d}", {"region": "north" if p < 15 else "south"}) for p in range(30)]
    with database.write() as session:
        bring_in(
            session, session.get_one(Study, made.study_id), votes, annotators=told, by=None, now=clock.now
        )
    fitting.fit(database, made.study_id, now=clock.tick())
    return made


def test_kinds_of_judgments(database, study):
    with database.read() as session:
        name = session.scalar(sa.select(Annotator.pseudonym).where(Annotator.external_id == "p00"))
        report = fitting.latest(session, study.study_id).result

        def count(only):
            found = judgments(session, study.study_id, Wanted(only=only), whole=True)
            assert found.total == len(found.rows)
            return found.total

        assert count("") == 183
        assert count("given") == 183 - 6
        assert count("usable") == 183 - 12
        assert count("neither") == 6
        assert count("first") == 30 * 6 - 12 + 1
        assert count("repeats") == report["retest"]["n"] == 2
        assert count("repeats_same") == 1
        assert count(f"gave:{name}") == count(f"person:{name}") == 8
        assert (count(f"again:{name}"), count(f"again_same:{name}")) == (2, 1)
        assert count("topic:cooking") + count("topic:work") == count("given")
        models = {r["model"]: r["judgments"] for r in report["ranking"]}
        for model, n in models.items():
            assert count(f"model:{model}") == n
        for one in report["influences"]:
            if one["informative"] and one["share"] is not None:
                assert count(f"sway:{one['name']}") == one["informative"]
                assert count(f"sway_more:{one['name']}") == one["chosen"]
        assert count("sway_of:length@" + name) == 6
        assert count("on:i00000") == 30 + 3 - 1
        for nothing in ("nonsense", "nonsense:x", "day:never", "pair:x", "sway:nothing", "day:2026-03-02"):
            assert count(nothing) == 0, nothing
        for kind in KINDS:
            count(kind)
        for kind in ABOUT:
            count(f"{kind}:1")


def test_people_and_items(database, clock, study):
    with database.read() as session:

        def people(**wanted):
            return tables.people(session, study.study_id, Wanted(**wanted), now=clock.now, whole=True).rows

        assert len(people()) == 30
        assert people(only="active") == []
        assert len(people(only="group:north")) == 15
        assert people(sort="-judgments")[0]["judgments"] == 8
        one = next(r for r in people() if r["judgments"] == 8)
        assert (one["repeats"], one["repeats_itself"]) == (2, pytest.approx(1 / 3))
        items = tables.items(session, study.study_id, Wanted(sort="-judgments"), whole=True).rows
        assert [r["judgments"] for r in items] == [32, 29, 29, 29, 29, 29]
        assert items[0]["models"] == "m0, m1"
        assert items[0]["first"] + items[0]["second"] + items[0]["same"] + items[0]["neither"] == 30
        only = tables.items(session, study.study_id, Wanted(only="topic:work")).rows
        assert {r["topic"] for r in only} == {"work"}
        assert tables.items(session, study.study_id, Wanted(only="flagged")).total == 0


def test_pairs_by_model_group_and_kind(database, study):
    with database.read() as session:

        def listed(**wanted):
            return divided.listed(session, study.study_id, Filter(**wanted))

        assert listed()[1] == listed(only="judged")[1] == listed(only="shared")[1] == 6
        assert listed(model="m2")[1] == 2
        assert listed(topic="work")[1] == 3
        assert listed(group="group:north")[1] == 6
        assert listed(group="group:east")[1] == listed(group="nobody")[1] == listed(group="learned:9")[1] == 0
        rows, _ = listed(model="m1")
        counts = voices.counts(session, [r["pair_id"] for r in rows], "group:north")
        assert set(counts.values()) == {(15, 0, 0, 0)}
        choices = voices.of_pair(session, rows[0]["pair_id"])
        assert [(g.key, sum(g.counts)) for g in choices.declared] == [
            ("group:north", 15), ("group:south", 14 if rows[0]["item_id"] != "i00000" else 15),
        ]  # fmt: skip
        assert divided.models(session, study.study_id) == ["m0", "m1", "m2"]
        assert divided.declared_groups(session, study.study_id) == ["north", "south"]
        assert divided.spread(session, study.study_id, most=2)[1] == 6
        assert len(divided.spread(session, study.study_id, most=2)[0]) == 2


def room(session, pair_id):
    load = session.get_one(PairLoad, pair_id)
    return load.cap - load.counted - load.reserved, load.position is not None


def test_more_people_are_asked_about_a_pair(database, clock, make_study):
    made = make_study(pairs=3, collection={"per_pair": {"min": 1, "max": 2}})
    with database.write() as session:
        study = session.get_one(Study, made.study_id)
        pair = session.scalars(sa.select(Pair.id).order_by(Pair.id)).first()
        session.execute(sa.update(PairLoad).where(PairLoad.pair_id == pair).values(counted=2, position=None))
        others = session.scalars(sa.select(PairLoad.pair_id).where(PairLoad.pair_id != pair)).all()
        for place, other in enumerate(others):
            session.execute(sa.update(PairLoad).where(PairLoad.pair_id == other).values(position=100 + place))
        for place, other in enumerate(others):
            session.execute(sa.update(PairLoad).where(PairLoad.pair_id == other).values(position=place))
        session.execute(sa.update(Pool).values(open_pairs=2))
        session.expire_all()
        assert intake.ask_more(session, study, pair, people=6, by=made.owner_id, now=clock.now) == 6
        session.expire_all()
        assert room(session, pair) == (6, True)
        assert session.scalar(sa.select(Pool.open_pairs)) == 3
        assert intake.ask_more(session, study, pair, people=2, by=made.owner_id, now=clock.now) == 6
        assert intake.ask_more(session, study, pair, people=40, by=made.owner_id, now=clock.now) == 38
        event = session.scalars(sa.select(StudyEvent).where(StudyEvent.kind == "more_people_asked")).first()
        assert (event.detail["people"], event.detail["item_id"]) == (6, "i00000")
        session.execute(sa.update(PairLoad).where(PairLoad.pair_id == pair).values(counted=40))
        with pytest.raises(PairFull):
            intake.ask_more(session, study, pair, people=1, by=None, now=clock.now)
        with pytest.raises(NotFound):
            intake.ask_more(session, study, 10_000, people=1, by=None, now=clock.now)
        intake.retire_item(session, study, "i00001", retired=True, by=None, now=clock.now)
        with pytest.raises(PairNotAsked):
            intake.ask_more(session, study, others[0], people=1, by=None, now=clock.now)


def test_the_numbers_of_a_split_are_whole(database, study):
    """Between the pairs' rows and the report: people on all pairs add up to first answers and neithers."""
    with database.read() as session:
        rows, _ = divided.listed(session, study.study_id)
        first = judgments(session, study.study_id, Wanted(only="first")).total
    assert np.sum([r["first"] + r["second"] + r["ties"] for r in rows]) == first


def test_a_graded_study_tells_agreement_over_its_steps(database, clock, make_study):
    """Two who differ by a step agree more than two at the ends; the seven steps are those of the response whose id sorts first."""
    krippendorff = pytest.importorskip("krippendorff")
    made = make_study(pairs=12, question={"text": "Which?", "scale": "graded"})
    rng = np.random.default_rng(0)
    steps = np.clip(rng.integers(-3, 4, 12) + rng.integers(-1, 2, (4, 12)), -3, 3)
    votes = []
    for (p, i), step in np.ndenumerate(steps):
        sides = ("m0", "m1") if (p + i) % 2 else ("m1", "m0")
        choice = "tie" if step == 0 else "left" if (step > 0) == (sides[0] == "m0") else "right"
        extra = {"strength": abs(int(step))} if step else {}
        votes.append(("line", Vote(f"p{p}", f"i{i:05d}", *sides, choice, extra=extra)))
    with database.write() as session:
        bring_in(session, session.get_one(Study, made.study_id), votes, by=None, now=clock.now)
    told = fitting.fit(database, made.study_id, now=clock.tick()).result["agreement"]
    theirs = krippendorff.alpha(reliability_data=steps.astype(float), level_of_measurement="ordinal")
    assert told["ordinal_alpha"] == pytest.approx(theirs, abs=1e-9)
    assert told["fleiss_raters"] == 4
    assert told["ordinal_alpha"] > told["krippendorff_alpha"]
