"""The flaw register and its switches: what sways choices, who stands by it, which labels that moved, and taking any of it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.aggregation import labels
from app.aggregation.labels import Labels
from app.inference.displacement import Displacement
from app.kit.errors import AppError, Malformed, NotFound
from app.metapreferences import acts
from app.metapreferences import reads as wishes
from app.people.tables import Researcher
from app.reports import correcting, discovery, fitting, labelled, models, register
from app.reports.discovery import Named
from app.reports.models import Scored
from app.reports.register import Entry
from app.reports.tables import Found
from app.studies import reads
from app.studies.tables import Study
from app.web import charts
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.drawing import Chart
from app.web.forms import Form
from app.web.render import Problem, render
from app.web.research.frame import Ending, Frame, as_file, frame, saved, siblings
from app.web.research.questions import KINDS
from app.web.research.results import SWAYS

router = APIRouter()
SPOT_CHECK = 12
STATUSES = {
    "watching": "watched: not large or not sure enough to act on, or nobody is asked",
    "asking": "people are being asked whether it should count",
    "endorsed": "most say that it should count: labels keep it",
    "corrected": "it is taken out of labels, as far as people do not stand by it",
    "advisory": "most say that it should not count, but under 50 matched probes show that it is the influence itself: labels only weigh less",
}


@dataclass(frozen=True)
class Line:
    """One influence with its words. ``away``: what is chosen goes against it."""

    entry: Entry
    words: str
    note: str


@dataclass(frozen=True)
class KindSwitch:
    code: str
    words: str
    holding: int
    moved: int
    on: bool


@dataclass(frozen=True)
class Detail:
    """One influence opened: the labels it turns over to look at, whether new votes carry it, and settling it."""

    line: Line
    spot: tuple[dict[str, Any], ...]
    turning: int
    has_turned: bool
    since: Any
    after: Displacement | None
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Register(Frame):
    lines: tuple[Line, ...]
    statuses: dict[str, str]
    chart: Chart | None
    switches: tuple[KindSwitch, ...]
    moved: int
    turned: int
    unsteady: int
    judged: int
    patches: int
    detail: Detail | None
    proposed: tuple[dict[str, Any], ...]
    named: tuple[Named, ...]
    scores: dict[str, dict[str, Scored]]
    csv_url: str
    json_url: str


@router.get("/studies/{slug}/register", name="register.show")
def show(request: Request, slug: str, session: ReadSession, who: SignedIn, influence: str = "") -> Response:
    """Every influence, and one of them opened."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return render(request, "research/register.html", _register(request, session, who, study, influence))


@router.get("/studies/{slug}/register.{ending}", name="register.file")
def file(slug: str, ending: Ending, session: ReadSession, who: SignedIn) -> Response:
    """A row an influence."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    rows = [one.row() for one in register.entries(labels.labels(session, study))]
    return as_file(Found(rows, len(rows)), f"{slug}-register", ending)


@router.post("/studies/{slug}/register/settle", name="register.settle")
def settle(
    request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form
) -> Response:
    """Say for the study or a group how much of an influence should count; as the people asked say it, or otherwise."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    influence, group = str(form.get("influence") or ""), str(form.get("group") or "") or None
    found = labels.labels(session, study)
    try:
        if influence not in found.endorsed.names:
            message = f"there is no influence {influence!r}"
            raise Malformed(message, errors=[{"where": "influence", "message": message}])
        if group is not None and group not in found.basis.seen.people.groups:
            message = f"there is no group {group!r}"
            raise Malformed(message, errors=[{"where": "group", "message": message}])
        share = _share(str(form.get("endorsed") or ""))
        acts.settle(session, study, influence, share, group=group, by=who.id, now=now)
    except Malformed as error:
        page = _register(
            request, session, who, study, influence, problems=(Problem(error.detail, "endorsed"),)
        )
        return render(request, "research/register.html", page, status=422)
    return saved(f"/studies/{slug}/register?influence={influence}#influence")


