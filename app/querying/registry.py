"""The policies that are there, found by folder."""

from __future__ import annotations

from functools import cache

from app.kit.discover import discover
from app.querying.protocol import Acquisition

FALLBACK = "even"


@cache
def acquisitions() -> dict[str, Acquisition]:
    """Policies by name."""
    return discover("app.querying.acquisition", "ACQUISITION")


def policy_for(wanted: str) -> tuple[Acquisition, str | None]:
    """The policy to draw with, and a note where it is not the one asked for."""
    known = acquisitions()
    if wanted in known:
        return known[wanted], None
    return known[FALLBACK], f"{wanted} is not there yet; drew evenly"
