"""Asking for the figures to be worked out again after answers came, changed or went."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.jobs import writes as jobs

PAUSE_S = 30.0
SELECT_PAUSE_S = 10.0
EVERY = 5


def is_time(answered: int) -> bool:
    """Whether a person's answer, their so-manieth, asks for a fit: their first five do, then every fifth."""
    return answered <= EVERY or answered % EVERY == 0


def ask_for_fit(session: Session, study_id: int, *, now: datetime, delay_s: float = PAUSE_S) -> None:
    """Have a worker choose anew what to ask, and refit the study, after a pause. While one waits, asking again changes nothing."""
    jobs.ask_to_select(session, study_id, now=now, delay_s=min(delay_s, SELECT_PAUSE_S))
    jobs.enqueue(session, "fit", f"fit:{study_id}", now=now, payload={"study_id": study_id}, delay_s=delay_s)
