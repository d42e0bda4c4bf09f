"""Rows of the researcher's tables: items, people and judgments, searched, sorted and cut into pages in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import PairFigure, PersonFigure
from app.assignments.tables import Assignment, PairLoad, PersonLoad
from app.judgments.tables import Judgment
from app.kit.clock import iso
from app.kit.text import number
from app.people.tables import Annotator
from app.querying import reasons
from app.reports import coming
from app.reports.progress import active_since
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
    """Items with what was chosen on them. ``only`` is ``judged``, ``retired``, ``flagged`` or ``topic:NAME``.

    ``judgments`` counts current ones now, skips not counted; ``divided`` and ``unsure`` are of the item's most divided pair, as
    the last fit has it.
    """
    load = (
        select(PairLoad.item_id, func.count().label("pairs"))
        .where(PairLoad.study_id == study_id)
        .group_by(PairLoad.item_id)
        .subquery()
    )
    given = _given_on()
    top = (
        select(Pair.item_id, func.max(PairFigure.divided).label("divided"))
        .join(PairFigure, PairFigure.pair_id == Pair.id)
        .where(Pair.study_id == study_id)
        .group_by(Pair.item_id)
        .subquery()
    )
    query = (
        select(
            Item.id.label("key"), Item.external_id, Item.search_text, Item.topic, Item.kind, Item.flags, Item.retired_at,
            given.label("judgments"), func.coalesce(load.c.pairs, 0).label("pairs"), top.c.divided,
        )
        .outerjoin(load, load.c.item_id == Item.id)
        .outerjoin(top, top.c.item_id == Item.id)
        .where(Item.study_id == study_id)
    )  # fmt: skip
    if wanted.q:
        like = f"%{escaped(wanted.q)}%"
        query = query.where(
            or_(Item.search_text.ilike(like, escape="\\"), Item.external_id.ilike(like, escape="\\"))
        )
    if wanted.only == "retired":
        query = query.where(Item.retired_at.is_not(None))
    elif wanted.only == "judged":
        query = query.where(given > 0)
    elif wanted.only == "flagged":
        query = query.where(cast(Item.flags, String) != "[]")
    elif wanted.only.startswith("topic:"):
        query = query.where(Item.topic == wanted.only.removeprefix("topic:"))
    keys = {
        "id": Item.external_id,
        "request": Item.search_text,
        "topic": Item.topic,
        "judgments": given,
        "pairs": load.c.pairs,
        "divided": func.coalesce(top.c.divided, -1.0),
    }
    rows, total = cut(session, query, keys, wanted, Item.id, whole=whole)
    models, figures = _of_items(session, [r.key for r in rows])
    states = coming.states_of_items(session, [r.key for r in rows])
    none = dict.fromkeys(("first", "same", "neither", "second", "sure", "corner"))
    found = [
        {
            "id": r.external_id,
            "request": r.search_text,
            "topic": r.topic,
            "kind": r.kind,
            "models": ", ".join(models.get(r.key, ())),
            "pairs": int(r.pairs),
            "judgments": int(r.judgments),
            "divided": r.divided,
            "state": states.get(r.key, ""),
            **figures.get(r.key, none),
            "flags": ", ".join(r.flags or []),
            "retired": r.retired_at is not None,
        }
        for r in rows
    ]
    return Found(found, total)


def _given_on() -> Any:
    """How many current judgments there are on an item, skips not counted."""
    later = aliased(Judgment)
    return (
        select(func.count())
        .select_from(Judgment)
        .outerjoin(later, later.supersedes == Judgment.id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .join(Pair, Pair.id == Judgment.pair_id)
        .where(
            Pair.item_id == Item.id,
            later.id.is_(None),
            Judgment.choice.not_in(("retracted", "skip")),
            Annotator.withdrawn_at.is_(None),
        )
        .correlate(Item)
        .scalar_subquery()
    )


def _of_items(session: Session, keys: list[int]) -> tuple[dict[int, list[str]], dict[int, dict[str, Any]]]:
    """Models of the responses of these items, and the figures of each one's most divided pair."""
    models: dict[int, list[str]] = {}
    figures: dict[int, dict[str, Any]] = {}
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        for key, model in session.execute(
            select(Response.item_id, Response.model)
            .where(Response.item_id.in_(some), Response.model.is_not(None))
            .order_by(Response.item_id, Response.position)
        ):
            if model not in models.setdefault(key, []):
                models[key].append(str(model))
        for r in session.execute(
            select(Pair.item_id, PairFigure)
            .join(PairFigure, PairFigure.pair_id == Pair.id)
            .where(Pair.item_id.in_(some))
            .order_by(PairFigure.divided, PairFigure.pair_id.desc())
        ):
            figures[r.item_id] = _split(r.PairFigure)
    return models, figures


