"""The pairs of a study by how far people differ on them, as rows for lists, charts and the API."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import PairFigure
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.reports import fitting
from app.reports.report import VERSION, Analysis
from app.studies.tables import Item, Pair, Response, Study

CORNERS = ("people_differ", "unclear_question", "agree_but_unsure", "settled")
FIGURES = (
    "votes", "people", "first", "second", "ties", "neither", "share", "low", "high", "epistemic", "between_groups",
    "between_people", "within_person", "conflict", "influence_shift", "divided", "corner", "next_step", "why",
)  # fmt: skip


def of_now(session: Session, study: Study, *, now: datetime, limit: int) -> list[dict[str, Any]]:
    """The API's rows of the judgments there are at this moment: kept ones where nothing has changed since."""
    kept = fitting.latest(session, study.id)
    if kept is not None and kept.version == VERSION and kept.state == Analysis.state_of(session, study):
        rows, _ = listed(session, study.id, limit=limit)
        return [_told(r) for r in rows]
    figures = sorted(
        Analysis(session, study, now=now).disagreement.rows,
        key=lambda r: (-(r.get("divided") or 0), r["pair_id"]),
    )[:limit]
    names = named_pairs(session, [r["pair_id"] for r in figures])
    return [_told({**dict.fromkeys(FIGURES), **r, **names[r["pair_id"]]}) for r in figures]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "pair": (row["first_id"], row["second_id"])}


def listed(
    session: Session, study_id: int, *, corner: str = "", topic: str = "", limit: int = 50, offset: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """Kept figures with the names of what they are about, most contested first, and how many there are in all."""
    query = _query().where(PairFigure.study_id == study_id)
    if corner:
        query = query.where(PairFigure.corner == corner)
    if topic:
        query = query.where(Item.topic == topic)
    total = int(session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0)
    cut = query.order_by(PairFigure.divided.desc(), PairFigure.pair_id).offset(offset).limit(limit)
    return [_row(r) for r in session.execute(cut)], total


def of_item(session: Session, item_key: int) -> dict[int, dict[str, Any]]:
    """Kept figures of an item's pairs, by pair."""
    return {r.pair_id: _row(r) for r in session.execute(_query().where(Pair.item_id == item_key))}


def corners(session: Session, study_id: int) -> dict[str, int]:
    """How many pairs stand in each corner."""
    found = session.execute(
        select(PairFigure.corner, func.count())
        .where(PairFigure.study_id == study_id, PairFigure.corner.is_not(None))
        .group_by(PairFigure.corner)
    )
    return {str(corner): int(n) for corner, n in found}


def _query() -> Any:
    one, two = aliased(Response), aliased(Response)
    return (
        select(
            PairFigure.pair_id,
            *[getattr(PairFigure, name) for name in FIGURES],
            Item.external_id.label("item_id"), Item.search_text.label("request"), Item.topic,
            one.external_id.label("one_id"), one.model.label("one_model"), two.external_id.label("two_id"),
            two.model.label("two_model"),
        )
        .join(Pair, Pair.id == PairFigure.pair_id)
        .join(Item, Item.id == Pair.item_id)
        .join(one, one.id == Pair.first_id)
        .join(two, two.id == Pair.second_id)
    )  # fmt: skip


def named_pairs(session: Session, pair_ids: list[int]) -> dict[int, dict[str, Any]]:
    """What each of these pairs is about, by database key."""
    one, two = aliased(Response), aliased(Response)
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(pair_ids), 500):
        rows = session.execute(
            select(
                Pair.id, Item.external_id.label("item_id"), Item.search_text.label("request"), Item.topic,
                one.external_id.label("one_id"), one.model.label("one_model"), two.external_id.label("two_id"),
                two.model.label("two_model"),
            )
            .join(Item, Item.id == Pair.item_id)
            .join(one, one.id == Pair.first_id)
            .join(two, two.id == Pair.second_id)
            .where(Pair.id.in_(pair_ids[start : start + 500]))
        )  # fmt: skip
        found |= {r.id: _named(r) for r in rows}
    return found


def _row(row: Any) -> dict[str, Any]:
    return {"pair_id": row.pair_id, **{name: getattr(row, name) for name in FIGURES}, **_named(row)}


