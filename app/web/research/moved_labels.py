"""Labels that people's answers moved, why each is what it is, and what a panel did to votes that existed already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.aggregation import labels
from app.kit.errors import NotFound
from app.reports import labelled, overlay
from app.reports.labelled import WHICH, Which
from app.reports.overlay import Overlay
from app.reports.tables import A_PAGE, Found, Wanted
from app.studies import reads
from app.web.deps import Number, PageNumber, ReadSession, SignedIn
from app.web.render import render
from app.web.research.frame import Ending, Frame, Pager, as_file, frame, pager, siblings

router = APIRouter()


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
class OverlayPage(Frame):
    found: Overlay
    told: dict[str, Any]
    rate: float
    json_url: str


@router.get("/studies/{slug}/labels", name="register.labels")
def label_list(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    only: str = "moved",
    influence: str = "",
    page: PageNumber = 1,
) -> Response:
    """Labels that moved, turned over, are unsteady or settled otherwise, furthest moved first."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found, wanted = labels.labels(session, study), Wanted(page=page, only=only)
    places = labelled.chosen(found, _which(only), influence=influence)
    start = (wanted.page - 1) * A_PAGE
    csv_url, json_url = siblings(request)
    rows = labelled.rows(session, found, places[start : start + A_PAGE].tolist())
    words = {
        "all": "All judged pairs",
        "moved": "Moved",
        "turned": "Turned over",
        "unstable": "Another reading would turn",
        "settled": "People differ, and said what to do",
    }
    shown = LabelList(
        **frame(session, who, study, "register"), rows=rows, pager=pager(request, Found(rows, places.size), wanted),
        only=_which(only), choices=tuple((w, words[w], int(labelled.chosen(found, w).size)) for w in WHICH), influence=influence,
        influences=found.endorsed.names, csv_url=csv_url, json_url=json_url,
    )  # fmt: skip
    return render(request, "research/labels.html", shown)


@router.get("/studies/{slug}/labels.{ending}", name="register.labels_file")
def labels_file(
    slug: str, ending: Ending, session: ReadSession, who: SignedIn, only: str = "moved", influence: str = ""
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = labels.labels(session, study)
    rows = labelled.rows(session, found, labelled.chosen(found, _which(only), influence=influence).tolist())
    return as_file(Found(rows, len(rows)), f"{slug}-labels", ending)


@router.get("/studies/{slug}/why/{pair:int}", name="register.why")
def why(slug: str, pair: Number, session: ReadSession, who: SignedIn) -> Response:
    """Why one pair's label is what it is, as JSON; the item page tells the same."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if reads.find_pair(session, study.id, pair) is None:
        raise NotFound
    found = labelled.why(session, labels.labels(session, study), pair)
    told = {"pair_id": pair, "why": "nobody judged it"} if found is None else labelled.document(found)
    return Response(orjson.dumps(told), media_type="application/json")


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


def _which(only: str) -> Which:
    return next((w for w in WHICH if w == only), "moved")
