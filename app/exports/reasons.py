"""Which answer counts towards labels, and for each other one the reason why not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.exports.collecting import LEFT, NEITHER, RETRACTED, RIGHT, SKIP, Collected
from app.exports.duplicates import Merged
from app.exports.people import People

REASONS = {
    "superseded": "earlier versions of answers that were changed",
    "retracted": "taken back",
    "left_out": "by people who are left out",
    "skip": "skipped",
    "repeat": "repeats: the person had answered this pair before",
    "neither": "neither was good",
    "late": "late",
    "quick": "quicker than reading",
    "gold": "on questions with an expected answer",
    "one_sided": "by people who almost always chose the same side",
    "retired": "on items that were retired",
    "close": "on pairs with a majority under 60 %",
    "simulated": "by simulated people",
}
"""Why an answer feeds no label, in the order in which the reasons are looked for; the first that fits is the reason."""
_CODE = {name: code for code, name in enumerate(REASONS, start=1)}
NAMES = (None, *REASONS)
ONE_SIDED_FROM, ONE_SIDED_SHARE = 20, 0.9
CLOSE_SHARE = 0.6


def decide(
    found: Collected, marks: dict[str, np.ndarray], people: People, merged: Merged, exclude: Sequence[str]
) -> dict[str, int]:
    """Give every answer its reason, or none. Of a person's answers to one pair the first counts, on-time ones before late.

    Returns how many answers each thing that may be excluded would take away on its own.
    """
    reason, choice = found.reason, found.choice
    left_out = people.left_out[found.person]

    def mark(name: str, where: np.ndarray) -> None:
        reason[(reason == 0) & where] = _CODE[name]

    mark("superseded", marks["superseded"])
    mark("retracted", choice == RETRACTED)
    mark("left_out", left_out)
    mark("skip", choice == SKIP)
    mark("repeat", found.retest)
    says = (reason == 0) & (choice != NEITHER)
    mark("repeat", says & ~_firsts(found, merged, says, marks["counts"]))
    mark("neither", choice == NEITHER)
    by_choice = {
        "late": marks["late"],
        "quick": marks["quick"],
        "gold": marks["gold"],
        "one_sided": _one_sided(found, people.ids.size)[found.person],
        "retired": marks["retired"],
        "close": _close(found, merged),
        "simulated": marks["simulated"],
    }
    could = {name: int(((reason == 0) & where).sum()) for name, where in by_choice.items()}
    unwanted = np.zeros(reason.size, bool)
    for name in exclude:
        mark(name, by_choice[name])
        unwanted |= by_choice[name]
    found.neither[:] = (reason == _CODE["neither"]) & ~unwanted
    return could


def _firsts(found: Collected, merged: Merged, among: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The first answer of each person to each pair, among those given: one that filled a place before one that did not."""
    rows = np.flatnonzero(among)
    key = merged.into[found.pair[rows]].astype(np.int64) * (int(found.person.max(initial=0)) + 1)
    key += found.person[rows]
    order = np.lexsort((rows, ~counts[rows], key))
    sorted_key = key[order]
    first = np.ones(order.size, bool)
    first[1:] = sorted_key[1:] != sorted_key[:-1]
    chosen = np.zeros(among.size, bool)
    chosen[rows[order[first]]] = True
    return chosen


def _close(found: Collected, merged: Merged) -> np.ndarray:
    """Answers to pairs of which neither response has three fifths of the votes."""
    kept = found.reason == 0
    pair = merged.into[found.pair]
    flipped = merged.flipped[found.pair]
    y = found.chosen_first
    first = np.where(flipped, y == 0.0, y == 1.0)
    second = np.where(flipped, y == 1.0, y == 0.0)
    n, a, b = (
        np.bincount(pair[kept & w], minlength=merged.into.size) for w in (np.ones_like(kept), first, second)
    )
    return np.asarray((np.maximum(a, b) < CLOSE_SHARE * n)[pair], bool)


def _one_sided(found: Collected, n_people: int) -> np.ndarray:
    sided = (found.reason == 0) & ((found.choice == LEFT) | (found.choice == RIGHT))
    n = np.bincount(found.person[sided], minlength=n_people)
    left = np.bincount(found.person[sided & (found.choice == LEFT)], minlength=n_people)
    return np.asarray((n >= ONE_SIDED_FROM) & (np.maximum(left, n - left) >= ONE_SIDED_SHARE * n), bool)
