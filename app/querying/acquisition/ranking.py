"""Pairs whose two sources (models, policies, prompts) it would tell most to compare once more, for a ranking of the sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.querying.learned import FAINT, looked_up
from app.querying.protocol import CandidateView, Floats


@dataclass(frozen=True)
class MostToldAboutTheRanking:
    """Score is the logarithm of the gain of the pair's two sources, so that a pair is drawn with probability in proportion to
    gain ** (1 / temperature), here its tenth power: mostly among the best, never the best alone.

    A source the ranking does not know yet is worth as much as the best comparison. Two responses of one source tell nothing.
    Without a ranking, or with nothing to gain, pairs with the fewest judgments come first, and ``note`` says so.
    """

    name: str = "ranking"
    candidates: int = 256
    temperature: float = 0.1
    model: str = "ranking"
    version: int = 1

    def score(self, view: CandidateView) -> Floats:
        """Logarithm of the expected gain, 0 for the best in the whole ranking; minus the load without one: float64
        (n_candidates,), at most 0.

        Raises:
            ValueError: The gains do not fit the candidates, or are not finite and at least 0.
        """
        if view.stored is not None:
            return looked_up(view.stored)
        evenly = -view.load.astype(np.float64)
        left, right, gain = view.candidate_left, view.candidate_right, view.rank_gain
        if left is None or right is None or gain is None:
            return evenly
        if (
            left.shape != evenly.shape
            or right.shape != evenly.shape
            or max(left.max(), right.max()) >= len(gain)
        ):
            raise ValueError("the sources of the candidates do not fit the ranking")
        if not (np.isfinite(gain).all() and (gain >= 0).all()):
            raise ValueError("a gain is not finite, or below 0")
        best = float(gain.max(initial=0.0))
        if best == 0:
            return evenly
        known = (left >= 0) & (right >= 0)
        worth = np.where(known, gain[np.maximum(left, 0), np.maximum(right, 0)], best)
        return np.asarray(np.log(np.maximum(worth / best, FAINT)), dtype=np.float64)

    def note(self, view: CandidateView) -> str | None:
        """That there is no ranking to go by; None where there is one."""
        if view.stored is not None:
            return None
        if view.candidate_left is None or view.candidate_right is None or view.rank_gain is None:
            return f"{self.name} has no model yet; drew evenly"
        if not (view.rank_gain > 0).any():
            return f"{self.name} sees nothing to gain; drew evenly"
        return None


ACQUISITION = MostToldAboutTheRanking()
