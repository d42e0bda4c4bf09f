"""What an export says about each person: counts and habits from the arrays, never a name, a place or an exact time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.aggregation.pooling.reliability_weighted import reliability
from app.exports.collecting import LEFT, RIGHT
from app.exports.records import AnnotatorRecord
from app.exports.splits import FOLDS
from app.exports.state import State
from app.kit.ids import keyed_hash

FEWEST_FOR_HABIT = 10
"""Choices from which a share of left choices is told."""


def annotators(state: State) -> Iterator[AnnotatorRecord]:
    """Everybody who may be released and has answered something, in the order of this export's ids."""
    found, crowd = state.collected, state.people
    n = crowd.ids.size
    given = np.bincount(found.person, minlength=n)
    counted = np.bincount(found.person[found.counted()], minlength=n)
    sided = found.counted() & ((found.choice == LEFT) | (found.choice == RIGHT))
    sides = np.bincount(found.person[sided], minlength=n)
    left = np.bincount(found.person[sided & (found.choice == LEFT)], minlength=n)
    again = np.bincount(state.retests.person, minlength=n)
    same = np.bincount(state.retests.person[state.retests.before == state.retests.after], minlength=n)
    pace = _median_ms(state)
    held = reliability(state.retests, n)
    people = sorted((state.salted("annotator", int(crowd.ids[i])), i) for i in np.flatnonzero(given).tolist())
    for annotator_id, i in people:
        monday = crowd.joined[i].date().isocalendar()
        yield AnnotatorRecord(
            annotator_id=annotator_id,
            group=crowd.shown_group(i),
            attributes=[{"key": k, "value": v} for k, v in crowd.attributes[i].items()],
            n_judgments=int(given[i]),
            n_counted=int(counted[i]),
            n_retests=int(again[i]),
            retests_same=int(same[i]),
            steadiness=None if held.mean is None else float((1.0 + held.weight[i]) / 2.0),
            left_share=float(left[i] / sides[i]) if sides[i] >= FEWEST_FOR_HABIT else None,
            median_ms=None if np.isnan(pace[i]) else float(pace[i]),
            consent_scope=crowd.scopes[i],
            source=crowd.sources[i],
            joined_week=f"{monday.year}-W{monday.week:02d}",
            left_out=bool(crowd.left_out[i]),
            fold=int(keyed_hash(state.salt, "fold", annotator_id)[:8], 16) % FOLDS,
        )


def _median_ms(state: State) -> np.ndarray:
    """Median milliseconds of each person's counted answers, NaN where none was timed; float64 (n_people,)."""
    found = state.collected
    kept = found.counted() & (found.elapsed >= 0)
    person, elapsed = found.person[kept], found.elapsed[kept]
    order = np.lexsort((elapsed, person))
    person, elapsed = person[order], elapsed[order].astype(np.float64)
    count = np.bincount(person, minlength=state.people.ids.size)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    result = np.full(count.size, np.nan)
    has = count > 0
    low = start[has] + (count[has] - 1) // 2
    high = start[has] + count[has] // 2
    result[has] = (elapsed[low] + elapsed[high]) / 2
    return result
