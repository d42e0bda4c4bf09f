"""Trying a study before anyone is paid: simulated people answer a scratch copy of it, for each policy, some times over.

Everything they do goes through the functions that real people's requests go through, in a database of its own; the study
itself is only read. What they think is known, so that what the study would report can be held against it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment
from app.db.session import Database
from app.jobs.worker import Handler, Worker
from app.kit.rng import generator
from app.people import writes as people_writes
from app.people.tables import Annotator
from app.querying import refreshing
from app.querying import registry as policies
from app.simulation import measures, outlook, repeating, replies, scratch, world
from app.simulation.measures import Learnt, Stage
from app.simulation.people import SimulatedPerson
from app.simulation.plan import Plan
from app.simulation.population import Population, divided
from app.simulation.truth import Truth, truth
from app.simulation.world import World
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study

STAGES = 8
"""Times at which the figures are looked at."""
AT_ONCE = 5
"""People who are at work at one time."""
JOBS_EVERY = 50
"""Answers between looks at the background jobs."""
STANDING = 200
"""Simulated people of each group who stand for the population that the truth is of."""
MODELLED = "contested"
"""A policy whose refresh keeps the preference model."""
ROOM = 1.5
"""Questions that may be put, for each vote of the plan; the run ends with its votes."""
FARTHER = 7919
"""Between the seeds of two repetitions."""
UNNAMED = {"group 1": 0.6, "group 2": 0.4}
"""Groups of a study that names none: people differ all the same, and the study does not know how."""


@dataclass
class _Worker:
    """A simulated person at work. left: questions until they are done; session: until they pause."""

    person: SimulatedPerson
    annotator_id: int
    left: int
    session: int
    answered: int = 0


@dataclass
class _Run:
    """One policy being tried."""

    database: Database
    study_id: int
    spec: StudySpec
    world: World
    rng: Random
    now: datetime
    votes: int = 0
    asked: int = 0
    meta: int = 0
    seconds: float = 0.0
    spent_on: dict[int, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


def dry_run(
    database: Database,
    study_id: int,
    plan: Plan,
    *,
    handlers: Mapping[str, Handler],
    now: datetime,
    report: Callable[[float], None] = lambda _share: None,
    population: Population | None = None,
) -> dict[str, Any]:
    """What the study would find with so many people and votes, for each policy, as one document.

    Args:
        handlers: What background jobs do, as the server has them: fits and refreshes run in the copy as they would there.
        now: The end of the simulated time; people work in the weeks before.
        report: Told the share done.
        population: Who answers; by default people of the study's groups who differ by group on about a tenth of the pairs.

    Raises:
        Malformed: A plan out of range.  NothingToCopy: No pairs.

    Randomness: all from ``plan.seed``; the same plan on the same items gives the same document.
    """
    plan.checked()
    found: dict[str, list[dict[str, Any]]] = {}
    contested: list[int] = []
    with scratch.folder() as place:
        with scratch.opened(place / "copy.sqlite3") as copy:
            scratch.copy(database, copy, study_id, rng=generator(plan.seed), now=now)
            with copy.read() as session:
                spec = studies.spec_of(session, session.get_one(Study, study_id))
                who = population or divided(_groups(spec))
        wanted = plan.policies or tuple(dict.fromkeys((spec.querying.policy, "random")))
        of = plan.repetitions * len(wanted)
        for repetition in range(plan.repetitions):
            seed = plan.seed + FARTHER * repetition
            with scratch.opened(place / "copy.sqlite3") as copy, copy.read() as session:
                seen = world.of_study(session, study_id, seed=seed, substances=len(who.groups))
            true = _truth(who, seen, seed)
            contested.append(int(true.contested().sum()))
            for number, policy in enumerate(wanted):
                file = place / f"{policy}.sqlite3"
                _duplicate(place / "copy.sqlite3", file)
                with scratch.opened(file) as own:
                    design = _design(spec, policy, plan)
                    scratch.set_up(own, study_id, design)
                    run = _Run(own, study_id, design, seen, generator(seed), now - timedelta(days=30))
                    people = who.people(generator(seed + 1), plan.annotators)
                    part = _part(report, repetition * len(wanted) + number, of)
                    stages = _work(run, people, true, plan, handlers, part)
                    found.setdefault(policy, []).append(_told(run, stages, plan))
                for left in place.glob(f"{policy}.sqlite3*"):
                    left.unlink()
    report(1.0)
    merged = {policy: repeating.merged(runs) for policy, runs in found.items()}
    return outlook.document(
        plan, spec, who, merged, pairs=len(seen.pairs), contested=round(sum(contested) / len(contested)),
        named=spec.people.groups is not None,
    )  # fmt: skip


def _groups(spec: StudySpec) -> dict[str, float]:
    """The groups that simulated people come from: the study's own with its weights, or two it does not know of."""
    groups = spec.people.groups
    if groups is None:
        return dict(UNNAMED)
    options = next((f.options for f in spec.people.profile if f.key == groups.key), [])
    weights = {k: w for k, w in groups.weights.items() if w > 0}
    names = weights or dict.fromkeys(options[:6], 1.0)
    return names if len(names) > 1 else dict(UNNAMED)


