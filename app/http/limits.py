"""Token buckets in the process: so many tries per address and minute, refilled steadily."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from threading import Lock

from fastapi import Request

from app.kit.errors import TooMany
from app.kit.ids import token_hash

MOST_BUCKETS = 20_000


class TokenBuckets:
    """``per_minute`` tries at once and refilled over a minute, for each key; the least recent keys are forgotten."""

    def __init__(self, per_minute: int) -> None:
        self._capacity, self._rate = float(per_minute), per_minute / 60
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = Lock()

    def take(self, key: str, *, at: float) -> int:
        """0 when a try was left, else whole seconds until one is. ``at`` is a monotonic time in seconds."""
        with self._lock:
            left, since = self._buckets.pop(key, (self._capacity, at))
            left = min(self._capacity, left + (at - since) * self._rate)
            wait = 0 if left >= 1 else math.ceil((1 - left) / self._rate)
            self._buckets[key] = (left - 1 if left >= 1 else left, at)
            while len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return wait


def _limit(request: Request, buckets: TokenBuckets) -> None:
    address = request.client.host if request.client else "unknown"
    wait = buckets.take(token_hash(address), at=time.monotonic())
    if wait:
        raise TooMany("Please wait a little and try again.", retry_after=wait)


def limit_sign_in(request: Request) -> None:
    """Count a try to sign in or to use a resume code. Raises TooMany."""
    _limit(request, request.app.state.sign_in_buckets)


def limit_join(request: Request) -> None:
    """Count a try to join. Raises TooMany."""
    _limit(request, request.app.state.join_buckets)
