"""From stored judgments to flat arrays, read once, in an order that rows can be walked beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.protocol import Flags, Ints, Retests, Votes
from app.exports.duplicates import Merged
from app.exports.people import People, may_be_released
from app.exports.rowwise import as_number, plain
from app.judgments.storing import QUICK_MS_PER_WORD
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.tables import Item, Pair, Response

CHOICES = ("left", "right", "tie", "neither", "skip", "retracted")
LEFT, RIGHT, TIE, NEITHER, SKIP, RETRACTED = range(6)
_KINDS: dict[str, Any] = {
    "choice": np.int8, "left": np.int64, "superseded": np.bool_, "retest": np.bool_, "gold": np.bool_,
    "late": np.bool_, "counts": np.bool_, "simulated": np.bool_, "strength": np.int8, "elapsed": np.int32,
}  # fmt: skip
"""Columns of the arrays in the order of the query, after the pair and the person."""


@dataclass(frozen=True)
class Collected:
    """Every judgment of an export's people, in the order of the stream: by pair, then by time.

    pair: int32 (n_rows,), place in ``pair_ids``.  person: int32 (n_rows,), place in ``People.ids``.
    choice: int8 (n_rows,), see ``CHOICES``.  left_first: bool (n_rows,), the first response stood on the left.
    reason: int8 (n_rows,), 0 = counted, else the place of the reason in ``reasons.REASONS`` plus one.
    strength: int8 (n_rows,), 0 where none was given.  elapsed: int32 (n_rows,), milliseconds, -1 where unknown.
    chosen_first: float32 (n_rows,), preference for the first response, NaN for neither, skip and taken back.
    """

    pair_ids: Ints
    pair: np.ndarray
    person: np.ndarray
    choice: np.ndarray
    left_first: Flags
    reason: np.ndarray
    strength: np.ndarray
    elapsed: np.ndarray
    retest: Flags
    neither: Flags
    """Answers that found neither good and would otherwise count; only judgments of single responses use them."""

    @property
    def chosen_first(self) -> np.ndarray:
        return preference(self.choice, self.left_first)

    def counted(self) -> Flags:
        return np.asarray(self.reason == 0, bool)

    def votes(self, people: People, merged: Merged, numbers: PairNumbers, retests: Retests) -> Votes:
        """The counted answers as rules read them; votes on an exact duplicate of a pair count for the first of its kind."""
        kept = self.counted()
        y = self.chosen_first[kept].astype(np.float64)
        pair = self.pair[kept]
        flipped = merged.flipped[pair]
        left_first = self.left_first[kept] ^ flipped
        return Votes(
            n_pairs=self.pair_ids.size,
            n_people=people.ids.size,
            pair=merged.into[pair].astype(np.int64),
            person=self.person[kept].astype(np.int64),
            y=np.where(flipped, 1.0 - y, y),
            first_on_left=left_first,
            weight=np.broadcast_to(np.float64(1.0), int(kept.sum())),
            group=people.group,
            group_names=people.group_names,
            group_weights=people.group_weights,
            item=numbers.item,
            first=numbers.first,
            second=numbers.second,
            retests=retests,
        )


@dataclass(frozen=True)
class PairNumbers:
    """Internal numbers of each pair's item and responses, int64 (n_pairs,) each."""

    item: Ints
    first: Ints
    second: Ints


class Unreleased(NamedTuple):
    """All judgments, those of people who have withdrawn, and those of people who did not agree to release."""

    collected: int
    withdrawn: int
    without_consent: int

    @property
    def kept(self) -> int:
        """Those that may be looked at."""
        return self.collected - self.withdrawn - self.without_consent


def preference(choice: np.ndarray, left_first: np.ndarray) -> np.ndarray:
    """1 where the first response was chosen, 0 where the second was, a half for a tie, NaN where nothing was said."""
    y = np.full(choice.size, np.nan, np.float32)
    y[choice == TIE] = 0.5
    sided = (choice == LEFT) | (choice == RIGHT)
    y[sided] = ((choice == LEFT) == left_first)[sided]
    return y


def in_scope(study_id: int, as_of: datetime) -> ColumnElement[bool]:
    """Which judgments may be looked at: of this study, given by then, of people who may be released."""
    return and_(Judgment.study_id == study_id, Judgment.created_at <= as_of, may_be_released())


def in_order(query: Select[Any]) -> Select[Any]:
    """The one order of the stream, so that arrays and rows can be walked side by side."""
    return query.order_by(
        Judgment.pair_id, func.coalesce(Judgment.answered_at, Judgment.created_at), Judgment.id
    )


def later_answer(as_of: datetime) -> tuple[Any, ColumnElement[bool]]:
    """The answer that replaced this one by then, and the condition to join it by."""
    later = aliased(Judgment)
    return later, and_(later.supersedes == Judgment.id, later.created_at <= as_of)


