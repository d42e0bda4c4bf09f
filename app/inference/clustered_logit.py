"""A logistic regression of paired votes, with errors that let a person's votes hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
RIDGE, STEPS, CLOSE = 1e-2, 40, 1e-10


def clustered_logit(
    x: Floats, y: Floats, person: NDArray[np.int64], offset: Floats | None = None
) -> tuple[Floats, Floats]:
    """Slopes of votes on features, and how far they could be off.

    Model: logit P(first preferred) = offset + x beta, without an intercept, since which response is first means nothing; a ridge of
    .01 keeps columns that tell everything apart finite.

    Args:
        x: float64 (n, k).  y: float64 (n,), 1, 0 or 1/2.  person: int64 (n,), who cast each vote.  offset: float64 (n,), logits.

    Returns:
        beta, float64 (k,), logits a unit of x; and its covariance, float64 (k, k), clustered by person.

    Cost: O(n k^2) an iteration.  Randomness: none.

    Source: Liang and Zeger 1986.
    """
    base = np.zeros(y.size) if offset is None else offset
    beta, ridge = np.zeros(x.shape[1]), RIDGE * np.eye(x.shape[1])
    for _ in range(STEPS):
        mean = expit(base + x @ beta)
        hessian = (x * (mean * (1 - mean))[:, None]).T @ x + ridge
        step = np.linalg.solve(hessian, x.T @ (y - mean) - ridge @ beta)
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        beta = beta + step
        if float(np.abs(step).max()) < CLOSE:
            break
    mean = expit(base + x @ beta)
    inverse = np.linalg.inv((x * (mean * (1 - mean))[:, None]).T @ x + ridge)
    _, dense = np.unique(person, return_inverse=True)
    n = int(dense.max()) + 1
    scores = np.stack([np.bincount(dense, c, n) for c in (x * (y - mean)[:, None]).T], axis=1)
    return beta, np.asarray(inverse @ (n / max(n - 1, 1) * scores.T @ scores) @ inverse)
