"""Whom a bearer token speaks for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from app.http.sessions import database
from app.kit.errors import NotFound, Unauthorized
from app.people import reads
from app.people.tables import Annotator
from app.studies import reads as studies
from app.studies.tables import Study

_bearer = HTTPBearer(
    auto_error=False, description="A token from `soundings token create`, or an annotator's token."
)
UNKNOWN = "This token is not known, or was revoked."
Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def _sent(credentials: HTTPAuthorizationCredentials | None) -> str:
    if credentials is None:
        raise Unauthorized("Send a bearer token in the Authorization header.")
    return credentials.credentials


def researcher_id(request: Request, credentials: Credentials) -> int:
    """The researcher whose token this is. An annotator's token is not one. Raises Unauthorized."""
    sent = _sent(credentials)
    with database(request).read() as session:
        holder = reads.find_holder(session, sent)
    if holder is None:
        raise Unauthorized(UNKNOWN)
    if holder.researcher_id is None:
        raise Unauthorized("This is an annotator's token; researchers' calls need a researcher's.")
    return holder.researcher_id


async def token(credentials: Credentials) -> str:
    """The bearer token that was sent, to be looked up in the call's own session (``asking``). Raises Unauthorized."""
    return _sent(credentials)


def asking(
    session: Session, sent: str, slug: str | None = None, *, lock: bool = False
) -> tuple[Study, Annotator]:
    """The annotator whose token this is and their study, read together. A researcher's token is not one.

    lock: let one request of this person through at a time from here on.

    Raises:
        Unauthorized: The token is not known or not an annotator's, or they have withdrawn.
        NotFound: Their study is not ``slug``.
    """
    caller = studies.find_caller(session, sent, lock=lock)
    if caller is None:
        raise Unauthorized(UNKNOWN)
    if caller.annotator is None or caller.study is None:
        raise Unauthorized("This is a researcher's token; annotators' calls need an annotator's.")
    if caller.annotator.withdrawn_at is not None:
        raise Unauthorized("This person has withdrawn.")
    if slug is not None and caller.study.slug != slug:
        raise NotFound
    return caller.study, caller.annotator


ResearcherId = Annotated[int, Depends(researcher_id)]
Token = Annotated[str, Depends(token)]
