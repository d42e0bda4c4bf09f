"""Davidson: strengths of items where people may also call a comparison a tie."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from app.inference.comparisons import Unidentified
from app.inference.sandwich import Uncertainty
from app.inference.strengths import Asked, StrengthFit, fit_strengths


def davidson(
    left: ArrayLike,
    right: ArrayLike,
    outcome: ArrayLike,
    *,
    n_items: int,
    weight: ArrayLike | None = None,
    annotator: ArrayLike | None = None,
    covariates: Mapping[str, ArrayLike] | None = None,
    prior_sd: float | None = None,
    within_components: bool = False,
    uncertainty: Uncertainty | None = None,
    level: float = 0.95,
) -> StrengthFit | Unidentified:
    """Strength of each item, and how readily people call a tie, from paired comparisons with ties.

    Model: with d = s_left - s_right + x beta,
    P(left) : P(tie) : P(right) = exp(d/2) : nu : exp(-d/2), nu >= 0, sum(s) = 0; with a prior s_i ~ Normal(0, prior_sd^2)
    (none on nu and beta). Given that a choice was made it is Bradley-Terry's; strengths are on the same scale.

    Args, Raises: As for ``bradley_terry``, but ties are always part of the model.

    Returns:
        StrengthFit with ``tie_strength`` nu: two items of equal strength tie with probability nu / (2 + nu). Without any tie
        nu is 0 and the strengths are Bradley-Terry's. Or Unidentified, as there; also ``all_ties``, where nu has no upper
        end, and ``ties_unbounded``: without a prior nu needs some win against the order, or enough ties across it.

    Cost: As for ``bradley_terry``.  Randomness: none.

    Assumes one nu for all people and pairs: where people differ in how readily they call ties the clustered intervals allow
    for it, the strengths lean towards those who decide. Otherwise as for ``bradley_terry``.

    Source: Davidson 1970, On extending the Bradley-Terry model to accommodate ties in paired comparison experiments.

    Example:
        >>> fit = davidson([0] * 7, [1] * 7, [1, 1, 1, 1, 0, 0.5, 0.5], n_items=2)
        >>> [round(float(s), 4) for s in fit.strength], round(fit.tie_strength, 4)  # four to one; 2 = nu * sqrt(4 * 1)
        ([0.6931, -0.6931], 1.0)
    """
    asked = Asked("davidson", True, "half", prior_sd, within_components, uncertainty, level)
    return fit_strengths(
        asked,
        left,
        right,
        outcome,
        n_items=n_items,
        weight=weight,
        annotator=annotator,
        covariates=covariates,
    )
