"""The current answers of a study as arrays, one row an answer: what every estimate starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select, true
from sqlalchemy.orm import Session, aliased

from app.assignments.tables import Assignment
from app.judgments.tables import Judgment
from app.people.rules import RELEASE
from app.people.tables import Annotator, AnnotatorEvent
from app.studies.tables import Item, Pair, Response

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CHOICES = ("left", "right", "tie", "neither", "skip")
CODE = {choice: number for number, choice in enumerate(CHOICES)}
BATCH = 20_000
FAVOURING = frozenset({"contested", "information", "ranking", "reward_model"})
"""Policies under which pairs differ in how likely they are; a draw with a note fell back to an even one."""


@dataclass(frozen=True)
class People:
    """Those who gave the answers. id: database keys. group: index into ``groups``, -1 where none is known."""

    id: Ints
    pseudonym: tuple[str, ...]
    group: Ints
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Pairs:
    """The pairs answered. "First" is the response whose id sorts first as text.

    id, item: int64 (n_pairs,), database keys of the pair and dense numbers of its item.  first, second: database keys of the
    responses.  probe: bool (n_pairs,), one response is a variant of the other.  first_model, second_model: index into ``models``, -1 where a response names none.
    """

    id: Ints
    item: Ints
    first: Ints
    second: Ints
    first_model: Ints
    second_model: Ints
    models: tuple[str, ...]
    item_ids: tuple[str, ...]
    topic: tuple[str | None, ...]
    kind: tuple[str | None, ...]
    probe: Flags


@dataclass(frozen=True)
class Observations:
    """Current answers in the order they were first given; those taken back and those of people who withdrew are not among them.

    person, pair: int64 (n,), dense.  choice: int8 (n,), index into CHOICES, by side.  y: float64 (n,), 1 = the first response
    was preferred, 0 = the second, 1/2 = a tie, NaN = neither or skipped.  first_left: bool (n,).  repeat: bool (n,), not the
    person's first answer to the pair.  propensity: float64 (n,), NaN where the answer was not drawn here (imported).
    explored: bool (n,), drawn evenly on purpose.  favoured: bool (n,), drawn by a policy under which some pairs were likelier.  first_read: int8 (n,), 1 = the left response was
    alone on the screen first, -1 = the right one, 0 = both at once, or not known.  seconds: float64 (n,), NaN where not measured.  day: int64 (n,), days since 1970,
    -1 where no time is known.  view: int8 (n,), 0 = not asked, 1 my view, 2 leaning, 3 guess, 4 checkable.  judgment: bytes (n,), ids of the answers.
    plain: bool (n,), shown without formatting.  after_review: bool (n,), asked again of someone who had been shown what the study has
    learned of them since they first answered.
    """

    person: Ints
    pair: Ints
    choice: NDArray[np.int8]
    y: Floats
    first_left: Flags
    repeat: Flags
    propensity: Floats
    explored: Flags
    favoured: Flags
    first_read: NDArray[np.int8]
    seconds: Floats
    day: Ints
    view: NDArray[np.int8]
    judgment: NDArray[np.bytes_]
    plain: Flags
    after_review: Flags
    people: People
    pairs: Pairs

    @property
    def n(self) -> int:
        """How many answers there are, skips among them."""
        return int(self.choice.size)

    def decided(self) -> Flags:
        """Which answers chose a side or a tie: bool (n,)."""
        return ~np.isnan(self.y)


READ_FIRST = {("phone", "a"): 1, ("phone", "b"): -1}
EPOCH = 719_163
"""The ordinal of 1970-01-01."""
VIEWS = {None: 0, "my_view": 1, "leaning": 2, "guess": 3, "checkable": 4}


def state(session: Session, study_id: int) -> str:
    """Names the judgments there are now: it changes when one comes, is changed or taken back, a person withdraws, or what is known
    of one changes.
    """
    rows, last = session.execute(
        select(func.count(), func.max(Judgment.id)).where(Judgment.study_id == study_id)
    ).one()
    gone, out = session.execute(
        select(func.count(Annotator.withdrawn_at), func.count(Annotator.left_out_at)).where(
            Annotator.study_id == study_id
        )
    ).one()
    told = session.scalar(
        select(func.max(AnnotatorEvent.id))
        .join(Annotator, Annotator.id == AnnotatorEvent.annotator_id)
        .where(Annotator.study_id == study_id, AnnotatorEvent.kind == "attributes")
    )
    return f"{rows}:{last or '-'}:{gone}:{out}:{told or '-'}"


def observations(
    session: Session, study_id: int, *, as_of: datetime | None = None, released: bool = False
) -> Observations:
    """All current answers of a study, or those that were current at ``as_of``; who has withdrawn since is in neither.

    ``released``: only answers of people who have agreed that what they give is released.

    Cost: one pass over its judgments; about 230 bytes a judgment.
    """
    later = aliased(Judgment)
    replaced = later.supersedes == Judgment.id
    if as_of is not None:
        replaced &= later.created_at <= as_of
    rows = session.execute(
        select(
            Judgment.annotator_id, Judgment.pair_id, Judgment.choice, Judgment.left_id, Judgment.retest_of,
            Assignment.propensity, Assignment.policy, Assignment.draw, Judgment.timing["device"].as_string(), Judgment.timing["first_panel"].as_string(), Judgment.elapsed_ms,
            Judgment.answered_at, Judgment.view, Judgment.id, Judgment.timing["render_mode"].as_string(),
        )
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .outerjoin(Assignment, Assignment.id == Judgment.assignment_id)
        .outerjoin(later, replaced)
        .where(
            Judgment.study_id == study_id,
            Judgment.created_at <= as_of if as_of is not None else true(),
            later.id.is_(None),
            Judgment.choice != "retracted",
            Judgment.is_gold.is_(False),
            Annotator.withdrawn_at.is_(None),
            Annotator.consent_scope == RELEASE if released else true(),
        )
        .order_by(Judgment.id)
        .execution_options(yield_per=BATCH)
    )  # fmt: skip
    batches = [_columns(batch) for batch in rows.partitions(BATCH)]
    table = [np.concatenate(c) for c in zip(*batches, strict=True)] if batches else _columns([])
    (
        person_key,
        pair_key,
        code,
        left_key,
        again,
        propensity,
        explored,
        favoured,
        first_read,
        seconds,
        day,
        view,
        judgment,
        plain,
        after_review,
    ) = table
    person_ids, person = np.unique(person_key, return_inverse=True)
    pair_ids, pair = np.unique(pair_key, return_inverse=True)
    pairs = _pairs(session, study_id, pair_ids)
    first_left = left_key == pairs.first[pair]
    y = np.full(code.size, np.nan)
    y[code == CODE["tie"]] = 0.5
    chosen = (code == CODE["left"]) | (code == CODE["right"])
    y[chosen] = ((code == CODE["left"]) == first_left)[chosen]
    return Observations(
        person=person, pair=pair, choice=code, y=y, first_left=first_left,
        repeat=_repeats(person, pair, again, ~np.isnan(y)), propensity=propensity, explored=explored, favoured=favoured, first_read=first_read,
        seconds=seconds, day=day, view=view, judgment=judgment, plain=plain, after_review=after_review, people=_people(session, study_id, person_ids), pairs=pairs,
    )  # fmt: skip


def _columns(batch: Sequence[Any]) -> list[NDArray[Any]]:
    """A batch of rows as typed columns."""
    person, pair, choice, left, again, propensity, policy, draw, device, panel, ms, at, view, key, mode = (
        zip(*batch, strict=True) if batch else ((),) * 15
    )
    return [
        np.array(person, np.int64),
        np.array(pair, np.int64),
        np.array([CODE[c] for c in choice], np.int8),
        np.array(left, np.int64),
        np.array([a is not None for a in again], np.bool_),
        np.array([np.nan if p is None else p for p in propensity], np.float64),
        np.array([bool(d) and d.get("branch") == "explore" for d in draw], np.bool_),
        np.array(
            [name in FAVOURING and "note" not in (d or {}) for name, d in zip(policy, draw, strict=True)],
            np.bool_,
        ),
        np.array([READ_FIRST.get((d, p), 0) for d, p in zip(device, panel, strict=True)], np.int8),
        np.array([np.nan if m is None else m / 1000 for m in ms], np.float64),
        np.array([-1 if a is None else a.toordinal() - EPOCH for a in at], np.int64),
        np.array([VIEWS.get(v, 0) for v in view], np.int8),
        np.array([k.encode() for k in key], "S26"),
        np.array([m == "plain" for m in mode], np.bool_),
        np.array([bool(d) and bool(d.get("reviewed_before")) for d in draw], np.bool_),
    ]


def _repeats(person: Ints, pair: Ints, asked_again: Flags, decided: Flags) -> Flags:
    """All but the first decided answer of a person to a pair; an answer asked again stands behind the one it repeats."""
    order = np.lexsort((np.arange(person.size), asked_again, ~decided, pair, person))
    same = np.zeros(person.size, np.bool_)
    same[1:] = (np.diff(person[order]) == 0) & (np.diff(pair[order]) == 0)
    found = np.zeros(person.size, np.bool_)
    found[order] = same
    return found


def _people(session: Session, study_id: int, ids: Ints) -> People:
    rows = {
        key: (pseudonym, group)
        for key, pseudonym, group in session.execute(
            select(Annotator.id, Annotator.pseudonym, Annotator.group_label).where(
                Annotator.study_id == study_id
            )
        )
    }
    labels = tuple(sorted({g for _, g in rows.values() if g}))
    number = {label: i for i, label in enumerate(labels)}
    group = np.array([number.get(rows[k][1] or "", -1) for k in ids.tolist()], np.int64)
    return People(ids, tuple(rows[k][0] for k in ids.tolist()), group, labels)


def _pairs(session: Session, study_id: int, ids: Ints) -> Pairs:
    one, two = aliased(Response), aliased(Response)
    query = (
        select(
            Pair.id, Item.external_id, Item.topic, Item.kind,
            one.id, one.external_id, one.model, one.variant_of, two.id, two.external_id, two.model, two.variant_of,
        )
        .join(Item, Item.id == Pair.item_id)
        .join(one, one.id == Pair.first_id)
        .join(two, two.id == Pair.second_id)
        .where(Pair.study_id == study_id)
        .order_by(Pair.id)
        .execution_options(yield_per=BATCH)
    )  # fmt: skip
    wanted = set(ids.tolist())
    models: dict[str, int] = {}
    items: dict[str, int] = {}
    kept: list[tuple[int, ...]] = []
    topics: list[str | None] = []
    kinds: list[str | None] = []
    probes: list[bool] = []
    for batch in session.execute(query).partitions(BATCH):
        for row in batch:
            key, item_id, topic, kind, *sides = row
            if key not in wanted:
                continue
            (a, a_id, a_model, a_of), (b, b_id, b_model, b_of) = sorted(
                (sides[:4], sides[4:]), key=lambda side: side[1]
            )
            numbers = [models.setdefault(m, len(models)) if m else -1 for m in (a_model, b_model)]
            kept.append((items.setdefault(item_id, len(items)), a, b, *numbers))
            topics.append(topic)
            kinds.append(kind)
            probes.append(b_id == a_of or a_id == b_of)
    item, first, second, first_model, second_model = np.array(kept, np.int64).reshape(-1, 5).T
    return Pairs(
        ids, item, first, second, first_model, second_model, tuple(models), tuple(items), tuple(topics), tuple(kinds),
        np.array(probes, np.bool_),
    )  # fmt: skip
