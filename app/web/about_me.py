"""What the study has learned about you: statements to answer, the choices behind them, what changed, and how to undo it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.assignments import pool
from app.inference.influence import influences
from app.kit.errors import NotFound
from app.metapreferences import own
from app.metapreferences.errors import EndedByResearcher, PatchActive, PatchRevoked, Replaced
from app.metapreferences.reads import Listed
from app.querying import about_me
from app.querying.about_me import Portrait
from app.questions.asking import Statement
from app.questions.portrait import FROM
from app.questions.protocol import MetaAnswer
from app.questions.wording import words
from app.web.catalogue import Translator
from app.web.deps import Browser, Now, ReadSession, WriteSession
from app.web.forms import Form
from app.web.questions import CasesPage, Voice, case_words, stands_from_form, voices
from app.web.render import flash, render
from app.web.visits import Visit, get_visit, see_other

router = APIRouter()
ANSWERS = ("fits", "partly", "not_me", "dont_copy", "unsure")


@dataclass(frozen=True)
class Belief:
    """One statement as shown. ``said``, ``text``: what the person answered before."""

    name: str
    says: str
    fits: int
    of: int
    said: str | None
    text: str


@dataclass(frozen=True)
class ClashCard:
    key: str
    first: str
    second: str
    said: str | None
    text: str


@dataclass(frozen=True)
class Change:
    """One thing that changed because the person said so."""

    patch_id: str
    text: str
    active: bool
    may_redo: bool
    """They took it back themselves, and can let it count again."""
    by_others: bool
    """The researchers ended it, or switched its kind off."""


@dataclass(frozen=True)
class AboutMe:
    """``state``: nothing_yet, ready or stopped. ``foils``: statements that were somebody else's, once answers were saved."""

    language: str
    study_title: str
    slug: str
    state: str
    choices: int
    opens_at: int
    beliefs: tuple[Belief, ...]
    has_foils: bool
    foils: tuple[str, ...]
    clash: ClashCard | None
    delegation: tuple[str | None, str]
    sample: tuple[tuple[Voice, str], ...] | None
    """Where they asked to see one: own choices, each with the letter that the study had guessed beforehand."""
    guesses: tuple[bool, ...]
    right: int
    by_chance: int
    changes: tuple[Change, ...]
    labels: dict[str, str]


@dataclass(frozen=True)
class Evidence:
    """The choices behind one statement."""

    language: str
    study_title: str
    slug: str
    says: str
    fits: int
    of: int
    choices: tuple[Voice, ...]


@router.get("/s/{slug}/about-me", name="about_me.show")
def show(request: Request, slug: str, session: ReadSession, browser: Browser) -> Response:
    """The statements, or that there is not enough to say anything yet."""
    visit = get_visit(session, slug, browser)
    found = about_me.read(session, visit.annotator, visit.spec)
    return render(request, "about_me/about_me.html", _page(visit, found, _sample(session, visit, found)))


@router.get("/s/{slug}/about-me/evidence/{statement}", name="about_me.evidence")
def evidence(request: Request, slug: str, statement: str, session: ReadSession, browser: Browser) -> Response:
    """The person's own choices that a statement rests on, each with a way to change it."""
    visit = get_visit(session, slug, browser)
    found = about_me.read(session, visit.annotator, visit.spec)
    one = next((s for s in found.statements if s.name == statement), None)
    if one is None:
        raise NotFound
    page = Evidence(
        visit.language, visit.study.title, slug, _says(visit, one), one.fits, one.of,
        voices(session, visit, list(one.choices)),
    )  # fmt: skip
    return render(request, "about_me/evidence.html", page)


@router.post("/s/{slug}/about-me", name="about_me.save")
def save(
    request: Request, slug: str, session: WriteSession, browser: Browser, now: Now, form: Form
) -> Response:
    """Save what the person says; where something would be read the other way, that is shown first."""
    visit = get_visit(session, slug, browser)
    pool.lock_person(session, visit.annotator.id)
    found = about_me.read(session, visit.annotator, visit.spec)
    answered = [(s, str(form[f"s_{s.name}"])) for s in found.statements if form.get(f"s_{s.name}") in ANSWERS]
    page = _cases(session, visit, found, answered, form)
    if page is not None and form.get("cases") != "seen":
        return render(request, "annotate/cases.html", page)
    shown_at = now
    for one, choice in answered:
        before = found.said.get(one.name)
        text = str(form.get(f"f_{one.name}") or "").strip() or None
        if before is not None and (before.answer.get("choice"), before.answer_text) == (choice, text):
            continue
        stands = stands_from_form(form, f"case_{one.name}_")
        if before is not None and before.answer.get("choice") == choice:
            stands = dict(
                before.answer.get("stands") or {}
            )  # only the words are new: the cases were put before
        said = MetaAnswer(choice, text, stands=stands)
        about_me.answer_statement(
            session, visit.annotator, visit.spec, found, one, said, now=now, shown_at=shown_at
        )
    _save_rest(session, visit, found, form, now=now)
    response = see_other(f"/s/{slug}/about-me")
    flash(response, "about_me_saved")
    return response


