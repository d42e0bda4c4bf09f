"""Issuing the next question: the one held already, a check, a repeat, or a pair drawn by the study's policy.

No statement here reads a person's history or scans a study: pairs are drawn by number from the dense pool, and what a
person has seen is checked for the pairs drawn. Two exceptions are deliberate: the last few pairs of a pool are listed, and
a person who opted out of topics is counted exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

import numpy as np
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from app.aggregation import keeping
from app.aggregation.tables import PairFigure
from app.assignments import pool, reads
from app.assignments import writes as assignments
from app.assignments.pool import Deltas
from app.assignments.reads import Candidate, PoolSize
from app.assignments.rules import first_on_left, is_expired
from app.assignments.tables import Assignment, PersonLoad
from app.judgments.tables import Judgment
from app.kit import log
from app.kit.ids import new_seed
from app.kit.rng import generator
from app.metapreferences import reads as wishes
from app.people.tables import Annotator
from app.querying import draw, guessing, meta, own_guess, quotas, reasons, registry, router, selection
from app.querying.protocol import Acquisition, CandidateView, Learns
from app.querying.router import Repeat
from app.querying.selection import Selection
from app.studies import reads as studies
from app.studies.errors import StudyNotOpen
from app.studies.spec import StudySpec
from app.studies.tables import Pair, Study

SMALL_POOL = 128
"""Below this many open pairs, or eligible ones, they are listed rather than drawn by number."""
NEAR_BUDGET = 64
"""With fewer judgments left than this, people asking at once queue on the pool row, so that the budget is kept exactly."""
MOST_CHECKS = 2
"""Checks in one working session at most (UX 6)."""
REPEATS, REPEATS_TRIED = 8, 24
"""Of a person's earlier answers, so many are looked at for a repeat, of so many places in their sequence at most."""
ROUNDS = 12
REDRAWS = 8


@dataclass(frozen=True)
class _Asking:
    """One person asking once: everything a draw looks at."""

    study: Study
    spec: StudySpec
    annotator: Annotator
    person: PersonLoad
    seed: int
    rng: Random
    deltas: Deltas
    now: datetime
    sway: keeping.Kept | None


@dataclass(frozen=True)
class _Policy:
    """What a draw goes by: the policy, the scores of its last refresh, and a note where it is not the one asked for."""

    policy: Acquisition
    kept: Selection | None
    note: str | None


def issue_next(
    session: Session, study: Study, annotator: Annotator, *, now: datetime, seed: int | None = None
) -> Assignment | None:
    """The person's next question, or None when nothing is left for them now.

    A question they hold already comes back unchanged. Runs inside the caller's write transaction.

    Raises:
        StudyNotOpen: The study is not collecting; a question held already can still be answered while it is paused.
    """
    pool.lock_person(session, annotator.id)
    held = reads.find_open(session, annotator.id)
    if study.state != "open":
        raise StudyNotOpen
    if held is not None and not is_expired(held.state, held.expires_at, now):
        return held
    deltas = Deltas()
    if held is not None:
        assignments.let_go(session, [held], deltas, now=now)
    assignments.sweep(session, study.id, deltas, now=now)
    person = assignments.ensure_person(session, annotator.id)
    used = seed if seed is not None else new_seed()
    asking = _Asking(
        study, studies.spec_of(session, study), annotator, person, used, generator(used), deltas, now,
        keeping.latest(session, study.id),
    )  # fmt: skip
    with session.no_autoflush:
        issued = _issue(session, asking)
    session.flush()
    deltas.apply(session, study.id)
    return issued


def _issue(session: Session, asking: _Asking) -> Assignment | None:
    collection = asking.spec.collection
    size = reads.pool_size(session, asking.study.id)
    if not size.open_pairs:
        pool.ensure(session, asking.study.id)
    if asking.person.answered >= collection.per_annotator or _budget_spent(session, asking, size):
        return None
    policy, note = registry.policy_for(asking.spec.querying.policy)
    kept = _kept(session, asking, policy)
    if kept is not None and _must_wait(session, asking, kept, size):
        return None
    assignments.begin_work(asking.person, now=asking.now)
    turn = meta.take_turn(
        session, asking.study, asking.spec, asking.annotator, asking.person, kept=asking.sway,
        seed=asking.seed, rng=asking.rng, deltas=asking.deltas, now=asking.now,
    )  # fmt: skip
    if turn.assignment is not None:
        return turn.assignment
    branch = turn.comparison
    checks = _checks(session, asking)
    check_share = asking.spec.gold.share if checks else 0.0
    if checks and asking.rng.random() < check_share:
        return _put_check(session, asking, checks, branch * check_share)
    branch *= 1 - check_share
    eligible = _count_repeatable(session, asking)
    repeat_share = asking.spec.querying.retest if eligible else 0.0
    if eligible and asking.rng.random() < repeat_share:
        return _put_repeat(session, asking, eligible, branch * repeat_share)
    chosen = _Policy(policy, kept, note)
    return _draw_pair(session, asking, chosen, size, branch=branch * (1 - repeat_share))


