"""What the study would guess of each person, by what they usually choose and by what they say they stand by; and which guess is right.

Neither is "the" model of a person: predictive is scored on ordinary repeats, endorsed on choices they were asked to stand by and on
matched probes (METHOD 3.4.7). One that follows what people say and loses on ordinary repeats has done its work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.aggregation.labels import Basis, Labels
from app.aggregation.persons import Guesser
from app.metapreferences import reads as wishes
from app.metapreferences.rules import Held
from app.studies.tables import Study

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PREDICTIVE, ENDORSED, REFLECTIVE = "predictive", "endorsed", "reflective"
ON = ("repeats", "stood_by", "probes")
"""What models are scored on: ordinary repeats, choices the person was asked to stand by, matched probes."""
REFLECTIVE_NOTE = "comes with second looks, which this study has not asked for"


@dataclass(frozen=True)
class Scored:
    """hits of n decided choices that the model guessed; ties and even guesses are in neither."""

    hits: int
    n: int

    @property
    def share(self) -> float | None:
        return self.hits / self.n if self.n else None


@dataclass(frozen=True)
class Models:
    """Scores of every person. score: int64 (n_people, 2 models, 3 tests, 2), hits and number, people in the order of the study's
    observations.
    """

    people: Ints
    score: Ints = field(repr=False)

    def of(self, annotator_id: int) -> dict[str, dict[str, Scored]] | None:
        """By model and test; None for someone who has not answered."""
        place = int(np.searchsorted(self.people, annotator_id))
        if place >= self.people.size or self.people[place] != annotator_id:
            return None
        return _told(self.score[place])

    def together(self) -> dict[str, dict[str, Scored]]:
        """Everyone's choices counted together."""
        return _told(self.score.sum(axis=0))


def models(session: Session, study: Study, found: Labels) -> Models:
    """Score both models on everything they can be scored on. Cost: O(n * n_influences)."""
    cases = [
        (event.annotator_id, judgment, bool(stands))
        for event in wishes.list_events(session, study.id)
        for judgment, stands in dict(event.answer.get("stands") or {}).items()
    ]
    return score(found.basis, found.patches, found.endorsed.wishes.kept[0], cases)


def score(
    basis: Basis, patches: Sequence[Held], kept: Floats, cases: Sequence[tuple[int, str, bool]]
) -> Models:
    """Guess and compare.

    Model: a person is drawn to the first response of a pair by logit of the others' share (a vote to each side added) plus
    (b_u - b) x, b_u their own slopes, drawn to everybody's by eight choices' worth: predictive. Endorsed takes out
    (1 - e_u) b_u x over the influences known to be their own, e_u what the person said of each, or everybody's where they did not.

    Args:
        basis: Votes, features and effects.
        patches: Those that hold.
        kept: float64 (k,), how much of each influence everybody wants to count.
        cases: (person, judgment, whether they stand by its being read the other way).
    """
    seen, sway = basis.seen, basis.sway
    n_people = int(seen.people.id.size)
    guesser, first = Guesser(basis, patches, kept), sway.used
    out = np.zeros((n_people, 2, len(ON), 2), np.int64)

    def count(test: str, person: Ints, pair: Ints, y: Floats) -> None:
        if not person.size:
            return
        for m, drawn in enumerate((guesser.predictive(person, pair), guesser.endorsed(person, pair))):
            decided = (y != 0.5) & (np.abs(drawn) > 1e-9)
            hit = decided & ((drawn > 0) == (y > 0.5))
            out[:, m, ON.index(test), 0] += np.bincount(person[hit], minlength=n_people)
            out[:, m, ON.index(test), 1] += np.bincount(person[decided], minlength=n_people)

    again = np.flatnonzero(seen.repeat & seen.decided())
    count("repeats", seen.person[again], seen.pair[again], seen.y[again])
    probes = np.flatnonzero(first & seen.pairs.probe[seen.pair])
    count("probes", seen.person[probes], seen.pair[probes], seen.y[probes])
    count("stood_by", *_cases(basis, cases))
    return Models(seen.people.id, out)


def _cases(basis: Basis, cases: Sequence[tuple[int, str, bool]]) -> tuple[Ints, Ints, Floats]:
    seen = basis.seen
    order = np.argsort(seen.judgment, kind="stable")
    ids = seen.judgment[order]
    person, pair, y = [], [], []
    for _, judgment, stands in cases:
        place = int(np.searchsorted(ids, judgment.encode()))
        if place < ids.size and ids[place] == judgment.encode() and not np.isnan(seen.y[order[place]]):
            row = int(order[place])
            person.append(int(seen.person[row]))
            pair.append(int(seen.pair[row]))
            y.append(1 - seen.y[row] if stands else seen.y[row])
    return np.array(person, np.int64), np.array(pair, np.int64), np.array(y, np.float64)


def _told(score: Ints) -> dict[str, dict[str, Scored]]:
    return {
        model: {test: Scored(int(score[m, t, 0]), int(score[m, t, 1])) for t, test in enumerate(ON)}
        for m, model in enumerate((PREDICTIVE, ENDORSED))
    }
