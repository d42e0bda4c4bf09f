"""The open pool of pairs: a dense numbering, so that a uniform draw costs the same for two hundred pairs and a million.

A pair is in the pool while judgments counted and assignments live leave room below its cap. When it fills, the last pair
takes its number; when a place comes free, it takes the next number. Each person's count of pool pairs they have seen is
kept beside (``PersonLoad.seen_open``), which makes the number they can still draw exact without reading their history.

Locks on PostgreSQL are always taken in this order, so that nobody waits in a circle: the person (advisory), assignments,
the pool row, pairs, persons, spending. Changes to persons are therefore gathered in ``Deltas`` and written last. A
reservation that leaves room touches the pair alone; only filling or reopening a pair takes the pool row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, bindparam, insert, literal_column, select, update
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment, PairLoad, PersonLoad, Pool, Spending
from app.db.base import table_of
from app.people.reads import alone

SHARDS = 16
_SEEN = ("open", "answered")

# Built once, and on tables rather than classes: these run with every vote, and nothing of them is held in memory.
_PAIRS, _PERSONS, _SPENT = table_of(PairLoad), table_of(PersonLoad), table_of(Spending)
_LOAD = _PAIRS.c.counted + _PAIRS.c.reserved
SEEN_MORE = (
    update(_PERSONS)
    .where(_PERSONS.c.annotator_id == bindparam("who"))
    .values(seen_open=_PERSONS.c.seen_open + bindparam("change"))
)
_REPEAT_MORE = (
    update(_PERSONS)
    .where(_PERSONS.c.annotator_id == bindparam("who"))
    .values(
        seen_open=_PERSONS.c.seen_open + bindparam("change"), repeats=_PERSONS.c.repeats + bindparam("again")
    )
)
SPEND = (
    update(_SPENT)
    .where(_SPENT.c.study_id == bindparam("study"), _SPENT.c.shard == bindparam("at"))
    .values(live=_SPENT.c.live + bindparam("lives"), judgments=_SPENT.c.judgments + bindparam("given"))
)
_TAKE_LAST = (
    update(_PAIRS)
    .where(_PAIRS.c.pair_id == bindparam("pair"), _PAIRS.c.position.is_not(None), _PAIRS.c.cap > _LOAD)
    .values(reserved=_PAIRS.c.reserved + 1)
    .returning(_PAIRS.c.pair_id)
)
TAKE_LEAVING_ROOM = (
    update(_PAIRS)
    .where(
        _PAIRS.c.pair_id
        == select(_PAIRS.c.pair_id)
        .where(
            _PAIRS.c.pair_id == bindparam("pair"), _PAIRS.c.position.is_not(None), _PAIRS.c.cap - 1 > _LOAD
        )
        .with_for_update(skip_locked=True, key_share=True)
        .correlate(None)
        .scalar_subquery()
    )
    .values(reserved=_PAIRS.c.reserved + 1)
)
_ALONE = select(alone(bindparam("who", type_=BigInteger)))
SETTLE = (
    update(_PAIRS)
    .where(_PAIRS.c.pair_id == bindparam("pair"))
    .values(counted=_PAIRS.c.counted + literal_column("1"), reserved=_PAIRS.c.reserved - literal_column("1"))
)


@dataclass
class Deltas:
    """Changes to persons' counters, gathered during a transaction and applied at its end in one order."""

    seen_open: Counter[int] = field(default_factory=Counter)
    repeats: Counter[int] = field(default_factory=Counter)
    live: Counter[int] = field(default_factory=Counter)
    judgments: Counter[int] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        """Whether anything is gathered."""
        gathered = (self.seen_open, self.repeats, self.live, self.judgments)
        return any(any(counter.values()) for counter in gathered)

    def apply(self, session: Session, study_id: int) -> None:
        """Write them: persons by id, then spending by shard."""
        for annotator_id in sorted(self.seen_open.keys() | self.repeats.keys()):
            change, again = self.seen_open[annotator_id], self.repeats[annotator_id]
            if again:
                session.execute(_REPEAT_MORE, {"who": annotator_id, "change": change, "again": again})
            elif change:
                session.execute(SEEN_MORE, {"who": annotator_id, "change": change})
        for shard in sorted(self.live.keys() | self.judgments.keys()):
            live, judgments = self.live[shard], self.judgments[shard]
            if live or judgments:
                where = {"study": study_id, "at": shard}
                session.execute(SPEND, where | {"lives": live, "given": judgments})
        self.seen_open.clear()
        self.repeats.clear()
        self.live.clear()
        self.judgments.clear()


def shard_of(annotator_id: int) -> int:
    """The spending shard of a person."""
    return annotator_id % SHARDS


