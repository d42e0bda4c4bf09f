"""The overview, the people, and their judgments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.aggregation import labels
from app.kit.errors import NotFound
from app.people import reads as people_reads
from app.people import writes as people
from app.people.tables import Annotator
from app.reports import fitting, labelled, models, tables
from app.reports.models import Scored
from app.reports.progress import Progress, progress
from app.reports.tables import Wanted
from app.studies import reads
from app.studies.tables import Study
from app.web import charts
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.render import flash, render
from app.web.research import asking, results
from app.web.research.frame import Frame, Pager, as_file, frame, pager, siblings
from app.web.visits import see_other

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
    pace: charts.Chart | None
    topics: charts.Chart | None
    scatter: charts.Chart | None
    sways: charts.Chart | None
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


@dataclass(frozen=True, kw_only=True)
class People(Frame):
    rows: list[dict[str, Any]]
    pager: Pager
    wanted: Wanted
    csv_url: str
    json_url: str


@dataclass(frozen=True, kw_only=True)
class PersonPage(Frame):
    person: Annotator
    numbers: dict[str, Any]
    figures: dict[str, Any] | None
    course: Markup
    repeats: str
    guesses: dict[str, dict[str, Scored]] | None
    said: list[dict[str, Any]]
    rows: list[dict[str, Any]]


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
    enough = at.judgments >= CHARTS_FROM
    kept = fitting.latest(session, study.id)
    found = kept.result if kept else None
    page = Overview(
        **frame(session, who, study, "overview"),
        at=at,
        found=found,
        as_of=kept.made_at if kept else None,
        now=now,
        notice=results.notice(found, f"/studies/{slug}") if found else None,
        pace=charts.bars_per_day("pace", "Will we finish in time?", at.days, ahead=at.ahead)
        if enough and at.days
        else None,
        topics=charts.coverage("topics", "Are all topics covered?", at.topics)
        if enough and at.topics
        else None,
        scatter=results.scatter(session, study.id) if found and enough else None,
        sways=results.ranges(found) if found and enough else None,
        worth=asking.worth(found if enough else None),
        pool_rows=asking.pool_rows(found),
        queue=asking.queue(session, study, spec, found),
        rate=rate,
        people_rows=_people_rows(found),
        live=live != "off",
    )
    return render(request, "research/overview.html", page)


def _people_rows(found: dict[str, Any] | None) -> tuple[PersonRow, ...]:
    """The ten people with most judgments; those with a note of their own pattern first."""
    people_ = found["people"] if found else []
    busy = sorted(people_, key=lambda p: (not p["flags"], -p["judgments"], p["pseudonym"]))[:10]
    return tuple(
        PersonRow(
            p["pseudonym"], p["judgments"], charts.sparkline(p["course"]), p["median_seconds"],
            _repeats(p["repeats_itself"], p["repeats"]), p["agrees_with_others"], tuple(p["flags"]), _note(p),
        )
        for p in busy
    )  # fmt: skip


def _repeats(share: float | None, n: int) -> str:
    """A share, or counts where there are under fifty."""
    if share is None:
        return "–"
    return f"{share:.0%}" if n >= 50 else f"{round(share * n)} of {n}"


def _note(person: dict[str, Any]) -> str:
    steady = person["repeats"] >= 8 and (person["repeats_itself"] or 0) >= 0.8
    apart = (person["agrees_with_others"] or 1) < 0.5
    return "Steady, often in the minority" if steady and apart else ""


@router.get("/studies/{slug}/people", name="progress.people")
def people_page(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    q: str = "",
    sort: str = "",
    page: int = 1,
    only: str = "",
) -> Response:
    """The people of the study, by their made-up names."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    wanted = Wanted(q, sort, max(1, page), only)
    found = tables.people(session, study.id, wanted)
    csv_url, json_url = siblings(request)
    shown = People(
        **frame(session, who, study, "people"), rows=found.rows, pager=pager(request, found, wanted), wanted=wanted,
        csv_url=csv_url, json_url=json_url,
    )  # fmt: skip
    return render(request, "research/people.html", shown)


@router.get("/studies/{slug}/people.{ending}", name="progress.people_file")
def people_file(
    slug: str, ending: str, session: ReadSession, who: SignedIn, q: str = "", sort: str = "", only: str = ""
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if ending not in {"csv", "json"}:
        raise NotFound
    return as_file(
        tables.people(session, study.id, Wanted(q, sort, 1, only), whole=True), f"{slug}-people", ending
    )


@router.get("/studies/{slug}/people/{pseudonym}", name="progress.person")
def person(request: Request, slug: str, pseudonym: str, session: ReadSession, who: SignedIn) -> Response:
    """One person: how they work, and what they chose."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = _person(session, study, pseudonym)
    numbers = tables.people(session, study.id, Wanted(q=pseudonym)).rows
    rows = tables.judgments(session, study.id, Wanted(only=f"person:{pseudonym}")).rows
    kept = fitting.latest(session, study.id)
    told = next((p for p in kept.result["people"] if p["pseudonym"] == pseudonym), None) if kept else None
    page = PersonPage(
        **frame(session, who, study, "people"), person=found, numbers=numbers[0], figures=told,
        course=charts.sparkline(told["course"]) if told else Markup(""),
        repeats=_repeats(told["repeats_itself"], told["repeats"]) if told else "–",
        guesses=models.models(session, study, labels.labels(session, study)).of(found.id),
        said=labelled.patch_rows(session, study.id, person=found.id), rows=rows,
    )  # fmt: skip
    return render(request, "research/person.html", page)


@router.post("/studies/{slug}/people/{pseudonym}", name="progress.leave_out")
def leave_out(
    slug: str, pseudonym: str, session: WriteSession, who: SignedIn, now: Now, form: Form
) -> Response:
    """Leave a person out of exports with a reason, or take them back in."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    found = _person(session, study, pseudonym)
    if form.get("do") == "back":
        people.take_back_in(session, found, by=who.id, now=now)
    else:
        people.leave_out(
            session, found, reason=str(form.get("reason") or "no reason given")[:500], by=who.id, now=now
        )
    response = see_other(f"/studies/{slug}/people/{pseudonym}")
    flash(response, "saved")
    return response


@router.get("/studies/{slug}/judgments", name="progress.judgments")
def judgments(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    q: str = "",
    sort: str = "",
    page: int = 1,
    only: str = "",
) -> Response:
    """Every current judgment: the rows behind the numbers."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    wanted = Wanted(q, sort, max(1, page), only)
    found = tables.judgments(session, study.id, wanted)
    csv_url, json_url = siblings(request)
    shown = People(
        **frame(session, who, study, "judgments"), rows=found.rows, pager=pager(request, found, wanted), wanted=wanted,
        csv_url=csv_url, json_url=json_url,
    )  # fmt: skip
    return render(request, "research/judgments.html", shown)


@router.get("/studies/{slug}/judgments.{ending}", name="progress.judgments_file")
def judgments_file(
    slug: str, ending: str, session: ReadSession, who: SignedIn, q: str = "", sort: str = "", only: str = ""
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if ending not in {"csv", "json"}:
        raise NotFound
    return as_file(
        tables.judgments(session, study.id, Wanted(q, sort, 1, only), whole=True), f"{slug}-judgments", ending
    )


def _person(session: Session, study: Study, pseudonym: str) -> Annotator:
    found = people_reads.find_annotator_by_pseudonym(session, study.id, pseudonym)
    if found is None or found.withdrawn_at is not None:
        raise NotFound
    return found
