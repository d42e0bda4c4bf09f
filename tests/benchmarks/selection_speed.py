"""What choosing the next question costs at a million pairs: the engine's part of a request, a vote taken in, a refresh's memory.

    python -m tests.benchmarks.selection_speed [--pairs 1000000] [--features 64] [--groups 4]

The engine's part is what stands between the candidates' rows and the draw: looking scores up, probabilities, the draw, what is
told of it. Times are CPU, and wall beside it for requests, which counts whatever else the machine does; memory is the peak of
this process.
"""

from __future__ import annotations

import argparse
import resource
import time
from random import Random

import numpy as np

from app.inference import preference_posterior as pp
from app.inference.preference_fit import fitted
from app.inference.preference_outlook import expected_information, outlook, parts
from app.querying import draw
from app.querying.protocol import CandidateView
from app.querying.registry import acquisitions
from app.querying.scoring import view_of
from app.querying.selection import NONE, Selection


def peak():
    """Of this process so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def quantiles(seconds):
    p50, p95, p99 = np.quantile(seconds, [0.5, 0.95, 0.99]) * 1e3
    return f"p50 {p50:.3f} ms, p95 {p95:.3f} ms, p99 {p99:.3f} ms"


def votes_of(x, rng, n, groups, design):
    at, person = rng.integers(0, len(x), n), rng.integers(0, 60, n)
    said = (rng.random(n) < 0.5).astype(float)
    return pp.read(
        x[at].astype(float),
        person,
        said,
        group=person % groups,
        side=rng.choice([-1.0, 1.0], n),
        design=design,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--groups", type=int, default=4)
    asked = parser.parse_args()
    rng, n, d, g = np.random.default_rng(0), asked.pairs, asked.features, asked.groups
    design = pp.Design(np.zeros(d, np.int64), np.arange(16), g)
    print(f"{n:,} pairs, {d} features, {g} groups; before anything {peak():.2f} GiB", flush=True)
    x = np.empty((n, d), np.float16)
    for start in range(0, n, 50_000):
        x[start : start + 50_000] = rng.normal(size=(min(50_000, n - start), d)) / np.sqrt(d)
    votes = votes_of(x, rng, 1500, g, design)
    start = time.process_time()
    known = fitted(votes.part(slice(0, 1000)), design)
    print(f"a whole fit of 1,000 votes: {time.process_time() - start:.2f} s CPU", flush=True)
    start = time.process_time()
    known = known.learn(votes.part(slice(1000, 1500)))
    print(f"a vote taken in: {(time.process_time() - start) / 500 * 1e3:.3f} ms CPU", flush=True)
    start = time.process_time()
    seen = outlook(known, x)
    told = parts(seen, np.full(g, 1 / g))
    policy, load, ids = acquisitions()["contested"], np.zeros(n, np.int32), np.arange(n, dtype=np.int64) * 3
    score, fades = np.zeros((g, n), np.float32), np.zeros((g, n), np.float16)
    for group in range(g):
        score[group] = policy.score(view_of(seen, told, group, ids, load))
        spread = seen.variance[:, group] + seen.people
        fades[group] = expected_information(seen.mean[:, group], spread) * seen.variance[:, group]
    split = np.stack([told.share, told.epistemic, told.groups, told.people, told.noise]).astype(np.float16)
    print(
        f"a refresh of all pairs: {time.process_time() - start:.1f} s CPU; peak memory {peak():.2f} GiB",
        flush=True,
    )
    names = tuple(f"g{i}" for i in range(g))
    kept = Selection(
        1,
        "contested",
        1,
        names,
        np.full(g, 1 / g),
        ids,
        score,
        fades,
        load,
        split,
        None,
        {"votes": 1500},
        NONE,
        NONE,
        frozenset(),
    )
    dice, took, waited = Random(1), [], []
    for i in range(3000):
        found = rng.choice(ids, policy.candidates)
        loads = np.zeros(found.size, np.int64)
        start, wall = time.thread_time(), time.perf_counter()
        view = CandidateView(found, loads, loads + 15, stored=kept.stored(found, loads, names[i % g]))
        one = draw.choose(policy, view, eligible=n, explore=0.1, rng=dice)
        kept.told(int(found[one.index]))
        took.append(time.thread_time() - start)
        waited.append(time.perf_counter() - wall)
    print(f"the engine's part of a request: {quantiles(took)} CPU; {quantiles(waited)} wall", flush=True)


if __name__ == "__main__":
    main()