def ensure(session: Session, study_id: int) -> None:
    """Make the study's pool and spending rows where they are missing."""
    if session.get(Pool, study_id) is None:
        session.execute(insert(Pool).values(study_id=study_id, open_pairs=0))
        session.execute(
            insert(Spending),
            [{"study_id": study_id, "shard": s, "judgments": 0, "live": 0} for s in range(SHARDS)],
        )


def is_shared(session: Session) -> bool:
    """Whether others may write while this transaction does (PostgreSQL; SQLite has one writer at a time)."""
    return session.get_bind().dialect.name != "sqlite"


def lock(session: Session, study_id: int) -> int:
    """Take the pool row (PostgreSQL; SQLite has one writer anyway) and return the number of open pairs."""
    return session.execute(
        select(Pool.open_pairs).where(Pool.study_id == study_id).with_for_update()
    ).scalar_one()


def lock_person(session: Session, annotator_id: int) -> None:
    """Let one request of this person through at a time: two tabs asking at once get the same question."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_ALONE, {"who": annotator_id})


def enrol(session: Session, study_id: int, pairs: Iterable[dict[str, Any]], *, cap: int) -> None:
    """Put new pairs into the pool. Each is ``{"pair_id", "item_id", "topic", "gold"}``; gold pairs stay outside."""
    ensure(session, study_id)
    position = lock(session, study_id)
    rows = []
    for pair in pairs:
        inside = not pair["gold"]
        rows.append(
            {
                "pair_id": pair["pair_id"],
                "study_id": study_id,
                "item_id": pair["item_id"],
                "topic": pair["topic"],
                "gold": pair["gold"],
                "counted": 0,
                "reserved": 0,
                "cap": cap,
                "retired": False,
                "position": position if inside else None,
            }
        )
        position += inside
    if rows:
        session.execute(insert(PairLoad), rows)
        session.execute(update(Pool).where(Pool.study_id == study_id).values(open_pairs=position))


def reserve(
    session: Session, study_id: int, pair_id: int, deltas: Deltas, *, room: bool = True
) -> tuple[bool, bool]:
    """Take a place of a pair for someone: (taken, still open).

    First tries without the pool row, which succeeds when a further place remains (``room`` says whether that is likely); then
    with it, filling the pair. Of two people after the last place, the one who comes second finds no row and draws again. On
    PostgreSQL an update that waited and then found no room would still hold the row, and go on to wait for the pool row while
    its holder waits for this pair: the first try therefore waits for nobody.
    """
    if room and _take_leaving_room(session, pair_id):
        return True, True
    lock(session, study_id)
    if session.execute(_TAKE_LAST, {"pair": pair_id}).first() is None:
        return False, False
    return True, not _close_if_full(session, study_id, pair_id, deltas)


def _take_leaving_room(session: Session, pair_id: int) -> bool:
    done = session.execute(TAKE_LEAVING_ROOM, {"pair": pair_id})
    return bool(done.rowcount)  # type: ignore[attr-defined]


def release(
    session: Session, study_id: int, pair_id: int, deltas: Deltas, *, counted: int = 0, reserved: int = 0
) -> Any:
    """Give up places of a pair (``counted`` and ``reserved`` are how many) and reopen it where that makes room.

    Returns the row's counted, reserved and position afterwards. The caller has set the assignment's state before, because
    whoever has seen the pair is counted when it reopens.
    """
    lock(session, study_id)
    row = session.execute(
        update(PairLoad)
        .where(PairLoad.pair_id == pair_id)
        .values(counted=PairLoad.counted - counted, reserved=PairLoad.reserved - reserved)
        .execution_options(synchronize_session=False)
        .returning(
            PairLoad.counted,
            PairLoad.reserved,
            PairLoad.cap,
            PairLoad.position,
            PairLoad.retired,
            PairLoad.gold,
        )
    ).one()
    if row.position is None and not row.retired and not row.gold and row.counted + row.reserved < row.cap:
        _open(session, study_id, pair_id, deltas)
    return row


def settle(session: Session, pair_id: int) -> None:
    """A live assignment became a counted judgment: the pair is as full as before."""
    session.execute(SETTLE, {"pair": pair_id})


def count_again(session: Session, study_id: int, pair_id: int, deltas: Deltas) -> bool:
    """Take a counted place for a judgment that did not have one; False where the pair is full."""
    lock(session, study_id)
    taken = session.execute(
        update(PairLoad)
        .where(PairLoad.pair_id == pair_id, PairLoad.counted + PairLoad.reserved < PairLoad.cap)
        .values(counted=PairLoad.counted + 1)
        .execution_options(synchronize_session=False)
        .returning(PairLoad.pair_id)
    ).first()
    if taken is None:
        return False
    _close_if_full(session, study_id, pair_id, deltas)
    return True


def retire(session: Session, study_id: int, item_id: int, deltas: Deltas, *, retired: bool) -> None:
    """Take an item's pairs out of the pool for good, or bring them back."""
    lock(session, study_id)
    rows = session.execute(
        update(PairLoad)
        .where(PairLoad.item_id == item_id, PairLoad.retired != retired)
        .values(retired=retired)
        .execution_options(synchronize_session=False)
        .returning(
            PairLoad.pair_id,
            PairLoad.position,
            PairLoad.counted,
            PairLoad.reserved,
            PairLoad.cap,
            PairLoad.gold,
        )
    ).all()
    for row in rows:
        if retired and row.position is not None:
            _close(session, study_id, row.pair_id, deltas)
        elif not retired and row.position is None and not row.gold and row.counted + row.reserved < row.cap:
            _open(session, study_id, row.pair_id, deltas)


