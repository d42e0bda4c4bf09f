"""How much of each influence the responses of a study show, measured once and kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from app.aggregation.tables import ResponseTrait
from app.db.session import Database
from app.inference import influence
from app.studies.tables import Item, Response

BATCH = 500


def keep(database: Database, study_id: int) -> int:
    """Measure the responses that are not yet measured, or by older definitions, in small transactions. Returns how many."""
    done = 0
    while True:
        with database.read() as session:
            rows = _unmeasured(session, study_id, BATCH)
            found = [_measured(r.id, study_id, r.prompt, r.text) for r in rows]
        if not found:
            return done
        with database.write() as session:
            session.execute(
                delete(ResponseTrait).where(ResponseTrait.response_id.in_([r["response_id"] for r in found]))
            )
            session.execute(insert(ResponseTrait), found)
        done += len(found)


def _unmeasured(session: Session, study_id: int, limit: int) -> list[Any]:
    return list(
        session.execute(
            select(Response.id, Response.text, Item.prompt)
            .join(Item, Item.id == Response.item_id)
            .outerjoin(
                ResponseTrait,
                (ResponseTrait.response_id == Response.id) & (ResponseTrait.version == influence.version()),
            )
            .where(Response.study_id == study_id, ResponseTrait.response_id.is_(None))
            .order_by(Response.id)
            .limit(limit)
        )
    )


def _measured(response_id: int, study_id: int, prompt: list[Any], text: str) -> dict[str, Any]:
    request = "\n".join(str(turn.get("content", "")) for turn in prompt if turn.get("role") == "user")
    return {
        "response_id": response_id,
        "study_id": study_id,
        "version": influence.version(),
        "numbers": influence.measured(request, text),
    }


def table(
    session: Session, study_id: int, response_ids: Iterable[int]
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names of the influences of the text, and float64 (n_responses, n_names), NaN where one does not apply.

    Responses not measured yet are measured here and not kept.
    """
    ids = np.asarray(list(response_ids), np.int64)
    names = tuple(name for name, one in influence.influences().items() if one.kind == "text")
    place = {int(key): i for i, key in enumerate(ids.tolist())}
    out = np.full((ids.size, len(names)), np.nan)
    known = select(ResponseTrait.response_id, ResponseTrait.numbers).where(
        ResponseTrait.study_id == study_id, ResponseTrait.version == influence.version()
    )
    seen = np.zeros(ids.size, np.bool_)
    for key, numbers in session.execute(known.execution_options(yield_per=10_000)):
        if key in place:
            out[place[key]] = [np.nan if numbers.get(n) is None else numbers[n] for n in names]
            seen[place[key]] = True
    if not seen.all():
        for row in _unmeasured(session, study_id, 10_000_000):
            if row.id in place:
                numbers = _measured(row.id, study_id, row.prompt, row.text)["numbers"]
                out[place[row.id]] = [np.nan if numbers.get(n) is None else numbers[n] for n in names]
    return names, out


def of(session: Session, response_ids: Iterable[int]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """As ``table``, for a few responses: reads theirs alone, in the order given."""
    ids = list(response_ids)
    names = tuple(name for name, one in influence.influences().items() if one.kind == "text")
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        known = select(ResponseTrait.response_id, ResponseTrait.numbers).where(
            ResponseTrait.response_id.in_(part), ResponseTrait.version == influence.version()
        )
        found.update((r.response_id, r.numbers) for r in session.execute(known))
        missing = [key for key in part if key not in found]
        if not missing:
            continue
        rows = session.execute(
            select(Response.id, Response.text, Item.prompt)
            .join(Item, Item.id == Response.item_id)
            .where(Response.id.in_(missing))
        )
        found.update((r.id, _measured(r.id, 0, r.prompt, r.text)["numbers"]) for r in rows)
    out = [[np.nan if found[k].get(n) is None else found[k][n] for n in names] for k in ids]
    return names, np.array(out, np.float64).reshape(len(ids), len(names))