def collect(
    session: Session, study_id: int, people: People, *, as_of: datetime, n: int, timing: bool = False
) -> tuple[Collected, PairNumbers, dict[str, np.ndarray]]:
    """Read every judgment, ``n`` of them, once, as columns. The last result holds the marks that reasons are decided from.

    ``timing`` says whether how quickly answers were given is read too; nobody is quick otherwise.
    """
    later, joined = later_answer(as_of)
    wanted: list[Any] = [
        Judgment.pair_id,
        Judgment.annotator_id,
        Judgment.choice,
        Judgment.left_id,
        as_number(later.id.is_not(None)),
        as_number(Judgment.retest_of.is_not(None)),
        as_number(Judgment.is_gold),
        as_number(Judgment.late),
        as_number(Judgment.counts),
        as_number(Judgment.source == "simulated"),
        func.coalesce(Judgment.strength, 0),
        func.coalesce(Judgment.elapsed_ms, -1),
    ]
    if timing:
        wanted += [Judgment.timing[k].as_integer() for k in ("words", "active_ms", "server_ms")]
    scope = in_scope(study_id, as_of)
    people_of = (Annotator, Annotator.id == Judgment.annotator_id)
    query = in_order(select(*wanted).join(*people_of).outerjoin(later, joined).where(scope))
    pair_ids, pair, person, made = _filled(plain(session, query), n, people)
    numbers = _pair_numbers(session, study_id, pair_ids)
    found = Collected(
        pair_ids=pair_ids,
        pair=pair,
        person=person,
        choice=made["choice"],
        left_first=made["left"] == numbers.first[pair],
        reason=np.zeros(n, np.int8),
        strength=made["strength"],
        elapsed=made["elapsed"],
        retest=made["retest"],
        neither=np.zeros(n, bool),
    )
    marks = ("quick", "superseded", "gold", "late", "counts", "simulated")
    return found, numbers, {name: made[name] for name in marks}