@router.post("/studies/{slug}/register/name", name="register.give_name")
def give_name(
    request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form
) -> Response:
    """Make a proposed influence an entry of the register, or take one out again."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    try:
        if form.get("do") == "drop":
            discovery.take_name(session, study, int(str(form.get("number") or 0)), by=who.id, now=now)
        else:
            terms = [t for t in str(form.get("terms") or "").split(",") if t.strip()]
            discovery.give_name(session, study, str(form.get("name") or ""), terms, by=who.id, now=now)
    except (Malformed, ValueError) as error:
        words = error.detail if isinstance(error, AppError) else "number: a whole number"
        page = _register(request, session, who, study, "", problems=(Problem(words, "name"),))
        return render(request, "research/register.html", page, status=422)
    return saved(f"/studies/{slug}/register#proposed")


def _share(text: str) -> float:
    try:
        return float(text.replace(",", ".").removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        message = f"{text!r} is not a share from 0 (should not count) to 1 (should count)"
        raise Malformed(message, errors=[{"where": "endorsed", "message": message}]) from None


def _line(entry: Entry) -> Line:
    words, note = SWAYS.get(entry.name, (entry.name.replace("_", " ").capitalize(), ""))
    return Line(entry, words, note)


def _register(
    request: Request,
    session: Session,
    who: Researcher,
    study: Study,
    influence: str,
    *,
    problems: tuple[Problem, ...] = (),
) -> Register:
    found = labels.labels(session, study)
    made = register.entries(found)
    lines = tuple(_line(one) for one in made)
    chosen = next((one for one in lines if one.entry.name == influence), None)
    if influence and chosen is None and not problems:
        raise NotFound
    kept = fitting.latest(session, study.id)
    e = found.endorsed
    csv_url, json_url = siblings(request)
    return Register(
        **frame(session, who, study, "register", problems=problems),
        lines=lines,
        statuses=STATUSES,
        chart=_chart(lines),
        switches=_switches(session, study, found),
        moved=int(e.moved.sum()),
        turned=int(register.turned(e).sum()),
        unsteady=int((~e.stable).sum()),
        judged=int((e.weight_raw > 0).sum()),
        patches=len(found.patches),
        detail=_detail(session, found, chosen) if chosen else None,
        proposed=tuple(kept.result.get("proposed_influences", ())) if kept else (),
        named=discovery.named(found.basis),
        scores=models.models(session, study, found).together(),
        csv_url=csv_url.partition("?")[0],
        json_url=json_url.partition("?")[0],
    )


def _chart(lines: tuple[Line, ...]) -> Chart | None:
    effects = [
        charts.Effect(one.words, one.note, one.entry.effect.share, *one.entry.effect.share_interval)
        for one in lines
        if one.entry.effect.share is not None and one.entry.effect.share_interval is not None
    ]
    return (
        charts.ranges("register-sways", "Is something other than quality deciding?", effects)
        if effects
        else None
    )


def _switches(session: Session, study: Study, found: Labels) -> tuple[KindSwitch, ...]:
    off = wishes.switched_off(session, study.id)
    holding: dict[str, int] = {}
    for one in found.patches:
        holding[one.kind] = holding.get(one.kind, 0) + 1
    codes = sorted({*holding, *off}, key=lambda c: int(c[1:]))
    moved = register.moved_by_kind(found, codes)
    return tuple(KindSwitch(c, KINDS.get(c, c), holding.get(c, 0), moved[c], c not in off) for c in codes)


def _detail(session: Session, found: Labels, line: Line) -> Detail:
    entry = line.entry
    places = entry.turned if entry.turned.size else entry.would_turn
    rows = labelled.rows(session, found, places[:SPOT_CHECK].tolist())
    began = correcting.since(found, entry.name)
    return Detail(
        line, tuple(rows), int(places.size), bool(entry.turned.size), began.active_from if began else None,
        correcting.check(found, entry.name), found.basis.seen.people.groups,
    )  # fmt: skip
