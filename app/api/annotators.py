"""Adding annotators, whose consent the researcher asserts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api.deps import ResearcherId
from app.api.problems import answers
from app.http.sessions import Now, WriteSession
from app.kit.errors import Malformed
from app.kit.text import STORABLE
from app.people import invites
from app.people import reads as people_reads
from app.people import writes as people
from app.people.errors import StudyFull
from app.studies import reads

router = APIRouter(tags=["annotators"])
Value = str | int | float | bool | None


class AnnotatorIn(BaseModel):
    """A person; ``consent`` is the researcher's word that it was given outside."""

    model_config = ConfigDict(extra="forbid")
    external_id: Annotated[str, StringConstraints(min_length=1, max_length=200), STORABLE] | None = None
    attributes: Annotated[dict[Annotated[str, StringConstraints(max_length=100)], Value], STORABLE] = Field(
        default_factory=dict
    )
    consent: bool = True


class AnnotatorOut(BaseModel):
    annotator_id: str
    pseudonym: str
    token: str
    join_url: str


@router.post(
    "/studies/{slug}/annotators",
    status_code=201,
    response_model=AnnotatorOut,
    responses={**answers(401, 403, 404, 409, 422), 200: {"model": AnnotatorOut, "description": "Known already: the same person, a new token"}},
)  # fmt: skip
def add(
    slug: str,
    wanted: Annotated[AnnotatorIn | None, Body()] = None,
    *,
    request: Request,
    response: Response,
    session: WriteSession,
    who: ResearcherId,
    now: Now,
) -> dict[str, Any]:
    """Add a person, or get a new token for a known ``external_id``."""
    person = wanted or AnnotatorIn()
    study = reads.get_study(session, slug, researcher_id=who, need="editor")
    spec = reads.spec_of(session, study)
    if not person.consent:
        raise Malformed(
            "A person is added with their consent.", errors=[{"where": "consent", "message": "must be true"}]
        )
    known = person.external_id and people_reads.find_annotator_by_external_id(
        session, study.id, person.external_id
    )
    limit = spec.people.limit
    if not known and limit is not None and people_reads.count_annotators(session, study.id) >= limit:
        raise StudyFull
    joined = people.join(
        session,
        study.id,
        now=now,
        source="api",
        external_id=person.external_id,
        attributes=dict(person.attributes),
        group_key=spec.people.groups.key if spec.people.groups else None,
    )
    token = people.issue_token(session, annotator_id=joined.annotator.id, name="api", now=now)
    invite, code = invites.create_invite(
        session, study.id, kind="personal", by=who, now=now, label=joined.annotator.external_id
    )
    invite.annotator_id = joined.annotator.id
    base = request.app.state.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    if not joined.created:
        response.status_code = 200
    return {
        "annotator_id": joined.annotator.pseudonym,
        "pseudonym": joined.annotator.pseudonym,
        "token": token,
        "join_url": f"{base}/i/{code}",
    }
