"""What is known of the strengths of items when people differ in attention, pull to one side, readiness to tie, and slips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from app.inference import comparisons
from app.inference.comparisons import Comparisons, Floats, Unidentified
from app.inference.crowd_effects import CrowdFit, crowd_effects
from app.inference.preference_posterior import chances
from app.inference.rank_posterior import PRIOR_SD, RankPosterior, counted


def crowd_posterior(
    left: ArrayLike,
    right: ArrayLike,
    outcome: ArrayLike,
    *,
    n_items: int,
    annotator: ArrayLike,
    prior_sd: float = PRIOR_SD,
) -> RankPosterior | Unidentified:
    """The posterior of a whole log of votes by people who differ: side and ties are each person's own.

    Model: as in ``crowd_effects``; strengths are at their mode, and their covariance is the inverse of the prior's information
    and of that of each vote, expected at the mode given how its author answers. The tie strength is that of the usual person.

    Args:
        left, right, outcome, annotator, prior_sd: As in ``crowd_effects``; ``left`` is where the first stood.

    Returns:
        RankPosterior with ``since`` 0 and the votes as they were given, or Unidentified. Its ``settled`` would take everyone to
        be alike.

    Raises:
        InvalidVotes, InvalidSetting, NotConverged: As in ``crowd_effects``.

    Cost: that of ``crowd_effects``.  Randomness: none.

    Assumes that how people answer is known once fitted: with few votes a person the covariance is somewhat too small. Slips and
    the length of the scale are hard to tell apart: where there are none, differences come out a tenth to a third too long, and
    their spread with them; the order, and which comparison tells most about it, hardly change.
    """
    fit = crowd_effects(left, right, outcome, n_items=n_items, annotator=annotator, prior_sd=prior_sd)
    if isinstance(fit, Unidentified):
        return fit
    votes = comparisons.read(left, right, outcome, n_items=n_items, annotator=annotator)
    table = np.zeros((n_items, n_items))
    np.add.at(table, (votes.left, votes.right), _information(fit, votes))
    table = table + table.T
    covariance = np.linalg.inv(np.diag(table.sum(axis=1) + prior_sd**-2) - table)
    ties = fit.tie_strength
    usual = 0.0 if ties is None else float(np.exp(np.log(ties).mean()))
    alike = counted(left, right, outcome, n_items=n_items, prior_sd=prior_sd, ties=ties is not None)
    return replace(
        alike,
        mean=fit.strength,
        covariance=(covariance + covariance.T) / 2,
        tie_strength=usual,
        method="crowd_davidson",
        iterations=fit.iterations,
    )


def _information(fit: CrowdFit, votes: Comparisons) -> Floats:
    """Of each vote about the difference of its strengths, 1 / logits^2: what its outcome is expected to tell, slips allowed for."""
    if votes.annotator is None:
        raise AssertionError("people are told apart")
    who = votes.annotator
    a, e = fit.sensitivity[who], fit.flip_rate[who]
    ties = fit.tie_strength
    log_tie = np.zeros(who.size) if ties is None else np.log(ties)[who]
    d = a * (fit.strength[votes.left] - fit.strength[votes.right]) + fit.side_bias[who]
    up, tie, down = chances(d, log_tie, ties=ties is not None)
    lean = up - down
    rise, fall, flat = up * (1 - lean) / 2, -down * (1 + lean) / 2, -tie * lean / 2
    said = ((up, down, rise, fall), (down, up, fall, rise))
    told = sum(
        ((1 - e) * by + e * other) ** 2 / np.maximum((1 - e) * p + e * q, 1e-300) for p, q, by, other in said
    )
    return np.asarray(a * a * (told + flat**2 / np.maximum(tie, 1e-300)), np.float64)
