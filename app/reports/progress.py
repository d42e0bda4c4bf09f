"""Where a study is: counts, pace and forecast, seconds and cost per usable judgment, coverage of topics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from app.assignments.tables import PairLoad
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.tables import Item, Study

WEEK = timedelta(days=7)
MOST_DAYS = 28
SAMPLE = 5000


@dataclass(frozen=True)
class Progress:
    """Counts of current judgments of people who have not withdrawn; ``usable`` leaves out skips and neither."""

    judgments: int
    usable: int
    skips: int
    budget: int
    people: int
    active_this_week: int
    pairs: int
    days: tuple[tuple[date, int], ...]
    ahead: tuple[tuple[date, float], ...]
    finishes: date | None
    median_seconds: float | None
    cost_per_usable: float | None
    topics: tuple[tuple[str, int], ...]


def progress(
    session: Session, study: Study, *, budget: int, now: datetime, hourly_rate: float = 0.0
) -> Progress:
    """The figures of the overview. ``hourly_rate`` is money an hour; a rate of 0 gives no cost."""
    choices = _choices(session, study.id)
    given = sum(choices.values())
    skips = choices.get("skip", 0)
    days = _days(session, study.id, now)
    seconds = _seconds(session, study.id)
    usable = given - skips - choices.get("neither", 0)
    middle = median(seconds) if seconds else None
    cost = None
    if hourly_rate > 0 and usable and seconds:
        cost = sum(seconds) / len(seconds) * given / usable * hourly_rate / 3600
    ahead, finishes = _forecast(days, given - skips, budget, now)
    people, active = _people(session, study.id, now)
    pairs = _pairs(session, study.id)
    return Progress(
        given - skips, usable, skips, budget, people, active, pairs, days, ahead, finishes, middle, cost,
        _topics(session, study.id),
    )  # fmt: skip


def _current(*columns: Any) -> Any:
    """A query of current judgments of people who have not withdrawn."""
    later = aliased(Judgment)
    return (
        select(*columns)
        .select_from(Judgment)
        .outerjoin(later, later.supersedes == Judgment.id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .where(later.id.is_(None), Judgment.choice != "retracted", Annotator.withdrawn_at.is_(None))
    )


def _choices(session: Session, study_id: int) -> dict[str, int]:
    rows = session.execute(
        _current(Judgment.choice, func.count()).where(Judgment.study_id == study_id).group_by(Judgment.choice)
    )
    return {choice: int(n) for choice, n in rows}


def _days(session: Session, study_id: int, now: datetime) -> tuple[tuple[date, int], ...]:
    since = (now - timedelta(days=MOST_DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    day = func.date(Judgment.created_at)
    rows = session.execute(
        _current(day, func.count())
        .where(
            Judgment.study_id == study_id,
            Judgment.choice != "skip",
            Judgment.source != "import",
            Judgment.created_at >= since,
        )
        .group_by(day)
        .order_by(day)
    )
    found = {d if isinstance(d, date) else date.fromisoformat(str(d)): int(n) for d, n in rows}
    if not found:
        return ()
    first, last = min(found), now.date()
    span = (last - first).days + 1
    return tuple((first + timedelta(days=n), found.get(first + timedelta(days=n), 0)) for n in range(span))


def _forecast(
    days: tuple[tuple[date, int], ...], given: int, budget: int, now: datetime
) -> tuple[tuple[tuple[date, float], ...], date | None]:
    """The last seven days carried forward, until the budget is reached or two weeks are drawn."""
    recent = [n for _, n in days[-7:]]
    pace = sum(recent) / len(recent) if recent else 0.0
    left = max(0, budget - given)
    if pace <= 0 or left == 0:
        return (), None
    needed = math.ceil(left / pace)
    drawn = min(needed, 14)
    ahead = tuple(
        (now.date() + timedelta(days=n), min(pace, left - pace * (n - 1))) for n in range(1, drawn + 1)
    )
    return ahead, now.date() + timedelta(days=needed) if needed < 3650 else None


def _seconds(session: Session, study_id: int) -> list[float]:
    """Seconds of the most recent judgments, ten minutes at most each: longer ones are pauses."""
    rows = session.scalars(
        select(Judgment.elapsed_ms)
        .where(
            Judgment.study_id == study_id, Judgment.elapsed_ms.is_not(None), Judgment.choice != "retracted"
        )
        .order_by(Judgment.id.desc())
        .limit(SAMPLE)
    )
    return [min(ms, 600_000) / 1000 for ms in rows if ms]


def active_since(now: datetime) -> Any:
    """Whether a person answered here in the last week: a condition on ``Annotator``."""
    return exists(
        select(Judgment.id).where(
            Judgment.annotator_id == Annotator.id,
            Judgment.created_at >= now - WEEK,
            Judgment.source != "import",
        )
    )


def _people(session: Session, study_id: int, now: datetime) -> tuple[int, int]:
    people, active = session.execute(
        select(func.count(), func.count().filter(active_since(now)))
        .select_from(Annotator)
        .where(Annotator.study_id == study_id, Annotator.withdrawn_at.is_(None))
    ).one()
    return int(people), int(active)


def _pairs(session: Session, study_id: int) -> int:
    return int(
        session.scalar(select(func.count()).select_from(PairLoad).where(PairLoad.study_id == study_id)) or 0
    )


def _topics(session: Session, study_id: int) -> tuple[tuple[str, int], ...]:
    """Judgments given on each topic there is, none among them."""
    given = dict(
        session.execute(
            _current(Item.topic, func.count())
            .join(Item, Item.id == Judgment.item_id)
            .where(Judgment.study_id == study_id, Judgment.choice != "skip", Item.topic.is_not(None))
            .group_by(Item.topic)
        ).all()
    )
    names = session.scalars(
        select(Item.topic).where(Item.study_id == study_id, Item.topic.is_not(None)).distinct()
    )
    return tuple((str(name), int(given.get(name, 0))) for name in sorted(map(str, names)))
