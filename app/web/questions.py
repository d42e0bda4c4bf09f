"""A question about the person's own choices: asked, its consequences shown before they take effect, answered, changed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.assignments import reads as assignments
from app.assignments.errors import AlreadyAnswered, AssignmentExpired
from app.assignments.rules import is_expired
from app.assignments.tables import Assignment
from app.judgments.errors import EditWindowClosed
from app.kit.errors import NotFound
from app.metapreferences import answering, showing
from app.metapreferences import reads as wishes
from app.metapreferences.errors import NotOffered
from app.metapreferences.tables import MetaEvent
from app.questions.asking import LAST
from app.questions.wording import words
from app.studies.errors import StudyClosed
from app.web.ballot import choice_words
from app.web.catalogue import Translator
from app.web.deps import Browser, Now, ReadSession, WriteSession
from app.web.forms import Form
from app.web.render import Problem, flash, render
from app.web.visits import Visit, get_visit, see_other

router = APIRouter()
VOICES = 2
"""Own choices shown beside a question; the rest are on the page about me."""
CLIP = 220


@dataclass(frozen=True)
class Voice:
    """One of the person's own choices: what was asked, what they picked, and where it can be seen again."""

    judgment_id: str
    request: str
    left: str
    right: str
    choice: str
    serving: str | None
    turned: bool = False


@dataclass(frozen=True)
class Pick:
    """One answer. ``ask``: the label of the text field it opens."""

    value: str
    label: str
    ask: str | None


@dataclass(frozen=True)
class QuestionPage:
    """``state``: fresh, change, answered or passed_on. ``ranks``: the question for a second-best answer."""

    language: str
    study_title: str
    slug: str
    serving: str
    state: str
    lead: str
    text: str
    voices: tuple[Voice, ...]
    picks: tuple[Pick, ...]
    ranks: str | None
    chosen: str | None
    second: str | None
    said: str
    client_token: str
    may_change: bool
    progress: tuple[int, int] | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class CasesPage:
    """What an answer would turn over, before it does. ``fields`` carry the answer along; ``cases`` are the person's own choices."""

    language: str
    study_title: str
    slug: str
    action: str
    back: str
    cases: tuple[tuple[str, str, tuple[Voice, ...]], ...]
    """(field prefix, heading, choices) of each answer that has consequences."""
    fields: tuple[tuple[str, str], ...]
    say: dict[str, str]
    progress: tuple[int, int] | None = None


@router.get("/s/{slug}/question/{serving}", name="questions.show")
def show(
    request: Request, slug: str, serving: str, session: ReadSession, browser: Browser, now: Now
) -> Response:
    """The question: to be answered, answered already, or passed on."""
    visit = get_visit(session, slug, browser)
    assignment = _question(session, visit, serving)
    event = wishes.find_event_of(session, assignment.id)
    if event is None and visit.study.state == "closed":
        return see_other(f"/s/{slug}")
    late = is_expired(assignment.state, assignment.expires_at, now)
    state = "answered" if event else "passed_on" if late else "fresh"
    page = _page(session, visit, assignment, state, event, now=now)
    return render(request, "annotate/question.html", page, status=409 if state == "passed_on" else 200)


@router.get("/s/{slug}/question/{serving}/change", name="questions.change")
def change(
    request: Request, slug: str, serving: str, session: ReadSession, browser: Browser, now: Now
) -> Response:
    """An answered question, to be answered differently."""
    visit = get_visit(session, slug, browser)
    assignment = _question(session, visit, serving)
    event = wishes.find_event_of(session, assignment.id)
    if event is None or not answering.may_change(session, visit.study, event, now=now):
        return see_other(f"/s/{slug}/question/{serving}")
    return render(
        request, "annotate/question.html", _page(session, visit, assignment, "change", event, now=now)
    )


@router.post("/s/{slug}/question/{serving}/change", name="questions.undo")
def undo(slug: str, serving: str, session: ReadSession, browser: Browser) -> Response:
    """Open an answered question again; the answer stands until another is saved."""
    visit = get_visit(session, slug, browser)
    _question(session, visit, serving)
    response = see_other(f"/s/{slug}/question/{serving}/change")
    flash(response, "undone_answer")
    return response


