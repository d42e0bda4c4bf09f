"""The flaw register and its switches: what sways choices, who stands by it, which labels that moved, and taking any of it back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.aggregation import labels
from app.aggregation.labels import Labels
from app.inference.displacement import Displacement
from app.kit.errors import AppError, Malformed, NotFound
from app.metapreferences import acts
from app.metapreferences import reads as wishes
from app.people.tables import Researcher
from app.reports import correcting, discovery, fitting, labelled, models, overlay, register
from app.reports.discovery import Named
from app.reports.labelled import WHICH, Which
from app.reports.models import Scored
from app.reports.overlay import Overlay
from app.reports.register import Entry
from app.reports.tables import A_PAGE, Found, Wanted
from app.studies import reads
from app.studies.tables import Study
from app.web import charts
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.render import Problem, flash, render
from app.web.research.frame import Frame, Pager, as_file, frame, pager, siblings
from app.web.research.questions import KINDS
from app.web.research.results import SWAYS
from app.web.visits import see_other

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
    chart: charts.Chart | None
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


@dataclass(frozen=True, kw_only=True)
class LabelList(Frame):
    rows: list[dict[str, Any]]
    pager: Pager
    only: str
    choices: tuple[tuple[str, str, int], ...]
    influence: str
    influences: tuple[str, ...]
    csv_url: str
    json_url: str


@dataclass(frozen=True, kw_only=True)
class PatchList(Frame):
    rows: list[dict[str, Any]]
    pager: Pager
    kind: str
    kinds: tuple[str, ...]
    about: str
    active: str
    off: tuple[str, ...]
    here: str
    csv_url: str
    json_url: str


@dataclass(frozen=True, kw_only=True)
class OverlayPage(Frame):
    found: Overlay
    told: dict[str, Any]
    rate: float
    json_url: str


@router.get("/studies/{slug}/register", name="register.show")
def show(request: Request, slug: str, session: ReadSession, who: SignedIn, influence: str = "") -> Response:
    """Every influence, and one of them opened."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return render(request, "research/register.html", _register(request, session, who, study, influence))


@router.get("/studies/{slug}/register.{ending}", name="register.file")
def file(slug: str, ending: str, session: ReadSession, who: SignedIn) -> Response:
    """A row an influence."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if ending not in {"csv", "json"}:
        raise NotFound
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
    return _back(f"/studies/{slug}/register?influence={influence}#influence")


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
    return _back(f"/studies/{slug}/register#proposed")


@router.get("/studies/{slug}/labels", name="register.labels")
def label_list(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    only: str = "moved",
    influence: str = "",
    page: int = 1,
) -> Response:
    """Labels that moved, turned over or are unsteady, furthest moved first."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found, wanted = labels.labels(session, study), Wanted(page=max(1, page), only=only)
    places = labelled.chosen(found, _which(only), influence=influence)
    start = (wanted.page - 1) * A_PAGE
    csv_url, json_url = siblings(request)
    rows = labelled.rows(session, found, places[start : start + A_PAGE].tolist())
    words = {
        "all": "All judged pairs",
        "moved": "Moved",
        "turned": "Turned over",
        "unstable": "Another reading would turn",
    }
    shown = LabelList(
        **frame(session, who, study, "register"), rows=rows, pager=pager(request, Found(rows, places.size), wanted),
        only=_which(only), choices=tuple((w, words[w], int(labelled.chosen(found, w).size)) for w in WHICH), influence=influence,
        influences=found.endorsed.names, csv_url=csv_url, json_url=json_url,
    )  # fmt: skip
    return render(request, "research/labels.html", shown)


@router.get("/studies/{slug}/labels.{ending}", name="register.labels_file")
def labels_file(
    slug: str, ending: str, session: ReadSession, who: SignedIn, only: str = "moved", influence: str = ""
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if ending not in {"csv", "json"}:
        raise NotFound
    found = labels.labels(session, study)
    rows = labelled.rows(session, found, labelled.chosen(found, _which(only), influence=influence).tolist())
    return as_file(Found(rows, len(rows)), f"{slug}-labels", ending)


@router.get("/studies/{slug}/why/{pair:int}", name="register.why")
def why(slug: str, pair: int, session: ReadSession, who: SignedIn) -> Response:
    """Why one pair's label is what it is, as JSON; the item page tells the same."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if reads.find_pair(session, study.id, pair) is None:
        raise NotFound
    found = labelled.why(session, labels.labels(session, study), pair)
    told = {"pair_id": pair, "why": "nobody judged it"} if found is None else labelled.document(found)
    return Response(orjson.dumps(told), media_type="application/json")


@router.get("/studies/{slug}/patches", name="register.patches")
def patches(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    kind: str = "",
    about: str = "",
    active: str = "",
    page: int = 1,
) -> Response:
    """Patches, newest first, each with its switch."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return render(
        request, "research/patches.html", _patches(request, session, who, study, kind, about, active, page)
    )


