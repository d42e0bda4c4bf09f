"""Every current judgment: the rows behind the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from app.kit.errors import NotFound
from app.reports.judgment_rows import judgments as judgment_rows
from app.reports.tables import Wanted
from app.studies import reads
from app.web.deps import ReadSession, SignedIn
from app.web.render import render
from app.web.research.frame import Frame, Pager, as_file, frame, pager, siblings

router = APIRouter()


@dataclass(frozen=True, kw_only=True)
class Judgments(Frame):
    rows: list[dict[str, Any]]
    pager: Pager
    wanted: Wanted
    csv_url: str
    json_url: str


@router.get("/studies/{slug}/judgments", name="judgments.index")
def index(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    q: str = "",
    sort: str = "",
    page: int = 1,
    only: str = "",
) -> Response:
    """Every current judgment: the rows behind the numbers."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    wanted = Wanted(q, sort, max(1, page), only)
    found = judgment_rows(session, study.id, wanted)
    csv_url, json_url = siblings(request)
    shown = Judgments(
        **frame(session, who, study, "judgments"), rows=found.rows, pager=pager(request, found, wanted), wanted=wanted,
        csv_url=csv_url, json_url=json_url,
    )  # fmt: skip
    return render(request, "research/judgments.html", shown)


@router.get("/studies/{slug}/judgments.{ending}", name="judgments.file")
def file(
    slug: str, ending: str, session: ReadSession, who: SignedIn, q: str = "", sort: str = "", only: str = ""
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if ending not in {"csv", "json"}:
        raise NotFound
    return as_file(
        judgment_rows(session, study.id, Wanted(q, sort, 1, only), whole=True), f"{slug}-judgments", ending
    )
