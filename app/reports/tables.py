"""Rows of the researcher's tables: items, people and judgments, searched, sorted and cut into pages in the database."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import ResponseTrait
from app.assignments.tables import Assignment, PairLoad, PersonLoad
from app.judgments.tables import Judgment
from app.kit.clock import iso
from app.people.tables import Annotator
from app.querying import reasons
from app.reports import coming, fitting
from app.studies.tables import Item, Pair, Response

A_PAGE = 50
MOST_ROWS = 100_000


@dataclass(frozen=True)
class Wanted:
    """What of a table is asked for: search words, sort key (``-key`` for descending), page from 1, a filter."""

    q: str = ""
    sort: str = ""
    page: int = 1
    only: str = ""


@dataclass(frozen=True)
class Found:
    """One page of rows, and how many there are in all."""

    rows: list[dict[str, Any]]
    total: int


def items(session: Session, study_id: int, wanted: Wanted, *, whole: bool = False) -> Found:
    """Items with how many judgments they have. ``only`` is a topic, ``flagged`` or ``retired``."""
    load = (
        select(
            PairLoad.item_id,
            func.sum(PairLoad.counted).label("judgments"),
            func.count().label("pairs"),
            func.sum(PairLoad.reserved).label("held"),
        )
        .where(PairLoad.study_id == study_id)
        .group_by(PairLoad.item_id)
        .subquery()
    )
    query = (
        select(
            Item.id, Item.external_id, Item.search_text, Item.topic, Item.kind, Item.flags, Item.retired_at, Item.gold,
            func.coalesce(load.c.judgments, 0).label("judgments"), func.coalesce(load.c.pairs, 0).label("pairs"),
        )
        .outerjoin(load, load.c.item_id == Item.id)
        .where(Item.study_id == study_id)
    )  # fmt: skip
    if wanted.q:
        like = f"%{_escaped(wanted.q)}%"
        query = query.where(
            or_(Item.search_text.ilike(like, escape="\\"), Item.external_id.ilike(like, escape="\\"))
        )
    if wanted.only == "retired":
        query = query.where(Item.retired_at.is_not(None))
    elif wanted.only == "judged":
        query = query.where(load.c.judgments > 0)
    elif wanted.only.startswith("topic:"):
        query = query.where(Item.topic == wanted.only.removeprefix("topic:"))
    keys = {
        "id": Item.external_id,
        "request": Item.search_text,
        "topic": Item.topic,
        "judgments": load.c.judgments,
        "pairs": load.c.pairs,
    }
    cut, total = _cut(session, query, keys, wanted, Item.id, whole=whole)
    states = coming.states_of_items(session, [r.id for r in cut])
    rows = [
        {
            "id": r.external_id,
            "request": r.search_text,
            "topic": r.topic,
            "kind": r.kind,
            "pairs": int(r.pairs),
            "judgments": int(r.judgments),
            "state": states.get(r.id, ""),
            "flags": ", ".join(r.flags or []),
            "retired": r.retired_at is not None,
        }
        for r in cut
    ]
    return Found(rows, total)


def people(session: Session, study_id: int, wanted: Wanted, *, whole: bool = False) -> Found:
    """People by pseudonym, with how they work. A person's own pattern only: differing from others is no mark."""
    query = (
        select(
            Annotator.id, Annotator.pseudonym, Annotator.source, Annotator.group_label, Annotator.joined_at,
            Annotator.left_out_at, func.coalesce(PersonLoad.answered, 0).label("answered"), PersonLoad.last_active_at,
        )
        .outerjoin(PersonLoad, PersonLoad.annotator_id == Annotator.id)
        .where(Annotator.study_id == study_id, Annotator.withdrawn_at.is_(None))
    )  # fmt: skip
    if wanted.q:
        query = query.where(Annotator.pseudonym.ilike(f"%{_escaped(wanted.q)}%", escape="\\"))
    if wanted.only == "left_out":
        query = query.where(Annotator.left_out_at.is_not(None))
    keys = {
        "person": Annotator.pseudonym,
        "judgments": PersonLoad.answered,
        "joined": Annotator.joined_at,
        "active": PersonLoad.last_active_at,
    }
    cut, total = _cut(session, query, keys, wanted, Annotator.id, whole=whole)
    work = _work(session, [r.id for r in cut])
    rows = [
        {
            "person": r.pseudonym,
            "judgments": int(r.answered),
            "median_seconds": work.get(r.id, (None, None, 0))[0],
            "left_share": work.get(r.id, (None, None, 0))[1],
            "repeats": work.get(r.id, (None, None, 0))[2],
            "source": r.source,
            "group": r.group_label,
            "joined": iso(r.joined_at),
            "last_active": iso(r.last_active_at),
            "left_out": r.left_out_at is not None,
        }
        for r in cut
    ]
    return Found(rows, total)


