"""Which patches hold, decided from what happened to them; no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

BEGINS = frozenset({"made", "restored", "on"})
"""Acts after which a patch or a kind has effect; after any other it has none."""


@dataclass(frozen=True)
class Held:
    """A patch as labels read it. ``id`` sorts by time; of two that say the same thing of the same target, the later counts."""

    id: str
    kind: str
    scope: str
    annotator_id: int | None
    group: str | None
    target_type: str
    target_id: str
    var: str
    value: Any
    stood: int = 0
    shown: int = 0
    event_id: str | None = None
    sources: tuple[str, ...] = ()
    active_from: datetime | None = None


@dataclass(frozen=True)
class Act:
    """One beginning or end, in the order of its number."""

    number: int
    patch_id: str | None
    kind: str
    act: str


def standing(acts: Iterable[Act]) -> tuple[frozenset[str], frozenset[str]]:
    """(ids of patches that were last made or restored, kinds that were last switched off)."""
    patches: dict[str, bool] = {}
    kinds: dict[str, bool] = {}
    for one in sorted(acts, key=lambda a: a.number):
        if one.patch_id is None:
            kinds[one.kind] = one.act in BEGINS
        else:
            patches[one.patch_id] = one.act in BEGINS
    return (
        frozenset(p for p, holds in patches.items() if holds),
        frozenset(k for k, on in kinds.items() if not on),
    )