@router.post("/s/{slug}/about-me/patches/{patch_id}/undo", name="about_me.undo")
def undo(slug: str, patch_id: str, session: WriteSession, browser: Browser, now: Now) -> Response:
    """Take back what changed because I said so."""
    visit = get_visit(session, slug, browser)
    response = see_other(f"/s/{slug}/about-me")
    try:
        own.undo(session, visit.annotator, patch_id, now=now)
    except PatchRevoked:
        return response
    flash(response, "change_undone")
    return response


@router.post("/s/{slug}/about-me/patches/{patch_id}/redo", name="about_me.redo")
def redo(slug: str, patch_id: str, session: WriteSession, browser: Browser, now: Now) -> Response:
    """Let it count again; what the researchers switched off stays off, and the page says so."""
    visit = get_visit(session, slug, browser)
    response = see_other(f"/s/{slug}/about-me")
    try:
        own.redo(session, visit.annotator, patch_id, now=now)
    except (PatchActive, EndedByResearcher, Replaced):
        return response
    flash(response, "change_redone")
    return response


@router.post("/s/{slug}/about-me/guessing", name="about_me.guessing")
def guessing(slug: str, session: WriteSession, browser: Browser, now: Now, form: Form) -> Response:
    """Stop guessing about me, or start again."""
    visit = get_visit(session, slug, browser)
    about_me.set_guessing(session, visit.annotator, on=form.get("guess") == "on", now=now)
    return see_other(f"/s/{slug}/about-me")


def _save_rest(
    session: Session, visit: Visit, found: Portrait, form: dict[str, Any], *, now: datetime
) -> None:
    """The clash card, and whether the picture may answer for the person."""
    who = (session, visit.annotator, visit.spec, found)
    for clash in found.clashes:
        choice = str(form.get("clash") or "")
        text = str(form.get("clash_text") or "").strip() or None
        before = found.said.get(f"{clash.first}|{clash.second}")
        same = before is not None and (before.answer.get("choice"), before.answer_text) == (choice, text)
        if choice in (*about_me.CLASH, "unsure") and not same:
            about_me.answer_clash(*who, clash, MetaAnswer(choice, text), now=now, shown_at=now)
    choice = str(form.get("delegation") or "")
    text = str(form.get("delegation_text") or "").strip() or None
    before = found.said.get("delegation")
    same = before is not None and (before.answer.get("choice"), before.answer_text) == (choice, text)
    if choice in about_me.DELEGATION and not same:
        about_me.answer_delegation(*who, MetaAnswer(choice, text), now=now, shown_at=now)


def _cases(
    session: Session,
    visit: Visit,
    found: Portrait,
    answered: list[tuple[Statement, str]],
    form: dict[str, Any],
) -> CasesPage | None:
    """What the answers would turn over, or None where they turn nothing over."""
    me, say = about_me.kind(), words(visit.language)
    cases = []
    for one, choice in answered:
        before = found.said.get(one.name)
        if choice not in me.needs_cases or (before is not None and before.answer.get("choice") == choice):
            continue
        shown = {c.judgment_id: c.turned for c in me.occasion(one, found.leaning(one.name)).cases}
        if shown:
            cases.append(
                (
                    f"case_{one.name}_",
                    f"{_says(visit, one)} {say(f'M9.option.{choice}')}",
                    voices(session, visit, list(shown), shown),
                )
            )
    if not cases:
        return None
    kept = tuple((k, v) for k, v in form.items() if isinstance(v, str) and k != "cases")
    here = f"/s/{visit.slug}/about-me"
    return CasesPage(
        visit.language, visit.study.title, visit.slug, here, here, tuple(cases), (*kept, ("cases", "seen")),
        case_words(visit.language),
    )  # fmt: skip


def _says(visit: Visit, one: Statement) -> str:
    return about_me.kind().statement({"influence": one.name, "sign": one.sign}, words(visit.language))


