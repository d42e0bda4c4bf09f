"""Exports: what would be in one, making it, fetching it, and those made before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from sqlalchemy.orm import Session

from app.aggregation import registry as pooling
from app.exports import options as export_options
from app.exports import places, reads
from app.exports.changes import Changes, between
from app.exports.preview import Preview, preview
from app.exports.tables import Export
from app.exports.ways import Ways, ways
from app.http.downloads import archive_response
from app.http.sessions import Config
from app.kit.errors import AppError, NotFound
from app.people import reads as people
from app.people.tables import Researcher
from app.studies import reads as studies
from app.studies.tables import Study
from app.web.deps import Now, Number, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.render import Problem, render
from app.web.research.frame import Frame, frame, saved
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
    Shape(
        "preference_expanded",
        "Chosen and rejected, by share",
        "Several rows a pair, in both directions by how people split.",
    ),
    Shape("comparisons", "Shares", "One row a pair with ties and every vote: keeps disagreement."),
    Shape("judgments", "Every judgment", "One row a vote, as cast, with reasons and timing."),
    Shape(
        "annotators",
        "About people",
        "One row a person: counts and habits, attributes that enough people share.",
    ),
    Shape("all", "Everything", "Every shape that is there, in one directory."),
)
TIES_KEPT = "comparisons"
CELL = 90


@dataclass(frozen=True, kw_only=True)
class Exports(Frame):
    shapes: tuple[Shape, ...]
    rules: tuple[str, ...]
    titles: dict[str, str]
    exclusions: dict[str, export_options.Exclusion]
    chosen: dict[str, Any]
    raw: bool
    raw_url: str
    table_url: str
    seen: Preview | None
    columns: tuple[str, ...]
    sample: tuple[tuple[str, tuple[str, ...]], ...]
    undecided: int
    notes: tuple[tuple[str, str, str], ...]
    number_next: int
    exports: tuple[Export, ...]
    makers: dict[int, str]
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class ExportPage(Frame):
    export: Export
    reload: bool
    card: str | None
    counts: tuple[dict[str, Any], ...]
    earlier: tuple[Export, ...]


@dataclass(frozen=True, kw_only=True)
class ChangesPage(Frame):
    before: Export
    after: Export
    found: Changes
    earlier: tuple[Export, ...]


@dataclass(frozen=True, kw_only=True)
class WaysPage(Frame):
    found: Ways
    titles: dict[str, str]
    heads: list[tuple[None, str, bool]]
    share: Callable[[float | None], str]


@router.get("/studies/{slug}/exports", name="exports.index")
def index(request: Request, slug: str, session: ReadSession, who: SignedIn, now: Now) -> Response:
    """Choose a shape and see at once what would be in it."""
    study = studies.get_study(session, slug, researcher_id=who.id)
    chosen = _chosen(dict(request.query_params), request.query_params.getlist("exclude"))
    return render(request, "research/exports.html", _page(request, session, who, study, chosen, now=now))


@router.get("/studies/{slug}/exports/ways", name="exports.ways")
def show_ways(request: Request, slug: str, session: ReadSession, who: SignedIn, now: Now) -> Response:
    """On which pairs it matters how votes become labels, and what each way would teach."""
    study = studies.get_study(session, slug, researcher_id=who.id)
    found = ways(session, study, now=now)
    groups = found.ways[0].groups if found.ways else ()
    page = WaysPage(
        **frame(session, who, study, "exports"),
        found=found,
        titles=_titles(),
        heads=[(None, f"Votes of {name} that go along", True) for name, _ in groups],
        share=lambda value: "not known" if value is None else f"{value:.0%}",
    )
    return render(request, "research/ways.html", page)


@router.post("/studies/{slug}/exports", name="exports.make")
def make(request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Make the export in the background."""
    study = studies.get_study(session, slug, researcher_id=who.id)
    chosen = _chosen(form, [k.removeprefix("exclude.") for k in form if k.startswith("exclude.")])
    chosen["notes"] = {
        k.removeprefix("note."): v.replace("\r\n", "\n") for k, v in form.items() if k.startswith("note.")
    }
    try:
        export = places.order(session, study, export_options.read(**chosen), by=who.id, now=now)
    except AppError as error:
        page = _page(
            request, session, who, study, chosen, now=now, problems=(Problem(error.detail, "shape"),)
        )
        return render(request, "research/exports.html", page, status=422)
    return see_other(f"/studies/{slug}/exports/{export.number}")


@router.get("/studies/{slug}/exports/{number}", name="exports.show")
def show(
    request: Request, slug: str, number: Number, session: ReadSession, who: SignedIn, config: Config
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
        counts=tuple(export.counts[unit] for unit in ("judgments", "pairs")) if export.counts else (),
        earlier=_earlier(session, study, export),
    )
    return render(request, "research/export.html", page)


