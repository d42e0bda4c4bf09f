"""After an influence is taken out of labels: do new votes still carry it, and has it come back under another name?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from app.inference.clustered_logit import clustered_logit
from app.inference.errors import InvalidVotes
from app.inference.intervals import FEWEST_CLUSTERS, benjamini_hochberg, critical

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FEWEST_VOTES = 30
"""Clear votes on each side of the correction from which it can be said."""
CLEARLY = 0.5


@dataclass(frozen=True)
class Slope:
    """One influence before and after. before, after: logits for one standard deviation, None where too few votes; interval: of
    ``after``.  q_value: of the change, over the influences looked at.  grown: it came back here, larger than it was.
    """

    name: str
    before: float | None
    after: float | None
    interval: tuple[float, float] | None
    q_value: float | None
    grown: bool


@dataclass(frozen=True)
class Displacement:
    """carried: whether votes given since still carry the influence (None where too few say).  own: its slopes.  others: of the other
    influences with the corrected one held where it was; a ``grown`` one is where it may have gone.  why: what is missing.
    """

    of: str
    old_votes: int
    new_votes: int
    carried: bool | None
    own: Slope | None
    others: tuple[Slope, ...]
    why: str | None


def displacement(
    person: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    names: Sequence[str],
    of: str,
    new: ArrayLike,
    *,
    level: float = 0.95,
) -> Displacement:
    """Compare votes given before and after a correction.

    Model: logit P(first preferred) = x beta, fitted to the votes of each side alone, covariances clustered by person. The own slope
    after says whether votes still carry it. For the others the corrected influence is held at its slope from before (an
    offset), so that what left it must show elsewhere; a change is told by (after - before)^2 / (var + var), false discoveries
    held to 1 - ``level``. ``grown`` needs that, and an effect after that is surely of the sign of the corrected one.

    Args:
        person: int64 (n,), dense.  y: float64 (n,), 1, 0 or 1/2.  x: float64 (n, k), in standard deviations.  names: (k,).
        of: The corrected influence.  new: bool (n,), given after the correction.

    Raises:
        InvalidVotes: The arrays do not fit together, or ``of`` is not among the names.

    Cost: O(n k^2) an iteration.  Randomness: none.

    Assumes that the pairs asked about before and after are alike given x; a policy that asks about other pairs since moves this.

    Source: METHOD 3.4.12; cluster-robust covariance as Liang and Zeger 1986.

    Example:
        >>> rng = np.random.default_rng(2)
        >>> x = rng.normal(size=(8000, 2)); new = np.arange(8000) >= 4000
        >>> eta = np.where(new, 0.8 * x[:, 1], 0.8 * x[:, 0])
        >>> y = (rng.random(8000) < 1 / (1 + np.exp(-eta))).astype(float)
        >>> found = displacement(np.arange(8000) % 80, y, x, ["length", "headings"], "length", new)
        >>> found.carried, [s.name for s in found.others if s.grown]
        (False, ['headings'])
    """
    who, y_, x_, new_ = (
        np.asarray(person, np.int64),
        np.asarray(y, np.float64),
        np.asarray(x, np.float64),
        np.asarray(new, np.bool_),
    )
    if x_.shape != (y_.size, len(names)) or not who.shape == y_.shape == new_.shape:
        raise InvalidVotes("x needs one row for each vote and one column for each influence.")
    if of not in names:
        raise InvalidVotes(f"There is no influence {of!r} among {', '.join(names)}.")
    k = list(names).index(of)
    clear = np.abs(x_[:, k]) >= CLEARLY
    old_n, new_n = int((clear & ~new_).sum()), int((clear & new_).sum())
    why = _too_few(who, new_, old_n, new_n)
    if why is not None:
        return Displacement(of, old_n, new_n, None, None, (), why)
    there = [j for j in range(len(names)) if _both(x_[:, j], new_)]
    reach = critical(level, max(int(np.unique(who[new_]).size) - 1, 1))
    before, _ = clustered_logit(x_[~new_][:, there], y_[~new_], who[~new_])
    after, after_v = clustered_logit(x_[new_][:, there], y_[new_], who[new_])
    at = there.index(k)
    error = float(np.sqrt(after_v[at, at]))
    interval = (after[at] - reach * error, after[at] + reach * error)
    own = Slope(of, float(before[at]), float(after[at]), interval, None, False)
    carried = bool(interval[0] > 0) if before[at] > 0 else bool(interval[1] < 0)
    rest = [j for j in there if j != k]
    return Displacement(
        of,
        old_n,
        new_n,
        carried,
        own,
        _others(x_, y_, who, new_, names, rest, k, float(before[at]), reach, 1 - level),
        None,
    )


def _others(
    x: Floats, y: Floats, who: NDArray[np.int64], new: Flags, names: Sequence[str], rest: list[int], k: int, held: float,
    reach: float, level: float,
) -> tuple[Slope, ...]:  # fmt: skip
    if not rest:
        return ()
    offset = held * x[:, k]
    before, before_v = clustered_logit(x[~new][:, rest], y[~new], who[~new], offset[~new])
    after, after_v = clustered_logit(x[new][:, rest], y[new], who[new], offset[new])
    change = after - before
    error = np.sqrt(np.diag(before_v) + np.diag(after_v))
    q = benjamini_hochberg(2 * ndtr(-np.abs(change) / np.maximum(error, 1e-12)))
    toward = np.sign(held)
    found = []
    for i, j in enumerate(rest):
        half = reach * float(np.sqrt(after_v[i, i]))
        sure = float(after[i]) * float(toward) - half > 0
        grown = bool(q[i] <= level and sure and change[i] * toward > 0)
        found.append(
            Slope(
                names[j],
                float(before[i]),
                float(after[i]),
                (after[i] - half, after[i] + half),
                float(q[i]),
                grown,
            )
        )
    return tuple(sorted(found, key=lambda s: (not s.grown, s.q_value or 0.0, s.name)))


def _too_few(who: NDArray[np.int64], new: Flags, old_n: int, new_n: int) -> str | None:
    if new_n < FEWEST_VOTES:
        return f"{new_n} clear votes since: {FEWEST_VOTES} or more are needed"
    if old_n < FEWEST_VOTES:
        return f"{old_n} clear votes before: {FEWEST_VOTES} or more are needed"
    people = min(np.unique(who[new]).size, np.unique(who[~new]).size)
    if people < FEWEST_CLUSTERS:
        return f"{people} people on one side: {FEWEST_CLUSTERS} or more are needed"
    return None


def _both(column: Floats, new: Flags) -> bool:
    """Whether enough votes on both sides differ in it."""
    clear = np.abs(column) >= CLEARLY
    return int((clear & new).sum()) >= FEWEST_VOTES and int((clear & ~new).sum()) >= FEWEST_VOTES
