"""Exports: ask for one, watch it, fetch its files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import ResearcherId
from app.api.problems import answers
from app.exports import options, places, reads
from app.exports.changes import between
from app.exports.tables import Export
from app.http.downloads import archive_response
from app.http.sessions import Config, Now, ReadSession, WriteSession
from app.kit.errors import NotFound
from app.kit.text import STORABLE
from app.studies import reads as studies

router = APIRouter(tags=["exports"])


class ExportIn(BaseModel):
    """What to export; everything has a default."""

    model_config = ConfigDict(extra="forbid")
    format: str | list[str] = "preference"
    rule: str | list[str] = "majority"
    file_type: Literal["jsonl", "parquet"] | None = None
    split: Annotated[str, Field(examples=["90/5/5"])] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    exclude: list[str] = []
    copies: Annotated[int, Field(ge=2, le=options.MOST_COPIES)] = options.COPIES
    include_text: bool = False
    notes: Annotated[dict[str, str], STORABLE] = {}
    """Words of your own for the card: of why, people, paid, bias, use, other."""


class ExportQueued(BaseModel):
    export_id: str
    number: int
    state: Literal["queued"]


class FileOut(BaseModel):
    path: str
    bytes: int
    sha256: str


class ExportOut(BaseModel):
    export_id: str
    number: int
    state: Literal["queued", "running", "done", "failed"]
    progress: float
    files: list[FileOut]
    counts: dict[str, Any]
    fingerprint: str | None
    holds_withdrawn: bool
    error: str | None


@router.post(
    "/studies/{slug}/exports",
    status_code=202,
    response_model=ExportQueued,
    responses=answers(401, 403, 404, 422),
)
def order(
    slug: str,
    session: WriteSession,
    who: ResearcherId,
    now: Now,
    wanted: Annotated[ExportIn | None, Body()] = None,
) -> dict[str, Any]:
    """Ask for an export. It is made in the background; nothing that happens later is in it."""
    study = studies.get_study(session, slug, researcher_id=who, need="viewer")
    frozen = options.read(**(wanted or ExportIn()).model_dump())
    export = places.order(session, study, frozen, by=who, now=now)
    return {"export_id": export.id, "number": export.number, "state": "queued"}


def _mine(session: Any, export_id: str, who: int) -> Export:
    export = reads.get_export(session, export_id)
    if studies.role_in(session, export.study_id, who) is None:
        raise NotFound
    return export


@router.get("/studies/{slug}/exports", response_model=list[ExportOut], responses=answers(401, 404))
def index(slug: str, session: ReadSession, who: ResearcherId) -> list[dict[str, Any]]:
    """A study's exports, newest first."""
    study = studies.get_study(session, slug, researcher_id=who, need="viewer")
    return [_told(e) for e in reads.list_exports(session, study.id)]


@router.get(
    "/studies/{slug}/exports/{number}/files/{path:path}",
    response_class=Response,
    responses={**answers(401, 404, 409), 200: {"content": {"application/octet-stream": {}}}},
)
def numbered_file(
    slug: str,
    number: Annotated[str, Path(pattern="^([0-9]{1,9}|latest)$")],
    path: str,
    session: ReadSession,
    who: ResearcherId,
    config: Config,
) -> Response:
    """The bytes of one file of an export by its number, or of the ``latest`` finished one: an address to read data from."""
    study = studies.get_study(session, slug, researcher_id=who, need="viewer")
    export = (
        reads.get_latest(session, study.id)
        if number == "latest"
        else reads.get_numbered(session, study.id, int(number))
    )
    return FileResponse(
        places.file_of(export, path, config.exports_dir()), media_type="application/octet-stream"
    )


@router.get("/exports/{export_id}", response_model=ExportOut, responses=answers(401, 404))
def show(export_id: str, session: ReadSession, who: ResearcherId) -> dict[str, Any]:
    """How far an export is, and its files when it is done."""
    return _told(_mine(session, export_id, who))


def _told(export: Export) -> dict[str, Any]:
    return {
        "export_id": export.id,
        "number": export.number,
        "state": export.state,
        "progress": export.progress,
        "files": [{k: f[k] for k in ("path", "bytes", "sha256")} for f in export.files or []],
        "counts": export.counts or {},
        "fingerprint": export.fingerprint,
        "holds_withdrawn": export.holds_withdrawn,
        "error": export.error,
    }


@router.get(
    "/exports/{export_id}/files/{path:path}",
    response_class=Response,
    responses={**answers(401, 404, 409), 200: {"content": {"application/octet-stream": {}}}},
)
def file(export_id: str, path: str, session: ReadSession, who: ResearcherId, config: Config) -> Response:
    """The bytes of one file; ranges are understood, so a broken download can go on."""
    export = _mine(session, export_id, who)
    return FileResponse(
        places.file_of(export, path, config.exports_dir()), media_type="application/octet-stream"
    )


@router.get(
    "/exports/{export_id}/archive.zip",
    response_class=Response,
    responses={**answers(401, 404, 409), 200: {"content": {"application/zip": {}}}},
)
def archive(
    export_id: str, request: Request, session: ReadSession, who: ResearcherId, config: Config
) -> Response:
    """The whole directory as one streamed archive; ``Range: bytes=N-`` goes on from byte N."""
    export = _mine(session, export_id, who)
    name = f"{studies.get_study_by_id(session, export.study_id).slug}-{export.number}"
    return archive_response(request, places.folder_of(export, config.exports_dir()), name, export.fingerprint)


@router.get("/exports/{export_id}/changes", responses=answers(401, 404, 409))
def changes(
    export_id: str, session: ReadSession, who: ResearcherId, config: Config, since: str | None = None
) -> dict[str, Any]:
    """What differs from an earlier export of the study (``since``: its id; the one before, unless told)."""
    export = _mine(session, export_id, who)
    folder = places.folder_of(export, config.exports_dir())
    earlier = _mine(session, since, who) if since else reads.find_previous(session, export)
    if earlier is None or earlier.study_id != export.study_id:
        raise NotFound
    found = between(places.folder_of(earlier, config.exports_dir()), folder)
    return {"from": earlier.number, "to": export.number, **found.as_dict()}
