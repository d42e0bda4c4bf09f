"""An ordinary pair, drawn from the pool by the study's policy.

Pairs are drawn by number from the dense pool, and what a person has seen is checked for the pairs drawn. Two exceptions are
deliberate: the last few pairs of a pool are listed, and a person who opted out of topics is counted exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.assignments import pool, reads
from app.assignments import writes as assignments
from app.assignments.reads import Candidate, PoolSize
from app.assignments.tables import Assignment
from app.kit import log
from app.querying import draw, favoured, guessing, reasons, selection
from app.querying.asking import Asking, comparison
from app.querying.draw import Drawn
from app.querying.protocol import Acquisition, CandidateView, Learns
from app.querying.selection import Selection

SMALL_POOL = 128
"""Below this many open pairs, or eligible ones, they are listed rather than drawn by number."""
FEWEST = 8
"""Candidates at least, so that one that is gone leaves others."""
ROUNDS = 12
MOST_AT_ONCE = 2000
"""Numbers drawn at once at most; where more would be needed, those that can be asked are listed."""
REDRAWS = 8


@dataclass(frozen=True)
class Policy:
    """What a draw goes by: the policy, the scores of its last refresh, and a note where it is not the one asked for."""

    policy: Acquisition
    kept: Selection | None
    note: str | None


def draw_pair(
    session: Session, asking: Asking, by: Policy, size: PoolSize, *, branch: float
) -> Assignment | None:
    """A pair from the pool, or None where there is none for this person.

    Where many write at once, someone else may take a pair's last place between its being read and its being drawn. Which of the
    pairs at hand are gone is therefore settled before the draw, under the lock of whoever fills a pair: its probability is
    exact whatever others do.
    """
    for redraws in range(REDRAWS):
        if redraws:
            size = reads.pool_size(session, asking.study.id)
        found, eligible = _candidates(session, asking, size.open_pairs, max(FEWEST, by.policy.candidates))
        if not found:
            return None
        gone = _gone(session, asking, found) if any(_last(c) for c in found) else frozenset()
        view = _view(found, by.kept, asking, eligible)
        while len(gone) < len(found):
            drawn = draw.choose(
                by.policy, view, eligible=eligible, explore=_explore(asking, by), rng=asking.rng, without=gone
            )
            facts = {
                "eligible": eligible, "candidates": len(found), "branch_probability": branch,
                **({"gone": len(gone)} if gone else {}), **({"redraws": redraws} if redraws else {}),
            }  # fmt: skip
            row = _row(session, asking, by, found[drawn.index], drawn, facts)
            issued = _take(session, asking, found[drawn.index], row)
            if issued is not None:
                return issued
            gone = gone | {drawn.index} | _gone(session, asking, found)
    log.event("draw.gave_up", study_id=asking.study.id, redraws=REDRAWS)
    return None


def _explore(asking: Asking, by: Policy) -> float:
    return asking.spec.querying.explore if by.policy.name != "random" else 0.0


def _last(one: Candidate) -> bool:
    """Whether one more question fills the pair."""
    return one.load >= one.cap - 1


def _gone(session: Session, asking: Asking, found: list[Candidate]) -> frozenset[int]:
    """Which of them others have filled since they were read; none can be filled from here on."""
    if not pool.is_shared(session):
        return frozenset()
    pool.lock(session, asking.study.id)
    there = reads.still_open(session, [c.pair_id for c in found])
    return frozenset(i for i, c in enumerate(found) if c.pair_id not in there)


def _take(session: Session, asking: Asking, chosen: Candidate, row: dict[str, Any]) -> Assignment | None:
    """Take a place of the pair and put the question; None where it has none any more."""
    room = not _last(chosen)
    if room and not asking.deltas and asking.person not in session.dirty:
        issued = assignments.put_leaving_room(session, row)
        if issued is not None:
            return issued
        room = False
    taken, still_open = pool.reserve(session, asking.study.id, chosen.pair_id, asking.deltas, room=room)
    if not taken:
        return None
    if still_open:
        asking.deltas.seen_open[asking.annotator.id] += 1
    return assignments.put(session, row, asking.deltas)


def _row(
    session: Session, asking: Asking, by: Policy, chosen: Candidate, drawn: Drawn, facts: dict[str, Any]
) -> dict[str, Any]:
    group, notes = asking.annotator.group_label, [n for n in (by.note, drawn.note) if n]
    expected = None if by.kept is None else by.kept.expected_share(chosen.pair_id, group)
    pair, votes = guessing.votes_on(session, chosen.pair_id, group=group)
    guess = guessing.before_asking(votes, expected=expected)
    record = {
        **guess.noted(),
        "branch": "explore" if drawn.explored else "policy",
        **facts,
        "explore": _explore(asking, by),
        "load": chosen.load,
        **({"note": "; ".join(notes)} if notes else {}),
        **({"asked_policy": asking.spec.querying.policy} if by.note else {}),
        **reasons.of_draw(by.kept, by.policy, drawn, chosen.pair_id, group, asking.annotator.id),
    }
    return comparison(
        session, asking, pair, policy=by.policy.name, score=drawn.score,
        propensity=facts["branch_probability"] * drawn.probability, draw=record,
    )  # fmt: skip


def _candidates(session: Session, asking: Asking, size: int, wanted: int) -> tuple[list[Candidate], int]:
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
        found = _sample(session, asking, (size, eligible), wanted, topics)
        if found is not None:
            return found, eligible
    everything = reads.all_candidates(session, asking.study.id, asking.annotator.id, without_topics=topics)
    if len(everything) <= wanted:
        return everything, len(everything)
    picked = [everything[i] for i in draw.distinct(asking.rng, len(everything), wanted)]
    return picked, len(everything)


def _sample(
    session: Session, asking: Asking, of: tuple[int, int], wanted: int, topics: list[str]
) -> list[Candidate] | None:
    """Draw numbers, keep pairs not seen and not opted out, in the order drawn; None where too few come up.

    of: open pairs, and how many of them can be asked. The fewer can, the more numbers are drawn at once, so that somebody who has
    seen most pairs is served about as soon as somebody new.
    """
    size, eligible = of
    found: list[Candidate] = []
    tried: set[int] = set()
    for _ in range(ROUNDS):
        numbers = (wanted - len(found) + wanted // 4) * size // eligible
        if numbers > MOST_AT_ONCE:
            return None
        batch = draw.distinct(asking.rng, size, max(8, numbers))
        fresh = [p for p in batch if p not in tried]
        tried.update(fresh)
        there = reads.candidates_at(
            session, asking.study.id, asking.annotator.id, fresh, without_topics=topics
        )
        found += [there[position] for position in fresh if position in there]
        if len(found) >= wanted:
            return found[:wanted]
    return None


def kept_scores(session: Session, asking: Asking, policy: Acquisition) -> Selection | None:
    """Scores of the last refresh, where the policy goes by a model. A store that cannot be read costs nobody a question."""
    if not isinstance(policy, Learns):
        return None
    try:
        return selection.of(session, asking.last_refresh, policy.name, policy.version)
    except (KeyError, ValueError, EOFError) as error:
        log.event("selection.unreadable", study_id=asking.study.id, kind=type(error).__name__)
        return None


def _view(found: list[Candidate], kept: Selection | None, asking: Asking, eligible: int) -> CandidateView:
    _, pair_id, load, cap = np.array(found, dtype=np.int64).T
    if kept is None:
        return CandidateView(pair_id, load, cap)
    who = asking.annotator
    stored = kept.stored(pair_id, load, who.group_label, person=who.id)
    share = favoured.share_of(kept.probes.size, candidates=len(found), eligible=eligible)
    raised = np.isin(pair_id, kept.probes) if share else None
    return CandidateView(pair_id, load, cap, stored=stored, raised=raised, raised_share=share)
