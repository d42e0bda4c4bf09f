"""A made-up population whose disagreement is known: five kinds of pairs, groups, tastes, sides, a pull to longer answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Sizes and strengths. kinds: shares of consensus, group conflict, taste, hard and influence-led pairs."""

    pairs: int = 20_000
    people: int = 2_000
    votes: float = 12
    shares: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    kinds: tuple[float, ...] = (0.45, 0.15, 0.15, 0.15, 0.10)
    group_spread: float = 1.0
    person_spread: float = 1.0
    repeats: float = 0.06
    position: float = 0.25
    length: float = 0.5
    certain: bool = False
    """Everybody always answers alike: nobody is at odds with themselves."""


class Population:
    """People and pairs with their true propensities."""

    def __init__(self, design: Design, seed: int) -> None:
        rng = self.rng = np.random.default_rng(seed)
        self.design = design
        n, people = design.pairs, design.people
        self.weights = np.array(design.shares) / sum(design.shares)
        self.group = rng.choice(self.weights.size, people, p=self.weights)
        kind = self.kind = rng.choice(5, n, p=design.kinds)
        flat = np.select([kind == 1, kind == 2, kind == 4], [0.4, 0.4, 0.3], 1.0)
        self.theta = rng.normal(0, 1.5, n) * flat
        spread = np.where(kind == 1, 2.2, 0.25) * design.group_spread
        self.delta = rng.normal(0, 1, (n, self.weights.size)) * spread[:, None]
        self.factor, self.load = rng.normal(0, 1, (people, 3)), rng.normal(0, 1, (n, 3)) / np.sqrt(3)
        self.taste = np.where(kind == 2, 2.2, 0.3) * design.person_spread
        self.heat = np.where(kind == 3, 0.15, 1.3)
        self.own_heat = rng.lognormal(0, 0.25, people)
        self.side = rng.normal(design.position, 0.3, people) if design.position else np.zeros(people)
        self.x = rng.normal(0, 1, n)
        led = kind == 4
        self.x[led] = np.sign(rng.normal(size=led.sum())) * rng.uniform(1.5, 3, led.sum())
        self.sway = rng.normal(design.length, 0.15, people)

    def logit(self, pair: NDArray[np.int64], person: NDArray[np.int64]) -> Array:
        """Of preferring the first response, before the side shown."""
        own = self.taste[pair] * (self.factor[person] * self.load[pair]).sum(axis=1)
        raw = self.theta[pair] + self.delta[pair, self.group[person]] + own + self.sway[person] * self.x[pair]
        return raw * self.heat[pair] * self.own_heat[person]

    def answer(
        self, pair: NDArray[np.int64], person: NDArray[np.int64], first_left: NDArray[np.bool_]
    ) -> Array:
        """1 where the first response was chosen."""
        eta = self.logit(pair, person) + self.side[person] * np.where(first_left, 1, -1)
        if self.design.certain:
            return (eta > 0).astype(float)
        return (self.rng.random(pair.size) < expit(eta)).astype(float)

    def asked(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs and people at random, nobody twice on a pair."""
        count = self.rng.poisson(self.design.votes, self.design.pairs).clip(2)
        pair = np.repeat(np.arange(self.design.pairs), count)
        person = self.rng.integers(0, self.design.people, pair.size)
        _, first = np.unique(pair * self.design.people + person, return_index=True)
        first = self.rng.permutation(first)
        return pair[first], person[first]

    def votes(self) -> dict[str, NDArray[np.generic]]:
        """Columns of votes, repeats behind the others."""
        pair, person = self.asked()
        left = self.rng.random(pair.size) < 0.5
        y = self.answer(pair, person, left)
        eta = np.abs(self.logit(pair, person))
        slow = 3 - 0.35 * np.minimum(eta, 4) + self.rng.normal(0, 0.5, pair.size)
        again = self.rng.random(pair.size) < self.design.repeats
        swapped = self.rng.random(again.sum()) < 0.5
        left_again = np.where(swapped, ~left[again], left[again])
        y_again = self.answer(pair[again], person[again], left_again)
        return {
            "pair": np.concatenate([pair, pair[again]]),
            "person": np.concatenate([person, person[again]]),
            "y": np.concatenate([y, y_again]),
            "first_left": np.concatenate([left, left_again]),
            "log_seconds": np.concatenate([slow, slow[again]]),
        }

    def truth(self, pairs: NDArray[np.int64]) -> dict[str, Array]:
        """The parts of these pairs, by averaging over the whole population."""
        everyone = np.arange(self.design.people)
        out = {k: np.zeros(pairs.size) for k in ("share", "groups", "people", "within", "position")}
        for i, pair in enumerate(pairs):
            eta = self.logit(np.full(everyone.size, pair), everyone)
            if self.design.certain:
                on_left, on_right = (eta + self.side > 0).astype(float), (eta - self.side > 0).astype(float)
            else:
                on_left, on_right = expit(eta + self.side), expit(eta - self.side)
            mean = (on_left + on_right) / 2
            by_group = [self.group == g for g in range(self.weights.size)]
            mu = np.array([mean[g].mean() for g in by_group])
            share = float(mu @ self.weights)
            out["share"][i] = share
            out["groups"][i] = ((mu - share) ** 2) @ self.weights
            out["people"][i] = np.array([mean[g].var() for g in by_group]) @ self.weights
            out["within"][i] = np.array([(mean * (1 - mean))[g].mean() for g in by_group]) @ self.weights
            out["position"][i] = (
                np.array([((on_left - on_right) ** 2 / 4)[g].mean() for g in by_group]) @ self.weights
            )
        return out