def _must_wait(session: Session, asking: _Asking, kept: Selection, size: PoolSize) -> bool:
    spent = size.spent + sum(asking.deltas.live.values())
    return quotas.must_wait(
        session, asking.study.id, asking.spec, kept, group=asking.annotator.group_label,
        remaining=asking.spec.collection.budget - spent, now=asking.now,
    )  # fmt: skip


def _budget_spent(session: Session, asking: _Asking, size: PoolSize) -> bool:
    budget = asking.spec.collection.budget
    if budget - size.spent - sum(asking.deltas.live.values()) > NEAR_BUDGET:
        return False
    pool.lock(session, asking.study.id)
    return reads.pool_size(session, asking.study.id).spent + sum(asking.deltas.live.values()) >= budget


def _draw_pair(
    session: Session, asking: _Asking, by: _Policy, size: PoolSize, *, branch: float
) -> Assignment | None:
    """A pair from the pool; redrawn when someone else takes its last place in the same moment."""
    policy, kept, note = by.policy, by.kept, by.note
    explore = asking.spec.querying.explore if policy.name != "random" else 0.0
    for redraws in range(REDRAWS):
        if redraws:
            size = reads.pool_size(session, asking.study.id)
        found, eligible = _candidates(session, asking, size.open_pairs, policy.candidates)
        if not found:
            return None
        view = _view(found, kept, asking.annotator.group_label)
        drawn = draw.choose(policy, view, eligible=eligible, explore=explore, rng=asking.rng)
        chosen = found[drawn.index]
        load = chosen.counted + chosen.reserved
        taken, still_open = pool.reserve(
            session, asking.study.id, chosen.pair_id, asking.deltas, room=load < chosen.cap - 1
        )
        if not taken:
            continue
        if still_open:
            asking.deltas.seen_open[asking.annotator.id] += 1
        notes = [n for n in (note, drawn.note) if n]
        expected = None if kept is None else kept.expected_share(chosen.pair_id, asking.annotator.group_label)
        pair = studies.get_pair(session, chosen.pair_id)
        guess = guessing.before_asking(session, pair, asking.annotator, expected=expected)
        record = {
            **guess.noted(),
            "branch": "explore" if drawn.explored else "policy",
            "branch_probability": branch,
            "eligible": eligible,
            "candidates": len(found),
            "explore": explore,
            "load": load,
            **({"redraws": redraws} if redraws else {}),
            **({"note": "; ".join(notes)} if notes else {}),
            **({"asked_policy": asking.spec.querying.policy} if note else {}),
            **reasons.of_draw(kept, policy, drawn, chosen.pair_id, asking.annotator.group_label),
        }
        return _put(
            session, asking, chosen.pair_id,
            policy=policy.name, score=drawn.score, propensity=branch * drawn.probability, draw=record,
        )  # fmt: skip
    log.event("draw.gave_up", study_id=asking.study.id, redraws=REDRAWS)
    return None


def _candidates(session: Session, asking: _Asking, size: int, wanted: int) -> tuple[list[Candidate], int]:
    """Up to ``wanted`` pairs of ``size`` open ones that the person can be asked, uniformly without replacement, and how many
    there are in all.
    """
    topics = asking.annotator.opted_out_topics if asking.spec.people.opt_out_topics else []
    seen = asking.person.seen_open + asking.deltas.seen_open[asking.annotator.id]
    eligible = size - seen
    if topics:
        eligible -= reads.count_topic_excluded(session, asking.study.id, asking.annotator.id, topics)
    if eligible <= 0:
        return [], 0
    if size > SMALL_POOL and eligible > max(wanted, SMALL_POOL):
        found = _sample(session, asking, size, wanted, topics)
        if found is not None:
            return found, eligible
    everything = reads.all_candidates(session, asking.study.id, asking.annotator.id, without_topics=topics)
    picked = [everything[i] for i in draw.distinct(asking.rng, len(everything), wanted)]
    return picked, len(everything)


