"""Time to fit Bradley-Terry to a hundred items, beside evalica and choix, and how far their estimates lie apart.

    python -m tests.benchmarks.fit_speed --votes 10000 100000 1000000

Each library gets votes in the form it asks for, made beforehand; best of some rounds. No ties: choix knows none.
"""

from __future__ import annotations

import argparse
import importlib
import time
from functools import partial

import numpy as np

from app.inference.bradley_terry import bradley_terry
from app.inference.davidson import davidson
from tests.inference.simulated_votes import pairs, vote

SLOW = 20.0


def best_of(rounds, call):
    """CPU seconds of the quickest of some rounds (fewer where one is slow), and its result."""
    times, result = [], None
    for _ in range(rounds):
        start = time.process_time()
        result = call()
        times.append(time.process_time() - start)
        if sum(times) > SLOW:
            break
    return min(times), result


def peers(left, right, outcome, n_items):
    """Name to (call, scores from its result), of the libraries that are installed."""
    found = {}
    for name in ("evalica", "choix"):
        try:
            library = importlib.import_module(name)
        except ImportError:
            print(f"{name} is not installed: left out")
            continue
        if name == "evalica":
            words = np.array([library.Winner.Y, library.Winner.X], dtype=object)[outcome.astype(int)].tolist()
            one, two = left.tolist(), right.tolist()
            found[name] = (
                lambda one=one, two=two, words=words, lib=library: lib.bradley_terry(
                    one, two, words, tolerance=1e-9, limit=10_000
                ),
                lambda fit: np.log(fit.scores.sort_index().to_numpy()),
            )
        elif left.size <= 100_000:
            wins = list(zip(*np.where(outcome == 1, [left, right], [right, left]).tolist(), strict=True))
            found[name] = (
                lambda wins=wins, lib=library: lib.ilsr_pairwise(n_items, wins, tol=1e-9),
                np.asarray,
            )
        else:
            print("choix takes minutes at this size: left out")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    for n in asked.votes:
        rng = np.random.default_rng(n)
        strength = rng.normal(0, 1, asked.items)
        left, right = pairs(rng, n, asked.items)
        outcome = vote(rng, strength[left] - strength[right])
        who = rng.integers(0, 200, n)
        with_ties = vote(rng, strength[left] - strength[right], 0.6)
        k = asked.items
        fit = partial(bradley_terry, left, right, outcome, n_items=k)
        took, ours = best_of(asked.rounds, partial(fit, uncertainty="none"))
        clustered, _ = best_of(asked.rounds, partial(fit, annotator=who))
        davidsons = partial(davidson, left, right, with_ties, n_items=k, annotator=who)
        tied, _ = best_of(asked.rounds, davidsons)
        print(
            f"{n:>8} votes: ours {took * 1e3:.1f} ms, with intervals by person {clustered * 1e3:.1f} ms, "
            f"Davidson with them {tied * 1e3:.1f} ms"
        )
        for name, (call, scores) in peers(left, right, outcome, k).items():
            theirs, result = best_of(asked.rounds, call)
            found = scores(result)
            apart = np.abs(found - found.mean() - ours.strength).max()
            print(
                f"{'':>14} {name} {theirs * 1e3:.1f} ms, {theirs / took:.1f}x ours, at most {apart:.1e} logits apart"
            )


if __name__ == "__main__":
    main()