def judgments(session: Session, study_id: int, wanted: Wanted, *, whole: bool = False) -> Found:
    """Current judgments, newest first, by pseudonym and ids. ``only`` is ``item:ID``, ``person:NAME``, ``repeats``,
    ``sway:INFLUENCE`` or a choice.
    """
    later, left, right = aliased(Judgment), aliased(Response), aliased(Response)
    query = (
        select(
            Judgment.id, Judgment.choice, Judgment.created_at, Judgment.late, Judgment.retest_of, Judgment.elapsed_ms,
            Judgment.strength, Annotator.pseudonym, Item.external_id.label("item"), left.external_id.label("left"),
            right.external_id.label("right"), Judgment.rationale, Judgment.revision,
        )
        .outerjoin(later, later.supersedes == Judgment.id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .join(Item, Item.id == Judgment.item_id)
        .join(left, left.id == Judgment.left_id)
        .join(right, right.id == Judgment.right_id)
        .where(
            Judgment.study_id == study_id,
            later.id.is_(None),
            Judgment.choice != "retracted",
            Annotator.withdrawn_at.is_(None),
        )
    )  # fmt: skip
    kind, _, value = wanted.only.partition(":")
    if kind == "item":
        query = query.where(Item.external_id == value)
    elif kind == "person":
        query = query.where(Annotator.pseudonym == value)
    elif kind == "given":
        query = query.where(Judgment.choice != "skip")
    elif kind == "repeats":
        query = query.where(Judgment.retest_of.is_not(None))
    elif kind == "sway":
        query = _swayed(session, query, study_id, value)
    elif kind in {"left", "right", "tie", "neither", "skip"}:
        query = query.where(Judgment.choice == kind)
    if wanted.q:
        like = f"%{_escaped(wanted.q)}%"
        query = query.where(
            or_(Item.external_id.ilike(like, escape="\\"), Annotator.pseudonym.ilike(like, escape="\\"))
        )
    cut, total = _cut(
        session,
        query,
        {
            "at": Judgment.id,
            "choice": Judgment.choice,
            "item": Item.external_id,
            "person": Annotator.pseudonym,
        },
        wanted,
        Judgment.id.desc(),
        whole=whole,
    )
    rows = [
        {
            "judgment": r.id, "at": iso(r.created_at), "person": r.pseudonym, "item": r.item, "left": r.left, "right": r.right,
            "choice": r.choice, "strength": r.strength, "seconds": round(r.elapsed_ms / 1000, 1) if r.elapsed_ms else None,
            "repeat": r.retest_of is not None, "late": r.late, "revision": r.revision, "words": r.rationale,
        }
        for r in cut
    ]  # fmt: skip
    return Found(rows, total)


def _swayed(session: Session, query: Any, study_id: int, name: str) -> Any:
    """Decided first choices between answers that differ clearly in one influence, as its figure counts them."""
    kept = fitting.latest(session, study_id)
    found = next((one for one in kept.result["influences"] if one["name"] == name), None) if kept else None
    decided = query.where(
        Judgment.choice.in_(("left", "right")), Judgment.retest_of.is_(None), Judgment.is_gold.is_(False)
    )
    if found is None or found.get("clearly") is None:
        return decided
    one, two = aliased(ResponseTrait), aliased(ResponseTrait)
    apart = one.numbers[name].as_float() - two.numbers[name].as_float()
    return (
        decided.join(one, one.response_id == Judgment.left_id)
        .join(two, two.response_id == Judgment.right_id)
        .where(func.abs(apart) >= found["clearly"])
    )


def servings(session: Session, item_id: int, *, limit: int = 200) -> list[dict[str, Any]]:
    """Every time a pair of this item was put to someone: side, policy, probability and why, from the row alone."""
    left = aliased(Response)
    rows = session.execute(
        select(Assignment, Annotator.pseudonym, left.external_id.label("left"))
        .join(Annotator, Annotator.id == Assignment.annotator_id)
        .join(left, left.id == Assignment.left_id)
        .where(Assignment.item_id == item_id, Annotator.withdrawn_at.is_(None))
        .order_by(Assignment.id.desc())
        .limit(limit)
    )
    return [
        {
            "at": r.Assignment.shown_at,
            "person": r.pseudonym,
            "left": r.left,
            "state": r.Assignment.state,
            "policy": r.Assignment.policy,
            "propensity": r.Assignment.propensity,
            "seed": r.Assignment.seed,
            "why": reasons.sentence(r.Assignment),
        }
        for r in rows
    ]


def shares(session: Session, item_id: int) -> dict[int, dict[str, int]]:
    """For each pair of an item, how many current judgments prefer its first, its second, neither, or call it a tie."""
    later = aliased(Judgment)
    rows = session.execute(
        select(Judgment.pair_id, Judgment.choice, Judgment.left_id, Pair.first_id)
        .join(Pair, Pair.id == Judgment.pair_id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .where(
            Judgment.item_id == item_id,
            later.id.is_(None),
            Judgment.retest_of.is_(None),
            Annotator.withdrawn_at.is_(None),
            Judgment.choice.in_(("left", "right", "tie", "neither")),
        )
    )
    found: dict[int, dict[str, int]] = {}
    for row in rows:
        counts = found.setdefault(row.pair_id, {"first": 0, "second": 0, "tie": 0, "neither": 0})
        if row.choice in counts:
            counts[row.choice] += 1
        else:
            counts["first" if (row.choice == "left") == (row.left_id == row.first_id) else "second"] += 1
    return found


def _work(session: Session, ids: list[int]) -> dict[int, tuple[float | None, float | None, int]]:
    """For each person: median seconds, share of decided choices on the left, repeats answered."""
    if not ids:
        return {}
    later = aliased(Judgment)
    rows = session.execute(
        select(Judgment.annotator_id, Judgment.choice, Judgment.elapsed_ms, Judgment.retest_of)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Judgment.annotator_id.in_(ids), later.id.is_(None), Judgment.choice.not_in(("retracted", "skip"))
        )
    )
    gathered: dict[int, list[Any]] = {}
    for row in rows:
        gathered.setdefault(row.annotator_id, []).append(row)
    result = {}
    for who, given in gathered.items():
        seconds = [min(r.elapsed_ms, 600_000) / 1000 for r in given if r.elapsed_ms]
        decided = [r.choice == "left" for r in given if r.choice in {"left", "right"}]
        result[who] = (
            round(median(seconds), 1) if seconds else None,
            round(sum(decided) / len(decided), 3) if decided else None,
            sum(r.retest_of is not None for r in given),
        )
    return result


def _cut(
    session: Session, query: Any, keys: dict[str, Any], wanted: Wanted, last: Any, *, whole: bool
) -> tuple[list[Any], int]:
    total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    key = keys.get(wanted.sort.removeprefix("-"))
    if key is not None:
        query = query.order_by(key.desc() if wanted.sort.startswith("-") else key, last)
    else:
        query = query.order_by(last)
    if whole:
        return list(session.execute(query.limit(MOST_ROWS))), int(total)
    rows = session.execute(query.limit(A_PAGE).offset((max(1, wanted.page) - 1) * A_PAGE))
    return list(rows), int(total)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
