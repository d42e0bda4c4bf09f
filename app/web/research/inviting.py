"""The ways in: one link, links with a limit and an end, personal links, and Prolific with its codes."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import segno
from fastapi import APIRouter, Request, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.assignments import intake
from app.people import invites
from app.people import reads as people_reads
from app.people.tables import Invite, Researcher
from app.studies import masking, reading, reads
from app.studies.spec import StudySpec
from app.studies.tables import Study
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.markdown import prose
from app.web.render import Problem, render
from app.web.research.frame import Frame, frame, saved
from app.web.visits import see_other

router = APIRouter()
CODES = ("completed", "screened_out", "returned")


@dataclass(frozen=True)
class Example:
    """A pair as people will see it."""

    prompt: tuple[tuple[str, Markup], ...]
    left: Markup
    right: Markup


@dataclass(frozen=True, kw_only=True)
class Invitations(Frame):
    """``made`` are personal links just made, told this once; ``given`` is what was typed where it could not be used."""

    invites: tuple[Invite, ...]
    address: str
    base_address: str
    qr: Markup
    consent: Markup
    example: Example | None
    made: tuple[tuple[str, str], ...] = ()
    panel_address: str = ""
    given: dict[str, str]


@router.get("/studies/{slug}/invite", name="inviting.invite")
def invite(request: Request, slug: str, session: ReadSession, who: SignedIn) -> Response:
    """The ways in."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return render(request, "research/invite.html", _invitations(request, session, who, study))


@router.post("/studies/{slug}/invite", name="inviting.make")
def make(request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """A link with a limit and an end, or personal links; their codes are told this once."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    base = _base(request)
    labels = [line.strip() for line in str(form.get("labels") or "").splitlines() if line.strip()][:2000]
    made: list[tuple[str, str]] = []
    problems: tuple[Problem, ...] = ()
    if form.get("kind") == "personal":
        if not labels:
            problems = (Problem("Write one id or e-mail address a line", "labels"),)
        for label in labels:
            _, code = invites.create_invite(
                session, study.id, kind="personal", by=who.id, now=now, label=label[:200]
            )
            made.append((label, f"{base}/i/{code}"))
    else:
        limit, until = str(form.get("limit") or ""), str(form.get("until") or "")
        try:
            most = int(limit) if limit else None
            ends = datetime.fromisoformat(until).replace(tzinfo=UTC) + timedelta(days=1) if until else None
            if most is not None and most < 1:
                raise ValueError
        except ValueError:
            problems = (Problem("Write a whole number of people and a date such as 2027-01-31", "limit"),)
        else:
            invites.create_invite(
                session, study.id, kind="link", by=who.id, now=now, max_uses=most, expires_at=ends
            )
            return saved(f"/studies/{slug}/invite#made")
    if form.get("as") == "csv" and made:
        out = io.StringIO()
        csv.writer(out).writerows([("id", "link"), *made])
        headers = {"Content-Disposition": f'attachment; filename="{slug}-links.csv"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
    page = _invitations(request, session, who, study, made=tuple(made), problems=problems, given=form)
    return render(request, "research/invite.html", page, status=422 if problems else 200)


@router.post("/studies/{slug}/invite/codes", name="inviting.codes")
def codes(slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Prolific's three codes, which are keys of the study file as well."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    data = reads.spec_of(session, study).model_dump(mode="json")
    data["prolific"] = {name: str(form.get(name) or "").strip() or None for name in CODES}
    intake.change_study(session, study, reading.from_data(data), by=who.id, now=now)
    return saved(f"/studies/{slug}/invite#prolific")


@router.post("/studies/{slug}/invite/{public_id}/revoke", name="inviting.revoke")
def revoke(slug: str, public_id: str, session: WriteSession, who: SignedIn, now: Now) -> Response:
    """Close a way in; people who used it stay."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    invites.revoke_invite(session, study.id, public_id, now=now)
    return see_other(f"/studies/{slug}/invite")


def _base(request: Request) -> str:
    public: str = request.app.state.settings.public_url
    return public.rstrip("/") or str(request.base_url).rstrip("/")


def _invitations(
    request: Request,
    session: Session,
    who: Researcher,
    study: Study,
    *,
    made: tuple[tuple[str, str], ...] = (),
    problems: tuple[Problem, ...] = (),
    given: dict[str, Any] | None = None,
) -> Invitations:
    base, spec = _base(request), reads.spec_of(session, study)
    address = f"{base}/s/{study.slug}"
    drawn = segno.make(address, error="m").svg_inline(
        scale=4, dark="#1d1b18", light="#ffffff", title="QR code of the link"
    )
    parameters = "PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}"
    return Invitations(
        **frame(session, who, study, "invite", problems=problems),
        invites=tuple(people_reads.list_invites(session, study.id)),
        address=address,
        base_address=base,
        given={name: str((given or {}).get(name) or "") for name in ("limit", "until", "labels")},
        qr=Markup(drawn),  # noqa: S704 - drawn here from the address alone
        made=made,
        panel_address=f"{address}?{parameters}",
        consent=prose(spec.people.consent),
        example=_example(session, study, spec),
    )


def _example(session: Session, study: Study, spec: StudySpec) -> Example | None:
    """The study's first pair, in the order of the file; None before there are items."""
    pair = reads.find_first_pair(session, study.id)
    if pair is None:
        return None
    shown = reads.shown_pair(session, pair.item_id, pair.first_id, pair.second_id)
    left, right = (
        prose(masking.shown(one.text, one.masks) if spec.display.mask_model_names else one.text)
        for one in (shown.left, shown.right)
    )
    turns = tuple((turn["role"], prose(turn["content"])) for turn in shown.item.prompt)
    return Example(turns, left, right)
