"""A scratch copy of a study: its design and items in a database of its own, without its people, answers or accounts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import event, func, insert, select
from sqlalchemy.orm import Session

from app.aggregation.tables import ResponseTrait
from app.assignments import pool, renumbering
from app.db import migrate
from app.db.session import Database, connect
from app.kit.errors import Conflict
from app.kit.ids import new_secret
from app.people.tables import Researcher
from app.studies import reads
from app.studies.spec import StudySpec
from app.studies.tables import Item, Pair, Response, Study, StudyVersion

MOST_PAIRS = 20_000
"""Of a larger study so many pairs are taken, by whole items at random."""
BATCH = 1000


class NothingToCopy(Conflict):
    code, title = "nothing_to_simulate", "The study has no pairs to ask about yet; load items first"


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A place for scratch databases that is gone afterwards."""
    with TemporaryDirectory(prefix="soundings-scratch-") as place:
        yield Path(place)


@contextlib.contextmanager
def opened(file: Path) -> Iterator[Database]:
    """The scratch database, made where it is not there. It need not survive a power cut, and is the faster for it."""
    url = f"sqlite:///{file}"
    if not file.exists():
        migrate.upgrade(url)
    database = connect(url, pool_size=2)
    event.listen(database.writer, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
    try:
        yield database
    finally:
        database.dispose()


def copy(source: Database, target: Database, study_id: int, *, rng: Random, now: datetime) -> int:
    """Put a study's design and items into ``target`` under the same keys. Returns how many pairs there are.

    Retired items stay behind. Nothing is written to ``source``: it is read in one snapshot that cannot write.

    Raises:
        NothingToCopy: No pair can be asked about.
    """
    with source.read() as session, target.write() as out:
        study = session.get_one(Study, study_id)
        spec = reads.spec_of(session, study)
        items = _items(session, study_id, rng)
        out.execute(
            insert(Researcher),
            [
                {
                    "id": study.owner_id,
                    "email": "scratch@example.invalid",
                    "role": "researcher",
                    "created_at": now,
                }
            ],
        )
        row = {c.key: getattr(study, c.key) for c in Study.__table__.columns}
        out.execute(
            insert(Study),
            [row | {"secret": new_secret(), "state": "open", "simulated": True, "opened_at": now}],
        )
        version = {"study_id": study_id, "number": study.version, "spec": spec.model_dump(mode="json")}
        out.execute(insert(StudyVersion), [version | {"created_at": now, "created_by": study.owner_id}])
        for start in range(0, len(items), BATCH):
            some = items[start : start + BATCH]
            _rows(session, out, Item, Item.id.in_(some))
            _rows(session, out, Response, Response.item_id.in_(some))
            _rows(session, out, Pair, Pair.item_id.in_(some))
            of_these = select(Response.id).where(Response.item_id.in_(some))
            _rows(session, out, ResponseTrait, ResponseTrait.response_id.in_(of_these))
        pairs = _enrol(out, study_id, spec)
    if not pairs:
        raise NothingToCopy
    return pairs


def set_up(target: Database, study_id: int, spec: StudySpec) -> None:
    """Give the copy another design, its pool included."""
    give(target, study_id, spec)
    with target.write() as session:
        renumbering.refit(
            session, study_id, cap=spec.collection.per_pair.max, gold_outside=spec.gold.share > 0
        )


def give(target: Database, study_id: int, spec: StudySpec) -> None:
    """Give the copy another design, in place; its pool stays as it is."""
    with target.write() as session:
        study = session.get_one(Study, study_id)
        session.get_one(StudyVersion, (study_id, study.version)).spec = spec.model_dump(mode="json")
        study.secret = (
            new_secret()
        )  # designs are kept in memory under the secret: another design, another one


def _items(session: Session, study_id: int, rng: Random) -> list[int]:
    """Keys of the items to take: all, or some at random where their pairs are too many."""
    counts = session.execute(
        select(Pair.item_id, func.count())
        .join(Item, Item.id == Pair.item_id)
        .where(Pair.study_id == study_id, Item.retired_at.is_(None))
        .group_by(Pair.item_id)
        .order_by(Pair.item_id)
    ).all()
    if sum(n for _, n in counts) <= MOST_PAIRS:
        return [key for key, _ in counts]
    taken: list[int] = []
    pairs = 0
    for key, n in rng.sample([(int(k), int(n)) for k, n in counts], len(counts)):
        if pairs + n > MOST_PAIRS and taken:
            break
        taken.append(key)
        pairs += n
    return sorted(taken)


def _rows(session: Session, out: Session, table: Any, where: Any) -> None:
    columns = [c.key for c in table.__table__.columns]
    found: Sequence[Any] = session.execute(select(*(getattr(table, c) for c in columns)).where(where)).all()
    if found:
        out.execute(insert(table), [dict(zip(columns, r, strict=True)) for r in found])


def _enrol(session: Session, study_id: int, spec: StudySpec) -> int:
    rows = session.execute(
        select(Pair.id, Pair.item_id, Item.topic, Item.gold)
        .join(Item, Item.id == Pair.item_id)
        .where(Pair.study_id == study_id)
        .order_by(Pair.id)
    )
    outside = spec.gold.share > 0
    pairs = [
        {"pair_id": r.id, "item_id": r.item_id, "topic": r.topic, "gold": outside and r.gold is not None}
        for r in rows
    ]
    pool.enrol(session, study_id, pairs, cap=spec.collection.per_pair.max)
    return sum(not p["gold"] for p in pairs)
