"""How each person works: their own pace, sides and repeats. Differing from others is told beside it and is never a warning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.observations import CODE, Observations
from app.reports.agreement import again

ONE_SIDE, SIDE_PAIRS = 0.60, 40
FEW_REPEATS, LOW_REPEATS = 8, 0.6
FASTER, FAST_PAIRS = 0.25, 10


@dataclass(frozen=True)
class Person:
    """One person. Shares are None where there is nothing to take them of.

    left_share: of decided choices. repeats: answers to pairs answered before; repeats_itself: of every two answers to one pair, how many
    say the same. agrees: share of other people's first answers
    to the same pairs that say the same. seconds: median of their answers, in their order, in ten parts. flags: from the
    person's own pattern only.
    """

    key: int
    pseudonym: str
    judgments: int
    median_seconds: float | None
    left_share: float | None
    repeats: int
    repeats_itself: float | None
    agrees: float | None
    course: tuple[float, ...]
    flags: tuple[str, ...]


def people(seen: Observations) -> tuple[Person, ...]:
    """Everyone who answered, in the order of their database keys. Cost: O(n log n)."""
    n = seen.people.id.size
    given = np.bincount(seen.person[seen.choice != CODE["skip"]], minlength=n)
    left, decided = _sides(seen, n)
    same, asked = _repeats(seen, n)
    repeats = np.bincount(seen.person[seen.repeat & seen.decided()], minlength=n)
    agree, compared = _agreement(seen, n)
    median, course = _pace(seen, n)
    return tuple(
        Person(
            key=int(seen.people.id[i]),
            pseudonym=seen.people.pseudonym[i],
            judgments=int(given[i]),
            median_seconds=median[i],
            left_share=_share(left[i], decided[i]),
            repeats=int(repeats[i]),
            repeats_itself=_share(same[i], asked[i]),
            agrees=_share(agree[i], compared[i]),
            course=course[i],
            flags=_flags(left[i], decided[i], same[i], asked[i], course[i], int(given[i])),
        )
        for i in range(n)
    )


def _share(part: float, of: float) -> float | None:
    return float(part / of) if of else None


def _sides(seen: Observations, n: int) -> tuple[np.ndarray, np.ndarray]:
    left = np.bincount(seen.person[seen.choice == CODE["left"]], minlength=n)
    return left, left + np.bincount(seen.person[seen.choice == CODE["right"]], minlength=n)


def _repeats(seen: Observations, n: int) -> tuple[np.ndarray, np.ndarray]:
    one, two = again(seen)
    same = seen.y[one] == seen.y[two]
    return np.bincount(seen.person[one[same]], minlength=n), np.bincount(seen.person[one], minlength=n)


def _agreement(seen: Observations, n: int) -> tuple[np.ndarray, np.ndarray]:
    """For each person: how many of the others' first answers to their pairs say the same, and how many there are."""
    rows = np.flatnonzero(seen.decided() & ~seen.repeat)
    said = (2 * seen.y[rows]).astype(np.int64)
    n_pairs = int(seen.pair.max()) + 1 if seen.pair.size else 0
    table = np.bincount(seen.pair[rows] * 3 + said, minlength=3 * n_pairs).reshape(-1, 3)
    alike = table[seen.pair[rows], said] - 1
    others = table.sum(axis=1)[seen.pair[rows]] - 1
    person = seen.person[rows]
    return np.bincount(person, alike, n), np.bincount(person, others, n)


def _pace(seen: Observations, n: int) -> tuple[list[float | None], list[tuple[float, ...]]]:
    """Median seconds of each person, and the medians of up to ten equal stretches of their answers."""
    rows = np.flatnonzero(~np.isnan(seen.seconds))
    rows = rows[np.argsort(seen.person[rows], kind="stable")]
    medians: list[float | None] = [None] * n
    courses: list[tuple[float, ...]] = [()] * n
    who = seen.person[rows]
    edges = np.flatnonzero(np.diff(who)) + 1
    for part in np.split(rows, edges) if rows.size else []:
        seconds = np.minimum(seen.seconds[part], 600.0)
        i = int(seen.person[part[0]])
        medians[i] = round(float(np.median(seconds)), 1)
        stretches = np.array_split(seconds, min(10, max(1, seconds.size // 2)))
        courses[i] = tuple(round(float(np.median(s)), 1) for s in stretches)
    return medians, courses


def _flags(
    left: float, decided: float, same: float, asked: float, course: tuple[float, ...], given: int
) -> tuple[str, ...]:
    found = []
    if decided >= SIDE_PAIRS and max(left, decided - left) / decided > ONE_SIDE:
        side = "left" if left > decided - left else "right"
        found.append(f"chose the {side} side in {max(left, decided - left):.0f} of {decided:.0f}")
    if asked >= FEW_REPEATS and same / asked < LOW_REPEATS:
        found.append(f"repeated {same:.0f} of {asked:.0f} own choices")
    if given >= FAST_PAIRS and len(course) >= 4:
        early, late = float(np.median(course[: len(course) // 2])), float(np.median(course[-2:]))
        if late <= FASTER * early:
            found.append(f"answers now take {late:.0f} seconds, at first {early:.0f}")
    return tuple(found)
