"""What an entry of the acquisition seam must offer, and what it may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Expected:
    """What the study's model expects of one more vote by a person of one group, on each candidate: float64 (n_candidates,).

    mean, variance: logits of the first response over the second, as the group shares it.  people: variance between persons of
    the group.  overall_mean, overall_variance: of the weighted mean over groups.  shared: covariance of the group's logit with
    the overall one.  reach: how far such a vote moves shares of the pool where it is open which response most prefer.  apart:
    bits by which groups are expected to differ on the pair, or persons where groups are not known.
    See ``app.inference.preference_outlook.Outlook``. groups_known: whether people of different groups are told apart.  votes:
    how many the model has learnt from.
    """

    mean: Floats
    variance: Floats
    people: Floats
    overall_mean: Floats
    overall_variance: Floats
    shared: Floats
    reach: Floats
    apart: Floats
    groups_known: bool
    votes: int


@dataclass(frozen=True)
class Stored:
    """Scores worked out at the last refresh, (n_candidates,): what a request looks up.

    score: float64, NaN for a pair that was not there yet.  fades: float64, by which share of one a further vote on the same
    pair takes its worth down.  since: int64, votes on the pair asked for since the refresh, answered or not.
    """

    score: Floats
    fades: Floats
    since: Ints


@dataclass(frozen=True)
class CandidateView:
    """Pairs that could be asked, as arrays of one length (n_candidates,).

    ``pair_id`` int64; ``load`` int64, judgments counted plus assignments live, at least 0; ``cap`` int64, at least 1.

    Where a ranking of sources (models, policies, prompts) is kept: ``candidate_left`` and ``candidate_right`` int64, the
    sources of the two responses as indices into ``rank_gain``, -1 for a source that is not in it; ``rank_gain`` float64
    (n_sources, n_sources), from ``app.inference.rank_design.gains``. All three are None where there is none.

    ``raised``: bool, pairs that have ``raised_share`` of the policy's draws at least, whatever their scores; None where none do.

    ``expected``: where a preference model is kept and is looked at now. ``stored``: where a model was looked at before; then
    neither of the others is there.
    """

    pair_id: Ints
    load: Ints
    cap: Ints
    candidate_left: Ints | None = None
    candidate_right: Ints | None = None
    rank_gain: Floats | None = None
    expected: Expected | None = None
    stored: Stored | None = None
    raised: NDArray[np.bool_] | None = None
    raised_share: float = 0.0


@runtime_checkable
class Acquisition(Protocol):
    """A way to prefer some pairs over others.

    ``candidates`` is how many eligible pairs it wants to see, drawn uniformly; ``temperature`` turns scores into
    probabilities, ``softmax(score / temperature)``; at 0 the draw is uniform among the best.
    """

    name: str
    candidates: int
    temperature: float

    def score(self, view: CandidateView) -> Floats:
        """How much each candidate is worth asking: float64 (n_candidates,), finite, higher is better."""
        ...


@runtime_checkable
class Learns(Protocol):
    """A policy that goes by a model: its scores are worked out in the background and looked up when someone asks.

    ``model``: ``preference`` or ``ranking``; a change of what it means is a new ``version``.
    """

    name: str
    model: str
    version: int


@runtime_checkable
class Explains(Protocol):
    """A policy that has something to say about a draw, to be kept in the row: that its model was missing, say."""

    def note(self, view: CandidateView) -> str | None:
        """One short sentence, or None where the policy did what its name says."""
        ...