def raise_cap(
    session: Session, study_id: int, pair_id: int, deltas: Deltas, *, more: int, most: int
) -> int | None:
    """Make room for ``more`` judgments of a pair beyond those it has or holds, ``most`` in all, and reopen it where it was full.

    Returns how many it may take from here on, or None where the pair is not asked about at all (retired, a check, not there). A pair
    with more room than that keeps it.
    """
    lock(session, study_id)
    row = session.execute(
        select(PairLoad.counted, PairLoad.reserved, PairLoad.cap, PairLoad.position)
        .where(
            PairLoad.study_id == study_id,
            PairLoad.pair_id == pair_id,
            PairLoad.retired.is_(False),
            PairLoad.gold.is_(False),
        )
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    load = row.counted + row.reserved
    cap = max(row.cap, min(most, load + more))
    if cap > row.cap:
        session.execute(
            update(PairLoad)
            .where(PairLoad.pair_id == pair_id)
            .values(cap=cap)
            .execution_options(synchronize_session=False)
        )
        if row.position is None and load < cap:
            _open(session, study_id, pair_id, deltas)
    return int(max(0, cap - load))


def seen_by(session: Session, pair_id: int) -> list[int]:
    """People who may not draw this pair again, because they hold it or have answered it."""
    return list(
        session.scalars(
            select(Assignment.annotator_id).where(
                Assignment.pair_id == pair_id, Assignment.retest_of.is_(None), Assignment.state.in_(_SEEN)
            )
        )
    )


def _close_if_full(session: Session, study_id: int, pair_id: int, deltas: Deltas) -> bool:
    row = session.execute(
        select(PairLoad.counted, PairLoad.reserved, PairLoad.cap, PairLoad.position).where(
            PairLoad.pair_id == pair_id
        )
    ).one()
    if row.position is None or row.counted + row.reserved < row.cap:
        return False
    _close(session, study_id, pair_id, deltas)
    return True


def _close(session: Session, study_id: int, pair_id: int, deltas: Deltas) -> None:
    """Out of the pool: the last pair takes this one's number."""
    last = session.execute(
        update(Pool)
        .where(Pool.study_id == study_id)
        .values(open_pairs=Pool.open_pairs - 1)
        .execution_options(synchronize_session=False)
        .returning(Pool.open_pairs)
    ).scalar_one()
    hole = session.execute(select(PairLoad.position).where(PairLoad.pair_id == pair_id)).scalar_one()
    _number(session, pair_id, None)
    if hole != last:
        moved = session.execute(
            select(PairLoad.pair_id).where(PairLoad.study_id == study_id, PairLoad.position == last)
        ).scalar_one()
        _number(session, moved, hole)
    for annotator_id in seen_by(session, pair_id):
        deltas.seen_open[annotator_id] -= 1


def _open(session: Session, study_id: int, pair_id: int, deltas: Deltas) -> None:
    """Into the pool, with the next number."""
    size = session.execute(
        update(Pool)
        .where(Pool.study_id == study_id)
        .values(open_pairs=Pool.open_pairs + 1)
        .execution_options(synchronize_session=False)
        .returning(Pool.open_pairs)
    ).scalar_one()
    _number(session, pair_id, size - 1)
    for annotator_id in seen_by(session, pair_id):
        deltas.seen_open[annotator_id] += 1


def _number(session: Session, pair_id: int, position: int | None) -> None:
    session.execute(
        update(PairLoad)
        .where(PairLoad.pair_id == pair_id)
        .values(position=position)
        .execution_options(synchronize_session=False)
    )
