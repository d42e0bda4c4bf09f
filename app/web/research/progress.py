"""The overview: where a study is, and what its votes say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from app.reports import fitting, tables
from app.reports.progress import Progress, progress
from app.studies import reads
from app.web import charts, inline_charts
from app.web.deps import Now, ReadSession, SignedIn
from app.web.drawing import Chart
from app.web.render import render
from app.web.research import asking, people, results
from app.web.research.frame import Ending, Frame, as_file, frame

router = APIRouter()
CHARTS_FROM = 20


@dataclass(frozen=True, kw_only=True)
class Overview(Frame):
    """Live counts, and the figures of the last fit: ``found`` is its report, None before there was one."""

    at: Progress
    found: dict[str, Any] | None
    as_of: datetime | None
    now: datetime
    notice: tuple[str, str, str] | None
    pace: Chart | None
    topics: Chart | None
    scatter: Chart | None
    sways: Chart | None
    worth: asking.Worth
    pool_rows: tuple[asking.PoolRow, ...]
    queue: asking.Queue
    rate: float
    people_rows: tuple[PersonRow, ...]
    live: bool


@dataclass(frozen=True)
class PersonRow:
    """A person on the overview. ``note`` is never about differing from others."""

    name: str
    judgments: int
    course: Markup
    median_seconds: float | None
    repeats: str
    agrees: float | None
    flags: tuple[str, ...]
    note: str


@router.get("/studies/{slug}/overview", name="progress.overview")
def overview(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    now: Now,
    rate: float = 12.0,
    live: str = "on",
) -> Response:
    """Where the study is, and what its votes say."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    spec = reads.spec_of(session, study)
    at = progress(session, study, budget=spec.collection.budget, now=now, hourly_rate=max(0.0, rate))
    enough, base = at.judgments >= CHARTS_FROM, f"/studies/{slug}"
    kept = fitting.latest(session, study.id)
    found = kept.result if kept else None
    page = Overview(
        **frame(session, who, study, "overview"),
        at=at,
        found=found,
        as_of=kept.made_at if kept else None,
        now=now,
        notice=results.notice(found, base) if found else None,
        pace=_pace(at, base) if enough and at.days else None,
        topics=_topics(at, base) if enough and at.topics else None,
        scatter=results.scatter(session, study.id, base) if found and enough else None,
        sways=results.ranges(found, base) if found and enough else None,
        worth=asking.worth(found if enough else None),
        pool_rows=asking.pool_rows(found),
        queue=asking.queue(session, study, spec, found),
        rate=rate,
        people_rows=_people_rows(found),
        live=live != "off",
    )
    return render(request, "research/overview.html", page)


@router.get("/studies/{slug}/ranking.{ending}", name="progress.ranking_file")
def ranking_file(slug: str, ending: Ending, session: ReadSession, who: SignedIn) -> Response:
    """The models by strength as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    kept = fitting.latest(session, study.id)
    rows = [
        {
            "model": r["model"], "strength": r["strength"], "low": (r["interval"] or (None, None))[0],
            "high": (r["interval"] or (None, None))[1], "best_rank": (r["rank"] or (None, None))[0],
            "worst_rank": (r["rank"] or (None, None))[1], "judgments": r["judgments"], "set": r["set"],
        }
        for r in (kept.result["ranking"] if kept else [])
    ]  # fmt: skip
    return as_file(tables.Found(rows, len(rows)), f"{slug}-ranking", ending)


def _pace(at: Progress, base: str) -> Chart:
    drawn = charts.bars_per_day("pace", "Will we finish in time?", at.days, ahead=at.ahead)
    days = [f"{base}/judgments?only=day:{day.isoformat()}" for day, _ in at.days]
    return drawn.linked({1: [*days, *("" for _ in at.ahead)]})


def _topics(at: Progress, base: str) -> Chart:
    drawn = charts.coverage("topics", "Are all topics covered?", at.topics)
    return drawn.linked({1: [f"{base}/judgments?only=topic:{quote(name)}" for name, _ in at.topics]})


def _people_rows(found: dict[str, Any] | None) -> tuple[PersonRow, ...]:
    """The ten people with most judgments; those with a note of their own pattern first."""
    people_ = found["people"] if found else []
    busy = sorted(people_, key=lambda p: (not p["flags"], -p["judgments"], p["pseudonym"]))[:10]
    return tuple(
        PersonRow(
            p["pseudonym"], p["judgments"], inline_charts.sparkline(p["course"]), p["median_seconds"],
            people.repeats(p["repeats_itself"], p["repeats"]), p["agrees_with_others"], tuple(p["flags"]),
            people.note(p["repeats"], p["repeats_itself"], p["agrees_with_others"]),
        )
        for p in busy
    )  # fmt: skip