def _sample(
    session: Session, asking: _Asking, size: int, wanted: int, topics: list[str]
) -> list[Candidate] | None:
    """Draw numbers, keep pairs not seen and not opted out, in the order drawn; None where too few come up."""
    found: list[Candidate] = []
    tried: set[int] = set()
    for _ in range(ROUNDS):
        batch = draw.distinct(asking.rng, size, max(8, wanted - len(found) + wanted // 4))
        fresh = [p for p in batch if p not in tried]
        tried.update(fresh)
        by_position = {
            c.position: c for c in reads.candidates_at(session, asking.study.id, asking.annotator.id, fresh)
        }
        for position in fresh:
            one = by_position.get(position)
            if one is not None and not one.seen and one.topic not in topics:
                found.append(one)
                if len(found) == wanted:
                    return found
    return None


def _checks(session: Session, asking: _Asking) -> Sequence[Any]:
    """Checks that could be put now: those not met yet, and none after two in a session."""
    if asking.spec.gold.share <= 0:
        return []
    if reads.count_gold_in_session(session, asking.annotator.id, asking.person.work_session) >= MOST_CHECKS:
        return []
    return reads.gold_candidates(session, asking.study.id, asking.annotator.id)


def _put_check(session: Session, asking: _Asking, checks: Sequence[Any], share: float) -> Assignment:
    n = len(checks)
    record = {"branch": "check", "branch_probability": share, "eligible": n, "candidates": n}
    return _put(
        session, asking, asking.rng.choice(checks).pair_id,
        policy="check", score=None, propensity=share / n, draw=record, is_gold=True,
    )  # fmt: skip


def repeat_gap(spec: StudySpec) -> int:
    """Own answers that must lie between a pair and its repeat: 30, or half a session where sessions are shorter."""
    return min(30, max(5, spec.session.questions // 2))


def _count_repeatable(session: Session, asking: _Asking) -> int:
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


def _must_list(asking: _Asking) -> bool:
    return bool(asking.person.voided) or asking.spec.gold.share > 0


def _listing(asking: _Asking, below: int) -> dict[str, int]:
    return {"annotator_id": asking.annotator.id, "from_slot": 0, "to_slot": below - 1}


def _put_repeat(session: Session, asking: _Asking, eligible: int, share: float) -> Assignment:
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
    return _put(
        session, asking, chosen.pair_id, policy="retest", score=None,
        propensity=share * len(repeats) / eligible * taken.probability, draw=record, retest_of=chosen.judgment_id,
    )  # fmt: skip


def _repeats(session: Session, asking: _Asking, rows: list[Any]) -> list[Repeat]:
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


def _put(session: Session, asking: _Asking, pair_id: int, **drawn: Any) -> Assignment:
    drawn["seed"] = asking.seed
    pair = studies.get_pair(session, pair_id)
    first_left = first_on_left(asking.annotator.side_seed, asking.person.slot)
    guessed = own_guess.guess(session, asking.annotator, asking.sway, pair, first_left=first_left)
    if guessed is not None:
        drawn["draw"] = {**drawn["draw"], "own_guess": guessed}
    return assignments.put(
        session,
        asking.study,
        asking.annotator,
        asking.person,
        pair=pair,
        spec=asking.spec,
        drawn={"retest_of": None, "is_gold": False, **drawn},
        deltas=asking.deltas,
        now=asking.now,
    )


def _kept(session: Session, asking: _Asking, policy: Acquisition) -> Selection | None:
    """Scores of the last refresh, where the policy goes by a model. A store that cannot be read costs nobody a question."""
    if not isinstance(policy, Learns):
        return None
    try:
        return selection.current(session, asking.study.id, policy.name, policy.version)
    except (KeyError, ValueError, EOFError) as error:
        log.event("selection.unreadable", study_id=asking.study.id, kind=type(error).__name__)
        return None


def _view(found: list[Candidate], kept: Selection | None, group: str | None) -> CandidateView:
    pair_id = np.array([c.pair_id for c in found], dtype=np.int64)
    load = np.array([c.counted + c.reserved for c in found], dtype=np.int64)
    return CandidateView(
        pair_id=pair_id,
        load=load,
        cap=np.array([c.cap for c in found], dtype=np.int64),
        stored=None if kept is None else kept.stored(pair_id, load, group),
    )
