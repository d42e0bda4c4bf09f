"""Averages over a pool when the next question follows from the votes so far: bias, spread and coverage of each estimate.

    python -m tests.benchmarks.adaptive_means --repeats 300 --seed 100

A pool of 2000 pairs, 1500 votes; a model of each pair's share picks predicted winners (softmax) with some explored, as a
study does that chases what it expects. The plain mean is off; inverse propensities and a model's guesses put it right.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from app.inference.assisted import aipw, hajek, horvitz_thompson, naive

PAIRS, VOTES, REFRESH = 2000, 1500, 50


@dataclass
class Figures:
    bias: float
    rmse: float
    coverage: float
    se_bias: float


def one_study(rng, explore, *, pairs=PAIRS, votes=VOTES):
    """Draws, votes, propensities and the guesses made before each vote; and the true average."""
    mu = rng.beta(2.0, 2.0, pairs)
    hint = np.clip(mu + rng.normal(0, 0.25, pairs), 0.02, 0.98)
    k, n = np.zeros(pairs), np.zeros(pairs)
    drawn, outcome, p, guess, total = [], [], [], [], []
    for _ in range(votes // REFRESH):
        g = (k + 3 * hint) / (n + 3)
        q = np.exp((g - g.max()) / 0.1)
        q = explore / pairs + (1 - explore) * q / q.sum()
        i = rng.choice(pairs, REFRESH, p=q / q.sum())
        y = (rng.random(REFRESH) < mu[i]).astype(float)
        drawn.append(i), outcome.append(y), p.append(q[i]), guess.append(g[i])
        total.append(np.full(REFRESH, g.sum()))
        np.add.at(k, i, y), np.add.at(n, i, 1)
    return tuple(np.concatenate(part) for part in (drawn, outcome, p, guess, total)), float(mu.mean())


def figures(explore, repeats, seed, **size):
    """Figures by estimate, over studies of their own seeds."""
    found = {name: [] for name in ("naive", "horvitz_thompson", "hajek", "aipw")}
    pool = size.get("pairs", PAIRS)
    for repeat in range(repeats):
        (_, y, p, guess, total), true = one_study(np.random.default_rng([seed, repeat]), explore, **size)
        for one in (
            naive(y),
            horvitz_thompson(y, p, pool),
            hajek(y, p),
            aipw(y, p, pool, guess=guess, guesses=total),
        ):
            low, high = one.interval
            found[one.method].append((one.value - true, low <= true <= high))
    out = {}
    for name, rows in found.items():
        off, inside = np.array(rows, float).T
        out[name] = Figures(
            off.mean(), np.sqrt((off**2).mean()), inside.mean(), off.std(ddof=1) / np.sqrt(len(off))
        )
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--seed", type=int, default=100)
    options = parser.parse_args()
    for explore in (0.05, 0.1):
        print(
            f"explore {explore}, {options.repeats} studies, seeds [{options.seed}, 0..{options.repeats - 1}]"
        )
        for name, one in figures(explore, options.repeats, options.seed).items():
            print(
                f"  {name:17s} bias {one.bias:+.4f} (se {one.se_bias:.4f})  rmse {one.rmse:.4f}  coverage {one.coverage:.3f}"
            )


if __name__ == "__main__":
    main()
