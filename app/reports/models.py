"""What the study would guess of each person, by what they usually choose and by what they say they stand by; and which guess is right.

Neither is "the" model of a person: predictive is scored on ordinary repeats, endorsed on choices they were asked to stand by and on
matched probes (METHOD 3.4.7). One that follows what people say and loses on ordinary repeats has done its work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sqlalchemy.orm import Session

from app.aggregation import persons
from app.aggregation.labels import Basis, Labels
from app.aggregation.persons import PRIOR
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
    seen, sway, raw = basis.seen, basis.sway, basis.raw
    n_people = int(seen.people.id.size)
    first = sway.used
    total = np.bincount(seen.pair[first], minlength=seen.pairs.id.size).astype(np.float64)
    ahead = np.bincount(seen.pair[first], seen.y[first], seen.pairs.id.size)
    slopes = persons.slopes(basis, patches)
    said = _said(patches, raw.effects.names, seen.people.id, kept)
    own = raw.effects.own
    out = np.zeros((n_people, 2, len(ON), 2), np.int64)

    def guess(person: Ints, pair: Ints) -> tuple[Floats, Floats]:
        mine, there = _first_votes(basis, person, pair)
        share = (ahead[pair] - mine + PRIOR) / (total[pair] - there + 2 * PRIOR)
        x = raw.x[pair]
        drawn = logit(share) + ((slopes[person] - raw.effects.beta) * x).sum(axis=1)
        return drawn, drawn - ((1 - said[person]) * np.where(own, slopes[person], 0.0) * x).sum(axis=1)

    def count(test: str, person: Ints, pair: Ints, y: Floats) -> None:
        if not person.size:
            return
        for m, drawn in enumerate(guess(person, pair)):
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


def _said(patches: Sequence[Held], names: Sequence[str], people: Ints, kept: Floats) -> Floats:
    """How much each person wants of each influence: float64 (n_people, k)."""
    out = np.broadcast_to(kept, (people.size, len(names))).copy()
    for patch in patches:
        if patch.target_type != "influence" or patch.var != "endorsed" or patch.scope != "person":
            continue
        place = int(np.searchsorted(people, patch.annotator_id or 0))
        if patch.target_id in names and place < people.size and people[place] == patch.annotator_id:
            value = patch.value.get("else", 0.5) if isinstance(patch.value, Mapping) else patch.value
            strength = (1 + patch.stood) / (1 + patch.shown) if patch.shown else 1.0
            out[place, list(names).index(patch.target_id)] = 1 - strength * (1 - float(value))
    return out


def _first_votes(basis: Basis, person: Ints, pair: Ints) -> tuple[Floats, Floats]:
    """The person's own first answer to each pair and whether there is one, so that no model is told what it guesses."""
    seen, used = basis.seen, np.flatnonzero(basis.sway.used)
    n = int(seen.pairs.id.size)
    key = seen.person[used] * n + seen.pair[used]
    order = np.argsort(key, kind="stable")
    wanted = person * n + pair
    place = np.minimum(np.searchsorted(key[order], wanted), max(order.size - 1, 0))
    if not order.size:
        return np.zeros(person.size), np.zeros(person.size)
    there = key[order][place] == wanted
    return np.where(there, seen.y[used][order][place], 0.0), there.astype(np.float64)


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
