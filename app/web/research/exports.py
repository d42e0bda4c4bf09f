"""Exports: what would be in one, making it, fetching it, and those made before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy.orm import Session

from app.aggregation import registry as pooling
from app.exports import archive as archives
from app.exports import options as export_options
from app.exports import places, reads, registry
from app.exports.preview import Preview, preview
from app.exports.tables import Export
from app.http.sessions import Config
from app.kit.errors import AppError, NotFound
from app.people.tables import Researcher
from app.studies import reads as studies
from app.studies.tables import Study
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.render import Problem, flash, render
from app.web.research.frame import Frame, frame
from app.web.visits import see_other

router = APIRouter()


@dataclass(frozen=True)
class Shape:
    """One way to write the dataset, in plain words."""

    name: str
    words: str
    small: str


SHAPES = (
    Shape(
        "preference",
        "Chosen and rejected",
        "One row a pair, whole conversations: what reward-model trainers read.",
    ),
    Shape("preference_text", "Chosen and rejected, as text", "Three plain texts a row."),
    Shape("comparisons", "Shares", "One row a pair with ties and every vote: keeps disagreement."),
    Shape("judgments", "Every judgment", "One row a vote, as cast."),
    Shape("all", "Everything", "Every shape that is there, in one directory."),
)


@dataclass(frozen=True, kw_only=True)
class Exports(Frame):
    shapes: tuple[Shape, ...]
    rules: tuple[str, ...]
    exclusions: dict[str, export_options.Exclusion]
    chosen: dict[str, Any]
    seen: Preview | None
    sample: tuple[tuple[str, str], ...]
    exports: tuple[Export, ...]
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class ExportPage(Frame):
    export: Export
    reload: bool
    card: str | None
    counts: str


@router.get("/studies/{slug}/exports", name="exports.index")
def index(request: Request, slug: str, session: ReadSession, who: SignedIn, now: Now) -> Response:
    """Choose a shape and see at once what would be in it."""
    study = studies.get_study(session, slug, researcher_id=who.id)
    chosen = _chosen(dict(request.query_params), request.query_params.getlist("exclude"))
    return render(request, "research/exports.html", _page(session, who, study, chosen, now=now))


@router.post("/studies/{slug}/exports", name="exports.make")
def make(request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Make the export in the background."""
    study = studies.get_study(session, slug, researcher_id=who.id)
    chosen = _chosen(form, [k.removeprefix("exclude.") for k in form if k.startswith("exclude.")])
    try:
        export = places.order(session, study, export_options.read(**chosen), by=who.id, now=now)
    except AppError as error:
        page = _page(session, who, study, chosen, now=now, problems=(Problem(error.detail, "shape"),))
        return render(request, "research/exports.html", page, status=422)
    return see_other(f"/studies/{slug}/exports/{export.number}")


@router.get("/studies/{slug}/exports/{number}", name="exports.show")
def show(
    request: Request, slug: str, number: int, session: ReadSession, who: SignedIn, config: Config
) -> Response:
    """One export: how far it is, its files, its card."""
    study, export = _export(session, slug, number, who)
    card = None
    if export.state == "done":
        try:
            card = places.file_of(export, "README.md", config.exports_dir()).read_text()
        except (NotFound, places.NotMade):
            card = None
    page = ExportPage(
        **frame(session, who, study, "exports"),
        export=export,
        reload=export.state in {"queued", "running"},
        card=card,
        counts=orjson.dumps(export.counts or {}, option=orjson.OPT_INDENT_2).decode(),
    )
    return render(request, "research/export.html", page)


@router.post("/studies/{slug}/exports/{number}", name="exports.remake")
def remake(slug: str, number: int, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Make it again from the same recipe: the files anew, or a new number from today's state."""
    study, export = _export(session, slug, number, who)
    if form.get("do") == "files":
        places.enqueue(session, export, now=now)
        response = see_other(f"/studies/{slug}/exports/{number}")
        flash(response, "saved")
        return response
    options = export_options.ExportOptions.model_validate(export.options)
    made = places.order(session, study, options, by=who.id, now=now)
    return see_other(f"/studies/{slug}/exports/{made.number}")


@router.get("/studies/{slug}/exports/{number}/files/{path:path}", name="exports.file")
def file(slug: str, number: int, path: str, session: ReadSession, who: SignedIn, config: Config) -> Response:
    """One file of an export."""
    _, export = _export(session, slug, number, who)
    found = places.file_of(export, path, config.exports_dir())
    return FileResponse(found, media_type="application/octet-stream", filename=found.name)


@router.get("/studies/{slug}/exports/{number}/archive.zip", name="exports.archive")
def archive(slug: str, number: int, session: ReadSession, who: SignedIn, config: Config) -> Response:
    """The whole directory."""
    _, export = _export(session, slug, number, who)
    name = f"{slug}-{number}"
    folder = places.folder_of(export, config.exports_dir())
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return StreamingResponse(archives.archive(folder, name), media_type="application/zip", headers=headers)


def _export(session: Session, slug: str, number: int, who: Researcher) -> tuple[Study, Export]:
    study = studies.get_study(session, slug, researcher_id=who.id)
    return study, reads.get_numbered(session, study.id, number)


def _chosen(given: dict[str, Any], exclude: list[str]) -> dict[str, Any]:
    return {
        "format": given.get("format") or "preference",
        "rule": given.get("rule") or "majority",
        "file_type": given.get("file_type") or None,
        "split": given.get("split") or None,
        "seed": given.get("seed") or 0,
        "exclude": [e for e in exclude if e],
    }


def _page(
    session: Session,
    who: Researcher,
    study: Study,
    chosen: dict[str, Any],
    *,
    now: datetime,
    problems: tuple[Problem, ...] = (),
) -> Exports:
    seen: Preview | None = None
    if not problems:
        try:
            seen = preview(session, study, export_options.read(**chosen), now=now)
        except AppError as error:
            problems = (Problem(error.detail, "shape"),)
    sample = (
        tuple((split, orjson.dumps(row, default=str).decode()[:600]) for split, row in seen.rows)
        if seen
        else ()
    )
    return Exports(
        **frame(session, who, study, "exports", problems=problems),
        shapes=tuple(s for s in SHAPES if s.name == "all" or s.name in registry.formats()),
        rules=tuple(pooling.rules()),
        exclusions=export_options.EXCLUSIONS,
        chosen=chosen,
        seen=seen,
        sample=sample,
        exports=tuple(reads.list_exports(session, study.id)),
        as_of=now,
    )
