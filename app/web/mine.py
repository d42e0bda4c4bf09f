"""A person's own answers and data: look, change, take back, download, delete."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment
from app.exports import writes as exports
from app.judgments import reads as judgment_reads
from app.judgments import writes as judgments
from app.judgments.errors import ChangedElsewhere, EditWindowClosed
from app.judgments.tables import Judgment
from app.metapreferences import answering, mine
from app.metapreferences import reads as wish_reads
from app.metapreferences import writes as wishes
from app.people import writes as people
from app.studies import reads as studies
from app.studies.tables import Item
from app.web.ballot import choice_words
from app.web.catalogue import Translator
from app.web.deps import Browser, Now, ReadSession, WriteSession
from app.web.forms import Form
from app.web.render import Problem, environment, flash, render
from app.web.visits import CODE_COOKIE, Visit, get_visit, kept_code, see_other

router = APIRouter()
A_PAGE = 50


@dataclass(frozen=True)
class Line:
    """One of my answers in the list."""

    serving: str
    judgment_id: str
    request: str
    choice: str
    answered_at: datetime
    edited: bool
    late: bool
    may_change: bool


@dataclass(frozen=True)
class Said:
    """One of my answers about my own choices."""

    serving: str
    question: str
    answer: str
    answered_at: datetime
    may_change: bool


@dataclass(frozen=True)
class Answers:
    """My answers, by day; and what I said about them, on the first page."""

    language: str
    study_title: str
    slug: str
    days: tuple[tuple[date, tuple[Line, ...]], ...]
    older: str | None
    said: tuple[Said, ...]


@dataclass(frozen=True)
class MyData:
    """My data: what is kept, a copy of it, and its end."""

    language: str
    study_title: str
    slug: str
    kept: int
    pseudonym: str
    topics: tuple[str, ...]
    opted_out: tuple[str, ...]
    code: str | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Deleted:
    language: str
    study_title: str


@router.get("/s/{slug}/answers", name="mine.answers")
def answers(
    request: Request, slug: str, session: ReadSession, browser: Browser, now: Now, before: str = ""
) -> Response:
    """My answers, newest first."""
    visit = get_visit(session, slug, browser)
    rows = judgment_reads.list_of_person(session, visit.annotator.id, limit=A_PAGE + 1, before=before or None)
    lines = _lines(session, visit, [r for r in rows[:A_PAGE] if r.assignment_id], now=now)
    days = tuple((day, tuple(group)) for day, group in groupby(lines, key=lambda one: one.answered_at.date()))
    older = rows[A_PAGE - 1].id if len(rows) > A_PAGE else None
    said = () if before else _said(session, visit, now=now)
    page = Answers(visit.language, visit.study.title, slug, days, older, said)
    return render(request, "mine/answers.html", page)


@router.post("/s/{slug}/answers/{judgment_id}/retract", name="mine.retract")
def retract(slug: str, judgment_id: str, session: WriteSession, browser: Browser, now: Now) -> Response:
    """Take an answer back while its window is open."""
    visit = get_visit(session, slug, browser)
    response = see_other(f"/s/{slug}/answers")
    try:
        row = judgments.retract(session, visit.study, visit.annotator, judgment_id, now=now)
    except (EditWindowClosed, ChangedElsewhere):
        return response
    wishes.note_view(session, visit.annotator, row, now=now)
    flash(response, "taken_back")
    return response


@router.get("/s/{slug}/my-data", name="mine.data")
def data(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """What is kept about me, and what I can do with it."""
    return render(request, "mine/my_data.html", _my_data(request, session, get_visit(session, slug, browser)))


@router.get("/s/{slug}/my-data/download", name="mine.download")
def download(slug: str, session: ReadSession, browser: Browser) -> Response:
    """One ZIP file: my answers to read, and the same for a computer."""
    visit = get_visit(session, slug, browser)
    everything = mine.everything(session, visit.study, visit.annotator)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("my-data.json", orjson.dumps(everything, option=orjson.OPT_INDENT_2))
        archive.writestr("my-data.html", _readable(visit, everything))
    headers = {
        "Content-Disposition": f'attachment; filename="{slug}-my-data.zip"',
        "Cache-Control": "no-store",
    }
    return Response(packed.getvalue(), media_type="application/zip", headers=headers)


@router.post("/s/{slug}/my-data/topics", name="mine.topics")
def topics(slug: str, session: WriteSession, browser: Browser, now: Now, form: Form) -> Response:
    """Which topics I would rather not see, from now on."""
    visit = get_visit(session, slug, browser)
    if visit.spec.people.opt_out_topics:
        known = studies.list_topics(session, visit.study.id)
        people.opt_out(session, visit.annotator, [t for t in form["topics"] if t in known], now=now)
    response = see_other(f"/s/{slug}/my-data")
    flash(response, "topics_saved")
    return response


@router.post("/s/{slug}/my-data/delete", name="mine.delete")
def delete(
    request: Request, slug: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Delete everything about me, after typing the word."""
    visit = get_visit(session, slug, browser)
    t = Translator(visit.language)
    word = t("my_data.delete_word")
    if str(form.get("confirm") or "").strip().casefold() != word.casefold():
        problem = Problem(t("error.type_to_confirm", word=word), "confirm")
        return render(request, "mine/my_data.html", _my_data(request, session, visit, (problem,)), status=422)
    exports.mark_withdrawn(session, visit.annotator)
    judgments.erase(session, visit.annotator, now=now)
    wishes.withdraw(session, visit.annotator, now=now)
    people.withdraw(session, visit.annotator, now=now)
    response = render(request, "mine/deleted.html", Deleted(visit.language, visit.study.title))
    response.delete_cookie(CODE_COOKIE + slug, path=f"/s/{slug}")
    return response


