"""Studies, their state and their members."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict

from app.api.deps import ResearcherId
from app.api.problems import answers
from app.assignments import intake
from app.http.sessions import Now, ReadSession, WriteSession
from app.kit.text import STORABLE
from app.studies import reading, reads, rules, writes
from app.studies.spec import StudySpec

router = APIRouter(tags=["studies"])


class StudyOut(BaseModel):
    """A study as the API tells it."""

    slug: str
    title: str
    state: Literal["draft", "open", "paused", "closed"]
    version: int
    simulated: bool
    spec: dict[str, Any]


class StudyList(BaseModel):
    studies: list[StudyOut]


class StateIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    state: Literal["open", "paused", "closed"]


class MemberIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: Annotated[str, STORABLE]
    role: Literal["editor", "viewer"]


class MemberOut(BaseModel):
    email: str
    role: Literal["owner", "editor", "viewer"]


class MemberList(BaseModel):
    members: list[MemberOut]


@router.post("/studies", status_code=201, response_model=StudyOut, responses=answers(401, 409, 422))
def create(spec: StudySpec, session: WriteSession, who: ResearcherId, now: Now) -> dict[str, Any]:
    """Create a study from a study file as JSON. It starts as a draft."""
    study = writes.create_study(session, spec, owner_id=who, now=now)
    return reads.as_dict(study, spec)


@router.get("/studies", response_model=StudyList, responses=answers(401))
def list_all(session: ReadSession, who: ResearcherId) -> dict[str, Any]:
    """Your studies, newest first."""
    studies = reads.list_studies(session, who)
    return {"studies": [reads.as_dict(s, reads.spec_of(session, s)) for s in studies]}


@router.get("/studies/{slug}", response_model=StudyOut, responses=answers(401, 404))
def show(slug: str, session: ReadSession, who: ResearcherId) -> dict[str, Any]:
    """One study with its whole specification."""
    study = reads.get_study(session, slug, researcher_id=who)
    return reads.as_dict(study, reads.spec_of(session, study))


@router.patch("/studies/{slug}", response_model=StudyOut, responses=answers(401, 403, 404, 409, 422))
def change(
    slug: str, change: Annotated[dict[str, Any], Body()], session: WriteSession, who: ResearcherId, now: Now
) -> dict[str, Any]:
    """Change keys of the study file. This makes a new protocol version; earlier judgments keep theirs."""
    study = reads.get_study(session, slug, researcher_id=who, need="editor")
    before = reads.spec_of(session, study).model_dump(mode="json")
    spec = reading.from_data(rules.merged(before, change))
    intake.change_study(session, study, spec, by=who, now=now)
    return reads.as_dict(study, reads.spec_of(session, study))


@router.post("/studies/{slug}/state", response_model=StudyOut, responses=answers(401, 403, 404, 409, 422))
def set_state(
    slug: str, wanted: StateIn, session: WriteSession, who: ResearcherId, now: Now
) -> dict[str, Any]:
    """Open, pause or close the study."""
    study = reads.get_study(session, slug, researcher_id=who, need="editor")
    writes.set_state(session, study, wanted.state, by=who, now=now)
    return reads.as_dict(study, reads.spec_of(session, study))


@router.get("/studies/{slug}/members", response_model=MemberList, responses=answers(401, 404))
def members(slug: str, session: ReadSession, who: ResearcherId) -> dict[str, Any]:
    """Who has a part in the study."""
    study = reads.get_study(session, slug, researcher_id=who)
    return {"members": [{"email": m.email, "role": m.role} for m in reads.list_members(session, study.id)]}


@router.post("/studies/{slug}/members", response_model=MemberOut, responses=answers(401, 403, 404, 422))
def share(slug: str, member: MemberIn, session: WriteSession, who: ResearcherId, now: Now) -> dict[str, Any]:
    """Share the study with a colleague who has an account. Only the owner may."""
    study = reads.get_study(session, slug, researcher_id=who, need="owner")
    writes.share(session, study, member.email, member.role, by=who, now=now)
    return {"email": member.email.strip().lower(), "role": member.role}
