"""Shares over a study's whole pool from questions that were not drawn evenly: guesses put right by votes (METHOD 3.4.23). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.aggregation.draws import Draws
from app.aggregation.observations import CODE
from app.inference.assisted import Average, aipw, naive

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Name = Literal["tie", "neither", "left", "longer"]
OUTCOMES: tuple[Name, ...] = ("tie", "neither", "left", "longer")
"""Shares of answers, skips left out: about the same; neither is good; the left side, ties and neither half; the longer response,
likewise, over pairs of which one is longer.
"""
SHRINK = 2.0
"""Votes that the mean over all pairs counts for in a pair's guess."""
MOST_STEPS = 50_000


@dataclass(frozen=True)
class PoolShare:
    """One share: as the votes are, and over the whole pool."""

    name: Name
    naive: Average | None
    value: Average | None
    why: str | None = None


def pool_shares(seen: Draws) -> list[PoolShare]:
    """Each share of OUTCOMES, with intervals by person.

    Pairs that a person could not be asked at some moment (answered already, full, of a topic left out) had probability 0 then:
    they enter by the mean of their own votes so far, as a certainty stratum.
    """
    used = seen.choice != CODE["skip"]
    return [_one(seen, name, used) for name in OUTCOMES]


def outcome(seen: Draws, name: Name) -> Floats:
    """The outcome of each answer: float64 (n,)."""
    if name in {"tie", "neither"}:
        return np.asarray(seen.choice == CODE[name], np.float64)
    toward = np.where(np.isnan(seen.y), 0.5, seen.y)
    first = seen.first_left if name == "left" else seen.pool.longer[seen.pair] > 0
    return np.asarray(np.where(first, toward, 1 - toward), np.float64)


def _one(seen: Draws, name: Name, used: Flags) -> PoolShare:
    inside = seen.pool.longer != 0 if name == "longer" else np.ones(seen.pool.id.size, np.bool_)
    counted = used & inside[seen.pair]
    if not counted.any():
        return PoolShare(name, None, None, "no answers yet")
    y = outcome(seen, name)
    plain = naive(y[counted], cluster=seen.person[counted])
    steps = _steps(seen, y, used, inside)
    # a question about a pair outside says nothing of the pairs inside, and its step is the guesses alone
    within = inside[seen.pair[steps.at]]
    found = aipw(
        np.where(within, y[steps.at], steps.guess), seen.propensity[steps.at], int(inside.sum()),
        guess=steps.guess, guesses=steps.guesses, certain=steps.certain, cluster=seen.person[steps.at],
    )  # fmt: skip
    return PoolShare(name, plain, found, found.why)


@dataclass(frozen=True)
class _Steps:
    """at: which questions.  guess: of its pair.  guesses: summed over the pairs that could be drawn.  certain: over the others."""

    at: NDArray[np.int64]
    guess: Floats
    guesses: Floats
    certain: Floats


class _Running:
    """What is guessed of each pair inside from the answers so far; sums are kept, so that a step costs what one pair does.

    A pair's guess is (k + SHRINK * mean) / (n + SHRINK), k of n votes and ``mean`` over all; a full pair is certain at k / n.
    """

    def __init__(self, inside: Flags, cap: NDArray[np.int64]) -> None:
        self.inside, self.cap = inside, cap
        self.k, self.n = np.zeros(inside.size), np.zeros(inside.size)
        self.done = np.zeros(inside.size, np.bool_)
        self.votes = self.total = 0.0
        self.own_part, self.mean_part, self.full = 0.0, float(inside.sum()) / SHRINK, 0.0

    @property
    def mean(self) -> float:
        return (self.total + 1) / (self.votes + 2)

    def expected(self, at: Any) -> Any:
        return (self.k[at] + SHRINK * self.mean) / (self.n[at] + SHRINK)

    def known(self, at: Any) -> Any:
        """The mean of a pair's own votes; its guess where it has none."""
        n = self.n[at]
        return np.where(n > 0, self.k[at] / np.maximum(n, 1), self.expected(at))

    def add(self, i: int, y: float) -> None:
        """Count a vote."""
        self._sums(i, -1)
        self.k[i] += y
        self.n[i] += 1
        self.done[i] = self.n[i] >= self.cap[i]
        self._sums(i, 1)
        if self.inside[i]:
            self.total += y
            self.votes += 1

    def _sums(self, i: int, sign: int) -> None:
        if not self.inside[i]:
            return
        if self.done[i]:
            self.full += sign * self.k[i] / self.n[i]
        else:
            self.own_part += sign * self.k[i] / (self.n[i] + SHRINK)
            self.mean_part += sign / (self.n[i] + SHRINK)

    def split(self, i: int, shut: NDArray[np.int64]) -> tuple[float, float]:
        """Guesses summed over the pairs that could be drawn, i among them, and what is known of ``shut`` and of full ones."""
        guesses, certain = self.own_part + SHRINK * self.mean * self.mean_part, self.full
        shut = shut[self.inside[shut] & ~self.done[shut] & (shut != i)]
        if shut.size:
            guesses -= float(self.expected(shut).sum())
            certain += float(self.known(shut).sum())
        if self.done[i] and self.inside[i]:
            guesses += float(self.expected(i))
            certain -= self.k[i] / self.n[i]
        return guesses, certain


def _steps(seen: Draws, y: Floats, used: Flags, inside: Flags) -> _Steps:
    """Walk through the study: answers change what is guessed, and each question meets the guesses of its moment."""
    now = _Running(inside, seen.pool.cap)
    mine: dict[int, list[int]] = {}
    barred = _barred(seen)
    arrivals = np.argsort(seen.answered, kind="stable")
    every = np.flatnonzero(used)
    chosen = set(every[:: max(1, -(-every.size // MOST_STEPS))].tolist())
    rows: list[tuple[int, float, float, float]] = []
    came = 0
    for step in range(seen.n):
        while came < arrivals.size and seen.answered[arrivals[came]] <= seen.put[step]:
            j = int(arrivals[came])
            came += 1
            if used[j]:
                now.add(int(seen.pair[j]), float(y[j]))
        who, i = int(seen.person[step]), int(seen.pair[step])
        own = mine.setdefault(who, list(barred.get(who, ())))
        if step in chosen:
            guesses, certain = now.split(i, np.array(own, np.int64))
            rows.append((step, float(now.expected(i)), guesses, certain))
        own.append(i)
    at, guess, guesses_, certain_ = np.array(rows, np.float64).reshape(-1, 4).T
    return _Steps(at.astype(np.int64), guess, guesses_, certain_)


def _barred(seen: Draws) -> dict[int, list[int]]:
    """Pairs of topics that a person left out, by person."""
    found = {}
    for who, topics in enumerate(seen.opted_out):
        numbers = [n for n, topic in enumerate(seen.pool.topics) if topic in topics]
        if numbers:
            found[who] = np.flatnonzero(np.isin(seen.pool.topic, numbers)).tolist()
    return found
