"""Studies, people and answers for tests, made through the same functions that the product uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.assignments import intake
from app.people import writes as people
from app.people.tables import Annotator, Researcher
from app.questions.answers import ComparisonAnswer
from app.studies import reading
from app.studies import writes as studies
from app.studies.importing.rows import read_items
from app.studies.spec import StudySpec
from app.studies.tables import Study

_NUMBER = iter(range(1, 10_000_000))


@dataclass(frozen=True)
class Made:
    """Ids of what was made; read the rows again in the session at hand."""

    study_id: int
    slug: str
    owner_id: int


def spec(slug: str | None = None, **parts: Any) -> StudySpec:
    """A small study file that asks comparisons alone; ``parts`` are merged over it."""
    base: dict[str, Any] = {
        "slug": slug or f"study-{next(_NUMBER)}",
        "title": "A study",
        "question": {},
        "meta": {"share": 0},
    }
    return reading.from_data({**base, **parts})


def researcher(session: Session, email: str | None = None, *, now: datetime) -> Researcher:
    """An account without a password, which saves the hashing."""
    return people.create_researcher(session, email or f"r{next(_NUMBER)}@example.org", password=None, now=now)


def items(
    count: int, *, responses: int = 2, topics: Iterable[str] = (), **extra: Any
) -> list[dict[str, Any]]:
    """``count`` items with distinct texts."""
    topic = list(topics)
    return [
        {
            "id": f"i{n:05d}",
            "prompt": f"Request number {n}?",
            "responses": [
                {"model": f"m{r}", "text": f"Answer {r} to request {n}."} for r in range(responses)
            ],
            **({"topic": topic[n % len(topic)]} if topic else {}),
            **extra,
        }
        for n in range(count)
    ]


def study(
    session: Session,
    /,
    *,
    now: datetime,
    pairs: int = 5,
    rows: list[dict[str, Any]] | None = None,
    state: str = "open",
    owner_id: int | None = None,
    **parts: Any,
) -> Made:
    """A study with items, opened unless told otherwise."""
    owner = owner_id or researcher(session, now=now).id
    made = studies.create_study(session, spec(**parts), owner_id=owner, now=now)
    intake.add_items(session, made, read_items(rows if rows is not None else items(pairs)), by=owner, now=now)
    if state != "draft":
        studies.set_state(session, made, "open", by=owner, now=now)
        if state != "open":
            studies.set_state(session, made, state, by=owner, now=now)
    return Made(made.id, made.slug, owner)


def annotator(session: Session, study_id: int, *, now: datetime, **options: Any) -> Annotator:
    """A person in the study."""
    return people.join(session, study_id, now=now, source=options.pop("source", "api"), **options).annotator


def annotators(session: Session, study_id: int, count: int, *, now: datetime) -> list[int]:
    return [annotator(session, study_id, now=now).id for _ in range(count)]


def answer(choice: str = "left", **fields: Any) -> ComparisonAnswer:
    return ComparisonAnswer.model_validate({"choice": choice, **fields})


def get_study(session: Session, made: Made) -> Study:
    return session.get_one(Study, made.study_id)
