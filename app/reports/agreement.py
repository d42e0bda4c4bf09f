"""Agreement of a study from its answers: between people, and of people with themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.aggregation.observations import Observations
from app.inference.agreement import (
    Agreement,
    AgreementIntervals,
    Fleiss,
    Share,
    agreement_intervals,
    fleiss_kappa,
    krippendorff_nominal,
    krippendorff_ordinal,
    share,
)
from app.inference.agreement_bootstrap import bootstrap_intervals
from app.inference.intervals import FEWEST_CLUSTERS, critical
from app.judgments.tables import Judgment


@dataclass(frozen=True)
class Agreements:
    """Between people on pairs, and of the same person asked again: in all, with the same sides, with the sides swapped.

    repeats: answers to a pair the person had answered before. The shares are over every two answers of a person to a pair.
    """

    between: Agreement
    intervals: AgreementIntervals
    fleiss: Fleiss
    repeats: int
    retest: Share
    same_sides: Share
    swapped_sides: Share
    after_review: Share
    """Where the person had seen what the study has learned of them in between: the study's own influence."""


MOST_DRAWN = 200_000
"""Above so many answers intervals are the linearised ones: the draws would take longer than the rest of the report."""


def agreements(seen: Observations, *, seed: int) -> Agreements:
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
        _intervals(seen, counted, said, seed),
        fleiss_kappa(seen.pair[counted], said[counted]),
        int((seen.repeat & (said >= 0)).sum()),
        _share(same, who),
        _share(same[~swapped], who[~swapped]),
        _share(same[swapped], who[swapped]),
        _share(same[seen.after_review[two]], who[seen.after_review[two]]),
    )


def _intervals(seen: Observations, counted: np.ndarray, said: np.ndarray, seed: int) -> AgreementIntervals:
    pair, who = seen.pair[counted], seen.person[counted]
    item = seen.pairs.item[pair]
    if pair.size > MOST_DRAWN:
        return agreement_intervals(pair, said[counted], person=who, cluster=item)
    return bootstrap_intervals(pair, said[counted], person=who, cluster=item, seed=seed)


def seeing(seen: Observations) -> tuple[Share, Share]:
    """Same choice again: (after the person saw what the study has learned of them, elsewhere)."""
    one, two = again(seen)
    same, who, after = seen.y[one] == seen.y[two], seen.person[one], seen.after_review[two]
    return _share(same[after], who[after]), _share(same[~after], who[~after])


USUAL = 2
"""The strength of a choice that was given none, of 1 to 3."""


def ordinal_alpha(session: Session, study_id: int, seen: Observations) -> float | None:
    """Krippendorff's ordinal alpha over the seven steps from much better to much worse, on first answers: for graded studies."""
    counted = seen.decided() & ~seen.repeat
    rows = session.execute(
        select(Judgment.id, Judgment.strength).where(
            Judgment.study_id == study_id, Judgment.strength.is_not(None)
        )
    )
    strengths = {key.encode(): strength for key, strength in rows}
    felt = np.array([strengths.get(key, USUAL) for key in seen.judgment[counted].tolist()], np.int64)
    steps = np.sign(2 * seen.y[counted] - 1).astype(np.int64) * felt
    return krippendorff_ordinal(seen.pair[counted], steps)


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