@router.get("/studies/{slug}/patches.{ending}", name="register.patches_file")
def patches_file(
    slug: str,
    ending: str,
    session: ReadSession,
    who: SignedIn,
    kind: str = "",
    about: str = "",
    active: str = "",
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if ending not in {"csv", "json"}:
        raise NotFound
    rows = labelled.patch_rows(session, study.id, kind=kind, about=about, active=active)
    return as_file(Found(rows, len(rows)), f"{slug}-patches", ending)


@router.post("/studies/{slug}/patches/switch", name="register.switch")
def switch(
    request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form
) -> Response:
    """Switch one patch or a whole kind off, or on again; labels follow at once."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    do, back = str(form.get("do") or ""), str(form.get("back") or "")
    try:
        if do in {"on", "off"}:
            acts.switch(session, study, str(form.get("kind") or ""), on=do == "on", by=who.id, now=now)
        elif do == "revoke":
            acts.revoke(session, study, str(form.get("patch") or ""), by=who.id, now=now)
        elif do == "restore":
            acts.restore(session, study, str(form.get("patch") or ""), by=who.id, now=now)
        else:
            message = f"{do!r} is not one of on, off, revoke, restore"
            raise Malformed(message, errors=[{"where": "do", "message": message}])
    except NotFound:
        raise
    except AppError as error:
        page = _patches(
            request, session, who, study, "", "", "", 1, problems=(Problem(error.detail, "main"),)
        )
        return render(request, "research/patches.html", page, status=error.status)
    places = {"register": f"/studies/{slug}/register#switches", "patches": f"/studies/{slug}/patches"}
    return _back(places.get(back, places["patches"]))


@router.get("/studies/{slug}/overlay", name="register.overlay")
def overlay_page(
    request: Request, slug: str, session: ReadSession, who: SignedIn, rate: float = 12.0
) -> Response:
    """What a panel's answers did to votes that existed already, and what each changed label cost."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = overlay.overlay(session, study, labels.labels(session, study))
    _, json_url = siblings(request)
    page = OverlayPage(
        **frame(session, who, study, "register"), found=found, told=found.document(hourly_rate=max(0.0, rate)), rate=rate,
        json_url=json_url,
    )  # fmt: skip
    return render(request, "research/overlay.html", page)


@router.get("/studies/{slug}/overlay.json", name="register.overlay_file")
def overlay_file(slug: str, session: ReadSession, who: SignedIn, rate: float = 12.0) -> Response:
    """The same as JSON."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = overlay.overlay(session, study, labels.labels(session, study))
    return Response(orjson.dumps(found.document(hourly_rate=max(0.0, rate))), media_type="application/json")


def _back(address: str) -> Response:
    response = see_other(address)
    flash(response, "saved")
    return response


def _which(only: str) -> Which:
    return next((w for w in WHICH if w == only), "moved")


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


def _chart(lines: tuple[Line, ...]) -> charts.Chart | None:
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


def _patches(
    request: Request,
    session: Session,
    who: Researcher,
    study: Study,
    kind: str,
    about: str,
    active: str,
    page: int,
    *,
    problems: tuple[Problem, ...] = (),
) -> PatchList:
    listed = wishes.list_patches(session, study.id)
    every = [one for one in listed if labelled.wanted(one, kind=kind, about=about, active=active)]
    wanted = Wanted(page=max(1, page))
    start = (wanted.page - 1) * A_PAGE
    rows = labelled.told(session, every[start : start + A_PAGE])
    csv_url, json_url = siblings(request)
    return PatchList(
        **frame(session, who, study, "register", problems=problems), rows=rows,
        pager=pager(request, Found(rows, len(every)), wanted), kind=kind,
        kinds=tuple(sorted({one.patch.kind for one in listed}, key=lambda c: int(c[1:]))),
        about=about, active=active, off=tuple(sorted(wishes.switched_off(session, study.id))), here=str(request.url.path),
        csv_url=csv_url, json_url=json_url,
    )  # fmt: skip


def scores_told(found: dict[str, dict[str, Scored]]) -> dict[str, Any]:
    """Scores as JSON."""
    return {m: {t: asdict(s) for t, s in tests.items()} for m, tests in found.items()}
