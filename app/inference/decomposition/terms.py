"""Estimates with what each person and each prompt adds to their error, and the intervals that follow."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.inference.decomposition.votes import Units, Votes
from app.inference.intervals import FEWEST_CLUSTERS, critical

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Term:
    """One estimate with what each unit (a person on a pair) and each prompt adds to its error. value: None where nothing was compared."""

    value: float | None
    by_unit: Floats = field(default_factory=lambda: np.zeros(0))
    by_prompt: Floats = field(default_factory=lambda: np.zeros(0))


def sums(at: Ints, values: Floats, size: int = 0) -> Floats:
    return np.bincount(at, values, size).astype(np.float64, copy=False)


def combine(*parts: tuple[Term, float]) -> Term:
    """A weighted sum of estimates. An estimate that is not known makes the sum so."""
    if any(term.value is None for term, _ in parts):
        return Term(None)
    return Term(
        sum(factor * term.value for term, factor in parts if term.value is not None),
        np.sum([f * t.by_unit for t, f in parts], axis=0),
        np.sum([f * t.by_prompt for t, f in parts], axis=0),
    )


class Clusters:
    """People and prompts that answers come in, and intervals clustered by both."""

    def __init__(self, votes: Votes, rows: Units) -> None:
        self.person = rows.person
        self.people = int((np.bincount(rows.person) > 0).sum()) if rows.person.size else 0
        seen = np.bincount(rows.pair, minlength=votes.n_pairs) > 0
        self.pairs = int(seen.sum())
        in_prompt = np.bincount(votes.prompt[seen]) if self.pairs else np.zeros(0, np.int64)
        self.prompts = int((in_prompt > 0).sum())
        self.both: Ints | None = None
        if in_prompt.max(initial=0) > 1:
            key = votes.prompt[rows.pair] * votes.n_people + rows.person
            _, self.both = np.unique(key, return_inverse=True)

    def interval(self, term: Term, level: float) -> tuple[float, float] | None:
        """The spread by person, plus that by prompt, less that by both."""
        if term.value is None:
            return None
        by_person, by_prompt = np.bincount(self.person, term.by_unit), term.by_prompt
        by_both = term.by_unit if self.both is None else np.bincount(self.both, term.by_unit)
        people, prompts = self.people, self.prompts
        own = people / max(people - 1, 1) * float(by_person @ by_person)
        spread = own
        if prompts >= FEWEST_CLUSTERS:
            spread += prompts / (prompts - 1) * float(by_prompt @ by_prompt) - float(by_both @ by_both)
        if spread <= 0:
            spread = max(float(by_person @ by_person), float(by_prompt @ by_prompt))
        clusters = min(people, prompts) if prompts >= FEWEST_CLUSTERS else people
        reach = critical(level, clusters - 1) * float(np.sqrt(spread))
        return term.value - reach, term.value + reach
