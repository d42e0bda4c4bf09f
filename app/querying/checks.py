"""Checks: pairs with an expected answer, which come apart from the pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.assignments import reads
from app.assignments.tables import Assignment
from app.querying.asking import Asking, put

MOST_CHECKS = 2
"""Checks in one working session at most (UX 6)."""


def due(session: Session, asking: Asking) -> Sequence[Any]:
    """Checks that could be put now: those not met yet, and none after two in a session."""
    if asking.spec.gold.share <= 0:
        return []
    if reads.count_gold_in_session(session, asking.annotator.id, asking.person.work_session) >= MOST_CHECKS:
        return []
    return reads.gold_candidates(session, asking.study.id, asking.annotator.id)


def put_one(session: Session, asking: Asking, found: Sequence[Any], share: float) -> Assignment:
    """One of them, drawn evenly; ``share`` is the probability that a check comes now."""
    n = len(found)
    record = {"branch": "check", "branch_probability": share, "eligible": n, "candidates": n}
    return put(
        session, asking, asking.rng.choice(found).pair_id,
        policy="check", score=None, propensity=share / n, draw=record, is_gold=True,
    )  # fmt: skip
