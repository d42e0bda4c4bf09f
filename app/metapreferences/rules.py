"""Which patches hold, decided from what happened to them; no database, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

BEGINS = frozenset({"made", "restored", "on"})
"""Acts after which a patch or a kind has effect; after any other it has none."""


FOR_GOOD = frozenset({"replaced", "withdrawn"})
"""Why a patch ended that nobody gives effect again: its giver answered anew, or left."""


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
    by_person: bool = False
    why: str | None = None

    @property
    def may_be_undone_by_person(self) -> bool:
        """Whether this was an end that the person whose patch it is brought about themselves, and can take back."""
        return self.act == "revoked" and self.by_person and self.why not in FOR_GOOD


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
