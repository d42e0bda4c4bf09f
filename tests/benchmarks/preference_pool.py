"""Votes that policies need on a pool for a reward model: to accuracy, and to finding the pairs on which groups differ.

    python -m tests.benchmarks.preference_pool [--seeds 5] [--first-seed 500] [--votes 2000] [--features gauss|spectrum]
        [--groups known unknown] [--policies contested information reward_model greedy]

Simulated people of three groups (.5, .3, .2), with tastes of their own, a tenth of them careless, and a third of the utility
outside what features can say. All policies are fitted by the same model; ``greedy`` takes the least certain pair (margin
sampling). Every draw is the product's: candidates at random, softmax over scores of the last refresh (every 50 votes), a
tenth explored. A ratio is votes needed on the mean curve beside random's, with its 90 % interval over resampled seeds.
Near .90 the mean curve rises by a point in some 500 votes, and worlds end between .88 and .93: fewer than twenty seeds tell little.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from random import Random

import numpy as np

from app.inference import preference_posterior as pp
from app.inference.entropy_split import entropy, logistic
from app.inference.preference_fit import fitted
from app.inference.preference_outlook import Outlook, outlook, parts
from app.querying import draw, scoring
from app.querying.registry import acquisitions
from app.querying.vote_log import place_of_fit

GROUPS = np.array([0.5, 0.3, 0.2])
PEOPLE, POOL, TEST, WIDTH = 60, 6000, 3000, 64
REFRESH, EXPLORE = 50, 0.1
CONTESTED = 0.1


@dataclass(frozen=True)
class World:
    x: np.ndarray
    logit: np.ndarray  # (pairs, people)
    group: np.ndarray
    careless: np.ndarray
    side: np.ndarray

    def vote(self, rng, pair, person, left):
        d = 0.0 if self.careless[person] else self.logit[pair, person]
        return float(rng.random() < logistic(d + self.side[person] * left))


def world(seed, features):
    """Pairs of a pool (the first POOL) and of a test set."""
    rng = np.random.default_rng([seed, 1])
    n = POOL + TEST
    spectrum = np.ones(WIDTH) if features == "gauss" else np.arange(1, WIDTH + 1) ** -0.5
    spectrum = spectrum / np.sqrt((spectrum**2).sum())
    raw = rng.normal(size=(n, WIDTH))
    x = raw * spectrum
    hidden = rng.normal(size=(WIDTH, 40)) / np.sqrt(WIDTH)
    curved = np.tanh(2 * raw @ hidden)  # odd: swapping sides swaps its sign
    group = np.repeat([0, 1, 2], np.rint(GROUPS * PEOPLE).astype(int))

    def taste(size):
        linear = x @ rng.normal(size=WIDTH)
        bent = curved @ rng.normal(size=40)
        total = np.sqrt(0.7) * linear / linear.std() + np.sqrt(0.3) * bent / bent.std()
        return size * total

    shared = taste(1.5)
    by_group = np.stack([taste(1.5) for _ in GROUPS], 1)
    own = np.stack([taste(0.5) for _ in range(PEOPLE)], 1)
    logit = (shared[:, None] + by_group[:, group] + own) * np.exp(rng.normal(0, 0.3, PEOPLE))
    careless = rng.permutation(PEOPLE) < PEOPLE // 10
    return World(x, logit, group, careless, rng.normal(0, 0.3, PEOPLE))


def truth(it):
    """For test pairs: chance that a person drawn by group weights prefers the first; bits by which groups differ."""
    chance = logistic(it.logit[POOL:])
    by_group = np.stack([chance[:, it.group == g].mean(1) for g in range(3)], 1)
    share = by_group @ GROUPS
    return share, entropy(share) - entropy(by_group) @ GROUPS


def average_precision(score, relevant):
    hits = relevant[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, hits.size + 1))[hits].mean())


def view_of(seen: Outlook, pi, group):
    n = seen.people.size
    return scoring.view_of(seen, parts(seen, pi), group, np.arange(n), np.zeros(n, np.int32))


def run(policy, seed, features, known, votes):
    """(votes at which it was measured, accuracy, average precision)"""
    it, rng, dice = world(seed, features), np.random.default_rng([seed, 2]), Random(seed)
    pi = GROUPS if known else np.ones(1)
    design = pp.Design(np.zeros(WIDTH, np.int64), np.arange(WIDTH if not known else 16), pi.size)
    group = it.group if known else np.zeros(PEOPLE, np.int64)
    share, differ = truth(it)
    contested = differ >= np.quantile(differ, 1 - CONTESTED)
    decided = np.abs(share - 0.5) > 0.02
    known_so_far, rows, fit_at = pp.prior(design), [], 0
    seen_by = np.zeros((POOL, PEOPLE), bool)
    curve = []
    chosen = None if policy in {"random", "greedy"} else acquisitions()[policy]
    scores = None
    for n in range(votes + 1):
        if n % REFRESH == 0:
            if place_of_fit(n) > fit_at:
                known_so_far, fit_at = fitted(read(it, rows, group, design), design), n
            elif n:
                known_so_far = known_so_far.learn(read(it, rows[-REFRESH:], group, design))
            test = parts(outlook(known_so_far, it.x[POOL:], weight=pi), pi)
            right = (test.share > 0.5) == (share > 0.5)
            found = test.groups + test.people
            curve.append((n, right[decided].mean(), average_precision(found, contested)))
            seen = outlook(known_so_far, it.x[:POOL], weight=pi)
            if chosen is not None:
                scores = [chosen.score(view_of(seen, pi, g)) for g in range(pi.size)]
        person = int(rng.integers(PEOPLE))
        free = np.flatnonzero(~seen_by[:, person])
        if policy == "random":
            pair = int(rng.choice(free))
        elif policy == "greedy":
            pair = int(free[np.argmin(np.abs(seen.overall_mean[free]) + 1e-9 * rng.random(free.size))])
        else:
            at = rng.choice(free, 256, replace=False)
            if dice.random() < EXPLORE:
                pair = int(at[0])
            else:
                q = draw.probabilities(scores[group[person]][at], chosen.temperature)
                pair = int(rng.choice(at, p=q))
        seen_by[pair, person] = True
        left = float(rng.choice([-1, 1]))
        rows.append((pair, person, left, it.vote(rng, pair, person, left)))
    return np.array(curve)


def read(it, rows, group, design):
    pair, person, left, said = (np.array(c) for c in zip(*rows, strict=True))
    return pp.read(it.x[pair], person, said, group=group[person], side=left, design=design)


def needed(curves, part, line):
    """Votes at which the mean curve first reaches the line; infinite where it does not."""
    mean, at = curves[:, :, part].mean(0), curves[0, :, 0]
    there = np.flatnonzero(mean >= line)
    if not there.size:
        return np.inf
    k = int(there[0])
    return (
        at[k] if k == 0 else at[k - 1] + (at[k] - at[k - 1]) * (line - mean[k - 1]) / (mean[k] - mean[k - 1])
    )


def report(found, lines, draws=400):
    """Where random does not get there within the votes, it counts as having just got there: the ratio is then at most that."""
    rng = np.random.default_rng(0)
    base = found["random"]
    most = base[0, -1, 0]
    samples = [np.arange(len(base)), *(rng.integers(0, len(base), len(base)) for _ in range(draws))]
    for label, part, line in lines:
        own = needed(base, part, line)
        words = [f"random {own:.0f}" if np.isfinite(own) else f"random >{most:.0f}"]
        for name, curves in found.items():
            if name != "random":
                ratios = [
                    needed(curves[s], part, line) / min(needed(base[s], part, line), most) for s in samples
                ]
                low, high = np.quantile(ratios[1:], [0.05, 0.95], method="nearest")
                words.append(f"{name} {ratios[0]:.2f} [{low:.2f},{high:.2f}]")
        print(f"  {label}: " + " | ".join(words), flush=True)


LINES = {
    "known": (
        ("accuracy .88", 1, 0.88),
        ("accuracy .90", 1, 0.90),
        ("contested AP .4", 2, 0.4),
        ("contested AP .5", 2, 0.5),
    ),
    "unknown": (
        ("accuracy .86", 1, 0.86),
        ("accuracy .88", 1, 0.88),
        ("contested AP .2", 2, 0.2),
        ("contested AP .3", 2, 0.3),
    ),
}
"""What random order reaches within some 2,500 votes: without groups it finds the pairs people differ on far later."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=500)
    parser.add_argument("--votes", type=int, default=2000)
    parser.add_argument("--features", choices=["gauss", "spectrum"], default="gauss")
    parser.add_argument(
        "--policies", nargs="*", default=["contested", "information", "reward_model", "greedy"]
    )
    parser.add_argument("--groups", nargs="*", choices=["known", "unknown"], default=["known", "unknown"])
    asked = parser.parse_args()
    for groups in asked.groups:
        found = {}
        for name in ("random", *asked.policies):
            start = time.process_time()
            seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
            found[name] = np.stack(
                [run(name, s, asked.features, groups == "known", asked.votes) for s in seeds]
            )
            last = found[name][:, -1, 1:].mean(0)
            print(
                f"groups {groups}, {name}: {time.process_time() - start:.0f} s CPU; at the end accuracy {last[0]:.3f}, "
                f"AP {last[1]:.3f}",
                flush=True,
            )
        print(f"groups {groups}, {asked.features} features, {asked.seeds} seeds")
        report(found, LINES[groups])


if __name__ == "__main__":
    main()
