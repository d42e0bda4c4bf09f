"""Every current judgment: the rows behind the numbers."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.reports.judgment_rows import judgments as judgment_rows
from app.studies import reads
from app.web.deps import ReadSession, SignedIn
from app.web.render import render
from app.web.research.frame import Asked, Ending, Table, as_file, frame, listed

router = APIRouter()


@router.get("/studies/{slug}/judgments", name="judgments.index")
def index(request: Request, slug: str, session: ReadSession, who: SignedIn, wanted: Asked) -> Response:
    """Every current judgment: the rows behind the numbers."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = judgment_rows(session, study.id, wanted)
    shown = Table(**frame(session, who, study, "judgments"), **listed(request, found, wanted))
    return render(request, "research/judgments.html", shown)


@router.get("/studies/{slug}/judgments.{ending}", name="judgments.file")
def file(slug: str, ending: Ending, session: ReadSession, who: SignedIn, wanted: Asked) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return as_file(judgment_rows(session, study.id, wanted, whole=True), f"{slug}-judgments", ending)
