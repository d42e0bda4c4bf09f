"""What the study expects a person to choose, worked out when a pair is put and kept in the row, before anyone has answered.

Guesses written down beforehand are what "is it worth asking more?" is answered from: a model that only fits what it has seen
guesses no better. ``before_asking`` is the one place where they are made: from the answers to the pair, on top of what the
preference model expects of the person's group where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import String, bindparam, case, func, select
from sqlalchemy.orm import Session

from app.db.base import table_of
from app.db.prepared import Prepared
from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.studies.reads import PairIds
from app.studies.tables import Pair

PRIOR, GROUP_PRIOR = 2.0, 4.0
"""Votes that an even split counts for, and votes that what everyone said counts for beside what the own group said."""
MODEL_PRIOR = 6.0
"""Votes that the preference model's expectation counts for, instead of an even split."""
COUNTS, MODEL = "counts", "model"


@dataclass(frozen=True)
class Guess:
    """share: probability that the person prefers the pair's first response, a tie counting half.  by: the model that said so."""

    share: float
    by: str

    def noted(self) -> dict[str, Any]:
        """As it is kept in an assignment's ``draw``."""
        return {"guess": round(self.share, 4), "guess_by": self.by}


def from_counts(
    first: float, n: float, own_first: float, own_n: float, *, base: float = 0.5, worth: float = PRIOR
) -> float:
    """A person's share from the votes on the pair: everyone's shrunk to a half, their own group's shrunk to everyone's.

    Model: the population's share is Beta with PRIOR votes on an even split; the group's is Beta around it, worth GROUP_PRIOR
    votes. first, n: votes for the first and all, ties half; own_first, own_n: those of the person's group. base, worth: what
    stands for the even split, and how many votes it counts for.

    Example:
        >>> from_counts(0, 0, 0, 0), from_counts(6, 6, 0, 0), from_counts(6, 6, 6, 6)
        (0.5, 0.875, 0.95)
    """
    overall = (first + worth * base) / (n + worth)
    return (own_first + GROUP_PRIOR * overall) / (own_n + GROUP_PRIOR)


@dataclass(frozen=True)
class Votes:
    """Votes on a pair for its first response, and all, ties half: everyone's, and those of one group."""

    first: float
    n: int
    own_first: float
    own_n: int


def before_asking(votes: Votes, *, expected: float | None = None) -> Guess:
    """The guess at the choice of a person of that group on a pair they have not seen.

    expected: the share of their group that the model of the last refresh expects to prefer the first; None where there is none.
    """
    told = votes.first, votes.n, votes.own_first, votes.own_n
    if expected is None:
        return Guess(from_counts(*told), COUNTS)
    return Guess(from_counts(*told, base=expected, worth=MODEL_PRIOR), MODEL)


def votes_on(session: Session, pair_id: int, *, group: str | None) -> tuple[PairIds, Votes]:
    """A pair that is known to be there, with the votes on it, in one read."""
    row = _votes().one(session, {"pair": pair_id, "group": group})
    return PairIds._make(row[:4]), Votes(float(row[4]), int(row[5]), float(row[6]), int(row[7]))


@cache
def _votes() -> Prepared:
    """Counts of current first answers to a pair that preferred something. Built once: building it costs more than running it."""
    judgment, later, person = table_of(Judgment), table_of(Judgment).alias(), table_of(Annotator)
    pair = table_of(Pair)
    given = (
        select(judgment.c.pair_id, judgment.c.choice, judgment.c.left_id, person.c.group_label)
        .select_from(judgment)
        .join(person, person.c.id == judgment.c.annotator_id)
        .outerjoin(later, later.c.supersedes == judgment.c.id)
        .where(
            judgment.c.pair_id == bindparam("pair"),
            judgment.c.choice.in_(("left", "right", "tie")),
            judgment.c.retest_of.is_(None),
            judgment.c.is_gold.is_(False),
            later.c.id.is_(None),
            person.c.withdrawn_at.is_(None),
        )
        .subquery()
    )
    for_first = (given.c.choice == "left") == (given.c.left_id == pair.c.first_id)
    y = case((given.c.choice == "tie", 0.5), (for_first, 1.0), else_=0.0)
    votes, own = given.c.pair_id.is_not(None), given.c.group_label == bindparam("group", type_=String)
    return Prepared(
        select(
            *(pair.c[name] for name in PairIds._fields),
            func.coalesce(func.sum(y).filter(votes), 0),
            func.count().filter(votes),
            func.coalesce(func.sum(y).filter(own), 0),
            func.count().filter(own),
        )
        .select_from(pair)
        .outerjoin(given, given.c.pair_id == pair.c.id)
        .where(pair.c.id == bindparam("pair"))
        .group_by(pair.c.id)
    )
