"""Making the demo, once: an account, a study to vote in, and a study filled by simulated people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from random import Random
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.assignments import intake
from app.db.session import Database
from app.kit.rng import generator
from app.people import reads as people_reads
from app.people import writes as people
from app.people.tables import Researcher
from app.querying import refreshing
from app.reports import fitting
from app.simulation import replies, world
from app.simulation.demo.people import population, substance
from app.simulation.people import SimulatedPerson
from app.simulation.world import World
from app.studies import reading
from app.studies import reads as studies
from app.studies import writes as study_writes
from app.studies.importing.rows import check as check_rows
from app.studies.importing.sources import json_lines
from app.studies.spec import StudySpec
from app.studies.tables import Response, Study

EMAIL = "demo@example.org"
OPEN, FILLED = "everyday-advice", "everyday-advice-simulated"
PEOPLE, ANSWERS_EACH, DAYS = 48, 24, 9
BETWEEN = 3
"""People who answer between two looks at what to ask next."""
FITS = frozenset({6, 12, 22, 32, 42})
"""After so many people the figures are worked out, as the background would: questions about choices start from them."""
SEED = 20_261_124
PROBES = 44
EXPLORE = 0.2
"""Twice the usual share is drawn evenly, so that pairs in which only length varies are met often enough to tell what it does."""
PADDING = (
    "There is a good deal more to say about this, and people have said it in many ways over the years.",
    "Everyone comes to it from their own side, and each of those sides is a long story of its own.",
    "That story has been told at tables, in letters and on long walks, and it goes on being told.",
)
"""What probes add: words that say nothing, so that only length varies."""


@dataclass(frozen=True)
class Demo:
    """How to get in: the researcher's sign-in, and the studies."""

    email: str
    password: str
    open_slug: str
    filled_slug: str


def content() -> bytes:
    """The demo's items as JSON lines."""
    return _file("items.jsonl")


def traits() -> dict[str, dict[str, Any]]:
    """What is true of each response, by item and response id: what simulated people go by."""
    return orjson.loads(_file("traits.json"))  # type: ignore[no-any-return]


def length_probes() -> list[dict[str, Any]]:
    """Items in which an answer stands beside itself with words added that say nothing."""
    made = []
    for item in [orjson.loads(line) for line in content().splitlines() if line.strip()][:PROBES]:
        answer = next(r for r in item["responses"] if not r.get("variant_of"))
        plain = answer.get("id") or answer["model"]
        padded = {"id": f"{plain}-padded", "text": f"{answer['text']} {' '.join(PADDING)}", "variant_of": plain, "variant": "length"}  # fmt: skip
        made.append(
            {"id": f"{item['id']}-length", "prompt": item["prompt"], "responses": [{"id": plain, "text": answer["text"]}, padded]}
            | {k: item[k] for k in ("topic", "kind") if item.get(k)}
        )  # fmt: skip
    return made


def specification() -> StudySpec:
    """The study to vote in."""
    return reading.from_yaml(_file("study.yaml").decode())


def build(database: Database, *, now: datetime, password: str, report: Callable[[float], None]) -> Demo:
    """Make what is missing of the demo. The account gets ``password`` each time, so that what is printed always works."""
    with database.write() as session:
        owner = _owner(session, password, now)
        if studies.find_study(session, OPEN) is None:
            _open_study(session, owner, specification(), now=now)
        study = studies.find_study(session, FILLED)
        filled = study is not None and bool(people_reads.count_annotators(session, study.id))
        if study is None:
            spec = specification().model_copy(
                update={
                    "slug": FILLED,
                    "title": "Everyday advice (answers by simulated people)",
                    "querying": specification().querying.model_copy(update={"explore": EXPLORE}),
                }
            )
            _open_study(session, owner, spec, now=now - timedelta(days=DAYS), simulated=True)
    if not filled:
        fill(database, now=now, report=report)
    return Demo(EMAIL, password, OPEN, FILLED)


def fill(database: Database, *, now: datetime, report: Callable[[float], None]) -> None:
    """Let simulated people answer through the same functions as real ones, over the days before ``now``."""
    rng = generator(SEED)
    with database.read() as session:
        study_id = session.scalars(select(Study.id).where(Study.slug == FILLED)).one()
        seen = world.of_study(session, study_id, seed=SEED, substances=0, given=substance(traits()))
    began = sorted(now - timedelta(days=rng.uniform(0.2, DAYS - 0.5)) for _ in range(PEOPLE))
    for number, (who, start) in enumerate(zip(population().people(rng, PEOPLE), began, strict=True)):
        if number % BETWEEN == 0:
            refreshing.refresh(database, study_id, now=start)
        if number in FITS:
            fitting.fit(database, study_id, now=start)
        with database.write() as session:
            _one_person(session, rng, seen, who, start)
        report((number + 1) / (PEOPLE + 1))
    fitting.fit(database, study_id, now=now)
    refreshing.refresh(database, study_id, now=now)
    report(1.0)


def _one_person(session: Session, rng: Random, seen: World, who: SimulatedPerson, began: datetime) -> None:
    study = session.scalars(select(Study).where(Study.slug == FILLED)).one()
    annotator = people.join(
        session,
        study.id,
        now=began,
        source="simulated",
        attributes={"advice": who.group},
        group_key="advice",
    ).annotator
    annotator.side_seed = rng.getrandbits(53)
    at, answered = began, 0
    for _ in range(ANSWERS_EACH):
        taken = replies.take(
            session, study, annotator, who, seen, rng, now=at, answered=answered, more=_extras
        )
        if taken is None:
            return
        answered += taken.comparison
        at += timedelta(seconds=taken.seconds + rng.uniform(1, 4))


def _extras(rng: Random, choice: str, left: Response, right: Response, _seconds: float) -> dict[str, Any]:
    """Reasons ticked now and then."""
    extras: dict[str, Any] = {}
    if choice in {"left", "right"} and rng.random() < 0.4:
        chosen, other = (left, right) if choice == "left" else (right, left)
        longer = len(chosen.text) > 1.3 * len(other.text)
        extras["reason_tags"] = [
            rng.choice(["Usefulness", "Clarity"] if longer else ["Honesty", "Tone", "Clarity"])
        ]
    return extras


def _owner(session: Session, password: str, now: datetime) -> Researcher:
    found = people_reads.find_researcher(session, EMAIL)
    if found is None:
        return people.create_researcher(session, EMAIL, password=password, role="admin", now=now)
    people.set_password(session, found, password)
    return found


def _open_study(
    session: Session, owner: Researcher, spec: StudySpec, *, now: datetime, simulated: bool = False
) -> Study:
    study = study_writes.create_study(session, spec, owner_id=owner.id, now=now, simulated=simulated)
    rows = check_rows(json_lines(content())).all_or_nothing()
    intake.add_items(session, study, rows, by=owner.id, now=now)
    if simulated:
        probes = [orjson.dumps(one) for one in length_probes()]
        intake.add_items(
            session, study, check_rows(json_lines(b"\n".join(probes))).all_or_nothing(), by=owner.id, now=now
        )
    study_writes.set_state(session, study, "open", by=owner.id, now=now)
    return study


def _file(name: str) -> bytes:
    return resources.files("app.simulation.demo").joinpath(name).read_bytes()
