"""Small tables of a study, searched and sorted in memory: studies, colleagues, the log, ways in, panel numbers; and each as a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.kit.clock import iso
from app.kit.errors import Malformed, NotFound
from app.people import reads as people_reads
from app.people.tables import Researcher
from app.reports import fitting, tables
from app.reports.judgment_rows import judgments as judgment_rows
from app.reports.progress import progress
from app.reports.tables import A_PAGE, Found, Wanted
from app.studies import reads, writes
from app.studies.tables import Study, StudyEvent
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.render import Problem, render
from app.web.research.frame import (
    Asked,
    Ending,
    Pager,
    Table,
    as_file,
    as_json,
    frame,
    listed,
    pager,
    saved,
    siblings,
)

router = APIRouter()
MOST_EVENTS = 5000
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class StudyList:
    rows: Rows
    any: bool
    pager: Pager
    wanted: Wanted
    csv_url: str
    json_url: str
    signed_in_as: str
    new_study_url: str = "/studies/new"
    sign_out_url: str = "/sign-out"


@dataclass(frozen=True, kw_only=True)
class Listed(Table):
    """One page of a small table; ``email`` is what was typed on the colleagues' form."""

    email: str = ""


def arranged(rows: Rows, wanted: Wanted, *, whole: bool = False) -> Found:
    """Rows that hold the words searched for, sorted by one of their columns, cut into a page unless all are wanted."""
    if wanted.q:
        words = wanted.q.casefold()
        rows = [r for r in rows if any(words in str(v).casefold() for v in r.values() if v is not None)]
    key = wanted.sort.removeprefix("-")
    if rows and key in rows[0]:
        known = [r for r in rows if r[key] is not None]
        known.sort(key=lambda r: r[key], reverse=wanted.sort.startswith("-"))
        rows = [*known, *(r for r in rows if r[key] is None)]
    first = (max(1, wanted.page) - 1) * A_PAGE
    return Found(rows if whole else rows[first : first + A_PAGE], len(rows))


def study_rows(session: Session, who: Researcher, *, now: datetime) -> Rows:
    """The researcher's studies, newest first."""
    rows = []
    for study in reads.list_studies(session, who.id):
        budget = reads.spec_of(session, study).collection.budget
        at = progress(session, study, budget=budget, now=now)
        rows.append(
            {"study": study.title, "slug": study.slug, "state": study.state, "judgments": at.judgments, "budget": budget,
             "people": at.people, "simulated": study.simulated, "created": iso(study.created_at)}
        )  # fmt: skip
    return rows


def member_rows(session: Session, study: Study) -> Rows:
    """Who has a part in the study."""
    return [{"email": m.email, "role": m.role} for m in reads.list_members(session, study.id)]


def log_rows(session: Session, study: Study) -> Rows:
    """What was changed, newest first: when, by whom, what, and in words what it was before and after."""
    events = reads.list_events(session, study.id, limit=MOST_EVENTS)
    names = {i: session.get_one(Researcher, i).email for i in {e.by_researcher_id for e in events} if i}
    return [
        {"at": iso(e.at), "who": names.get(e.by_researcher_id or 0, "command line"), "what": e.kind.replace("_", " "),
         "change": _change(e, study)}
        for e in events
    ]  # fmt: skip


def _change(event: StudyEvent, study: Study) -> str:
    detail = event.detail or {}
    if "changes" in detail:
        return "; ".join(f"{c['key']}: {c['before']} → {c['after']}" for c in detail["changes"])
    if event.kind == "state":
        return f"{detail.get('before')} → {detail.get('after', study.state)}"
    return ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in detail.items())


def invite_rows(session: Session, study: Study) -> Rows:
    """Ways in, newest first, without the codes of personal ones."""
    return [
        {"kind": i.kind, "for": i.label, "used": i.used, "most": i.max_uses, "ends": iso(i.expires_at), "closed": i.revoked_at is not None}
        for i in people_reads.list_invites(session, study.id)
    ]  # fmt: skip


def identity_rows(session: Session, study: Study) -> Rows:
    """Which panel number stands behind which name."""
    return [
        {"person": p.pseudonym, "number": p.external_id, "visit": p.panel_session}
        for p in people_reads.list_annotators(session, study.id)
    ]


FILES: dict[str, tuple[Callable[[Session, Study], Rows], str]] = {
    "members": (member_rows, "viewer"),
    "log": (log_rows, "viewer"),
    "invite": (invite_rows, "viewer"),
    "identities": (identity_rows, "owner"),
}
"""For each small table: its rows, and the role that may see them."""


