"""Whom a bearer token speaks for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.http.sessions import database
from app.kit.errors import Unauthorized
from app.people import reads

_bearer = HTTPBearer(
    auto_error=False, description="A token from `soundings token create`, or an annotator's token."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def _holder(request: Request, credentials: HTTPAuthorizationCredentials | None) -> reads.Holder:
    if credentials is None:
        raise Unauthorized("Send a bearer token in the Authorization header.")
    with database(request).read() as session:
        holder = reads.find_holder(session, credentials.credentials)
    if holder is None:
        raise Unauthorized("This token is not known, or was revoked.")
    return holder


def researcher_id(request: Request, credentials: Credentials) -> int:
    """The researcher whose token this is. An annotator's token is not one. Raises Unauthorized."""
    holder = _holder(request, credentials)
    if holder.researcher_id is None:
        raise Unauthorized("This is an annotator's token; researchers' calls need a researcher's.")
    return holder.researcher_id


def annotator_id(request: Request, credentials: Credentials) -> int:
    """The annotator whose token this is. A researcher's token is not one. Raises Unauthorized."""
    holder = _holder(request, credentials)
    if holder.annotator_id is None:
        raise Unauthorized("This is a researcher's token; annotators' calls need an annotator's.")
    return holder.annotator_id


ResearcherId = Annotated[int, Depends(researcher_id)]
AnnotatorId = Annotated[int, Depends(annotator_id)]
