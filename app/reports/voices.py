"""What people chose on a pair, group by group, and why they say they did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import PersonFigure
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.reports.divided import in_group
from app.studies.tables import Pair, Response

MOST_QUOTES = 4
Counts = tuple[int, int, int, int]
"""People who chose the first response, called it a tie, chose neither, chose the second."""


@dataclass(frozen=True)
class Voice:
    """Why people chose a side: ticked reasons with counts, and words of theirs."""

    reasons: tuple[tuple[str, int], ...]
    quotes: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """What one group chose. key: ``group:LABEL`` or ``learned:NUMBER`` (from 1). sure, asked: of those asked, how many were sure."""

    key: str
    counts: Counts
    sure: int
    asked: int


@dataclass(frozen=True)
class Choices:
    """First current answers of people to a pair: of everyone, of each declared group and of each learned one; and why."""

    everyone: Group
    declared: tuple[Group, ...]
    learned: tuple[Group, ...]
    first: Voice
    second: Voice


def of_pair(session: Session, pair_id: int) -> Choices:
    """One pair in full."""
    rows = _answers(session, [pair_id])[pair_id]
    names = sorted({r.first_name for r in rows} | {r.second_name for r in rows}) or ["", ""]
    declared = sorted({r.group_label for r in rows if r.group_label})
    numbers = sorted({r.learned for r in rows if r.learned is not None})
    return Choices(
        _group("", rows, names),
        tuple(_group(f"group:{g}", [r for r in rows if r.group_label == g], names) for g in declared),
        tuple(_group(f"learned:{n + 1}", [r for r in rows if r.learned == n], names) for n in numbers),
        _voice(rows, names[0]),
        _voice(rows, names[-1]),
    )


def counts(session: Session, pair_ids: Sequence[int], group: str) -> dict[int, Counts]:
    """What people of a group chose on each of these pairs."""
    found = {}
    for pair_id, rows in _answers(session, pair_ids, group=group).items():
        names = sorted({r.first_name for r in rows} | {r.second_name for r in rows}) or ["", ""]
        found[pair_id] = _group("", rows, names).counts
    return found


def _answers(session: Session, pair_ids: Sequence[int], *, group: str = "") -> dict[int, list[Any]]:
    """First current answers of people to pairs, with the response each chose."""
    later, chosen, one, two = aliased(Judgment), aliased(Response), aliased(Response), aliased(Response)
    side = case((Judgment.choice == "left", Judgment.left_id), else_=Judgment.right_id)
    query = (
        select(
            Judgment.annotator_id, Judgment.pair_id, Judgment.choice, chosen.external_id, Annotator.group_label, Judgment.confidence,
            Judgment.reason_tags, Judgment.rationale, PersonFigure.learned, one.external_id.label("first_name"),
            two.external_id.label("second_name"),
        )
        .join(chosen, chosen.id == side)
        .join(Pair, Pair.id == Judgment.pair_id)
        .join(one, one.id == Pair.first_id)
        .join(two, two.id == Pair.second_id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .outerjoin(PersonFigure, PersonFigure.annotator_id == Annotator.id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Judgment.pair_id.in_(pair_ids),
            later.id.is_(None),
            Judgment.choice.in_(("left", "right", "tie", "neither")),
            Judgment.is_gold.is_(False),
            Annotator.withdrawn_at.is_(None),
        )
        .order_by(Judgment.choice == "neither", Judgment.retest_of.is_not(None), Judgment.id)
    )  # fmt: skip
    who = in_group(group) if group else None
    if who is not None:
        query = query.where(who)
    first: dict[int, dict[int, Any]] = {key: {} for key in pair_ids}
    for row in session.execute(query):
        first[row.pair_id].setdefault(row.annotator_id, row)
    return {key: list(rows.values()) for key, rows in first.items()}


def _group(key: str, rows: Sequence[Any], names: Sequence[str]) -> Group:
    table = [0, 0, 0, 0]
    for row in rows:
        table[{"tie": 1, "neither": 2}.get(row.choice, 0 if row.external_id == names[0] else 3)] += 1
    asked = [r.confidence for r in rows if r.confidence is not None]
    return Group(key, (table[0], table[1], table[2], table[3]), sum(c == 3 for c in asked), len(asked))


def _voice(rows: Sequence[Any], name: str) -> Voice:
    mine = [r for r in rows if r.choice in {"left", "right"} and r.external_id == name]
    tags = Counter(tag for r in mine for tag in r.reason_tags or ())
    quotes = [r.rationale for r in mine if r.rationale]
    ticked = sorted(tags.items(), key=lambda t: (-t[1], t[0]))[:6]
    return Voice(tuple(ticked), tuple(quotes[:MOST_QUOTES]))