def _my_data(request: Request, session: Session, visit: Visit, problems: tuple[Problem, ...] = ()) -> MyData:
    kept = len(judgment_reads.list_of_person(session, visit.annotator.id, limit=None))
    topics = tuple(studies.list_topics(session, visit.study.id)) if visit.spec.people.opt_out_topics else ()
    return MyData(
        language=visit.language,
        study_title=visit.study.title,
        slug=visit.slug,
        kept=kept,
        pseudonym=visit.annotator.pseudonym,
        topics=topics,
        opted_out=tuple(visit.annotator.opted_out_topics),
        code=kept_code(request, visit.slug),
        problems=problems,
    )


def _lines(session: Session, visit: Visit, rows: list[Judgment], *, now: datetime) -> list[Line]:
    asked = dict(
        session.execute(select(Item.id, Item.search_text).where(Item.id.in_({r.item_id for r in rows}))).all()
    )
    t = Translator(visit.language)
    open_sessions: dict[tuple[int | None, int], bool] = {}
    lines = []
    for row in rows:
        key = (row.work_session, row.protocol_version)
        if key not in open_sessions:
            open_sessions[key] = judgments.may_change(session, visit.study, row, now=now)
        lines.append(
            Line(
                serving=row.assignment_id or "",
                judgment_id=row.id,
                request=asked[row.item_id],
                choice=choice_words(t, row.choice, row.strength),
                answered_at=row.answered_at or row.created_at,
                edited=row.revision > 1,
                late=row.late,
                may_change=open_sessions[key],
            )
        )
    return lines


def _said(session: Session, visit: Visit, *, now: datetime) -> tuple[Said, ...]:
    """What the person answered to questions with a page of their own, newest first; the review has its own page."""
    found = []
    for event in reversed(wish_reads.list_events(session, visit.study.id, annotator_id=visit.annotator.id)):
        if event.assignment_id is None:
            continue
        payload = session.get_one(Assignment, event.assignment_id).payload or {}
        shown = {o["value"]: o["label"] for o in payload.get("options", ())}
        choice = str(event.answer.get("choice", ""))
        change = answering.may_change(session, visit.study, event, now=now)
        found.append(
            Said(event.assignment_id, event.text, shown.get(choice, choice), event.answered_at, change)
        )
    return tuple(found)


def _readable(visit: Visit, everything: dict[str, Any]) -> str:
    t = Translator(visit.language)
    said = [choice_words(t, one["choice"], one["strength"]) for one in everything["judgments"]]
    names = {"t": t, "data": everything, "said": said, "language": t.language, "dir": t.catalogue.direction}
    return environment().get_template("mine/copy.html").render(names)