def _filled(
    chunks: Iterator[Sequence[Any]], n: int, people: People
) -> tuple[Ints, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Numbers of pairs, then for each answer the place of its pair and of its person, and what else was asked for.

    Arrays have the right length from the start, so that no second copy is ever held.
    """
    made = {name: np.zeros(n, kind) for name, kind in _KINDS.items()} | {"quick": np.zeros(n, bool)}
    pair, person = np.zeros(n, np.int32), np.zeros(n, np.int32)
    pair_ids: list[np.ndarray] = []
    code = {name: number for number, name in enumerate(CHOICES)}
    start, seen, last = 0, -1, None
    for chunk in chunks:
        part = slice(start, start + len(chunk))
        numbers, persons, choices, *rest = zip(*chunk, strict=True)
        db_pair = np.asarray(numbers, np.int64)
        new = np.ones(db_pair.size, bool)
        new[1:] = db_pair[1:] != db_pair[:-1]
        new[0] = db_pair[0] != last
        pair_ids.append(db_pair[new])
        pair[part] = seen + np.cumsum(new)
        seen, last = int(pair[part][-1]), int(db_pair[-1])
        person[part] = people.index(np.asarray(persons, np.int64))
        made["choice"][part] = [code[c] for c in choices]
        for name, values in zip(list(_KINDS)[1:], rest, strict=False):
            made[name][part] = values
        made["quick"][part] = _quick(rest[len(_KINDS) - 1 :], len(chunk))
        start += len(chunk)
    return np.concatenate([np.zeros(0, np.int64), *pair_ids]), pair, person, made


def _quick(timing: Sequence[tuple[int | None, ...]], n: int) -> np.ndarray:
    """Faster than anybody reads both answers, as the page's own notice reckons it."""
    if not timing:
        return np.zeros(n, bool)
    return np.asarray(
        [
            words is not None and (active or server or 0) < words * QUICK_MS_PER_WORD
            for words, active, server in zip(*timing, strict=True)
        ],
        bool,
    )


def _pair_numbers(session: Session, study_id: int, pair_ids: Ints) -> PairNumbers:
    """Item and responses of the pairs that anybody judged."""
    query = select(Pair.id, Pair.item_id, Pair.first_id, Pair.second_id)
    table = np.zeros((3, pair_ids.size), np.int64)
    for place, rows in _of_pairs(session, study_id, pair_ids, query):
        for column, values in zip(table, list(zip(*rows, strict=True))[1:], strict=True):
            column[place] = values
    return PairNumbers(*table)


def in_text_order(session: Session, study_id: int, pair_ids: Ints) -> Flags:
    """Whether the first response's id also sorts first as text, as the report's alpha is told; bool (n_pairs,)."""
    first, second = aliased(Response), aliased(Response)
    query = (
        select(Pair.id, first.external_id, second.external_id)
        .join(first, first.id == Pair.first_id)
        .join(second, second.id == Pair.second_id)
    )
    ordered = np.zeros(pair_ids.size, bool)
    for place, rows in _of_pairs(session, study_id, pair_ids, query):
        ordered[place] = [one < other for _, one, other in rows]
    return ordered


def _of_pairs(
    session: Session, study_id: int, pair_ids: Ints, query: Any
) -> Iterator[tuple[np.ndarray, list[Any]]]:
    """Rows that begin with a pair's number, of these pairs alone, some at a time with their places in ``pair_ids``."""
    query = query.where(Pair.study_id == study_id).order_by(Pair.id)
    there = session.scalar(select(func.count()).select_from(Pair).where(Pair.study_id == study_id)) or 0
    if 2 * pair_ids.size < there:
        query = query.where(select(Judgment.id).where(Judgment.pair_id == Pair.id).exists())
    for chunk in plain(session, query):
        place, here = among(pair_ids, [row[0] for row in chunk])
        if here.any():
            yield place[here], list(compress(chunk, here.tolist()))


def among(pair_ids: Ints, numbers: Sequence[int]) -> tuple[Ints, Flags]:
    """The places of these numbers in ascending ``pair_ids``, and whether each is there."""
    wanted = np.asarray(numbers, np.int64)
    place = np.searchsorted(pair_ids, wanted)
    here = place < pair_ids.size
    here[here] = pair_ids[place[here]] == wanted[here]
    return place, here


def retired(session: Session, study_id: int, pair_ids: Ints, *, as_of: datetime) -> Flags:
    """Pairs of items that were retired by then, bool (n_pairs,)."""
    query = (
        select(Pair.id)
        .join(Item, Item.id == Pair.item_id)
        .where(Pair.study_id == study_id, Item.retired_at.is_not(None), Item.retired_at <= as_of)
    )
    return np.isin(pair_ids, np.asarray(session.scalars(query).all(), np.int64))


def retests(session: Session, study_id: int, people: People, pair_ids: Ints, *, as_of: datetime) -> Retests:
    """Repeats with the answers they repeat: what each person said of the same pair twice, as far as both say something."""
    later, joined = later_answer(as_of)
    query = (
        select(
            Judgment.pair_id,
            Judgment.annotator_id,
            Judgment.id,
            Judgment.retest_of,
            Judgment.assignment_id,
            Judgment.choice,
            Judgment.left_id == Pair.first_id,
        )
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .join(Pair, Pair.id == Judgment.pair_id)
        .outerjoin(later, joined)
    )
    current = (in_scope(study_id, as_of), later.id.is_(None), Judgment.choice.in_(("left", "right", "tie")))
    again = list(
        session.execute(query.where(*current, Judgment.retest_of.is_not(None)).order_by(Judgment.id))
    )
    return _matched(session, query.where(*current), again, people, pair_ids)


def _matched(session: Session, query: Any, again: list[Any], people: People, pair_ids: Ints) -> Retests:
    """Pair each repeat with the present answer to the question it repeats; the answer may have been changed since."""
    asked = _assignments(session, [r.retest_of for r in again])
    earlier: dict[str, Any] = {}
    wanted = sorted({a for a in asked.values() if a is not None})
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        for row in session.execute(query.where(Judgment.assignment_id.in_(part))):
            earlier[row.assignment_id] = row
    rows = []
    for row in again:
        before = earlier.get(asked.get(row.retest_of) or "")
        if before is not None and before.pair_id == row.pair_id:
            rows.append((row.annotator_id, row.pair_id, before, row))
    code = {name: n for n, name in enumerate(CHOICES)}

    def told(which: int) -> np.ndarray:
        choice = np.asarray([code[r[which].choice] for r in rows], np.int8)
        return preference(choice, np.asarray([r[which][6] for r in rows], bool)).astype(np.float64)

    return Retests(
        person=people.index(np.asarray([r[0] for r in rows], np.int64)).astype(np.int64),
        pair=np.searchsorted(pair_ids, np.asarray([r[1] for r in rows], np.int64)).astype(np.int64),
        before=told(2),
        after=told(3),
        swapped=np.asarray([r[2][6] != r[3][6] for r in rows], bool),
    )


def _assignments(session: Session, judgments: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    wanted = sorted(set(judgments))
    for start in range(0, len(wanted), 500):
        rows = session.execute(
            select(Judgment.id, Judgment.assignment_id).where(Judgment.id.in_(wanted[start : start + 500]))
        )
        found.update((r.id, r.assignment_id) for r in rows)
    return found


def count_unreleased(session: Session, study_id: int, *, as_of: datetime) -> Unreleased:
    """How many answers there were by then, and how many may not be looked at."""
    withdrawn = Annotator.withdrawn_at.is_not(None)
    row = session.execute(
        select(
            func.count(),
            func.count().filter(withdrawn),
            func.count().filter(and_(Annotator.withdrawn_at.is_(None), ~may_be_released())),
        )
        .select_from(Judgment)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .where(Judgment.study_id == study_id, Judgment.created_at <= as_of)
    ).one()
    return Unreleased(int(row[0]), int(row[1]), int(row[2]))
