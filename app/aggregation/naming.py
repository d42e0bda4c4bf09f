"""Influences that a person named from what the study's own votes proposed: which held when, and how much each response shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.aggregation.tables import NamedInfluence
from app.inference.contrasts import terms
from app.studies.tables import Response

BATCH = 500


@dataclass(frozen=True)
class Named:
    """One named influence. ``terms``: words, two words in a row, or marks; a response that has one of them shows it."""

    id: int
    name: str
    terms: tuple[str, ...]


def named(session: Session, study_id: int, *, as_of: datetime | None = None) -> tuple[Named, ...]:
    """Those in the register now, or at ``as_of``, in the order they were named."""
    query = select(NamedInfluence).where(NamedInfluence.study_id == study_id).order_by(NamedInfluence.id)
    if as_of is None:
        query = query.where(NamedInfluence.removed_at.is_(None))
    else:
        query = query.where(
            NamedInfluence.named_at <= as_of,
            or_(NamedInfluence.removed_at.is_(None), NamedInfluence.removed_at > as_of),
        )
    return tuple(Named(r.id, r.name, tuple(map(str, r.terms))) for r in session.scalars(query))


def state(session: Session, study_id: int) -> str:
    """Changes when an influence is named or taken out."""
    last, gone = session.execute(
        select(func.max(NamedInfluence.id), func.count(NamedInfluence.removed_at)).where(
            NamedInfluence.study_id == study_id
        )
    ).one()
    return "" if last is None else f"n{last}.{gone}"


def shows(text: str, wanted: frozenset[str]) -> float:
    """1 where a text has one of the terms, else 0. Most texts are told by their letters alone, without being taken apart."""
    low = text.casefold().replace("’", "'")
    if not any(
        all(part in low for part in term.replace("↵", "").replace("“”", "").split()) for term in wanted
    ):
        return 0.0
    return float(bool(wanted & terms(text)))


def table(
    session: Session, response_ids: Iterable[int], wanted: Sequence[frozenset[str]]
) -> NDArray[np.float64]:
    """How much of each named influence these responses show: float64 (n_responses, n_named), in the order given."""
    ids = list(response_ids)
    if not wanted:
        return np.zeros((len(ids), 0))
    found: dict[int, list[float]] = {}
    for start in range(0, len(ids), BATCH):
        part = select(Response.id, Response.text).where(Response.id.in_(ids[start : start + BATCH]))
        found.update((key, [shows(text, one) for one in wanted]) for key, text in session.execute(part))
    return np.array([found[k] for k in ids], np.float64).reshape(len(ids), len(wanted))
