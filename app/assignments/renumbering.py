"""The open pool worked out again as a whole, after a change of many pairs at once."""

from __future__ import annotations

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.assignments import pool
from app.assignments.tables import PairLoad, Pool


def refit(session: Session, study_id: int, *, cap: int, gold_outside: bool) -> None:
    """Apply a changed cap and gold share to every pair, and rebuild numbering and counters where anything changed."""
    pool.ensure(session, study_id)
    pool.lock(session, study_id)
    session.execute(
        update(PairLoad)
        .where(PairLoad.study_id == study_id)
        .values(cap=cap)
        .execution_options(synchronize_session=False)
    )
    gold_items = text(
        "UPDATE pair_load SET gold = (:outside AND item_id IN (SELECT id FROM item WHERE study_id = :s AND gold IS NOT NULL)) "
        "WHERE study_id = :s"
    )
    session.execute(gold_items, {"s": study_id, "outside": gold_outside})
    _renumber(session, study_id)


def _renumber(session: Session, study_id: int) -> None:
    """Rebuild the dense numbering and every person's ``seen_open`` from the rows: after a change of many pairs at once."""
    values = {"s": study_id}
    session.execute(
        text("UPDATE pair_load SET position = NULL WHERE study_id = :s AND position IS NOT NULL"), values
    )
    session.execute(
        text(
            "UPDATE pair_load SET position = o.n FROM (SELECT pair_id, row_number() OVER (ORDER BY pair_id) - 1 AS n "
            "FROM pair_load WHERE study_id = :s AND NOT retired AND NOT gold AND counted + reserved < cap) AS o "
            "WHERE pair_load.pair_id = o.pair_id"
        ),
        values,
    )
    open_pairs = session.scalar(
        select(func.count())
        .select_from(PairLoad)
        .where(PairLoad.study_id == study_id, PairLoad.position.is_not(None))
    )
    session.execute(update(Pool).where(Pool.study_id == study_id).values(open_pairs=open_pairs))
    session.execute(
        text(
            "UPDATE person_load SET seen_open = (SELECT count(*) FROM assignment a JOIN pair_load p ON p.pair_id = a.pair_id "
            "WHERE a.annotator_id = person_load.annotator_id AND a.retest_of IS NULL AND a.state IN ('open', 'answered') "
            "AND p.position IS NOT NULL) WHERE annotator_id IN (SELECT id FROM annotator WHERE study_id = :s)"
        ),
        values,
    )
