"""How far one person's slopes differ from everybody's, from their own choices, with what they disowned held near nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from app.inference.errors import InvalidVotes

Floats = NDArray[np.float64]

DISOWNED_SD = 0.05
"""How near to nothing an influence is held that a person says is not theirs (METHOD 3.1, M9)."""
USUAL_SD = 0.5
"""How far people's slopes usually lie from everybody's, logits for one standard deviation."""
STEPS, CLOSE = 60, 1e-9


def own_slopes(y: ArrayLike, offset: ArrayLike, x: ArrayLike, centre: ArrayLike, spread: ArrayLike) -> Floats:
    """Slopes of one person as a posterior mode.

    Model: logit P(y = 1) = offset + x' b, b_k ~ Normal(centre_k, spread_k^2); a tie is half of each.

    Args:
        y: float64 (n,), 1, 0 or 1/2.
        offset: float64 (n,), logits: what everybody but this person makes of each pair, without the influences.
        x: float64 (n, k), in standard deviations.
        centre: float64 (k,), logits for one standard deviation.
        spread: float64 (k,), > 0.

    Returns: float64 (k,).

    Raises:
        InvalidVotes: The arrays do not fit together, or a spread is not positive.

    Cost: O(n k^2) a step.  Randomness: none.

    Source: penalised logistic regression by Newton's method.

    Example:
        >>> own_slopes([], [], np.zeros((0, 2)), [0.3, 0.0], [0.5, 0.05]).tolist()
        [0.3, 0.0]
    """
    y_, o, x_ = (np.asarray(v, np.float64) for v in (y, offset, x))
    middle, sd = np.asarray(centre, np.float64), np.asarray(spread, np.float64)
    if x_.shape != (y_.size, middle.size) or o.shape != y_.shape or sd.shape != middle.shape:
        raise InvalidVotes("x needs one row for each choice and one column for each slope.")
    if not (np.isfinite(sd) & (sd > 0)).all():
        raise InvalidVotes("a spread is a positive number.")
    precision, b = 1.0 / sd**2, middle.copy()
    for _ in range(STEPS):
        mean = expit(o + x_ @ b)
        slope = x_.T @ (y_ - mean) - precision * (b - middle)
        step = np.linalg.solve((x_ * (mean * (1 - mean))[:, None]).T @ x_ + np.diag(precision), slope)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max(initial=0.0)), 1e-12))
        b = b + step
        if float(np.abs(step).max(initial=0.0)) < CLOSE:
            break
    return b