def _sample(session: Session, visit: Visit, found: Portrait) -> tuple[tuple[Voice, str], ...] | None:
    """How the picture answers, on the last pairs that the person judged themselves after a guess was written down (METHOD 3.4.22)."""
    event = found.said.get("delegation")
    if event is None or event.answer.get("choice") != "sample":
        return None
    guessed = dict(found.guesses.last)
    shown = {one.judgment_id: one for one in voices(session, visit, list(guessed))}
    return tuple(
        (shown[key], "A" if side == "left" else "B") for key, side in guessed.items() if key in shown
    )


def _page(visit: Visit, found: Portrait, sample: tuple[tuple[Voice, str], ...] | None = None) -> AboutMe:
    said = found.said
    beliefs = tuple(
        Belief(
            s.name, _says(visit, s), s.fits, s.of,
            said[s.name].answer.get("choice") if s.name in said else None,
            (said[s.name].answer_text or "") if s.name in said else "",
        )
        for s in found.statements
    )  # fmt: skip
    foils = [s for s in found.statements if s.foil]
    reveal = any(s.name in said for s in found.statements)
    say = words(visit.language)
    delegated = said.get("delegation")
    return AboutMe(
        language=visit.language, study_title=visit.study.title, slug=visit.slug,
        state="stopped" if not found.guessing else "ready" if found.ready else "nothing_yet",
        choices=found.world.answered, opens_at=FROM, beliefs=beliefs, has_foils=bool(foils),
        foils=tuple(_says(visit, s) for s in foils) if reveal else (), clash=_clash(visit, found),
        delegation=(delegated.answer.get("choice"), delegated.answer_text or "") if delegated else (None, ""),
        sample=sample, guesses=found.guesses.right, right=sum(found.guesses.right), by_chance=round(found.guesses.by_chance),
        changes=tuple(c for c in (_change(visit, listed) for listed in found.changes) if c is not None),
        labels={k: say(k) for k in _LABELS},
    )  # fmt: skip


_LABELS = (
    *(f"M9.option.{a}" for a in ANSWERS[:4]), "option.unsure", *(f"M9.text_label.{a}" for a in ("partly", "not_me", "dont_copy")),
    "M9.clash.both", "M9.clash.first", "M9.clash.second", "M9.clash.leave", "M9.clash_text.both", "M9.delegation.text",
    *(f"M9.delegation.{a}" for a in ("no", "topics", "sample", "yes")), "M9.delegation_text.topics",
)  # fmt: skip


def _clash(visit: Visit, found: Portrait) -> ClashCard | None:
    if not found.clashes:
        return None
    one = found.clashes[0]
    by_name = {s.name: s for s in found.statements}
    key = f"{one.first}|{one.second}"
    said = found.said.get(key)
    return ClashCard(
        key, _says(visit, by_name[one.first]), _says(visit, by_name[one.second]),
        said.answer.get("choice") if said else None, (said.answer_text or "") if said else "",
    )  # fmt: skip


def _change(visit: Visit, listed: Listed) -> Change | None:
    """What changed because the person said so, for the effects that are worth a sentence."""
    t, say, patch = Translator(visit.language), words(visit.language), listed.patch
    if listed.patch.var == "guessing":
        return None
    key, values = _said_of(patch.target_type, patch.var, patch.value)
    if key is None:
        return None
    if patch.target_type == "influence":
        known = patch.target_id in influences()
        values["being"] = say(f"influence.{patch.target_id}.being") if known else f"“{patch.target_id}”"
    ended = listed.last.act == "revoked"
    replaced = ended and listed.last.why == "replaced"
    if replaced:
        return None
    by_others = not listed.active and (listed.switched_off or not listed.last.by_person)
    may_redo = not by_others and listed.last.may_be_undone_by_person
    return Change(patch.id, t(f"about_me.{key}", **values), listed.active, may_redo, by_others)


def _said_of(target: str, var: str, value: Any) -> tuple[str | None, dict[str, Any]]:
    if target == "influence" and var == "endorsed":
        if isinstance(value, dict):
            return "changed_sometimes", {"topics": ", ".join(value.get("topics", ()))}
        number = float(value)
        return ("changed_count" if number >= 1 else "changed_ignore" if number <= 0 else "changed_half"), {}
    if target == "influence" and var == "not_me":
        return "changed_not_me", {}
    names = {
        "value_weight": "changed_guess", "answer_from": "changed_mind", "tie": "changed_tie", "weight": "changed_slip",
        "resolution": "changed_resolution", "delegation": "changed_delegation", "precedence": "changed_precedence",
    }  # fmt: skip
    return names.get(var), {}
