"""One person asking once: everything a draw looks at, and storing what was drawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy.orm import Session

from app.aggregation import keeping
from app.assignments import writes as assignments
from app.assignments.pool import Deltas
from app.assignments.rules import first_on_left
from app.assignments.tables import Assignment, PersonLoad
from app.people.tables import Annotator
from app.querying import own_guess
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study


@dataclass(frozen=True)
class Asking:
    """Who asks, in which study, when, and by which random numbers. sway: what was last kept about influences."""

    study: Study
    spec: StudySpec
    annotator: Annotator
    person: PersonLoad
    seed: int
    rng: Random
    deltas: Deltas
    now: datetime
    sway: keeping.Kept | None


def put(session: Session, asking: Asking, pair_id: int, **drawn: Any) -> Assignment:
    """Store the comparison: ``drawn`` holds policy, score, propensity, draw, and what else the row is to have."""
    drawn["seed"] = asking.seed
    pair = studies.get_pair(session, pair_id)
    first_left = first_on_left(asking.annotator.side_seed, asking.person.slot)
    guessed = own_guess.guess(session, asking.annotator, asking.sway, pair, first_left=first_left)
    if guessed is not None:
        drawn["draw"] = {**drawn["draw"], "own_guess": guessed}
    return assignments.put(
        session,
        asking.study,
        asking.annotator,
        asking.person,
        pair=pair,
        spec=asking.spec,
        drawn={"retest_of": None, "is_gold": False, **drawn},
        deltas=asking.deltas,
        now=asking.now,
    )
