"""Ways into a study: making, closing and using them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.kit.ids import new_id, new_token, token_hash
from app.people.errors import InviteUsedUp
from app.people.tables import Invite


def create_invite(
    session: Session,
    study_id: int,
    *,
    kind: str,
    by: int | None,
    now: datetime,
    label: str | None = None,
    max_uses: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[Invite, str]:
    """A way in and its code. A personal one lets one person in; its code is told this once."""
    code = new_token()[:22]
    made = Invite(
        public_id=new_id(now),
        study_id=study_id,
        kind=kind,
        code_hash=token_hash(code),
        code=None if kind == "personal" else code,
        label=label,
        max_uses=1 if kind == "personal" else max_uses,
        expires_at=expires_at,
        created_at=now,
        created_by=by,
    )
    session.add(made)
    session.flush()
    return made, code


def revoke_invite(session: Session, study_id: int, public_id: str, *, now: datetime) -> Invite:
    """Close a way in; people who used it stay. Raises NotFound when it is not this study's."""
    found = session.scalar(select(Invite).where(Invite.study_id == study_id, Invite.public_id == public_id))
    if found is None:
        raise NotFound
    found.revoked_at = found.revoked_at or now
    return found


def use_invite(session: Session, invite: Invite, *, now: datetime) -> None:
    """One use, counted in the database so that two people clicking at once cannot both have the last place."""
    if invite.revoked_at is not None or (invite.expires_at is not None and invite.expires_at <= now):
        raise InviteUsedUp
    used = session.execute(
        update(Invite)
        .where(Invite.id == invite.id, (Invite.max_uses.is_(None)) | (Invite.used < Invite.max_uses))
        .values(used=Invite.used + 1)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount == 0:  # type: ignore[attr-defined]
        raise InviteUsedUp