def _split(one: PairFigure) -> dict[str, Any]:
    """Choices on a pair, and how little of its disagreement is people at odds with themselves."""
    parts = [one.within_person, one.between_people, one.between_groups]
    whole = sum(p for p in parts if p is not None)
    sure = None if one.within_person is None or whole <= 0 else 1 - one.within_person / whole
    return {
        "first": one.first,
        "same": one.ties,
        "neither": one.neither,
        "second": one.second,
        "sure": sure,
        "corner": one.corner,
    }


def people(session: Session, study_id: int, wanted: Wanted, *, now: datetime, whole: bool = False) -> Found:
    """People by pseudonym, with how they work. A person's own pattern only: differing from others is no mark.

    ``only``: ``active`` (in the last week), ``left_out``, ``noted``, ``group:LABEL`` or ``learned:NUMBER`` (from 1). Figures are those of the last
    fit; ``judgments`` counts what is there now.
    """
    query = (
        select(
            Annotator.id, Annotator.pseudonym, Annotator.source, Annotator.group_label, Annotator.joined_at,
            Annotator.left_out_at, _given().label("judgments"), PersonLoad.last_active_at, PersonFigure,
        )
        .outerjoin(PersonLoad, PersonLoad.annotator_id == Annotator.id)
        .outerjoin(PersonFigure, PersonFigure.annotator_id == Annotator.id)
        .where(Annotator.study_id == study_id, Annotator.withdrawn_at.is_(None))
    )  # fmt: skip
    if wanted.q:
        query = query.where(Annotator.pseudonym.ilike(f"%{escaped(wanted.q)}%", escape="\\"))
    kind, _, value = wanted.only.partition(":")
    if kind == "left_out":
        query = query.where(Annotator.left_out_at.is_not(None))
    elif kind == "active":
        query = query.where(active_since(now))
    elif kind == "noted":
        query = query.where(cast(PersonFigure.flags, String) != "[]")
    elif kind == "group":
        query = query.where(Annotator.group_label == value)
    elif kind == "learned":
        query = query.where(PersonFigure.learned == (number(value) or 0) - 1)
    keys = {
        "person": Annotator.pseudonym,
        "judgments": _given(),
        "median": PersonFigure.median_seconds,
        "repeats": PersonFigure.repeats_itself,
        "agrees": PersonFigure.agrees,
        "left": PersonFigure.left_share,
        "joined": Annotator.joined_at,
        "active": PersonLoad.last_active_at,
    }
    found, total = cut(session, query, keys, wanted, Annotator.id, whole=whole)
    return Found([_person(r) for r in found], total)


def _given() -> Any:
    """How many current judgments a person gave, skips not counted."""
    later = aliased(Judgment)
    return (
        select(func.count())
        .select_from(Judgment)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Judgment.annotator_id == Annotator.id,
            later.id.is_(None),
            Judgment.choice.not_in(("retracted", "skip")),
        )
        .correlate(Annotator)
        .scalar_subquery()
    )


def _person(r: Any) -> dict[str, Any]:
    told: PersonFigure | None = r.PersonFigure
    return {
        "person": r.pseudonym,
        "judgments": int(r.judgments),
        "median_seconds": told.median_seconds if told else None,
        "left_share": told.left_share if told else None,
        "repeats": told.repeats if told else 0,
        "repeats_itself": told.repeats_itself if told else None,
        "agrees_with_others": told.agrees if told else None,
        "course": ", ".join(f"{seconds:g}" for seconds in told.course) if told else "",
        "notes": "; ".join(told.flags) if told else "",
        "source": r.source,
        "group": r.group_label,
        "learned_group": None if told is None or told.learned is None else told.learned + 1,
        "joined": iso(r.joined_at),
        "last_active": iso(r.last_active_at),
        "left_out": r.left_out_at is not None,
    }


def figures_of(session: Session, annotator_id: int) -> PersonFigure | None:
    """What the last fit says of a person, or None."""
    return session.get(PersonFigure, annotator_id)


def servings(
    session: Session, study_id: int, item_id: int | None = None, *, limit: int = 200
) -> list[dict[str, Any]]:
    """Every time a pair (of this item) was put to someone: side, policy, probability and why, from the row alone; newest first."""
    left = aliased(Response)
    rows = session.execute(
        select(
            Assignment, Annotator.pseudonym, left.external_id.label("left"), Item.external_id.label("item")
        )
        .join(Annotator, Annotator.id == Assignment.annotator_id)
        .join(left, left.id == Assignment.left_id)
        .join(Item, Item.id == Assignment.item_id)
        .where(
            Assignment.study_id == study_id,
            true() if item_id is None else Assignment.item_id == item_id,
            Annotator.withdrawn_at.is_(None),
        )
        .order_by(Assignment.id.desc())
        .limit(limit)
    )
    return [
        {
            "at": r.Assignment.shown_at,
            "person": r.pseudonym,
            "item": r.item,
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


def cut(
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


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