@router.get("/studies/{slug}/exports/{number}/changes", name="exports.changes")
def changes(
    request: Request,
    slug: str,
    number: Number,
    session: ReadSession,
    who: SignedIn,
    config: Config,
    since: Number | None = None,
) -> Response:
    """What differs from an earlier export: the one before, unless told."""
    study, after = _export(session, slug, number, who)
    folder = places.folder_of(after, config.exports_dir())
    before = reads.get_numbered(session, study.id, since) if since else reads.find_previous(session, after)
    if before is None:
        raise NotFound
    page = ChangesPage(
        **frame(session, who, study, "exports"),
        before=before,
        after=after,
        found=between(places.folder_of(before, config.exports_dir()), folder),
        earlier=_earlier(session, study, after),
    )
    return render(request, "research/changes.html", page)


def _earlier(session: Session, study: Study, export: Export) -> tuple[Export, ...]:
    listed = reads.list_exports(session, study.id)
    return tuple(e for e in listed if e.state == "done" and e.number != export.number)


@router.post("/studies/{slug}/exports/{number}", name="exports.remake")
def remake(slug: str, number: Number, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Make it again from the same recipe: the files anew, or a new number from today's state."""
    study, export = _export(session, slug, number, who)
    if form.get("do") == "files":
        places.enqueue(session, export, now=now)
        return saved(f"/studies/{slug}/exports/{number}")
    options = export_options.ExportOptions.model_validate(export.options)
    made = places.order(session, study, options, by=who.id, now=now)
    return see_other(f"/studies/{slug}/exports/{made.number}")


@router.get("/studies/{slug}/exports/{number}/files/{path:path}", name="exports.file")
def file(
    slug: str, number: Number, path: str, session: ReadSession, who: SignedIn, config: Config
) -> Response:
    """One file of an export."""
    _, export = _export(session, slug, number, who)
    found = places.file_of(export, path, config.exports_dir())
    return FileResponse(found, media_type="application/octet-stream", filename=found.name)


@router.get("/studies/{slug}/exports/{number}/archive.zip", name="exports.archive")
def archive(
    request: Request, slug: str, number: Number, session: ReadSession, who: SignedIn, config: Config
) -> Response:
    """The whole directory; a download that broke off can go on."""
    _, export = _export(session, slug, number, who)
    folder = places.folder_of(export, config.exports_dir())
    return archive_response(request, folder, f"{slug}-{number}", export.fingerprint)


def _export(session: Session, slug: str, number: Number, who: Researcher) -> tuple[Study, Export]:
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


def _titles() -> dict[str, str]:
    """What each rule is called, by name."""
    plain = list(pooling.rules())
    names = [*plain, pooling.ENDORSED, *(f"{pooling.ENDORSED}+{name}" for name in plain)]
    return {name: pooling.find(name).title for name in names}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row for reading: of a conversation its last message, of long texts their beginning."""
    return tuple(_short(value) for value in row.values())


def _short(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[-1], dict) and "content" in value[-1]:
        value = value[-1]["content"]
    if isinstance(value, float):
        return f"{value:.3g}"
    told = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    told = "" if value is None else " ".join(told.split())
    return told if len(told) <= CELL else told[: CELL - 1] + "…"


def _page(
    request: Request,
    session: Session,
    who: Researcher,
    study: Study,
    chosen: dict[str, Any],
    *,
    now: datetime,
    problems: tuple[Problem, ...] = (),
) -> Exports:
    seen: Preview | None = None
    listed = tuple(reads.list_exports(session, study.id))
    notes = chosen.pop("notes", None) or (listed[0].options.get("notes") if listed else None) or {}
    if not problems:
        try:
            seen = preview(session, study, export_options.read(**chosen, notes=notes), now=now)
        except AppError as error:
            problems = (Problem(error.detail, "shape"),)
    raw = request.query_params.get("rows") == "raw"
    undecided = next((s.count for s in seen.pairs.steps if s.reason == "undecided"), 0) if seen else 0
    return Exports(
        **frame(session, who, study, "exports", problems=problems),
        shapes=SHAPES,
        rules=tuple(pooling.rules()),
        titles=_titles(),
        exclusions=export_options.EXCLUSIONS,
        chosen=chosen,
        raw=raw,
        raw_url=_with(request, "raw"),
        table_url=_with(request, "table"),
        seen=seen,
        columns=seen.columns if seen else (),
        sample=_sample(seen, raw=raw),
        undecided=undecided if chosen["format"].startswith("preference") else 0,
        notes=tuple((n, words, notes.get(n, "")) for n, words in export_options.NOTES.items()),
        number_next=(listed[0].number if listed else 0) + 1,
        exports=listed,
        makers=people.emails(session, {e.requested_by for e in listed if e.requested_by is not None}),
        as_of=now,
    )


def _with(request: Request, rows: str) -> str:
    return "?" + str(request.url.include_query_params(rows=rows).query) + "#rows"


def _sample(seen: Preview | None, *, raw: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if seen is None:
        return ()
    if raw:
        return tuple((split, (orjson.dumps(row, default=str).decode(),)) for split, row in seen.rows)
    return tuple((split, _cells(row)) for split, row in seen.rows)
