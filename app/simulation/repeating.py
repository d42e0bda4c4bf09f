"""Several repetitions of a dry run told as one: means, and how far they would lie apart in another few."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from app.inference.intervals import critical

LEVEL = 0.9
TOLD = (
    "accuracy", "contested_ap", "model_accuracy", "model_contested_ap", "interval_width", "spent_on_contested", "votes",
    "questions", "meta_questions", "cost", "minutes",
)  # fmt: skip


def interval(values: Sequence[float | None]) -> list[float] | None:
    """Of the mean, 90 %, by Student's t over repetitions; None where fewer than two say anything.

    Example:
        >>> [round(v, 3) for v in interval([0.6, 0.7, 0.8])]
        [0.531, 0.869]
    """
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return None
    reach = critical(LEVEL, len(known) - 1) * statistics.stdev(known) / len(known) ** 0.5
    mean = statistics.fmean(known)
    return [mean - reach, mean + reach]


def merged(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One policy's repetitions as one: numbers are means of those that are known, whole ones rounded; ``votes_needed`` is the
    middle one, None where half do not get there; words and switches are those of the first. ``repetitions``: each one's end.
    """
    first = dict(runs[0])
    shortest = min(len(r["curve"]) for r in runs)
    found = {
        k: _mean([r[k] for r in runs]) for k in first if k not in {"curve", "votes_needed", "notes", "report"}
    }
    found["curve"] = [
        {k: _mean([r["curve"][at][k] for r in runs]) for k in first["curve"][at]} for at in range(shortest)
    ]
    found["report"] = {k: _mean([r["report"].get(k) for r in runs]) for k in first["report"]}
    found["votes_needed"] = {t: _middle([r["votes_needed"][t] for r in runs]) for t in first["votes_needed"]}
    notes = {n for r in runs for n in r["notes"]}
    found["notes"] = {n: round(statistics.fmean(r["notes"].get(n, 0) for r in runs)) for n in sorted(notes)}
    found["repetitions"] = [{k: r[k] for k in TOLD} for r in runs]
    found["intervals"] = {k: interval([r[k] for r in runs]) for k in TOLD}
    return found


def _mean(values: Sequence[Any]) -> Any:
    known = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if not known:
        return values[0]
    mean = statistics.fmean(known)
    return round(mean) if all(isinstance(v, int) for v in known) else mean


def _middle(values: Sequence[int | None]) -> int | None:
    order = sorted(values, key=lambda v: (v is None, v or 0))
    return order[len(order) // 2]


def difference(own: Mapping[str, Any], other: Mapping[str, Any], key: str) -> list[float] | None:
    """The interval of a figure of one policy less that of another, repetition by repetition: both met the same people."""
    both = zip(own["repetitions"], other["repetitions"], strict=True)
    return interval([a[key] - b[key] for a, b in both if a[key] is not None and b[key] is not None])
