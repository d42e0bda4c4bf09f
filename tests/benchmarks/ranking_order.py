"""How many comparisons each way of choosing them needs to a given agreement with the true order, and to a given error of scores.

    python -m tests.benchmarks.ranking_order --seeds 40 10 6 4

Four simulated scenarios; every way of choosing is judged by one final fit (Bradley-Terry with the same prior), so only the
choice differs. Counts are where the mean curve over seeds first crosses the line; ratios come with 90 % bootstrap intervals over
seeds, pooled ones as geometric means over scenarios. ``>``: not reached within the votes of the run, so the ratio is a bound. Errors of scores are those about the best-fitting line, in the
scores' own unit.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import ndtr
from scipy.stats import spearmanr

from app.inference.rank_posterior import prior
from tests.benchmarks.ranking_peers import Asap, Ours, at_random, hybrid_mst, swiss

LINES = (("SROCC .95", "order", 0.95), ("SROCC .98", "order", 0.98), ("RMSE .30", "error", 0.30))
PEERS = ("ASAP-full", "Hybrid-MST", "Swiss", "random")
OURS = ("order", "mix", "scores")


@dataclass(frozen=True)
class Scenario:
    """name; items; votes of a run; kind of world; how many worlds. ``draw`` gives scores, each item's noise, share of slips."""

    name: str
    items: int
    votes: int
    kind: str
    seeds: int

    def draw(self, rng):
        if self.kind == "wide":
            return rng.uniform(0, 6, self.items), None, 0.0
        if self.kind == "narrow":
            return rng.normal(0, 1, self.items), None, 0.0
        return rng.uniform(0, 5, self.items), rng.uniform(0, 0.7, self.items), 0.1


def answers(rng, first, second, score, noise, wrong):
    """1 where the first was preferred, else 0."""
    d = score[first] - score[second]
    if noise is None:
        return (rng.random(first.size) < ndtr(d)).astype(float)
    seen = d + rng.normal(size=first.size) * np.hypot(noise[first], noise[second])
    return np.where(rng.random(first.size) < wrong, seen < 0, seen > 0).astype(float)


def chooser(name, items):
    if name in OURS:
        return Ours(name, int(np.clip(items // 10, 1, 8)))
    return {
        "ASAP-full": Asap,
        "Hybrid-MST": lambda: hybrid_mst,
        "Swiss": lambda: swiss,
        "random": lambda: at_random,
    }[name]()


def run(scenario, name, seed):
    """Rank agreement and error on the grid of votes, float64 (2, n_grid)."""
    world = np.random.default_rng([seed, 1])
    score, noise, wrong = scenario.draw(world)
    rng, choose = np.random.default_rng([seed, 2]), chooser(name, scenario.items)
    known, at, seen = prior(scenario.items, ties=False), [0], [(0.0, np.std(score))]
    rest = max(8, scenario.items // 10)
    while known.n < scenario.votes:
        first, second = choose(known, rng)
        turned = rng.random(first.size) < 0.5
        first, second = np.where(turned, second, first), np.where(turned, first, second)
        outcome = answers(rng, first, second, score, noise, wrong)
        if first.size == 1:
            known = known.updated(int(first[0]), int(second[0]), float(outcome[0]))
            if known.since < rest:
                continue
            known = known.settled()
        else:
            known = known.learn(first, second, outcome, settle_every=first.size)
        at.append(known.n)
        slope, base = np.polyfit(known.mean, score, 1)  # the unit of a score is free
        off = slope * known.mean + base - score
        seen.append((spearmanr(score, known.mean).statistic, np.sqrt((off**2).mean())))
    grid = np.arange(0, scenario.votes + 1, 4)
    return np.stack([np.interp(grid, at, [s[part] for s in seen]) for part in (0, 1)])


def needed(curves, part, line):
    """Votes at which the mean curve first crosses the line; None where it does not."""
    mean = curves[:, 0].mean(axis=0) - line if part == "order" else line - curves[:, 1].mean(axis=0)
    there = np.flatnonzero(mean >= 0)
    if not there.size:
        return None
    k = int(there[0])
    return 4.0 * (k - mean[k] / (mean[k] - mean[k - 1])) if k else 0.0


def ratio(scenario, curves, ours, peer, part, line, sample):
    """Ratio on a resample; a peer that never got there counts as having just got there, we as never; NaN where neither did."""
    mine, theirs = needed(curves[ours][sample], part, line), needed(curves[peer][sample], part, line)
    if mine is None and theirs is None:
        return np.nan
    return (np.inf if mine is None else mine) / (scenario.votes if theirs is None else theirs)


def interval(values):
    if np.isnan(values).any():
        return "[not known: neither got there in some resamples]"
    low, high = np.quantile(values, [0.05, 0.95], method="nearest")
    return f"[{low:.2f},{high:.2f}]"


def report(found, draws=400):
    rng = np.random.default_rng(0)
    samples = {s: [rng.integers(0, s.seeds, s.seeds) for _ in range(draws)] for s in found}
    for label, part, line in LINES:
        print(f"\n{label}: votes needed; ratio of ours to each peer [90 % interval]")
        for scenario, curves in found.items():
            counts = {n: needed(c, part, line) for n, c in curves.items()}
            words = [f"{n} {'>' + str(scenario.votes) if v is None else round(v)}" for n, v in counts.items()]
            print(f"  {scenario.name} ({scenario.seeds} seeds): " + " | ".join(words))
            for ours in OURS:
                cells = []
                for peer in PEERS:
                    one = partial(ratio, scenario, curves, ours, peer, part, line)
                    point = one(np.arange(scenario.seeds))
                    sign = "<" if counts[peer] is None else ""
                    cells.append(f"{peer} {sign}{point:.2f} {interval([one(x) for x in samples[scenario]])}")
                print(f"    {ours:7s} " + " | ".join(cells))
        print("  pooled over scenarios")
        for ours in OURS:
            cells = []
            for peer in PEERS:
                logs = [
                    [
                        np.log(ratio(s, c, ours, peer, part, line, x))
                        for x in [np.arange(s.seeds), *samples[s]]
                    ]
                    for s, c in found.items()
                ]
                pooled = np.exp(np.mean(logs, axis=0))
                cells.append(f"{peer} {pooled[0]:.2f} {interval(pooled[1:])}")
            print(f"    {ours:7s} " + " | ".join(cells))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs=4, default=[40, 10, 6, 4], help="worlds of each scenario")
    parser.add_argument("--first-seed", type=int, default=300)
    asked = parser.parse_args()
    scenarios = [
        Scenario("K=20 wide", 20, 800, "wide", asked.seeds[0]),
        Scenario("K=60 Li et al.", 60, 1400, "li", asked.seeds[1]),
        Scenario("K=100 wide", 100, 2000, "wide", asked.seeds[2]),
        Scenario("K=100 narrow", 100, 3600, "narrow", asked.seeds[3]),
    ]
    found = {}
    for scenario in scenarios:
        found[scenario] = {}
        for name in (*PEERS, *OURS):
            start = time.process_time()
            seeds = range(asked.first_seed, asked.first_seed + scenario.seeds)
            found[scenario][name] = np.stack([run(scenario, name, seed) for seed in seeds])
            print(f"{scenario.name}, {name}: {time.process_time() - start:.1f} s CPU", flush=True)
    report(found)


if __name__ == "__main__":
    main()