def _named(row: Any) -> dict[str, Any]:
    """What a pair is about; its first response is the one whose id sorts first as text."""
    sides = sorted([(row.one_id, row.one_model), (row.two_id, row.two_model)], key=lambda side: str(side[0]))
    return {
        "item_id": row.item_id,
        "request": row.request,
        "topic": row.topic,
        "first_id": sides[0][0],
        "first_model": sides[0][1],
        "second_id": sides[1][0],
        "second_model": sides[1][1],
    }


@dataclass(frozen=True)
class Voice:
    """Why people chose a side: ticked reasons with counts, and words of theirs."""

    reasons: tuple[tuple[str, int], ...]
    quotes: tuple[str, ...]


MOST_QUOTES = 4


def find(session: Session, study_id: int, pair_id: int) -> dict[str, Any] | None:
    """The kept figures of one pair, or None."""
    found = session.execute(
        _query().where(PairFigure.study_id == study_id, PairFigure.pair_id == pair_id)
    ).first()
    return None if found is None else _row(found)


def _answers(session: Session, pair_id: int) -> list[Any]:
    """First current answers of people to a pair, with the response each chose."""
    later, chosen = aliased(Judgment), aliased(Response)
    side = case((Judgment.choice == "left", Judgment.left_id), else_=Judgment.right_id)
    rows = session.execute(
        select(
            Judgment.annotator_id, Judgment.choice, chosen.external_id, Annotator.group_label, Judgment.confidence,
            Judgment.reason_tags, Judgment.rationale,
        )
        .join(chosen, chosen.id == side)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Judgment.pair_id == pair_id,
            later.id.is_(None),
            Judgment.choice.in_(("left", "right", "tie", "neither")),
            Judgment.is_gold.is_(False),
            Annotator.withdrawn_at.is_(None),
        )
        .order_by(Judgment.retest_of.is_not(None), Judgment.id)
    ).all()  # fmt: skip
    first: dict[int, Any] = {}
    for row in rows:
        first.setdefault(row.annotator_id, row)
    return list(first.values())


def voices(session: Session, pair_id: int) -> dict[str, Voice]:
    """What people gave as reasons for the first response of a pair and for the second."""
    names = sorted(named_pairs(session, [pair_id])[pair_id][k] for k in ("first_id", "second_id"))
    found = {}
    rows = _answers(session, pair_id)
    for place, name in zip(("first", "second"), names, strict=True):
        mine = [r for r in rows if r.choice in {"left", "right"} and r.external_id == name]
        tags = Counter(tag for r in mine for tag in r.reason_tags or ())
        quotes = [r.rationale for r in mine if r.rationale]
        found[place] = Voice(
            tuple(sorted(tags.items(), key=lambda t: (-t[1], t[0]))[:6]), tuple(quotes[:MOST_QUOTES])
        )
    return found


Counts = tuple[int, int, int, int]


def choices_by_group(
    session: Session, pair_id: int
) -> tuple[Counts, list[tuple[str, Counts]], dict[str | None, tuple[int, int]]]:
    """(first, same, neither, second) of everyone and of each group, and how many of those asked were sure, by group."""
    names = sorted(named_pairs(session, [pair_id])[pair_id][k] for k in ("first_id", "second_id"))
    table: dict[str | None, list[int]] = {None: [0, 0, 0, 0]}
    sure: dict[str | None, list[int]] = {}
    for row in _answers(session, pair_id):
        place = {"tie": 1, "neither": 2}.get(row.choice, 0 if row.external_id == names[0] else 3)
        for key in {None, row.group_label}:
            table.setdefault(key, [0, 0, 0, 0])[place] += 1
            if row.confidence is not None:
                asked = sure.setdefault(key, [0, 0])
                asked[0] += row.confidence == 3
                asked[1] += 1
    groups = [(key, _four(n)) for key, n in sorted(table.items(), key=lambda t: str(t[0])) if key]
    return _four(table[None]), groups, {k: (v[0], v[1]) for k, v in sure.items()}


def _four(counts: list[int]) -> Counts:
    return counts[0], counts[1], counts[2], counts[3]
