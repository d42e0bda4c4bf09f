"""Agreement of a study from its answers: between people, and of people with themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.aggregation.observations import Observations
from app.inference.agreement import Agreement, Share, alpha_interval, krippendorff_nominal, share
from app.inference.intervals import FEWEST_CLUSTERS, critical


@dataclass(frozen=True)
class Agreements:
    """Between people on pairs, and of the same person asked again: in all, with the same sides, with the sides swapped.

    repeats: answers to a pair the person had answered before. The shares are over every two answers of a person to a pair.
    """

    between: Agreement
    alpha_interval: tuple[float, float] | None
    repeats: int
    retest: Share
    same_sides: Share
    swapped_sides: Share


def agreements(seen: Observations) -> Agreements:
    """Both figures. Skips and "neither" are left out; the first answer of a person on a pair counts between people.

    A person asked the same pair several times gives as many comparisons as there are pairs of those answers.
    """
    said = np.where(np.isnan(seen.y), -1, (2 * np.nan_to_num(seen.y))).astype(np.int64)
    counted = (said >= 0) & ~seen.repeat
    between = krippendorff_nominal(seen.pair[counted], said[counted])
    one, two = again(seen)
    same, swapped = said[one] == said[two], seen.first_left[one] != seen.first_left[two]
    who = seen.person[one]
    return Agreements(
        between,
        alpha_interval(seen.pair[counted], said[counted], cluster=seen.pairs.item[seen.pair[counted]]),
        int((seen.repeat & (said >= 0)).sum()),
        _share(same, who),
        _share(same[~swapped], who[~swapped]),
        _share(same[swapped], who[swapped]),
    )


def _share(same: np.ndarray, person: np.ndarray) -> Share:
    """A share with Wilson's interval, or one clustered by person where ten or more have some."""
    found = share(int(same.sum()), int(same.size))
    people = np.unique(person).size
    if found.value is None or people < FEWEST_CLUSTERS:
        return found
    error = np.bincount(person, same - found.value)
    spread = people / (people - 1) * float(error @ error)
    reach = critical(0.95, people - 1) * spread**0.5 / same.size
    if reach <= 0:
        return found
    return Share(found.n, found.value, (max(0.0, found.value - reach), min(1.0, found.value + reach)))


def again(seen: Observations) -> tuple[np.ndarray, np.ndarray]:
    """Every two decided answers of one person to one pair, as rows (earlier, later): int64 (n,) each."""
    rows = np.flatnonzero(seen.decided())
    rows = rows[np.lexsort((rows, seen.repeat[rows], seen.pair[rows], seen.person[rows]))]
    ones: list[np.ndarray] = []
    twos: list[np.ndarray] = []
    step = 1
    while rows.size > step:
        a, b = rows[:-step], rows[step:]
        same = (seen.person[a] == seen.person[b]) & (seen.pair[a] == seen.pair[b])
        if not same.any():
            break
        ones.append(a[same])
        twos.append(b[same])
        step += 1
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *ones]), np.concatenate([empty, *twos])
