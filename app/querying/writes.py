"""Issuing the next question: the one held already, a check, a repeat, or a pair drawn by the study's policy.

No statement here reads a person's history or scans a study.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from sqlalchemy.orm import Session

from app.aggregation import fit_parts, keeping
from app.assignments import pool, reads
from app.assignments import writes as assignments
from app.assignments.pool import Deltas
from app.assignments.reads import PoolSize
from app.assignments.rules import is_expired
from app.assignments.tables import Assignment
from app.db.prepared import Prepared
from app.kit.ids import new_seed
from app.kit.rng import generator
from app.people.tables import Annotator
from app.querying import checks, meta, pairing, quotas, registry, repeating, selection
from app.querying.asking import Asking
from app.querying.selection import Selection
from app.studies import reads as studies
from app.studies.errors import StudyNotOpen
from app.studies.tables import Study

NEAR_BUDGET = 64
"""With fewer judgments left than this, people asking at once queue on the pool row, so that the budget is kept exactly."""


def issue_next(
    session: Session,
    study: Study,
    annotator: Annotator,
    *,
    now: datetime,
    seed: int | None = None,
    locked: bool = False,
) -> Assignment | None:
    """The person's next question, or None when nothing is left for them now.

    A question they hold already comes back unchanged. Runs inside the caller's write transaction; ``locked`` where the person was
    locked in it already.

    Raises:
        StudyNotOpen: The study is not collecting; a question held already can still be answered while it is paused.
    """
    if study.state != "open":
        raise StudyNotOpen
    if not locked:
        pool.lock_person(session, annotator.id)
    spec, deltas = studies.spec_of(session, study), Deltas()
    at = {"study": study.id, "who": annotator.id, "gap": repeating.repeat_gap(spec), "now": now}
    row = _situation().one(session, at)
    found = reads.as_standing(session, row, annotator.id)
    if found.held is not None and not is_expired(found.held.state, found.held.expires_at, now):
        return found.held
    if found.run_out:
        if found.held is not None:
            assignments.let_go(session, [found.held], deltas, now=now)
        assignments.sweep(session, study.id, deltas, now=now)
        row = _situation().one(session, at)
        found = reads.as_standing(session, row, annotator.id)
    person = found.person or assignments.new_person(session, annotator.id)
    used = seed if seed is not None else new_seed()
    asking = Asking(
        study, spec, annotator, person, used, generator(used), deltas, now,
        keeping.of(session, fit_parts.named(row, keeping.KIND)), fit_parts.named(row, selection.KIND),
        found.late_repeats,
    )  # fmt: skip
    with session.no_autoflush:
        issued = _issue(session, asking, found.pool)
    session.flush()
    deltas.apply(session, study.id)
    return issued


@cache
def _situation() -> Prepared:
    """Where the person and the study stand, and which fits to go by, in one row: read with every question."""
    return Prepared(fit_parts.beside(reads.standing(), keeping.KIND, selection.KIND))


def _issue(session: Session, asking: Asking, size: PoolSize) -> Assignment | None:
    collection = asking.spec.collection
    if not size.open_pairs:
        pool.ensure(session, asking.study.id)
    if asking.person.answered >= collection.per_annotator or _budget_spent(session, asking, size):
        return None
    policy, note = registry.policy_for(asking.spec.querying.policy)
    if _must_wait(session, asking, size):
        return None
    kept = pairing.kept_scores(session, asking, policy)
    assignments.begin_work(asking.person, now=asking.now)
    eligible = repeating.count_repeatable(session, asking)
    repeats = repeating.sample(session, asking, eligible) if eligible and repeating.is_turn(asking) else None
    turn = _take_turn(session, asking, kept, repeats)
    if turn.assignment is not None:
        return turn.assignment
    if turn.step is not None and repeats is not None:
        return repeating.put_step(session, asking, repeats, turn.step)
    branch = turn.comparison
    due = checks.due(session, asking)
    check_share = asking.spec.gold.share if due else 0.0
    if due and asking.rng.random() < check_share:
        return checks.put_one(session, asking, due, branch * check_share)
    branch *= 1 - check_share
    repeat_share = repeating.share(asking) if eligible and repeats is None else 0.0
    if repeat_share and asking.rng.random() < repeat_share:
        return repeating.put_repeat(session, asking, eligible, branch * repeat_share)
    chosen = pairing.Policy(policy, kept, note)
    return pairing.draw_pair(session, asking, chosen, size, branch=branch * (1 - repeat_share))


def _take_turn(
    session: Session, asking: Asking, kept: Selection | None, repeats: repeating.Sampled | None
) -> meta.Turn:
    """Whether something other than a vote comes now: all that could is priced on one scale (METHOD 4.5)."""
    seconds = float(asking.sway.result["vote_seconds"]) if asking.sway else keeping.VOTE_SECONDS
    price = None if kept is None else kept.vote_price(asking.annotator.group_label, seconds=seconds)
    return meta.take_turn(
        session, asking.study, asking.spec, asking.annotator, asking.person, kept=asking.sway,
        seed=asking.seed, rng=asking.rng, deltas=asking.deltas, now=asking.now, vote_price=price,
        steps=repeating.offers(asking, repeats, seconds=seconds) if repeats else (),
    )  # fmt: skip


def _must_wait(session: Session, asking: Asking, size: PoolSize) -> bool:
    spent = size.spent + sum(asking.deltas.live.values())
    return quotas.must_wait(
        session, asking.study.id, asking.spec, group=asking.annotator.group_label,
        remaining=asking.spec.collection.budget - spent, now=asking.now,
    )  # fmt: skip


def _budget_spent(session: Session, asking: Asking, size: PoolSize) -> bool:
    budget = asking.spec.collection.budget
    if budget - size.spent - sum(asking.deltas.live.values()) > NEAR_BUDGET:
        return False
    pool.lock(session, asking.study.id)
    return reads.pool_size(session, asking.study.id).spent + sum(asking.deltas.live.values()) >= budget
