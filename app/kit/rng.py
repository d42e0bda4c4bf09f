"""Randomness is handed in as a generator made from a recorded seed; this is the only place that makes one."""

from __future__ import annotations

import random


def generator(seed: int) -> random.Random:
    """A generator whose draws can be repeated from ``seed``."""
    return random.Random(seed)  # noqa: S311 - draws of questions, not secrets
