"""Bringing items into a study and changing its rules, with the pool kept in step. All or nothing in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.assignments import pool, renumbering
from app.assignments.errors import PairFull, PairNotAsked
from app.assignments.pool import Deltas
from app.jobs import writes as jobs
from app.kit.errors import NotFound
from app.studies import reads as studies
from app.studies import writes as study_writes
from app.studies.importing.store import store_items
from app.studies.spec import StudySpec
from app.studies.tables import Item, Pair, Study


@dataclass(frozen=True)
class Added:
    """What an import did; ``report`` counts what was odd about the rows."""

    added: int
    unchanged: int
    pairs: int
    report: Any


def add_items(session: Session, study: Study, rows: Any, *, by: int | None, now: datetime) -> Added:
    """Store items and open their pairs for drawing. The same item again is unchanged.

    Raises:
        ItemChanged: An id is there already with other content; nothing is stored.
    """
    spec = studies.spec_of(session, study)
    stored = store_items(session, study, rows, now=now)
    if stored.new_pair_ids:
        pairs = _pairs_to_enrol(session, study.id, min(stored.new_pair_ids), gold_outside=spec.gold.share > 0)
        pool.enrol(session, study.id, pairs, cap=spec.collection.per_pair.max)
        jobs.ask_to_select(session, study.id, now=now)
    if stored.added_item_ids:
        study_writes.log(
            session,
            study,
            "items_added",
            by=by,
            now=now,
            items=len(stored.added_item_ids),
            pairs=len(stored.new_pair_ids),
        )
    return Added(len(stored.added_item_ids), stored.unchanged, len(stored.new_pair_ids), stored.report)


def change_study(
    session: Session, study: Study, spec: StudySpec, *, by: int, now: datetime
) -> list[dict[str, Any]]:
    """Make a new protocol version and apply its cap and gold share to the pool. Returns what changed."""
    changes = study_writes.change_spec(session, study, spec, by=by, now=now)
    touched = {c["key"] for c in changes}
    if touched & {"collection.per_pair.max", "gold.share"}:
        renumbering.refit(
            session, study.id, cap=spec.collection.per_pair.max, gold_outside=spec.gold.share > 0
        )
    if any(key.startswith(("querying", "people.groups")) for key in touched):
        jobs.ask_to_select(session, study.id, now=now)
    return changes


def retire_item(
    session: Session, study: Study, external_id: str, *, retired: bool, by: int | None, now: datetime
) -> None:
    """Ask about an item no more, or again; answers given stay. Raises NotFound."""
    item = studies.get_item(session, study.id, external_id)
    if (item.retired_at is not None) == retired:
        return
    session.execute(update(Item).where(Item.id == item.id).values(retired_at=now if retired else None))
    deltas = Deltas()
    pool.retire(session, study.id, item.id, deltas, retired=retired)
    deltas.apply(session, study.id)
    kind = "item_retired" if retired else "item_brought_back"
    study_writes.log(session, study, kind, by=by, now=now, item_id=external_id)


MOST_ON_PAIR = 40
"""Judgments of one pair at most, also where it is contested (CONTRACT section 5)."""


def ask_more(
    session: Session, study: Study, pair_id: int, *, people: int, by: int | None, now: datetime
) -> int:
    """Let so many more people judge a pair than have, or are about to. Returns how many it may take now, which is fewer near the most.

    Raises:
        NotFound: The study has no such pair.
        PairNotAsked: It is retired or a check.
        PairFull: It has as many judgments as a pair is given.
    """
    item = session.execute(
        select(Item.external_id)
        .join(Pair, Pair.item_id == Item.id)
        .where(Pair.id == pair_id, Pair.study_id == study.id)
    ).scalar_one_or_none()
    if item is None:
        raise NotFound
    deltas = Deltas()
    room = pool.raise_cap(session, study.id, pair_id, deltas, more=people, most=MOST_ON_PAIR)
    if room is None:
        raise PairNotAsked
    if room == 0:
        raise PairFull
    deltas.apply(session, study.id)
    study_writes.log(
        session,
        study,
        "more_people_asked",
        by=by,
        now=now,
        item_id=item,
        pair=pair_id,
        people=people,
        room=room,
    )
    return room


def _pairs_to_enrol(
    session: Session, study_id: int, first_pair_id: int, *, gold_outside: bool
) -> list[dict[str, Any]]:
    rows = session.execute(
        select(Pair.id, Pair.item_id, Item.topic, Item.gold)
        .join(Item, Item.id == Pair.item_id)
        .where(Pair.study_id == study_id, Pair.id >= first_pair_id)
        .order_by(Pair.id)
    )
    return [
        {"pair_id": r.id, "item_id": r.item_id, "topic": r.topic, "gold": gold_outside and r.gold is not None}
        for r in rows
    ]
