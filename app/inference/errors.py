"""Named refusals of the estimators: arrays that do not describe votes, settings out of range, fits that did not settle.

Data that are in order but do not determine the answer are no errors: they come back as a named result (``Unidentified``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.kit.errors import AppError, Malformed


class InvalidVotes(Malformed):
    """Arrays that do not describe votes: another length than the others, an index out of range, an unknown outcome."""

    code, title = "invalid_votes", "These are not votes that can be counted"


class InvalidSetting(Malformed):
    """A level, a number of draws or a spread outside its range."""

    code, title = "invalid_setting", "A setting of the estimate is outside its range"


class InvalidShare(Malformed):
    """Counts that are no share: more successes than cases, or fewer than none."""

    code, title = "invalid_share", "These counts are not a share"


class NotConverged(AppError):
    """A fit that had a solution and did not reach it; ``last`` is where it stood, to be looked at and never reported."""

    status, code, title = 500, "not_converged", "The fit did not settle"

    def __init__(self, detail: str = "", *, last: NDArray[np.float64], iterations: int) -> None:
        super().__init__(detail, iterations=iterations)
        self.last = last
        self.iterations = iterations
