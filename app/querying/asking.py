"""One person asking once: everything a draw looks at, and storing what was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy.orm import Session

from app.aggregation import keeping
from app.aggregation.fit_parts import Named
from app.assignments import writes as assignments
from app.assignments.pool import Deltas
from app.assignments.rules import first_on_left
from app.assignments.tables import Assignment, PersonLoad
from app.people.tables import Annotator
from app.querying import own_guess
from app.studies import reads as studies
from app.studies.reads import PairIds
from app.studies.spec import StudySpec
from app.studies.tables import Study


@dataclass(frozen=True)
class Asking:
    """Who asks, in which study, when, and by which random numbers.

    sway: what was last kept about influences.  last_refresh: the fit of the last refresh of scores.  late_repeats: repeats in the last
    places of the person's sequence, within ``repeating.repeat_gap``.
    """

    study: Study
    spec: StudySpec
    annotator: Annotator
    person: PersonLoad
    seed: int
    rng: Random
    deltas: Deltas
    now: datetime
    sway: keeping.Kept | None
    last_refresh: Named | None
    late_repeats: int


def put(session: Session, asking: Asking, pair_id: int, **drawn: Any) -> Assignment:
    """Store the comparison: ``drawn`` holds policy, score, propensity, draw, and what else the row is to have."""
    row = comparison(session, asking, studies.get_pair(session, pair_id), **drawn)
    return assignments.put(session, row, asking.deltas)


def comparison(session: Session, asking: Asking, pair: PairIds, **drawn: Any) -> dict[str, Any]:
    """The row of a comparison, with a guess at the answer written down beforehand."""
    first_left = first_on_left(asking.annotator.side_seed, asking.person.slot)
    guessed = own_guess.guess(session, asking.annotator, asking.sway, pair, first_left=first_left)
    if guessed is not None:
        drawn["draw"] = {**drawn["draw"], "own_guess": guessed}
    return assignments.comparison(
        asking.study, asking.annotator, asking.person, pair=pair, spec=asking.spec,
        drawn={"retest_of": None, "is_gold": False, "seed": asking.seed, **drawn}, now=asking.now,
    )  # fmt: skip
