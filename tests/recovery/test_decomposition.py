"""The parts of a disagreement whose truth is known come back: as METHOD 4.6 asks, on fresh seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from app.inference.decomposition.dataset import decompose
from app.inference.decomposition.items import pair_parts, slowness
from app.inference.decomposition.routing import corners, next_steps
from app.inference.decomposition.votes import read_votes
from tests.recovery.population import Design, Population

SEEDS = (101, 102, 103)
PAIRS, TRUE = 80_000, 4_000
NAMES = ("a", "b", "c", "d")


def fitted(population, columns, *, grouped=True, permutations=0, weight=None):
    votes = read_votes(
        columns["person"], columns["pair"], columns["y"], first_left=columns["first_left"], weight=weight,
        prompt=np.arange(population.design.pairs),
        **({"group": population.group, "names": NAMES[: population.weights.size], "weights": population.weights} if grouped else {}),
    )  # fmt: skip
    return votes, decompose(votes, permutations=permutations, seed=1)


def area(score, is_so):
    """Area under the ROC curve."""
    ranks, n = rankdata(score), is_so.sum()
    return (ranks[is_so].sum() - n * (n + 1) / 2) / (n * (is_so.size - n))


@pytest.fixture(scope="module")
def runs():
    """Three populations of METHOD 4.6's size, each with its million votes taken apart and the truth of 4,000 of its pairs."""
    found = []
    for seed in SEEDS:
        population = Population(Design(pairs=PAIRS), seed)
        columns = population.votes()
        votes, whole = fitted(population, columns)
        slow = slowness(columns["person"], columns["pair"], np.exp(columns["log_seconds"]), n_pairs=PAIRS)
        parts = pair_parts(votes, whole, slow=slow)
        some = population.rng.choice(PAIRS, TRUE, replace=False)
        found.append((whole, parts, some, population.truth(some)))
    return found


def errors(runs, part, key):
    return [abs(whole.values[part] - truth[key].mean()) for whole, _, _, truth in runs]


@pytest.mark.parametrize(
    ("part", "key", "most"),
    [
        ("between_groups", "groups", 0.002),
        ("between_people", "people", 0.004),
        ("within_person", "within", 0.004),
        ("position", "position", 0.002),
    ],
)
def test_the_whole_comes_back(runs, part, key, most):
    assert max(errors(runs, part, key)) <= most


def test_intervals_of_shares_cover(runs):
    covered = [
        ((parts.low[some] <= truth["share"]) & (truth["share"] <= parts.high[some])).mean()
        for _, parts, some, truth in runs
    ]
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize(
    ("name", "key", "least"),
    [("share", "share", 0.85), ("between_groups", "groups", 0.6), ("between_people", "people", 0.35), ("within_person", "within", 0.8)],
)  # fmt: skip
def test_pairs_are_put_in_order(runs, name, key, least):
    found = [np.corrcoef(getattr(parts, name)[some], truth[key])[0, 1] for _, parts, some, truth in runs]
    assert np.mean(found) >= least


@pytest.mark.parametrize(
    ("name", "key", "over", "least"),
    [("between_groups", "groups", 0.06, 0.85), ("between_people", "people", 0.08, 0.8), ("within_person", "within", 0.2, 0.9)],
)  # fmt: skip
def test_pairs_with_much_of_a_part_are_found(runs, name, key, over, least):
    found = [area(getattr(parts, name)[some], truth[key] > over) for _, parts, some, truth in runs]
    assert np.mean(found) >= least


def test_parts_add_up_before_scaling(runs):
    for _, parts, _, _ in runs:
        known = ~np.isnan(parts.share)
        whole = parts.epistemic + parts.inner
        rest = parts.share * (1 - parts.share) - whole
        assert (rest[known] >= -1e-9).all()


def test_intervals_of_the_whole_cover():
    """Two hundred studies of 60 people out of a large population: .93 to .97 over all parts, each .95 less two errors of 200 runs."""
    truths = []
    for seed in range(4):
        large = Population(Design(pairs=4_000, people=1_500, shares=(0.5, 0.5)), 9_000 + seed)
        truths.append({key: value.mean() for key, value in large.truth(np.arange(4_000)).items()})
    mean = {key: np.mean([truth[key] for truth in truths]) for key in truths[0]}
    told = {
        "between_groups": mean["groups"], "between_people": mean["people"], "within_person": mean["within"],
        "position": mean["position"], "total": mean["groups"] + mean["people"] + mean["within"],
    }  # fmt: skip
    held = {part: [] for part in told}
    for seed in range(200):
        population = Population(Design(pairs=700, people=60, repeats=0.3, shares=(0.5, 0.5)), 500 + seed)
        _, whole = fitted(population, population.votes())
        for part, value in told.items():
            low, high = whole.intervals[part]
            held[part].append(low <= value <= high)
    covered = {part: np.mean(found) for part, found in held.items()}
    assert 0.93 <= np.mean(list(covered.values())) <= 0.97, covered
    assert min(covered.values()) >= 0.919, covered