@router.get("/studies", name="lists.studies")
def studies(
    request: Request,
    session: ReadSession,
    who: SignedIn,
    now: Now,
    wanted: Asked,
) -> Response:
    """Your studies."""
    rows = study_rows(session, who, now=now)
    found = arranged(rows, wanted)
    csv_url, json_url = siblings(request)
    shown = StudyList(
        found.rows, bool(rows), pager(request, found, wanted), wanted, csv_url, json_url, who.email
    )
    return render(request, "research/studies.html", shown)


@router.get("/studies.{ending}", name="lists.studies_file")
def studies_file(ending: Ending, session: ReadSession, who: SignedIn, now: Now, wanted: Asked) -> Response:
    """The same rows as a file."""
    found = arranged(study_rows(session, who, now=now), wanted, whole=True)
    return as_file(found, "studies", ending)


@router.get("/studies/{slug}/members", name="lists.members")
def members(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    wanted: Asked,
) -> Response:
    """Colleagues who have a part in the study."""
    return _page(request, session, who, slug, "members", wanted)


@router.post("/studies/{slug}/members", name="lists.share")
def share(
    request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form
) -> Response:
    """The owner shares the study with a colleague."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="owner")
    email = str(form.get("email") or "")
    try:
        writes.share(session, study, email, str(form.get("role") or ""), by=who.id, now=now)
    except (NotFound, Malformed) as error:
        problems = (Problem(error.detail, "email"),)
        return _page(request, session, who, slug, "members", Wanted(), email=email, problems=problems)
    return saved(f"/studies/{slug}/members")


@router.get("/studies/{slug}/log", name="lists.log")
def log(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    wanted: Asked,
) -> Response:
    """Every change to the study: who, when, before and after."""
    return _page(request, session, who, slug, "log", wanted)


@router.get("/studies/{slug}/identities", name="lists.identities")
def identities(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    wanted: Asked,
) -> Response:
    """Which panel number is behind which name: for the owner alone, apart from everything else."""
    return _page(request, session, who, slug, "identities", wanted)


@router.get("/studies/{slug}/overview.json", name="lists.overview_file")
def overview_file(slug: str, session: ReadSession, who: SignedIn, now: Now, rate: float = 12.0) -> Response:
    """The overview's figures: live counts and pace, and the report of the last fit."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    budget = reads.spec_of(session, study).collection.budget
    at = progress(session, study, budget=budget, now=now, hourly_rate=max(0.0, rate))
    kept = fitting.latest(session, study.id)
    return as_json({"progress": asdict(at), "report": kept.result if kept else None})


@router.get("/studies/{slug}/setup.json", name="lists.setup_file")
def setup_file(slug: str, session: ReadSession, who: SignedIn) -> Response:
    """The study and its whole specification."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return as_json(reads.as_dict(study, reads.spec_of(session, study)))


@router.get("/studies/{slug}/people/{pseudonym}.json", name="lists.person_file")
def person_file(slug: str, pseudonym: str, session: ReadSession, who: SignedIn, now: Now) -> Response:
    """One person's figures and their judgments."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = people_reads.find_annotator_by_pseudonym(session, study.id, pseudonym)
    if found is None or found.withdrawn_at is not None:
        raise NotFound
    numbers = tables.people(session, study.id, Wanted(q=pseudonym), now=now).rows
    judgments = judgment_rows(session, study.id, Wanted(only=f"person:{pseudonym}"), whole=True).rows
    own = next(row for row in numbers if row["person"] == pseudonym)
    return as_json({**own, "attributes": found.attributes, "judgments_given": judgments})


def _file(table: str) -> Callable[..., Response]:
    rows_of, need = FILES[table]

    def file(slug: str, ending: Ending, session: ReadSession, who: SignedIn, wanted: Asked) -> Response:
        study = reads.get_study(session, slug, researcher_id=who.id, need=need)
        found = arranged(rows_of(session, study), wanted, whole=True)
        return as_file(found, f"{slug}-{table}", ending)

    return file


for _table in FILES:
    _path = f"/studies/{{slug}}/{_table}.{{ending}}"
    router.add_api_route(_path, _file(_table), methods=["GET"], name=f"lists.{_table}_file")


def _page(
    request: Request,
    session: Session,
    who: Researcher,
    slug: str,
    table: str,
    wanted: Wanted,
    *,
    email: str = "",
    problems: tuple[Problem, ...] = (),
) -> Response:
    rows_of, need = FILES[table]
    study = reads.get_study(session, slug, researcher_id=who.id, need=need)
    found = arranged(rows_of(session, study), wanted)
    place = "people" if table == "identities" else table
    shown = Listed(
        **frame(session, who, study, place, problems=problems), **listed(request, found, wanted), email=email
    )
    return render(request, f"research/{table}.html", shown, status=422 if problems else 200)
