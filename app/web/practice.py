"""One made-up pair before the real ones: feedback on the controls, never on the choice; nothing of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from app.questions import registry
from app.web import ballot
from app.web.catalogue import Translator
from app.web.deps import Browser, Now, ReadSession, WriteSession
from app.web.forms import Form
from app.web.markdown import prose
from app.web.pairs import choose_words
from app.web.render import Problem, render
from app.web.visits import Visit, get_visit, kept_code

router = APIRouter()


@dataclass(frozen=True)
class Practised:
    """After the practice pair: the resume code, and the way to the real ones."""

    language: str
    study_title: str
    slug: str
    code: str | None
    skipped: bool


@router.get("/s/{slug}/practice", name="practice.practice")
def practice(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """The practice pair."""
    return render(request, "annotate/practice.html", _page(get_visit(session, slug, browser)))


@router.post("/s/{slug}/practice", name="practice.practised")
def practised(
    request: Request, slug: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Practice is over; what was chosen is not kept."""
    visit = get_visit(session, slug, browser)
    skipped = form.get("go") == "skip"
    if not skipped and not form.get("choice"):
        problem = Problem(choose_words(Translator(visit.language), visit.spec), "choice")
        return render(request, "annotate/practice.html", _page(visit, form, (problem,)), status=422)
    visit.annotator.practised_at = visit.annotator.practised_at or now
    page = Practised(visit.language, visit.study.title, slug, kept_code(request, slug), skipped)
    return render(request, "annotate/practised.html", page)


def _page(
    visit: Visit, form: dict[str, Any] | None = None, problems: tuple[Problem, ...] = ()
) -> ballot.BallotPage:
    t = Translator(visit.language)
    question = visit.spec.question
    kind = registry.kinds()[question.scale]
    reasons = ballot.asked(visit.spec, visit.annotator, None).reasons
    words = "optional" if question.rationale != "off" else "off"
    return ballot.BallotPage(
        language=visit.language,
        study_title=visit.study.title,
        slug=visit.slug,
        serving="practice",
        state="practice",
        turns=(("user", prose(t("practice.example_request"), t=t)),),
        left=prose(t("practice.example_a"), t=t),
        right=prose(t("practice.example_b"), t=t),
        question=question.text,
        scale=kind.name,
        template=kind.template,
        options=kind.options(),
        asked=ballot.Asked(reasons, words, "off", "off", view=False),
        action=f"/s/{visit.slug}/practice",
        given=ballot.given_from_form(form) if form else ballot.Given(),
        guide=ballot.guide(visit.spec),
        problems=problems,
    )
