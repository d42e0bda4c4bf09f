"""Sides and leases, decided from recorded seeds and times."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.kit.rng import generator

BLOCK = 8
"""Comparisons in which each side comes up equally often."""


def first_on_left(side_seed: int, slot: int) -> bool:
    """Whether the response listed first stands on the left in this place of the person's sequence.

    In every block of eight it does so four times; the order within a block follows from the person's seed, so the side of
    any assignment can be worked out again from the row.
    """
    block, place = divmod(slot, BLOCK)
    sides = [True] * (BLOCK // 2) + [False] * (BLOCK // 2)
    generator(side_seed * 1_000_003 + block).shuffle(sides)
    return sides[place]


def lease_end(now: datetime, minutes: float) -> datetime:
    """Until when a question put now is held."""
    return now + timedelta(minutes=minutes)


def is_expired(state: str, expires_at: datetime, now: datetime) -> bool:
    """Whether the hold has ended, swept or not."""
    return state == "expired" or (state == "open" and expires_at <= now)