@router.post("/s/{slug}/question/{serving}", name="questions.answer")
def answer(
    request: Request, slug: str, serving: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Save an answer, or show first what it would turn over."""
    visit = get_visit(session, slug, browser)
    assignment = _question(session, visit, serving)
    payload = assignment.payload or {}
    choice = str(form.get("choice") or "")
    changes = form.get("change") == "yes"
    if answering.needs_cases(assignment.kind, payload, choice) and form.get("cases") != "seen":
        return render(request, "annotate/cases.html", _cases(session, visit, assignment, form))
    given = given_from_form(form, choice, f"text_{choice}")
    try:
        if changes:
            answering.revise(session, visit.study, visit.annotator, serving, given, now=now)
        else:
            answering.answer(session, visit.study, visit.annotator, serving, given, now=now, allow_late=True)
    except NotOffered as error:
        problems = tuple(_problem(visit, e["where"]) for e in error.errors)
        event = wishes.find_event_of(session, assignment.id)
        page = _page(
            session,
            visit,
            assignment,
            "change" if changes else "fresh",
            event,
            now=now,
            form=form,
            problems=problems,
        )
        return render(request, "annotate/question.html", page, status=422)
    except (AlreadyAnswered, AssignmentExpired, EditWindowClosed):
        return see_other(f"/s/{slug}/question/{serving}")
    except StudyClosed:
        return see_other(f"/s/{slug}")
    response = see_other(f"/s/{slug}/next")
    flash(response, "saved_answer", undo_url=f"/s/{slug}/question/{serving}/change")
    return response


def given_from_form(form: dict[str, Any], choice: str, text_field: str) -> dict[str, Any]:
    """The fields of a form as the door takes them: choice, ranking, stands, text."""
    given: dict[str, Any] = {"choice": choice or None}
    if form.get(text_field):
        given["text"] = str(form[text_field]).strip()
    second = form.get("second")
    if second and choice and second != choice:
        given["ranking"] = [choice, second]
    stands = stands_from_form(form, "case_")
    if stands:
        given["stands"] = stands
    if form.get("client_token"):
        given["client_token"] = str(form["client_token"])
    return given


def stands_from_form(form: dict[str, Any], prefix: str) -> dict[str, bool]:
    """Of each case, whether the person goes by what they said ("change") or by their choice ("keep"); open ones are left out."""
    return {
        key.removeprefix(prefix): value == "change"
        for key, value in form.items()
        if key.startswith(prefix) and value in {"keep", "change"}
    }


def voices(
    session: Session, visit: Visit, judgment_ids: list[str], turned: dict[str, bool] | None = None
) -> tuple[Voice, ...]:
    """The person's own choices, ready to be shown."""
    t = Translator(visit.language)
    found = showing.choices(session, visit.spec, visit.annotator.id, judgment_ids)
    return tuple(
        Voice(
            c["judgment_id"],
            _clip(str(c["prompt"][-1].get("content", ""))),
            c["left"]["text"],
            c["right"]["text"],
            choice_words(t, c["choice"], None),
            c["assignment_id"],
            (turned or {}).get(c["judgment_id"], False),
        )
        for c in found
    )


def case_words(language: str) -> dict[str, str]:
    """The words around consequences, in the study's language."""
    say = words(language)
    return {key: say(f"cases.{key}") for key in ("title", "note", "keep", "change")}


def _question(session: Session, visit: Visit, serving: str) -> Assignment:
    found = assignments.get_assignment(session, serving, annotator_id=visit.annotator.id)
    if found.kind == "comparison" or found.payload is None:
        raise NotFound
    return found


def _page(
    session: Session,
    visit: Visit,
    assignment: Assignment,
    state: str,
    event: MetaEvent | None,
    *,
    now: datetime,
    form: dict[str, Any] | None = None,
    problems: tuple[Problem, ...] = (),
) -> QuestionPage:
    payload = assignment.payload or {}
    texts = payload.get("texts", {})
    person = assignments.find_person(session, visit.annotator.id)
    chosen = (form or {}).get("choice") or (event.answer.get("choice") if event else None)
    ranking: list[str] = list((event.answer.get("ranking") if event else None) or [])
    said = (form or {}).get(f"text_{chosen}") or (event.answer_text if event else "") or ""
    progress = None
    if person is not None and state == "fresh":
        progress = (
            min(person.session_answered + 1, visit.spec.session.questions),
            visit.spec.session.questions,
        )
    return QuestionPage(
        language=visit.language,
        study_title=visit.study.title,
        slug=visit.slug,
        serving=assignment.id,
        state=state,
        lead=payload["lead"],
        text=payload["text"],
        voices=voices(session, visit, payload["evidence"][:VOICES]),
        picks=tuple(Pick(o["value"], o["label"], texts.get(o["value"])) for o in payload["options"]),
        ranks=payload.get("ranks"),
        chosen=chosen,
        second=(form or {}).get("second") or (ranking[1] if len(ranking) > 1 else None),
        said=str(said),
        client_token=secrets.token_urlsafe(16),
        may_change=event is not None and answering.may_change(session, visit.study, event, now=now),
        progress=progress,
        problems=problems,
    )


def _cases(session: Session, visit: Visit, assignment: Assignment, form: dict[str, Any]) -> CasesPage:
    payload = assignment.payload or {}
    turned = {c["judgment_id"]: bool(c["turned"]) for c in payload["cases"]}
    label = next((o["label"] for o in payload["options"] if o["value"] == form.get("choice")), "")
    kept = [(k, str(v)) for k, v in form.items() if isinstance(v, str) and k != "cases"]
    return CasesPage(
        language=visit.language,
        study_title=visit.study.title,
        slug=visit.slug,
        action=f"/s/{visit.slug}/question/{assignment.id}",
        back=f"/s/{visit.slug}/question/{assignment.id}",
        cases=(("case_", label, voices(session, visit, list(turned), turned)),),
        fields=(*kept, ("cases", "seen")),
        say=case_words(visit.language),
    )


def _problem(visit: Visit, where: str) -> Problem:
    t = Translator(visit.language)
    return Problem(t("error.choose_one"), "choice" if where == "choice" else where)


def _clip(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= CLIP else text[: CLIP - 1].rstrip() + "…"


__all__ = ["LAST", "CasesPage", "Voice", "case_words", "router", "stands_from_form", "voices"]
