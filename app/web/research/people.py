"""The people of a study: their table, and one person in full."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.aggregation import labels
from app.aggregation.tables import PersonFigure
from app.kit.errors import NotFound
from app.people import reads as people_reads
from app.people import writes as people
from app.people.tables import Annotator
from app.reports import labelled, learned, models, tables
from app.reports.judgment_rows import judgments as judgment_rows
from app.reports.models import Scored
from app.reports.tables import Wanted
from app.studies import reads
from app.studies.tables import Study
from app.web import inline_charts
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.render import render
from app.web.research import results
from app.web.research.frame import Asked, Ending, Frame, Table, as_file, frame, listed, saved

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class People(Table):
    lines: tuple[PersonLine, ...] = ()
    groups: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class PersonLine:
    """What is drawn or said of a person beside the figures of the table."""

    course: Markup
    repeats: str
    note: str
    group: str


@dataclass(frozen=True)
class Tendency:
    """How often a person chose the answer with more of something, of their choices between answers that differ clearly in it."""

    label: str
    note: str
    chosen: int
    of: int
    key: str


@dataclass(frozen=True, kw_only=True)
class PersonPage(Frame):
    """``told``: figures of the last fit, None before there is one.  ``steps``: what happened with this person, first to last."""

    person: Annotator
    judgments: int
    told: PersonFigure | None
    course: Markup
    repeats: str
    note: str
    group: str
    tendencies: tuple[Tendency, ...]
    guesses: dict[str, dict[str, Scored]] | None
    said: list[dict[str, Any]]
    steps: tuple[tuple[datetime, str], ...]
    rows: list[dict[str, Any]]


def repeats(share: float | None, n: int) -> str:
    """A share; counts where there are under fifty, if each repeat stands against one earlier answer."""
    if share is None:
        return "–"
    same = share * n
    return f"{round(same)} of {n}" if n < 50 and abs(same - round(same)) < 1e-9 else f"{share:.0%}"


def note(repeats: int, same: float | None, agrees: float | None) -> str:
    steady = repeats >= 8 and (same or 0) >= 0.8
    apart = agrees is not None and agrees < 0.5
    return "Steady, often in the minority" if steady and apart else ""


@router.get("/studies/{slug}/people", name="people.index")
def index(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    now: Now,
    wanted: Asked,
) -> Response:
    """The people of the study, by their made-up names."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = tables.people(session, study.id, wanted, now=now)
    groups = {g.number + 1: g.name for g in learned.listed(session, study.id)}
    lines = tuple(
        PersonLine(
            inline_charts.sparkline([float(n) for n in row["course"].split(", ")] if row["course"] else []),
            repeats(row["repeats_itself"], row["repeats"]),
            note(row["repeats"], row["repeats_itself"], row["agrees_with_others"]),
            groups.get(row["learned_group"] or 0, ""),
        )
        for row in found.rows
    )
    shown = People(
        **frame(session, who, study, "people"),
        **listed(request, found, wanted),
        lines=lines,
        groups=tuple(groups.items()),
    )
    return render(request, "research/people.html", shown)


@router.get("/studies/{slug}/people.{ending}", name="people.file")
def file(
    slug: str,
    ending: Ending,
    session: ReadSession,
    who: SignedIn,
    now: Now,
    wanted: Asked,
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = tables.people(session, study.id, wanted, now=now, whole=True)
    return as_file(found, f"{slug}-people", ending)


@router.get("/studies/{slug}/people/{pseudonym}", name="people.show")
def show(request: Request, slug: str, pseudonym: str, session: ReadSession, who: SignedIn) -> Response:
    """One person: how they work, what they tend to choose, what happened when, and their choices."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = _person(session, study, pseudonym)
    given = judgment_rows(session, study.id, Wanted(only=f"gave:{pseudonym}"))
    rows = judgment_rows(session, study.id, Wanted(only=f"person:{pseudonym}")).rows
    told = tables.figures_of(session, found.id)
    names = {g.number: g.name for g in learned.listed(session, study.id)}
    page = PersonPage(
        **frame(session, who, study, "people"),
        person=found,
        judgments=given.total,
        told=told,
        course=inline_charts.sparkline(told.course) if told else Markup(""),
        repeats=repeats(told.repeats_itself, told.repeats) if told else "–",
        note=note(told.repeats, told.repeats_itself, told.agrees) if told else "",
        group=names.get(told.learned, "") if told and told.learned is not None else "",
        tendencies=_tendencies(told),
        guesses=models.models(session, study, labels.labels(session, study)).of(found.id),
        said=labelled.patch_rows(session, study.id, person=found.id),
        steps=_steps(session, found, rows),
        rows=rows,
    )
    return render(request, "research/person.html", page)


def _tendencies(told: PersonFigure | None) -> tuple[Tendency, ...]:
    """Position and length first, then by how many choices they rest on."""
    counts = told.tendencies if told else {}
    order = sorted(counts, key=lambda name: (name not in {"position", "length"}, -counts[name][1], name))
    found = []
    for name in order:
        label, note = results.SWAYS.get(name, (name.replace("_", " "), ""))
        found.append(Tendency(label, note, counts[name][0], counts[name][1], name))
    return tuple(found)


STEPS = {
    "joined": "Joined",
    "consent": "Agreed to the consent text",
    "attributes": "What they told us changed",
    "opted_out": "Chose topics not to see",
    "left_out": "Left out of exports",
    "taken_back_in": "Taken back into exports",
}


def _steps(
    session: Session, found: Annotator, rows: list[dict[str, Any]]
) -> tuple[tuple[datetime, str], ...]:
    """Events of a person, and the days on which they judged."""
    steps = [
        (e.at, STEPS.get(e.kind, e.kind.replace("_", " ")))
        for e in people_reads.list_events_of(session, found.id)
    ]
    days: dict[str, list[str]] = {}
    for row in rows:
        days.setdefault(row["at"][:10], []).append(row["at"])
    steps += [
        (datetime.fromisoformat(min(ats)), f"{len(ats)} judgments, the last at {max(ats)[11:16]}")
        for ats in days.values()
    ]
    return tuple(sorted(steps))


@router.post("/studies/{slug}/people/{pseudonym}", name="people.leave_out")
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
    return saved(f"/studies/{slug}/people/{pseudonym}")


def _person(session: Session, study: Study, pseudonym: str) -> Annotator:
    found = people_reads.find_annotator_by_pseudonym(session, study.id, pseudonym)
    if found is None or found.withdrawn_at is not None:
        raise NotFound
    return found
