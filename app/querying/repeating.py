"""A person's own earlier answers, asked again: how many could be, and which."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import PairFigure
from app.assignments import reads
from app.assignments.rules import first_on_left
from app.assignments.tables import Assignment
from app.judgments.tables import Judgment
from app.metapreferences import reads as wishes
from app.querying import draw, router
from app.querying.asking import Asking, put
from app.querying.router import Repeat
from app.studies.spec import StudySpec
from app.studies.tables import Pair

REPEATS, REPEATS_TRIED = 8, 24
"""Of a person's earlier answers, so many are looked at for a repeat, of so many places in their sequence at most."""


def repeat_gap(spec: StudySpec) -> int:
    """Own answers that must lie between a pair and its repeat: 30, or half a session where sessions are shorter."""
    return min(30, max(5, spec.session.questions // 2))


def count_repeatable(session: Session, asking: Asking) -> int:
    """How many earlier own answers could be asked again.

    Places in the person's sequence that lie far enough back, less repeats among them, less those repeated already: a count
    from the few repeats alone. Where an answer was taken back or given late, or there are checks, they are listed.
    """
    below = asking.person.slot - repeat_gap(asking.spec)
    if asking.spec.querying.retest <= 0 or below <= 0:
        return 0
    if _must_list(asking):
        return len(session.execute(repeatable(), _listing(asking, below)).all())
    old_repeats, repeated = reads.retests_of_person(session, asking.annotator.id, below_slot=below)
    return max(0, below - old_repeats - repeated)


def _must_list(asking: Asking) -> bool:
    return bool(asking.person.voided) or asking.spec.gold.share > 0


def _listing(asking: Asking, below: int) -> dict[str, int]:
    return {"annotator_id": asking.annotator.id, "from_slot": 0, "to_slot": below - 1}


def put_repeat(session: Session, asking: Asking, eligible: int, share: float) -> Assignment:
    """Ask an earlier own answer again. Some are taken evenly, and of these those likelier that the figures of their pair call for."""
    below = asking.person.slot - repeat_gap(asking.spec)
    rows: list[Any] = []
    if not _must_list(asking):
        for slot in draw.distinct(asking.rng, below, REPEATS_TRIED):
            at = {"annotator_id": asking.annotator.id, "from_slot": slot, "to_slot": slot}
            rows += session.execute(repeatable(), at).all()[:1]
            if len(rows) == min(REPEATS, eligible):
                break
    if not rows:
        everything = session.execute(repeatable(), _listing(asking, below)).all()
        eligible = len(everything)
        rows = [everything[i] for i in draw.distinct(asking.rng, eligible, REPEATS)]
    repeats = _repeats(session, asking, rows)
    taken = router.choose_repeat(repeats, rng=asking.rng)
    chosen = repeats[taken.index]
    record = {
        "branch": "retest", "branch_probability": share, "eligible": eligible, "candidates": len(repeats),
        **({"reason": taken.reason} if taken.reason else {}),
        **({"influenced": True} if wishes.was_evidence(session, asking.annotator.id, chosen.judgment_id) else {}),
    }  # fmt: skip
    return put(
        session, asking, chosen.pair_id, policy="retest", score=None,
        propensity=share * len(repeats) / eligible * taken.probability, draw=record, retest_of=chosen.judgment_id,
    )  # fmt: skip


def _repeats(session: Session, asking: Asking, rows: list[Any]) -> list[Repeat]:
    """With what the last report says of each pair, and whether its sides would now be the other way round."""
    ids = [r.pair_id for r in rows]
    steps = dict(
        session.execute(
            select(PairFigure.pair_id, PairFigure.next_step).where(PairFigure.pair_id.in_(ids))
        ).all()
    )
    firsts = dict(session.execute(select(Pair.id, Pair.first_id).where(Pair.id.in_(ids))).all())
    first_left = first_on_left(asking.annotator.side_seed, asking.person.slot)
    return [
        Repeat(
            r.id, r.pair_id, (steps.get(r.pair_id) or "").partition(":")[0] or None,
            (r.left_id == firsts[r.pair_id]) != first_left,
        )
        for r in rows
    ]  # fmt: skip


@cache
def repeatable() -> Any:
    """Current answers of a person, by place in their sequence, that were given first, are no checks, and were not asked again."""
    later, again = aliased(Judgment), aliased(Assignment)
    return (
        select(Judgment.id, Judgment.pair_id, Judgment.left_id)
        .join(Assignment, Assignment.id == Judgment.assignment_id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Assignment.annotator_id == bindparam("annotator_id"),
            Assignment.slot.between(bindparam("from_slot"), bindparam("to_slot")),
            Assignment.state == "answered",
            Assignment.retest_of.is_(None),
            Assignment.is_gold.is_(False),
            Judgment.choice.in_(("left", "right", "tie", "neither")),
            later.id.is_(None),
            ~select(again.id)
            .where(
                again.annotator_id == Assignment.annotator_id,
                again.pair_id == Assignment.pair_id,
                again.retest_of.is_not(None),
                again.state.in_(("open", "answered")),
            )
            .exists(),
        )
        .order_by(Assignment.slot, Judgment.id)
    )
