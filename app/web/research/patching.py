"""Patches, one by one, each with its switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from app.kit.errors import AppError, Malformed, NotFound
from app.metapreferences import acts
from app.metapreferences import reads as wishes
from app.people.tables import Researcher
from app.reports import labelled
from app.reports.labelled import PatchFilter
from app.reports.tables import A_PAGE, Found, Wanted
from app.studies import reads
from app.studies.tables import Study
from app.web.deps import Now, PageNumber, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.render import Problem, render
from app.web.research.frame import Ending, Frame, Pager, as_file, frame, pager, saved, siblings

router = APIRouter()
Wished = Annotated[PatchFilter, Depends(PatchFilter)]
"""What the address asks of the list."""


@dataclass(frozen=True, kw_only=True)
class PatchList(Frame):
    rows: list[dict[str, Any]]
    pager: Pager
    wanted: PatchFilter
    kinds: tuple[str, ...]
    off: tuple[str, ...]
    here: str
    csv_url: str
    json_url: str


@router.get("/studies/{slug}/patches", name="register.patches")
def patches(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    wanted: Wished,
    page: PageNumber = 1,
) -> Response:
    """Patches, newest first, each with its switch."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return render(request, "research/patches.html", _patches(request, session, who, study, wanted, page))


@router.get("/studies/{slug}/patches.{ending}", name="register.patches_file")
def patches_file(
    slug: str,
    ending: Ending,
    session: ReadSession,
    who: SignedIn,
    wanted: Wished,
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    rows = labelled.patch_rows(session, study.id, wanted=wanted)
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
        problems = (Problem(error.detail, "main"),)
        page = _patches(request, session, who, study, PatchFilter(), 1, problems=problems)
        return render(request, "research/patches.html", page, status=error.status)
    places = {"register": f"/studies/{slug}/register#switches", "patches": f"/studies/{slug}/patches"}
    return saved(places.get(back, places["patches"]))


def _patches(
    request: Request,
    session: Session,
    who: Researcher,
    study: Study,
    wanted: PatchFilter,
    page: int,
    *,
    problems: tuple[Problem, ...] = (),
) -> PatchList:
    listed = wishes.list_patches(session, study.id)
    every = [one for one in listed if wanted.takes(one)]
    start = (page - 1) * A_PAGE
    rows = labelled.told(session, every[start : start + A_PAGE])
    csv_url, json_url = siblings(request)
    return PatchList(
        **frame(session, who, study, "register", problems=problems), rows=rows,
        pager=pager(request, Found(rows, len(every)), Wanted(page=page)), wanted=wanted,
        kinds=tuple(sorted({one.patch.kind for one in listed}, key=lambda c: int(c[1:]))),
        off=tuple(sorted(wishes.switched_off(session, study.id))), here=str(request.url.path),
        csv_url=csv_url, json_url=json_url,
    )  # fmt: skip