def _design(spec: StudySpec, policy: str, plan: Plan) -> StudySpec:
    """The study with another policy, and a budget of the plan's votes and what questions about them may take beside."""
    return spec.model_copy(
        update={
            "querying": spec.querying.model_copy(update={"policy": policy}),
            "collection": spec.collection.model_copy(update={"budget": round(plan.votes * ROOM)}),
            "people": spec.people.model_copy(update={"limit": None, "join": "link"}),
        }
    )


def _truth(population: Population, seen: World, seed: int) -> Truth:
    rng = generator(seed + 2)
    standing = [population.person(rng, group=g) for g in population.groups for _ in range(STANDING)]
    first, second = ([seen.impressions[int(key)] for key in seen.pairs[:, side].tolist()] for side in (1, 2))
    return truth(standing, population.groups, first, second)


def _work(
    run: _Run,
    people: list[SimulatedPerson],
    true: Truth,
    plan: Plan,
    handlers: Mapping[str, Handler],
    report: Callable[[float], None],
) -> list[Stage]:
    """Let everyone answer, a few at a time and a session at a time, and look at the figures on the way."""
    each = -(-plan.votes // len(people))
    waiting = [_join(run, one, min(each, run.spec.collection.per_annotator)) for one in people]
    active: list[_Worker] = []
    marks = sorted({max(1, round(plan.votes * (n + 1) / STAGES)) for n in range(STAGES)})
    background = {kind: do for kind, do in handlers.items() if kind != "fit"} | {"fit": _nothing}
    jobs = Worker(run.database, background)
    stages: list[Stage] = []
    while run.votes < plan.votes and (waiting or active):
        while waiting and len(active) < AT_ONCE:
            active.append(waiting.pop(0))
            active[-1].session = run.spec.session.questions
        one = run.rng.choice(active)
        if not _answer(run, one):
            one.left = 0
        if one.left <= 0 or one.session <= 0:
            active.remove(one)
            if one.left > 0:
                waiting.append(one)
        if run.votes % JOBS_EVERY == 0:
            jobs.drain()
        if marks and run.votes >= marks[0]:
            marks.pop(0)
            _fit(run, handlers, jobs)
            stages.append(_look(run, true, handlers))
            report(run.votes / plan.votes)
    if not stages or stages[-1].votes < run.votes:
        _fit(run, handlers, jobs)
        stages.append(_look(run, true, handlers))
    return stages


def _answer(run: _Run, one: _Worker) -> bool:
    """One question to one person, asked and answered as through the page; False where nothing is left for them."""
    run.now += timedelta(seconds=run.rng.uniform(0.5, 3))
    with run.database.write() as session:
        study, annotator = _both(session, run.study_id, one.annotator_id)
        done = replies.take(
            session, study, annotator, one.person, run.world, run.rng, now=run.now, answered=one.answered
        )
        if done is None:
            return False
        run.asked += 1
        run.seconds += done.seconds
        one.session -= 1
        asked = session.get_one(Assignment, done.assignment_id)
        if note := (asked.draw or {}).get("note"):
            run.notes[note] = run.notes.get(note, 0) + 1
        if not done.comparison:
            run.meta += 1
        elif done.answer != "skip":
            one.answered += 1
            one.left -= 1
            run.votes += 1
            if asked.retest_of is None and asked.pair_id is not None:
                run.spent_on[asked.pair_id] = run.spent_on.get(asked.pair_id, 0) + 1
    return True


def _join(run: _Run, person: SimulatedPerson, left: int) -> _Worker:
    run.now += timedelta(seconds=1)
    groups = run.spec.people.groups
    with run.database.write() as session:
        annotator = people_writes.join(
            session, run.study_id, now=run.now, source="simulated",
            attributes={groups.key: person.group} if groups else None, group_key=groups.key if groups else None,
        ).annotator  # fmt: skip
        annotator.side_seed = run.rng.getrandbits(53)
        return _Worker(person, annotator.id, left, 0)


def _both(session: Session, study_id: int, annotator_id: int) -> tuple[Study, Annotator]:
    return session.get_one(Study, study_id), session.get_one(Annotator, annotator_id)


def _fit(run: _Run, handlers: Mapping[str, Handler], jobs: Worker) -> None:
    """Work the figures out as the background would, and whatever follows from them."""
    handlers["fit"](run.database, {"study_id": run.study_id}, lambda _share: None)
    jobs.drain()


def _look(run: _Run, true: Truth, handlers: Mapping[str, Handler]) -> Stage:
    contested = true.contested()
    on_contested = sum(
        n for key, n in run.spent_on.items() if contested[int(np.searchsorted(run.world.pairs[:, 0], key))]
    )
    learnt = _learn(run, handlers)
    with run.database.read() as session:
        return measures.look(
            session, session.get_one(Study, run.study_id), run.world, true, votes=run.votes, seconds=run.seconds,
            on_contested=on_contested, ordinary=sum(run.spent_on.values()), learnt=learnt,
        )  # fmt: skip


def _learn(run: _Run, handlers: Mapping[str, Handler]) -> Learnt | None:
    """What the preference model makes of the votes so far, the same model whatever the policy; None before there is one.

    It is made by the copy's own refresh under a policy that goes by it; the study's policy then gets its own refresh back.
    """
    other = run.spec.model_copy(
        update={"querying": run.spec.querying.model_copy(update={"policy": MODELLED})}
    )
    scratch.give(run.database, run.study_id, other)
    refreshing.refresh(run.database, run.study_id, now=run.now, whole=True)
    with run.database.read() as session:
        found = measures.read_learnt(session, run.study_id, other, run.world)
    scratch.give(run.database, run.study_id, run.spec)
    if run.spec.querying.policy != MODELLED and "select" in handlers:
        handlers["select"](run.database, {"study_id": run.study_id}, lambda _share: None)
    return found


def _told(run: _Run, stages: list[Stage], plan: Plan) -> dict[str, Any]:
    _, missing = policies.policy_for(run.spec.querying.policy)
    return outlook.policy_told(
        stages,
        plan,
        votes=run.votes,
        asked=run.asked,
        meta=run.meta,
        seconds=run.seconds,
        notes=run.notes,
        missing=missing,
    )


def _duplicate(source: Path, target: Path) -> None:
    """Copy a closed SQLite file, with what its log may still hold."""
    for ending in ("", "-wal"):
        if (part := source.with_name(source.name + ending)).exists():
            shutil.copy(part, target.with_name(target.name + ending))


def _part(report: Callable[[float], None], number: int, of: int) -> Callable[[float], None]:
    return lambda share: report((number + share) / of)


def _nothing(database: Database, payload: dict[str, Any], report: Callable[[float], None]) -> None:
    """Fits are made at the looks, not in between."""
