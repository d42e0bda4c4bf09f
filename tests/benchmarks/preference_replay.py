"""Votes on real texts, replayed: rank agreement by the votes asked for, chosen by a policy against in random order.

    python -m tests.benchmarks.preference_replay [--sets pandalm ukpconvarg_a] [--seeds 8] [--first-seed 700] [--votes N]

Two votes of every pair with that many (one, where there are three) are held back and give the reference: of ``ukpconvarg_a``
the strengths of the arguments within each debate, by Bradley-Terry; of ``pandalm`` the share of each pair. The others are asked
for one by one; only what was voted can be asked. Features are the product's ``text`` and influences. Agreement is Spearman's
rank correlation of the model's preference with the reference: within each debate, then averaged; over pairs.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from app.inference import feature, influence
from app.inference import preference_posterior as pp
from app.inference.feature import Corpus, Responses
from app.inference.preference_fit import fitted
from app.inference.preference_outlook import outlook
from app.inference.rank_posterior import counted
from app.querying import draw
from app.querying.registry import acquisitions
from app.querying.vote_log import place_of_fit
from tests.benchmarks.preference_pool import view_of

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
PERSONAL, REFRESH, EXPLORE, CANDIDATES = 16, 50, 0.1, 256


@dataclass(frozen=True)
class Replay:
    """phi: features of responses.  first, second, item: of each pair.  kind: of columns.  votes: (pair, person, outcome, left)."""

    name: str
    phi: np.ndarray
    kind: np.ndarray
    item: np.ndarray
    first: np.ndarray
    second: np.ndarray
    votes: np.ndarray


def load(name):
    texts, prompts, items, place = [], [], [], {}
    for n, line in enumerate((SHARED / name / "items.jsonl").open()):
        row = json.loads(line)
        for one in row["responses"]:
            key = one.get("id") or one["model"]
            place[row["id"], key] = len(texts)
            texts.append(one["text"])
            prompts.append(row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][-1]["content"])
            items.append(n)
    names = sorted({str(i) for i in range(len(texts))})
    responses = Responses(prompts, texts, names, [None] * len(texts))
    substance = (
        feature.kinds()["text"]
        .learn(responses, Corpus(len(texts), 0, len(texts)), size=feature.SIZE, seed=1)
        .of(responses)
    )
    styles = [n for n, one in influence.influences().items() if one.kind == "text"]
    numbers = [influence.measured(p, t) for p, t in zip(prompts, texts, strict=True)]
    style = np.array([[m[s] or 0.0 for s in styles] for m in numbers])
    pairs, votes, people = {}, [], {}
    for row in csv.DictReader((SHARED / name / "judgments.csv").open(newline="")):
        left, right = (place[row["item_id"], row[side]] for side in ("left", "right"))
        key = (min(left, right), max(left, right))
        pair = pairs.setdefault(key, len(pairs))
        outcome = {"left": 1.0, "right": 0.0, "tie": 0.5}[row["choice"]]
        left_first = left == key[0]
        person = people.setdefault(row["annotator_id"], len(people))
        votes.append((pair, person, outcome if left_first else 1 - outcome, 1 if left_first else -1))
    first, second = np.array(list(pairs)).T
    return scaled(name, substance, style, np.array(items), first, second, np.array(votes))


def scaled(name, substance, style, items, first, second, votes):
    length = np.sqrt(((substance[first] - substance[second]) ** 2).sum(1).mean())
    typical = np.sqrt(((style[first] - style[second]) ** 2).mean(0))
    used = typical > 1e-9
    phi = np.hstack([substance / length, style[:, used] / typical[used]])
    kind = np.array([0] * substance.shape[1] + [1] * int(used.sum()))
    return Replay(name, phi, kind, items[first], first, second, votes)


def held_back(it, rng):
    """Which votes are held back: two of each pair, one where it has three or fewer."""
    pair = it.votes[:, 0].astype(int)
    order = rng.permutation(pair.size)
    rank = np.zeros(pair.size, int)
    seen = {}
    for at in order:
        rank[at] = seen[pair[at]] = seen.get(pair[at], -1) + 1
    return rank < np.where(np.bincount(pair)[pair] > 3, 2, 1)


def reference(it, held):
    """What agreement is measured against, and of which (item, responses)."""
    votes = it.votes[held]
    pair = votes[:, 0].astype(int)
    if it.name == "pandalm":
        return votes[:, 2], pair
    found = np.full(it.phi.shape[0], np.nan)
    for item in np.unique(it.item):
        mine = it.item[pair] == item
        names = np.unique(np.concatenate([it.first[it.item == item], it.second[it.item == item]]))
        one = np.searchsorted(names, it.first[pair[mine]])
        two = np.searchsorted(names, it.second[pair[mine]])
        found[names] = counted(one, two, votes[mine, 2], n_items=names.size).mean
    return found, None


def spearman(a, b):
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def agreement(it, mean, target, pairs):
    utility = it.phi @ mean
    if pairs is not None:
        return spearman(utility[it.first[pairs]] - utility[it.second[pairs]], target)
    of = np.full(it.phi.shape[0], -1)
    of[it.first], of[it.second] = it.item, it.item
    return float(np.mean([spearman(utility[of == i], target[of == i]) for i in np.unique(it.item)]))


def run(it, policy, seed, most):
    rng = np.random.default_rng([seed, 3])
    held = held_back(it, rng)
    target, pairs = reference(it, held)
    free = {}
    for pair, person, outcome, left in it.votes[~held]:
        free.setdefault(int(pair), []).append((pair, person, outcome, left))
    x = it.phi[it.first] - it.phi[it.second]
    personal = np.concatenate([np.arange(PERSONAL), np.flatnonzero(it.kind == 1)])
    design = pp.Design(it.kind, personal, 1)
    known, rows, fit_at, curve = pp.prior(design), [], 0, []
    chosen = None if policy == "random" else acquisitions()[policy]
    asked = np.zeros(x.shape[0], int)
    for n in range(most + 1):
        if n % REFRESH == 0:
            if place_of_fit(n) > fit_at:
                known, fit_at = fitted(votes_of(x, rows, design), design), n
            elif n:
                known = known.learn(votes_of(x, rows[-REFRESH:], design))
            curve.append((n, agreement(it, known.mean[0], target, pairs) if n else 0.0))
            seen = outlook(known, x) if chosen else None
            score = chosen.score(view_of(seen, np.ones(1), 0)) if chosen else None
            asked[:] = 0
            fades = seen.variance[:, 0] * 0.2 if chosen else None
        there = np.array(list(free))
        at = rng.choice(there, min(CANDIDATES, there.size), replace=False)
        if chosen is None or rng.random() < EXPLORE:
            pair = int(at[0])
        else:
            q = draw.probabilities(score[at] - np.log1p(asked[at] * fades[at]), chosen.temperature)
            pair = int(rng.choice(at, p=q))
        asked[pair] += 1
        rows.append(free[pair].pop(int(rng.integers(len(free[pair])))))
        if not free[pair]:
            del free[pair]
    return np.array(curve)


def votes_of(x, rows, design):
    pair, person, outcome, left = (np.array(c) for c in zip(*rows, strict=True))
    return pp.read(
        x[pair.astype(int)],
        person.astype(int),
        outcome,
        group=np.zeros(pair.size, int),
        side=left,
        design=design,
    )


def needed(curves, line):
    mean, at = curves[:, :, 1].mean(0), curves[0, :, 0]
    there = np.flatnonzero(mean >= line)
    if not there.size:
        return np.inf
    k = int(there[0])
    return (
        at[k] if k == 0 else at[k - 1] + (at[k] - at[k - 1]) * (line - mean[k - 1]) / (mean[k] - mean[k - 1])
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", default=["pandalm", "ukpconvarg_a"])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=700)
    parser.add_argument("--policies", nargs="*", default=["reward_model", "information"])
    parser.add_argument(
        "--votes", type=int, help="asked for in a run; 1500 of pandalm and 2500 of ukpconvarg_a else"
    )
    asked = parser.parse_args()
    for name in asked.sets:
        it, most = load(name), asked.votes or {"pandalm": 1500, "ukpconvarg_a": 2500}[name]
        found = {}
        for policy in ("random", *asked.policies):
            start = time.process_time()
            found[policy] = np.stack(
                [run(it, policy, s, most) for s in range(asked.first_seed, asked.first_seed + asked.seeds)]
            )
            print(f"{name}, {policy}: {time.process_time() - start:.0f} s CPU", flush=True)
            line = " ".join(f"{n:.0f}:{v:.3f}" for n, v in found[policy].mean(0)[:: max(1, most // 500)])
            print(f"  agreement by votes {line}", flush=True)
        best = found["random"][:, -1, 1].mean()
        rng = np.random.default_rng(0)
        samples = [rng.integers(0, asked.seeds, asked.seeds) for _ in range(400)]
        for share in (0.8, 0.9, 0.95):
            words = [f"random {needed(found['random'], share * best):.0f}"]
            for policy in asked.policies:
                ratios = [
                    needed(found[policy][s], share * best)
                    / min(needed(found["random"][s], share * best), most)
                    for s in (np.arange(asked.seeds), *samples)
                ]
                low, high = np.quantile(ratios[1:], [0.05, 0.95], method="nearest")
                words.append(f"{policy} {ratios[0]:.2f} [{low:.2f},{high:.2f}]")
            print(
                f"  to {share:.0%} of random's last agreement ({share * best:.3f}): " + " | ".join(words),
                flush=True,
            )


if __name__ == "__main__":
    main()