def test_without_group_effects_groups_are_not_found():
    """False alarms under 5 %: no pair asks how to settle a conflict, and the estimate lies inside its own null."""
    inside, alarms, asked = [], 0, 0
    for seed in (1, 2, 3):
        population = Population(Design(pairs=8_000, group_spread=0.0, person_spread=0.0), seed)
        votes, whole = fitted(population, population.votes(), permutations=100)
        low, high = whole.null["between_groups"]
        inside.append(low * 1.5 <= whole.values["between_groups"] <= high * 1.5)
        steps = next_steps(pair_parts(votes, whole), groups=NAMES)
        alarms += sum(s is not None and s.name == "resolve" for s in steps)
        asked += len(steps)
    assert all(inside)
    assert alarms / asked < 0.05


def test_people_who_never_waver_are_seen_as_such():
    population = Population(Design(pairs=8_000, certain=True, position=0.0), 7)
    votes, whole = fitted(population, population.votes())
    assert whole.values["within_person"] == pytest.approx(0, abs=1e-12)
    parts = pair_parts(votes, whole)
    assert np.nanmax(parts.within_person) < 0.01
    assert "unclear_question" not in corners(parts)


def test_unbalanced_groups_count_by_their_weights():
    """Three in a hundred people are a group of their own and count half."""
    population = Population(Design(pairs=20_000, shares=(0.97, 0.03)), 11)
    population.weights = np.array([0.5, 0.5])
    _, whole = fitted(population, population.votes())
    truth = population.truth(np.arange(0, 20_000, 10))
    assert abs(whole.values["between_groups"] - truth["groups"].mean()) < 0.004


def adaptive(population, votes_each, rng):
    """Half of the pairs are drawn nine times as often: those that a first look showed to be split. Propensities are told."""
    n = population.design.pairs
    share = population.truth(np.arange(n))["share"]
    q = np.where(np.abs(share - 0.5) < np.quantile(np.abs(share - 0.5), 0.5), 0.9, 0.1)
    q = q / q.sum()
    pair = rng.choice(n, votes_each * n, p=q)
    person = rng.integers(0, population.design.people, pair.size)
    _, first = np.unique(pair * population.design.people + person, return_index=True)
    pair, person = pair[first], person[first]
    left = rng.random(pair.size) < 0.5
    y = population.answer(pair, person, left)
    return {"pair": pair, "person": person, "y": y, "first_left": left}, 1 / (n * q[pair])


def again(population, columns, weight, share):
    """Asked again: rows drawn evenly from those answered, sides anew; so pairs asked often are repeated often."""
    some = population.rng.random(columns["y"].size) < share
    one = {k: v[some] for k, v in columns.items()}
    one["first_left"] = population.rng.random(one["y"].size) < 0.5
    one["y"] = population.answer(one["pair"], one["person"], one["first_left"])
    both = {k: np.concatenate([columns[k], one[k]]) for k in columns}
    return both, np.concatenate([weight, weight[some]])


def test_drawn_where_people_differ_and_weighted_back():
    """Taken as they come, such votes make people look more divided, and less steady, than they are; weighted they do not."""
    biases = {"plain": [], "weighted": [], "plain within": [], "weighted within": []}
    for seed in range(6):
        population = Population(Design(pairs=1_500, people=500), 40 + seed)
        columns, weight = adaptive(population, 15, population.rng)
        columns, weight = again(population, columns, weight, 0.3)
        truth = {k: v.mean() for k, v in population.truth(np.arange(1_500)).items()}
        total = truth["groups"] + truth["people"] + truth["within"]
        _, weighted = fitted(population, columns, weight=weight)
        _, plain = fitted(population, columns, weight=np.ones(weight.size))
        biases["plain"].append(plain.values["total"] - total)
        biases["weighted"].append(weighted.values["total"] - total)
        biases["plain within"].append(plain.values["within_person"] - truth["within"])
        biases["weighted within"].append(weighted.values["within_person"] - truth["within"])
    mean = {how: np.mean(found) for how, found in biases.items()}
    assert mean["plain"] > 0.02, mean
    assert abs(mean["weighted"]) < 0.004, mean
    assert mean["plain within"] > 0.01, mean
    assert abs(mean["weighted within"]) < 0.004, mean
