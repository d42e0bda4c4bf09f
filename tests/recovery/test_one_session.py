"""One session is enough: forty simulated people, fifteen questions each, through the scheduler that real people meet."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from app.aggregation import keeping, labels, traits
from app.assignments.tables import Assignment
from app.judgments import writes as judgments
from app.metapreferences import answering, reads
from app.people.tables import Annotator
from app.querying.writes import issue_next
from app.questions import registry
from app.simulation.population import Population
from app.simulation.truth import preferences
from app.simulation.world import of_study
from app.studies.tables import Study
from tests import factories

PEOPLE, QUESTIONS = 40, 15


def rows(rng):
    """Sixty pairs of a shorter and a longer answer of like quality; the first twelve say the same at two lengths."""
    out = []
    for n in range(60):
        short, more = f"Do this first, number {n}.", " And then a good deal more of the same." * (1 + n % 5)
        texts = [("a", short), ("b", short + more)]
        rng.shuffle(texts)
        answers = [{"id": key, "text": text} for key, text in texts]
        if n < 12:
            next(a for a in answers if a["id"] == "b").update(variant_of="a", variant="length")
        out.append({"id": f"i{n:03}", "prompt": f"Request {n}?", "responses": answers})
    return out


class Crowd:
    """Simulated people who answer whatever they are asked."""

    def __init__(self, session, made, seed):
        rng = self.rng = Random(seed)
        given = {
            (f"i{n:03}", key): {"quality": 0.0 if n < 12 else rng.gauss(0, 0.5)}
            for n in range(60)
            for key in "ab"
        }
        self.world = of_study(session, made.study_id, seed=seed, substances=0, given=given)
        population = Population(
            groups={"all": 1.0}, tastes={"all": {"quality": 1.0}}, sway={"length": (1.3, 0.3)},
            endorsing={"length": 0.1}, nodding=0.1, cheap_talk=0.1, careless=0.0,
        )  # fmt: skip
        self.people = population.people(rng, PEOPLE)

    def truth(self):
        """What everybody stands by: share of the first as stored, by pair."""
        ids, first, second = self.world.pairs.T
        seen = self.world.impressions
        shares = preferences(
            self.people, [seen[k] for k in first], [seen[k] for k in second], endorsed=True
        ).mean(axis=0)
        return dict(zip(ids.tolist(), zip(shares.tolist(), first.tolist(), strict=True), strict=True))

    def answer(self, session, study, annotator, who, assignment, now):
        person, rng = self.people[who], self.rng
        if assignment.kind == "comparison":
            left, right = (self.world.impressions[k] for k in (assignment.left_id, assignment.right_id))
            given = person.answer(rng, registry.kinds()["choice"], left, right)
            judgments.record(session, study, annotator, assignment.id, given, now=now)
            return
        payload = assignment.payload
        influence = payload["about"]["influence"]
        says = person.says(rng, influence, reverse=payload["form"] == "mirrored")
        stands = {c["judgment_id"]: person.stands_by(rng, influence) for c in payload["cases"]}
        given = {"choice": "count" if says >= 0.5 else "ignore", "stands": stands}
        answering.answer(session, study, annotator, assignment.id, given, now=now, source="simulated")


@pytest.mark.parametrize("seed", [3])
def test_forty_people_with_fifteen_questions_each_move_labels_towards_what_they_stand_by(
    sqlite_database, clock, seed
):
    database = sqlite_database
    with database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=rows(Random(seed)), querying={"retest": 0, "policy": "even"},
            meta={"share": 0.2, "kinds": ["M1", "M12"]},
        )  # fmt: skip
        ids = factories.annotators(session, made.study_id, PEOPLE, now=clock.now)
        crowd = Crowd(session, made, seed)
    traits.keep(database, made.study_id)
    asked = 0
    for who, person in enumerate(ids):
        if who % 5 == 4:
            keeping.keep(database, made.study_id, now=clock.now)
        with database.write() as session:
            study, annotator = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
            for n in range(QUESTIONS):
                found = issue_next(session, study, annotator, now=clock.tick(), seed=1000 * who + n)
                kind = session.get_one(Assignment, found.id).kind
                asked += kind != "comparison"
                crowd.answer(session, study, annotator, who, found, clock.tick(seconds=25))
    assert asked >= 25
    with database.read() as session:
        study = session.get_one(Study, made.study_id)
        found = labels.labels(session, study)
        events = reads.list_events(session, made.study_id, kind="M1")
        pairs = found.basis.seen.pairs
        truth = crowd.truth()
        wanted = np.array([
            truth[k][0] if truth[k][1] == first else 1 - truth[k][0]
            for k, first in zip(pairs.id.tolist(), pairs.first.tolist(), strict=True)
        ])  # fmt: skip
    assert len(events) == asked
    e = found.endorsed
    ordinary = ~pairs.probe
    before, after = (float(np.sqrt(np.mean((p - wanted)[ordinary] ** 2))) for p in (e.p_raw, e.p_endorsed))
    assert found.basis.raw.effects.own[e.names.index("length")]
    assert e.moved.sum() >= 40
    assert after < 0.85 * before
