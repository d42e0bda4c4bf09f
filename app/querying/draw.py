"""From scores to a draw whose probability is known exactly. Pure: candidates, a generator and numbers in, a choice out.

The design has two phases. Phase one takes ``m`` of the ``N`` pairs this person can be asked, uniformly without replacement;
phase two draws one of them, uniformly with probability ``explore`` and else by the policy's probabilities ``q``. The logged
probability of pair i is ``(m / N) * (explore / m + (1 - explore) * q_i)`` times that of the branch: weighting by its inverse
is unbiased, because phase one's inclusion probability and phase two's conditional probability multiply (two-phase sampling,
Sarndal, Swensson and Wretman 1992, section 9.3).

Of the m, those found to be gone before the draw (``without``) have probability 0, and the others theirs divided by what is
left: the mass of the gone is not lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from app.querying.protocol import Acquisition, CandidateView, Explains, Floats


@dataclass(frozen=True)
class Drawn:
    """Index of the candidate drawn, its probability within the ordinary branch, its score, and whether it was explored.

    ahead_of: share of the other candidates that scored lower, None where scores played no part.
    """

    index: int
    probability: float
    score: float | None
    explored: bool
    note: str | None = None
    ahead_of: float | None = None


def probabilities(score: Floats, temperature: float) -> Floats:
    """Scores to probabilities: softmax at ``temperature``, uniform among the best at 0.

    Raises:
        ValueError: A score is not finite.
    """
    if not np.all(np.isfinite(score)):
        raise ValueError("a score is not finite")
    if temperature <= 0:
        best = (score == score.max()).astype(np.float64)
        return np.asarray(best / best.sum(), dtype=np.float64)
    weights = np.exp((score - score.max()) / temperature)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def with_share(q: Floats, raised: NDArray[np.bool_], share: float) -> Floats:
    """Probabilities in which the raised ones have ``share`` in all at least: each side keeps its proportions, and is even where
    it has none. As they were where the raised ones have it, or all or none are raised.
    """
    own = float(q[raised].sum())
    if own >= share or not raised.any() or raised.all():
        return q
    inside = q * raised if own > 0 else raised.astype(np.float64)
    outside = q * ~raised
    return np.asarray(share * inside / inside.sum() + (1 - share) * outside / outside.sum(), np.float64)


def choose(
    policy: Acquisition,
    view: CandidateView,
    *,
    eligible: int,
    explore: float,
    rng: Random,
    without: frozenset[int] = frozenset(),
) -> Drawn:
    """Draw one candidate.

    A policy that fails, or scores something that is not finite, is replaced by a uniform draw, and the note says so.

    Args:
        eligible: N, how many pairs the candidates were sampled from, at least their number.
        without: Indices of candidates that cannot be had any more, fewer than all.
    """
    m = view.pair_id.shape[0]
    score, q, note = _scored(policy, view)
    there = np.ones(m)
    there[list(without)] = 0.0
    evenly, wanted = there / m, q * there
    if explore == 0 and wanted.sum() <= 0:
        wanted = there / there.sum()  # all that the policy would have drawn is gone
    left = explore * float(evenly.sum()) + (1 - explore) * float(wanted.sum())
    explored = rng.random() * left < explore * float(evenly.sum())
    index = _index(evenly if explored else wanted, rng.random())
    mixed = (explore * float(evenly[index]) + (1 - explore) * float(wanted[index])) / left
    probability = min(1.0, m / eligible * mixed)
    ahead = None
    if score is not None and note is None and m > 1:
        ahead = float((score < score[index]).sum()) / (m - 1)
    return Drawn(index, probability, None if score is None else float(score[index]), explored, note, ahead)


def _scored(policy: Acquisition, view: CandidateView) -> tuple[Floats | None, Floats, str | None]:
    """Scores, probabilities and a note; no scores and even probabilities where the policy fails."""
    try:
        score = policy.score(view)
        q = probabilities(score, policy.temperature)
        if view.raised is not None:
            q = with_share(q, view.raised, view.raised_share)
        return score, q, policy.note(view) if isinstance(policy, Explains) else None
    except Exception as error:  # noqa: BLE001 - a person is waiting; the row says what happened
        m = view.pair_id.shape[0]
        return None, np.full(m, 1 / m), f"{policy.name} failed ({type(error).__name__}); drew evenly"


def _index(q: Floats, u: float) -> int:
    """The index whose cumulative probability first exceeds ``u``; one with probability 0 is never taken."""
    cumulative = np.cumsum(q)
    index = int(np.searchsorted(cumulative, u * cumulative[-1], side="right"))
    index = min(index, q.shape[0] - 1)
    while q[index] == 0:
        index -= 1
    return int(index)


def distinct(rng: Random, size: int, count: int) -> list[int]:
    """``count`` different positions below ``size``, in random order; all of them where there are fewer."""
    if count >= size:
        return rng.sample(range(size), size)
    return rng.sample(range(size), count)
