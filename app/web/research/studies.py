"""The list of studies, a new one, its set-up, its states, its colleagues and its log."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.assignments import intake
from app.kit.errors import AppError, Malformed
from app.people.tables import Researcher
from app.querying import registry as policies
from app.simulation.outlook import Outlook, readiness
from app.studies import reading, reads, writes
from app.studies.errors import NothingToAsk, SlugTaken, StateNotAllowed
from app.studies.spec import StudySpec
from app.studies.tables import Study
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.render import Problem, flash, render
from app.web.research.frame import Frame, frame, saved
from app.web.research.sheet import SECTIONS, Section, fields_of, spec_from_form
from app.web.research.told import minutes_a_pair, sentence
from app.web.visits import see_other

router = APIRouter()
STARTER = """\
slug: my-study
title: My study
question:
  text: Which answer is better here?
"""


@dataclass(frozen=True)
class NewStudy:
    text: str
    signed_in_as: str
    title: str = ""
    slug: str = ""
    new_study_url: str = "/studies/new"
    sign_out_url: str = "/sign-out"
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Setup(Frame):
    """The set-up page: every key of the study file in sections that fold to a sentence, and the file itself beside them.

    ``yaml_lines`` are its lines, each with whether the last version changed it; ``words`` is the mean of both answers of a pair.
    """

    sections: tuple[Section, ...]
    fields: dict[str, Any]
    sentences: dict[str, str]
    open_section: str
    yaml: str
    yaml_lines: tuple[tuple[str, bool], ...]
    changed: bool
    notes: tuple[str, ...]
    minutes: float
    words: int | None
    topics: tuple[str, ...]
    total: int
    cost: float | None
    rate: float
    items: int
    pairs: int
    checklist: tuple[tuple[str, bool], ...]
    outlook: Outlook
    raw: str | None = None


@router.get("/studies/new", name="studies.new")
def new(request: Request, who: SignedIn) -> Response:
    """A new study: a title is enough, or a study file."""
    return render(request, "research/new.html", NewStudy(STARTER, who.email))


@router.post("/studies/new", name="studies.create")
def create(request: Request, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Make the study, from a title or from a file pasted."""
    text = str(form.get("yaml") or "")
    title, slug = str(form.get("title") or "").strip(), str(form.get("slug") or "").strip()
    try:
        if form.get("from") == "file":
            spec = reading.from_yaml(text)
        else:
            spec = reading.from_data({"slug": slug or _slug(title), "title": title, "question": {}})
        study = writes.create_study(session, spec, owner_id=who.id, now=now)
    except (reading.StudyFileError, SlugTaken) as error:
        return render(
            request,
            "research/new.html",
            NewStudy(text or STARTER, who.email, title, slug, problems=_problems(error)),
            status=422,
        )
    return see_other(f"/studies/{study.slug}/setup")


@router.get("/studies/{slug}/", name="studies.home")
def home(slug: str) -> Response:
    """A study's first page."""
    return see_other(f"/studies/{slug}/overview")


@router.get("/studies/{slug}/setup", name="studies.setup")
def setup(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    rate: float = 12.0,
    open: str = "asked",
) -> Response:
    """The set-up page; ``open`` names the section that is unfolded."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    page = _setup(session, who, study, rate=max(0.0, rate), open_section=open)
    return render(request, "research/setup.html", page)


@router.post("/studies/{slug}/setup", name="studies.save")
def save(request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Save one section, or the whole file. A study in use gets a new protocol version."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    before = reads.spec_of(session, study)
    raw = form.get("yaml")
    try:
        if form.get("section") == "file":
            spec = reading.from_yaml(str(raw or ""))
        else:
            spec = spec_from_form(before, str(form.get("section") or ""), form)
        changes = intake.change_study(session, study, spec, by=who.id, now=now)
    except AppError as error:
        page = _setup(
            session, who, study, problems=_problems(error), raw=str(raw) if raw else None, given=form
        )
        return render(request, "research/setup.html", page, status=422)
    response = see_other(f"/studies/{slug}/setup{_onward(str(form.get('section') or 'file'))}")
    flash(response, "changed" if changes else "saved")
    return response


@router.post("/studies/{slug}/preview.yaml", name="studies.preview_yaml")
def preview_yaml(slug: str, session: ReadSession, who: SignedIn, form: Form) -> Response:
    """The study file as it would be with what is on the form: the live aside."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    before = reads.spec_of(session, study)
    try:
        spec = spec_from_form(before, str(form.get("section") or ""), form)
    except AppError as error:
        return Response(error.detail, 422, media_type="text/plain; charset=utf-8")
    return Response(reading.to_yaml(spec), media_type="text/plain; charset=utf-8")


