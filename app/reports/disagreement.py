"""Disagreement of a study taken apart: of the whole, and of each pair with what to do about it next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.aggregation.observations import CODE, Observations
from app.inference.decomposition.dataset import PARTS, Decomposition, decompose
from app.inference.decomposition.items import PairParts, pair_parts, slowness
from app.inference.decomposition.routing import corners, next_steps
from app.inference.decomposition.votes import Votes, read_votes
from app.reports.influences import Influences
from app.studies.spec import StudySpec

PERMUTATIONS = 200
NEED_REPEATS = ("between_people", "within_person", "position")
PER_PAIR = (
    "share",
    "low",
    "high",
    "epistemic",
    "between_groups",
    "between_people",
    "within_person",
    "conflict",
)


@dataclass(frozen=True)
class Disagreement:
    """``whole``: the parts over the dataset.  ``parts``: of each pair.  ``rows``: a row a pair that has answers, to be stored."""

    whole: Decomposition
    parts: PairParts = field(repr=False)
    rows: list[dict[str, Any]] = field(repr=False)

    def document(self) -> dict[str, Any]:
        """As CONTRACT section 4 lays it out; ``unknown`` says why a part is null. Parts that rest on repeats are null where these are
        too few; ``within_groups`` is between and within people together, which needs none.
        """
        whole = self.whole
        known = ~np.isnan(self.parts.epistemic)
        epistemic = float(self.parts.epistemic[known].mean()) if known.any() else None
        hidden = () if whole.reliable else NEED_REPEATS
        inside = None
        if whole.values["total"] is not None:
            inside = whole.values["total"] - (whole.values["between_groups"] or 0.0)
        return {
            **{part: None if part in hidden else whole.values[part] for part in PARTS},
            "epistemic": epistemic,
            "within_groups": inside,
            "intervals": {
                part: None if part in hidden else _ends(whole.intervals.get(part)) for part in PARTS
            },
            "null": {"between_groups": _ends(whole.null.get("between_groups"))},
            "reliable": whole.reliable,
            "why": whole.why,
            "unknown": dict(whole.unknown),
        }


def disagreement(spec: StudySpec, seen: Observations, swayed: Influences, *, seed: int) -> Disagreement:
    """Both levels. See ``app.inference.decomposition`` for what is estimated and how.

    Where questions were drawn by a policy that favours some pairs, votes count by their inverse propensities; answers without
    one (brought in from elsewhere) are then taken as they come.
    """
    votes = _votes(spec, seen)
    whole = decompose(votes, permutations=PERMUTATIONS, seed=seed)
    decided = seen.decided()
    slow = slowness(seen.person[decided], seen.pair[decided], seen.seconds[decided], n_pairs=votes.n_pairs)
    parts = pair_parts(votes, whole, slow=slow)
    names = votes.groups.names if votes.groups else ()
    kinds = np.array([(kind or spec.item_kind) == "fact" for kind in seen.pairs.kind], np.bool_)
    steps = next_steps(
        parts, groups=names, position=whole.values["position"], shift=swayed.shift, settled_influences=swayed.settled, facts=kinds
    )  # fmt: skip
    where = corners(parts)
    counts = _counts(seen)
    columns = {"pair_id": seen.pairs.id.tolist(), **{k: v.tolist() for k, v in counts.items()}}
    columns |= {name: _known(getattr(parts, name)) for name in PER_PAIR}
    columns["influence_shift"] = _known(swayed.shift)
    columns["divided"] = _divided(parts).tolist()
    columns["corner"] = where
    columns["next_step"] = [None if s is None else s.name + (f":{s.group}" if s.group else "") for s in steps]
    columns["why"] = [None if s is None else s.why[:200] for s in steps]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return Disagreement(whole, parts, rows)


def _divided(parts: PairParts) -> np.ndarray:
    """What more votes and repeats would not take away: between groups and people, or all within groups where there are no repeats."""
    lasting = np.nan_to_num(parts.between_groups) + np.nan_to_num(parts.between_people)
    return lasting + np.where(np.isnan(parts.between_people), np.nan_to_num(parts.inner), 0.0)


def _votes(spec: StudySpec, seen: Observations) -> Votes:
    used = seen.decided()
    weights = None
    groups = spec.people.groups
    if groups is not None and seen.people.groups:
        given = groups.weights or {}
        if given:
            weights = [float(given.get(name, 0.0)) for name in seen.people.groups]
    return read_votes(
        seen.person[used],
        seen.pair[used],
        seen.y[used],
        first_left=seen.first_left[used],
        weight=_inverse(spec, seen)[used] if _adaptive(seen) else None,
        prompt=seen.pairs.item,
        group=seen.people.group if seen.people.groups else None,
        names=seen.people.groups,
        weights=weights,
    )


def _adaptive(seen: Observations) -> bool:
    """Whether some pairs were likelier than others at one moment for one person."""
    return bool(seen.favoured.any())


def _inverse(spec: StudySpec, seen: Observations) -> np.ndarray:  # noqa: ARG001 - the target weights are the study's
    """One over the propensity, 1 on average; answers without one weigh 1, and none weighs over fifty."""
    known = np.isfinite(seen.propensity) & (seen.propensity > 0)
    weight = np.ones(seen.n)
    if known.any():
        inverse = 1 / seen.propensity[known]
        weight[known] = np.clip(inverse / inverse.mean(), 0.02, 50)
    return weight


def _ends(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _known(values: np.ndarray) -> list[float | None]:
    """The values, None where one is not known."""
    found: list[float | None] = values.tolist()
    for place in np.flatnonzero(np.isnan(values)).tolist():
        found[place] = None
    return found


def _counts(seen: Observations) -> dict[str, np.ndarray]:
    """What was chosen on each pair: first answers of people, and ``votes`` with repeats among them."""
    n = seen.pairs.id.size
    once = ~seen.repeat
    decided = seen.decided() & once
    neither = (seen.choice == CODE["neither"]) & once

    def tally(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(seen.pair[chosen], minlength=n)

    return {
        "votes": tally(seen.decided()),
        "people": tally(decided | neither),
        "first": tally(decided & (seen.y == 1)),
        "second": tally(decided & (seen.y == 0)),
        "ties": tally(decided & (seen.y == 0.5)),
        "neither": tally(neither),
    }
