"""Arrays of a fit, put into the database and brought back."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, bindparam, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from app.aggregation.tables import Fit, FitPart
from app.db.base import table_of

_LATEST = (
    select(Fit)
    .where(Fit.study_id == bindparam("study"), Fit.kind == bindparam("kind"))
    .order_by(Fit.id.desc())
    .limit(1)
)


class Named(NamedTuple):
    """A fit without its result: enough to know whether it is one that is held in memory."""

    id: int
    made_at: datetime


def beside(query: Select[Any], *kinds: str) -> Select[Any]:
    """A query of one row that has a parameter ``study``, with the study's last fit of each of these kinds, for ``named``."""
    fits = table_of(Fit)
    for kind in kinds:
        one = fits.alias()
        last = select(func.max(fits.c.id)).where(fits.c.study_id == bindparam("study"), fits.c.kind == kind)
        query = query.outerjoin(one, one.c.id == last.scalar_subquery())
        query = query.add_columns(*(one.c[name].label(f"{kind}_{name}") for name in Named._fields))
    return query


def named(row: Any, kind: str) -> Named | None:
    """The fit of a kind in a row of what ``beside`` made; None where there is none."""
    values = [getattr(row, f"{kind}_{name}") for name in Named._fields]
    return None if values[0] is None else Named(*values)


def newest(session: Session, study_id: int, kind: str) -> Named | None:
    """The last fit of a kind, in one small read; None before there was one."""
    return named(session.execute(_newest(kind), {"study": study_id}).one(), kind)


@cache
def _newest(kind: str) -> Select[Any]:
    return beside(select(literal(1)).select_from(select(literal(1).label("n")).subquery()), kind)


def store(session: Session, fit_id: int, name: str, array: NDArray[Any], *, chunk: int = 0) -> None:
    """Keep one array, or one chunk of one."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    session.execute(
        insert(FitPart), [{"fit_id": fit_id, "name": name, "chunk": chunk, "data": file.getvalue()}]
    )


def _read(data: bytes) -> NDArray[Any]:
    found: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return found


def load(session: Session, fit_id: int, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Arrays by name, their chunks one after another; a name that is not there is left out."""
    found: dict[str, list[NDArray[Any]]] = {}
    rows = session.execute(
        select(FitPart.name, FitPart.data)
        .where(FitPart.fit_id == fit_id, FitPart.name.in_(names))
        .order_by(FitPart.name, FitPart.chunk)
    )
    for name, data in rows:
        found.setdefault(name, []).append(_read(data))
    return {name: parts[0] if len(parts) == 1 else np.concatenate(parts) for name, parts in found.items()}


def are_there(session: Session, fit_id: int, names: Sequence[str]) -> bool:
    """Whether all these arrays of a fit are kept."""
    found = session.scalars(
        select(FitPart.name).where(FitPart.fit_id == fit_id, FitPart.name.in_(names)).distinct()
    )
    return len(found.all()) == len(set(names))


def chunks(session: Session, fit_id: int, name: str) -> Iterator[NDArray[Any]]:
    """The chunks of one array, one at a time in memory."""
    numbers = session.scalars(
        select(FitPart.chunk).where(FitPart.fit_id == fit_id, FitPart.name == name).order_by(FitPart.chunk)
    ).all()
    for number in numbers:
        data = session.scalar(
            select(FitPart.data).where(
                FitPart.fit_id == fit_id, FitPart.name == name, FitPart.chunk == number
            )
        )
        if data is not None:
            yield _read(data)


def latest(session: Session, study_id: int, kind: str) -> Fit | None:
    """The last fit of a kind, or None before there was one."""
    return session.scalar(_LATEST, {"study": study_id, "kind": kind})


def prune(session: Session, study_id: int, kind: str, *, parts: int, rows: int) -> None:
    """Let go of the arrays of all but the last ``parts`` fits of a kind, and of all but the last ``rows`` fits."""
    ids = session.scalars(
        select(Fit.id).where(Fit.study_id == study_id, Fit.kind == kind).order_by(Fit.id.desc())
    ).all()
    if ids[parts:]:
        session.execute(delete(FitPart).where(FitPart.fit_id.in_(ids[parts : rows + 50])))
    if ids[rows:]:
        session.execute(delete(Fit).where(Fit.id.in_(ids[rows:])))
