"""What the study expects a person to choose, worked out when a pair is put and kept in the row, before anyone has answered.

Guesses written down beforehand are what "is it worth asking more?" is answered from: a model that only fits what it has seen
guesses no better. ``before_asking`` is the one place where they are made: from the answers to the pair, on top of what the
preference model expects of the person's group where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from app.judgments.tables import Judgment
from app.people.tables import Annotator
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


def before_asking(
    session: Session, pair: Pair, annotator: Annotator, *, expected: float | None = None
) -> Guess:
    """The guess at this person's choice on a pair they have not seen. Reads the answers to this one pair.

    expected: the share of their group that the model of the last refresh expects to prefer the first; None where there is none.
    """
    rows = session.execute(_answers(), {"pair_id": pair.id})
    first = n = own_first = own_n = 0.0
    for choice, left_id, group in rows:
        y = 0.5 if choice == "tie" else float((choice == "left") == (left_id == pair.first_id))
        first, n = first + y, n + 1
        if group is not None and group == annotator.group_label:
            own_first, own_n = own_first + y, own_n + 1
    if expected is None:
        return Guess(from_counts(first, n, own_first, own_n), COUNTS)
    share = from_counts(first, n, own_first, own_n, base=expected, worth=MODEL_PRIOR)
    return Guess(share, MODEL)


@cache
def _answers() -> Any:
    """Current first answers to a pair, with the side and the person's group. Built once: building it costs more than running it."""
    later = aliased(Judgment)
    return (
        select(Judgment.choice, Judgment.left_id, Annotator.group_label)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Judgment.pair_id == bindparam("pair_id"),
            Judgment.choice.in_(("left", "right", "tie")),
            Judgment.retest_of.is_(None),
            Judgment.is_gold.is_(False),
            later.id.is_(None),
            Annotator.withdrawn_at.is_(None),
        )
    )
