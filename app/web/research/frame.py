"""What every researcher's page shows around its work: places, counts, who is signed in; and tables as files."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.people import reads as people_reads
from app.people.tables import Researcher
from app.reports import divided
from app.reports.tables import A_PAGE, Found, Wanted
from app.studies import reads as studies
from app.studies import rules
from app.studies.spec import StudySpec
from app.studies.tables import Study
from app.web.deps import PageNumber
from app.web.render import Problem, flash
from app.web.visits import see_other

PLACES = (
    ("overview", "Overview", "home", "o"),
    ("items", "Items", "list", None),
    ("people", "People", "people", "p"),
    ("judgments", "Judgments", "check", None),
    ("disagreement", "Disagreement", "fork", "d"),
    ("questions", "Questions", "question", None),
    ("register", "Flaw register", "flag", None),
    ("invite", "Invite", "link", None),
    ("exports", "Exports", "download", "e"),
    ("setup", "Set-up", "settings", None),
    ("members", "Colleagues", "person", None),
    ("log", "Log", "log", None),
)


@dataclass(frozen=True)
class Place:
    label: str
    url: str
    icon: str | None
    count: int | None
    current: bool
    key: str | None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The part of a page's context that is the same on all of them."""

    study: Study
    spec: StudySpec
    study_title: str
    nav: tuple[Place, ...]
    other_studies: tuple[Place, ...]
    signed_in_as: str
    new_study_url: str = "/studies/new"
    sign_out_url: str = "/sign-out"
    base: str
    may_edit: bool
    is_owner: bool
    problems: tuple[Problem, ...] = ()


def frame(session: Session, who: Researcher, study: Study, current: str, **more: Any) -> dict[str, Any]:
    """The fields of Frame for a page of this study."""
    role = studies.role_in(session, study.id, who.id) or "viewer"
    base = f"/studies/{study.slug}"
    counts: dict[str, int | None] = {
        "disagreement": divided.corners(session, study.id).get("people_differ"),
        "items": studies.count_items(session, study.id),
        "people": people_reads.count_annotators(session, study.id),
    }
    nav = tuple(
        Place(label, f"{base}/{name}", icon, counts.get(name), name == current, key)
        for name, label, icon, key in PLACES
    )
    others = tuple(
        Place(s.title, f"/studies/{s.slug}/overview", None, None, False, None)
        for s in studies.list_studies(session, who.id)
        if s.id != study.id
    )[:8]
    return {
        "study": study,
        "spec": studies.spec_of(session, study),
        "study_title": study.title,
        "nav": nav,
        "other_studies": others,
        "signed_in_as": who.email,
        "base": base,
        "may_edit": rules.role_suffices(role, "editor"),
        "is_owner": role == "owner",
        **more,
    }


@dataclass(frozen=True)
class Pager:
    first: int
    last: int
    total: int
    previous_url: str | None
    next_url: str | None


def pager(request: Request, found: Found, wanted: Wanted, *, per_page: int = A_PAGE) -> Pager:
    """Where this page of rows stands among all of them."""
    first = (max(1, wanted.page) - 1) * per_page + 1
    last = first + len(found.rows) - 1

    def at(page: int) -> str:
        return request.url.path + "?" + str(request.url.include_query_params(page=page).query)

    return Pager(
        first,
        last,
        found.total,
        at(wanted.page - 1) if wanted.page > 1 else None,
        at(wanted.page + 1) if last < found.total else None,
    )


async def _asked(q: str = "", sort: str = "", page: PageNumber = 1, only: str = "") -> Wanted:
    return Wanted(q, sort, page, only)


async def _ending(ending: str) -> str:
    if ending not in {"csv", "json"}:
        raise NotFound
    return ending


Asked = Annotated[Wanted, Depends(_asked)]
"""What the address asks of a table."""
Ending = Annotated[str, Depends(_ending)]
"""The end of a table's address as a file: csv or json, else there is no such page."""


@dataclass(frozen=True, kw_only=True)
class Table(Frame):
    """A page that is one table, searched and sorted, with its files."""

    rows: list[dict[str, Any]]
    pager: Pager
    wanted: Wanted
    csv_url: str
    json_url: str


def listed(request: Request, found: Found, wanted: Wanted) -> dict[str, Any]:
    """The fields that Table adds to Frame."""
    csv_url, json_url = siblings(request)
    return {
        "rows": found.rows,
        "pager": pager(request, found, wanted),
        "wanted": wanted,
        "csv_url": csv_url,
        "json_url": json_url,
    }


def saved(address: str) -> Response:
    """On to a page, which says that it is saved."""
    response = see_other(address)
    flash(response, "saved")
    return response


def siblings(request: Request) -> tuple[str, str]:
    """The addresses of the same rows as CSV and as JSON, with the same filters."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}.csv{query}", f"{request.url.path}.json{query}"


def as_file(found: Found, name: str, ending: str) -> Response:
    """Rows as a file: JSON, or CSV in which no cell can be taken for a formula. One that does not hold all of them says so: in its
    name, or as ``complete``.
    """
    told = len(found.rows)
    complete = told >= found.total
    if ending == "json":
        return Response(
            orjson.dumps({"total": found.total, "complete": complete, "rows": found.rows}),
            media_type="application/json",
        )
    name = name if complete else f"{name}-first-{told}"
    out = io.StringIO()
    columns = list(found.rows[0]) if found.rows else []
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    for row in found.rows:
        writer.writerow({k: _safe(v) for k, v in row.items()})
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def as_json(value: Any) -> Response:
    """A page's figures as JSON."""
    return Response(orjson.dumps(value, default=str), media_type="application/json")


def _safe(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