@router.get("/studies/{slug}/study.yaml", name="studies.download")
def download(slug: str, session: ReadSession, who: SignedIn) -> Response:
    """The study file; loading it again gives the same study."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    headers = {"Content-Disposition": f'attachment; filename="{slug}.yaml"'}
    return Response(
        reading.to_yaml(reads.spec_of(session, study)), media_type="application/yaml", headers=headers
    )


@router.post("/studies/{slug}/state", name="studies.state")
def state(
    request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form
) -> Response:
    """Open, pause or close."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    try:
        writes.set_state(session, study, str(form.get("state") or ""), by=who.id, now=now)
    except (NothingToAsk, StateNotAllowed, Malformed) as error:
        page = _setup(session, who, study, problems=(Problem(error.detail, "launch"),))
        return render(request, "research/setup.html", page, status=409)
    return saved(f"/studies/{slug}/overview")


def _onward(section: str) -> str:
    """Where set-up goes on after a section was saved: the next one, unfolded; the launch after the last."""
    keys = [s.key for s in SECTIONS]
    if section not in keys:
        return "#file"
    following = keys[keys.index(section) + 1 :]
    return f"?open={following[0]}#{following[0]}" if following else "?open=#launch"


def _setup(
    session: Session,
    who: Researcher,
    study: Study,
    *,
    problems: tuple[Problem, ...] = (),
    raw: str | None = None,
    rate: float = 12.0,
    given: dict[str, Any] | None = None,
    open_section: str = "asked",
) -> Setup:
    spec = reads.spec_of(session, study)
    items, pairs = reads.count_items(session, study.id), reads.count_pairs(session, study.id)
    total = (
        min(spec.collection.budget, pairs * spec.collection.per_pair.max) if pairs else spec.collection.budget
    )
    words = reads.mean_words(session, study.id)
    each = minutes_a_pair(words)
    lines = _yaml_lines(session, study, spec)
    return Setup(
        **frame(session, who, study, "setup", problems=problems),
        sections=SECTIONS,
        fields=fields_of(spec) | ({k: v for k, v in given.items() if k in fields_of(spec)} if given else {}),
        sentences={s.key: sentence(s.key, spec) for s in SECTIONS},
        open_section=str((given or {}).get("section") or open_section),
        yaml=reading.to_yaml(spec),
        yaml_lines=lines,
        changed=any(changed for _, changed in lines),
        notes=_notes(spec, pairs),
        minutes=max(1.0, spec.session.questions * each),
        words=words,
        topics=tuple(reads.list_topics(session, study.id)),
        total=total,
        cost=total * each * rate / 60 if rate > 0 else None,
        rate=rate,
        items=items,
        pairs=pairs,
        checklist=_checklist(spec, items),
        outlook=readiness(spec, pairs=pairs),
        raw=raw,
    )


def _yaml_lines(session: Session, study: Study, spec: StudySpec) -> tuple[tuple[str, bool], ...]:
    """The file's lines, each with whether the last version changed it."""
    lines = reading.to_yaml(spec).splitlines()
    if study.version < 2:
        return tuple((line, False) for line in lines)
    before = reading.to_yaml(reads.spec_of(session, study, study.version - 1)).splitlines()
    blocks = difflib.SequenceMatcher(None, before, lines, autojunk=False).get_opcodes()
    changed = {n for kind, _, _, first, last in blocks if kind != "equal" for n in range(first, last)}
    return tuple((line, n in changed) for n, line in enumerate(lines))


def _notes(spec: StudySpec, pairs: int) -> tuple[str, ...]:
    """What a study of this size will not be able to say, in plain words."""
    notes = []
    _, missing = policies.policy_for(spec.querying.policy)
    if missing:
        notes.append(f"How the study picks: {missing}. The setting is kept for when it is.")
    per_pair = spec.collection.budget / pairs if pairs else spec.collection.per_pair.max
    if min(per_pair, spec.collection.per_pair.max) < 8:
        notes.append(
            f"About {min(per_pair, spec.collection.per_pair.max):.1f} judgments a pair: enough for labels, too few to say of "
            "a single pair whether groups differ on it (that takes eight or more)."
        )
    repeats = spec.collection.budget * spec.querying.retest
    if repeats < 150:
        notes.append(
            f"About {repeats:.0f} repeats: too few to say precisely how often people stay with their own choice (150 or more)."
        )
    if (spec.people.limit or 10_000) < 20:
        notes.append("Fewer than 20 people: groups of people will not be shown.")
    return tuple(notes)


def _checklist(spec: StudySpec, items: int) -> tuple[tuple[str, bool], ...]:
    from app.studies.spec import DEFAULT_CONSENT

    return (
        ("Items are loaded", items > 0),
        (
            "The consent text names who runs the study and how to reach them",
            spec.people.consent != DEFAULT_CONSENT,
        ),
        ("Guidelines say what counts as better", bool(spec.guidelines.strip())),
    )


def _problems(error: AppError) -> tuple[Problem, ...]:
    if not error.errors:
        return (Problem(error.detail),)
    return tuple(Problem(f"{e['where']}: {e['message']}", e["where"].split(" ")[0]) for e in error.errors)


def _slug(title: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in title.lower())
    return "-".join(p for p in kept.split("-") if p)[:80]
