"""A person's own earlier answers, asked again: how many could be, and which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session

from app.aggregation.tables import PairFigure
from app.assignments.rules import first_on_left
from app.assignments.tables import Assignment
from app.db.base import table_of
from app.judgments.tables import Judgment
from app.metapreferences import reads as wishes
from app.querying import draw, router
from app.querying.asking import Asking, put
from app.querying.router import Offer, Repeat, Taken, Weighed
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Pair

REPEATS, REPEATS_TRIED, AT_ONCE = 8, 24, 12
"""Of a person's earlier answers, so many are looked at for a repeat, of so many places in their sequence at most, so many at once."""
AFTER_REVIEW, REVIEW_LASTS = 0.2, 40
"""Share of repeats after a person has said what fits them of what the study learned, for so many answers (UX 6; METHOD 3.1 M9)."""
EVERY = 5
"""Repeats are weighed against votes at every so-manieth answer."""


def repeat_gap(spec: StudySpec) -> int:
    """Own answers that must lie between a pair and its repeat: 30, or half a session where sessions are shorter."""
    return min(30, max(5, spec.session.questions // 2))


def count_repeatable(session: Session, asking: Asking) -> int:
    """How many earlier own answers could be asked again.

    Places in the person's sequence that lie far enough back, less repeats among them, less those repeated already: a count
    from the few repeats alone; where that would not do, they are listed.
    """
    below = asking.person.slot - repeat_gap(asking.spec)
    if asking.spec.querying.retest <= 0 or below <= 0:
        return 0
    if _must_list(session, asking):
        return len(list_repeatable(session, asking))
    repeated = asking.person.repeats + asking.deltas.repeats[asking.annotator.id]
    return max(0, below - (repeated - asking.late_repeats) - repeated)


def _must_list(session: Session, asking: Asking) -> bool:
    """Whether a place in the sequence may hold something that is not asked again, or a repeat's first answer lie less far back than
    is called for now: after answers taken back, and where this or an earlier version of the study has checks or shorter sessions.
    """
    if asking.person.voided:
        return True
    gap = repeat_gap(asking.spec)
    versions = (studies.spec_of(session, asking.study, n) for n in range(1, asking.study.version + 1))
    return any(spec.gold.share > 0 or repeat_gap(spec) < gap for spec in versions)


@dataclass(frozen=True)
class Sampled:
    """Earlier own answers drawn evenly from ``eligible`` that could be asked again, with what their pairs call for. ``queued``: they wait
    to be asked again, because they speak for something the person says is not theirs.
    """

    repeats: tuple[Repeat, ...]
    eligible: int
    queued: bool = False


def share(asking: Asking) -> float:
    """How many questions are repeats: as the study says, and one in five for a while after the person saw what it has learned of
    them, so that what seeing it does to their choices can be told (UX 6). A study that asks no repeats asks none then either.
    """
    usual, at = asking.spec.querying.retest, asking.person.reviewed_slot
    reviewed = at is not None and asking.person.slot < at + REVIEW_LASTS
    return max(usual, AFTER_REVIEW) if usual > 0 and reviewed else usual


def sample(session: Session, asking: Asking, eligible: int) -> Sampled:
    """Some of the ``eligible`` ones; of those that wait to be asked again, where there are any."""
    waiting = _disowned(session, asking)
    if waiting:
        picked = [waiting[i] for i in draw.distinct(asking.rng, len(waiting), REPEATS)]
        return Sampled(tuple(_repeats(asking, picked)), len(waiting), queued=True)
    below = asking.person.slot - repeat_gap(asking.spec)
    rows: list[Any] = []
    if not _must_list(session, asking):
        rows = _some(session, asking, draw.distinct(asking.rng, below, REPEATS_TRIED))
    if not rows:
        everything = list_repeatable(session, asking)
        eligible = len(everything)
        rows = [everything[i] for i in draw.distinct(asking.rng, eligible, REPEATS)]
    return Sampled(tuple(_repeats(asking, rows)), eligible)


def is_turn(asking: Asking) -> bool:
    """Whether repeats are weighed against votes now, beyond their share: at every fifth answer, from the fifth on."""
    answered = asking.person.session_answered
    return asking.spec.querying.retest > 0 and answered >= EVERY and answered % EVERY == 0


def offers(asking: Asking, sampled: Sampled, *, seconds: float) -> list[Offer]:
    """Each repeat as a step with a price. They come with the study's share of repeats in all, the likelier where called for; one that
    is called for and worth more than a vote may be taken beyond that, so often that they are not twice the share in the end.
    """
    prices = [router.price(r) for r in sampled.repeats]
    retest, total = share(asking), sum(prices)
    return [
        Offer(
            router.called_for(r) or "repeat", r.judgment_id, router.moves(r) / seconds,
            share=min(1.0, EVERY * retest) if router.called_for(r) else 0.0, chance=retest * price / total,
        )
        for r, price in zip(sampled.repeats, prices, strict=True)
    ]  # fmt: skip


def put_repeat(session: Session, asking: Asking, eligible: int, share: float) -> Assignment:
    """Ask an earlier own answer again. Some are taken evenly, and of these those likelier that the figures of their pair call for."""
    sampled = sample(session, asking, eligible)
    taken = router.choose_repeat(sampled.repeats, rng=asking.rng)
    return put_taken(session, asking, sampled, taken, share)


def put_step(session: Session, asking: Asking, sampled: Sampled, taken: Taken) -> Assignment:
    """Ask again what was taken as a step beside others."""
    index = taken.index or 0
    reason = router.REASONS.get(router.called_for(sampled.repeats[index]) or "")
    return put_taken(session, asking, sampled, Weighed(index, taken.probability, reason), 1.0)


def put_taken(session: Session, asking: Asking, sampled: Sampled, taken: Weighed, share: float) -> Assignment:
    """Ask this one of them again. ``share``: with which probability a repeat was to come at all, before ``taken``'s own."""
    chosen, n, eligible = sampled.repeats[taken.index], len(sampled.repeats), sampled.eligible
    record = {
        "branch": "retest", "branch_probability": share, "eligible": eligible, "candidates": n,
        **({"reason": taken.reason} if taken.reason else {}),
        **({"queued": "not_me"} if sampled.queued else {}),
        **({"reviewed_before": True} if _answered_before_review(session, asking, chosen) else {}),
        **({"influenced": True} if wishes.was_evidence(session, asking.annotator.id, chosen.judgment_id) else {}),
    }  # fmt: skip
    return put(
        session, asking, chosen.pair_id, policy="retest", score=None,
        propensity=share * n / eligible * taken.probability, draw=record, retest_of=chosen.judgment_id,
    )  # fmt: skip


def _disowned(session: Session, asking: Asking) -> list[Any]:
    """Own answers, far enough back and not repeated yet, that speak for something the person says is not theirs: asked again first."""
    if asking.person.reviewed_slot is None:
        return []
    listed = wishes.list_patches(session, asking.study.id, annotator_id=asking.annotator.id)
    wanted = {j for one in listed if one.active and one.patch.var == "not_me" for j in one.patch.sources}
    return [r for r in list_repeatable(session, asking) if r.id in wanted] if wanted else []


def _answered_before_review(session: Session, asking: Asking, chosen: Repeat) -> bool:
    """Whether the answer that is asked again was given before the person saw what the study has learned of them."""
    if asking.person.reviewed_slot is None:
        return False
    slot = session.scalar(
        select(Assignment.slot)
        .join(Judgment, Judgment.assignment_id == Assignment.id)
        .where(Judgment.id == chosen.judgment_id)
    )
    return slot is not None and slot < asking.person.reviewed_slot


def _some(session: Session, asking: Asking, places: list[int]) -> list[Any]:
    """The first few of these places that hold an answer that can be asked again, in this order."""
    rows: list[Any] = []
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        at = {"annotator_id": asking.annotator.id, "slots": some}
        found = {r.slot: r for r in session.execute(_repeatable_at(), at)}
        rows += [found[place] for place in some if place in found]
        if len(rows) >= REPEATS:
            break
    return rows[:REPEATS]


def _repeats(asking: Asking, rows: list[Any]) -> list[Repeat]:
    """With what the last report says of each pair, and whether its sides would now be the other way round."""
    first_left = first_on_left(asking.annotator.side_seed, asking.person.slot)
    found = []
    for r in rows:
        step = (r.next_step or "").partition(":")[0] or None
        swapped = (r.left_id == r.first_id) != first_left
        found.append(Repeat(r.id, r.pair_id, step, swapped, r.within_person))
    return found


def _repeatable(where: Any) -> Any:
    """Current answers of a person, by place in their sequence, that were given first, are no checks, and were not asked again; with
    what the last report says of each one's pair.
    """
    judgment, later = table_of(Judgment), table_of(Judgment).alias()
    asked, again = table_of(Assignment), table_of(Assignment).alias()
    pair, figure = table_of(Pair), table_of(PairFigure)
    repeated = select(again.c.id).where(
        again.c.annotator_id == asked.c.annotator_id,
        again.c.pair_id == asked.c.pair_id,
        again.c.retest_of.is_not(None),
        again.c.state.in_(("open", "answered")),
    )
    return (
        select(
            judgment.c.id, judgment.c.pair_id, judgment.c.left_id, asked.c.slot, pair.c.first_id, figure.c.next_step,
            figure.c.within_person,
        )
        .select_from(asked)
        .join(judgment, judgment.c.assignment_id == asked.c.id)
        .join(pair, pair.c.id == asked.c.pair_id)
        .outerjoin(later, later.c.supersedes == judgment.c.id)
        .outerjoin(figure, figure.c.pair_id == asked.c.pair_id)
        .where(
            asked.c.annotator_id == bindparam("annotator_id"),
            where,
            asked.c.state == "answered",
            asked.c.retest_of.is_(None),
            asked.c.is_gold.is_(False),
            judgment.c.choice.in_(("left", "right", "tie", "neither")),
            later.c.id.is_(None),
            ~repeated.correlate(asked).exists(),
        )
        .order_by(asked.c.slot, judgment.c.id)
    )  # fmt: skip


@cache
def _repeatable_below() -> Any:
    return _repeatable(table_of(Assignment).c.slot < bindparam("below"))


@cache
def _repeatable_at() -> Any:
    slots: BindParameter[int] = bindparam("slots", expanding=True)
    return _repeatable(table_of(Assignment).c.slot.in_(slots))


def list_repeatable(session: Session, asking: Asking) -> Sequence[Any]:
    """Every earlier own answer that could be asked again: id, pair_id, left_id, slot. Reads the person's whole history."""
    below = asking.person.slot - repeat_gap(asking.spec)
    return session.execute(_repeatable_below(), {"annotator_id": asking.annotator.id, "below": below}).all()
