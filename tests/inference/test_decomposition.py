"""The decomposition by its definition: brute force, invariances, and data that cannot say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from app.inference.decomposition.dataset import PARTS, decompose
from app.inference.decomposition.items import pair_parts
from app.inference.decomposition.routing import corners, next_steps
from app.inference.decomposition.votes import read_votes
from app.inference.errors import InvalidVotes


def votes_of(rng, people=40, pairs=30, each=8, ties=True, repeats=40):
    pair = np.repeat(np.arange(pairs), each)
    person = np.concatenate([rng.choice(people, each, replace=False) for _ in range(pairs)])
    again = rng.choice(pair.size, repeats, replace=False)
    values = [0, 0.5, 1] if ties else [0, 1]
    return {
        "person": np.concatenate([person, person[again]]),
        "pair": np.concatenate([pair, pair[again]]),
        "y": rng.choice(values, pair.size + repeats),
        "first_left": rng.random(pair.size + repeats) < 0.5,
    }


GROUPED = {"group": np.arange(40) % 2, "names": ("even", "odd"), "weights": (0.3, 0.7)}


def by_hand(columns, group, weights):
    """total and between + within of METHOD 3.4.18, by looking at every two answers."""
    answers = {}
    for person, pair, y in zip(columns["person"], columns["pair"], columns["y"], strict=True):
        answers.setdefault(pair, {}).setdefault(person, []).append(y)

    def mean_difference(one, two):
        each = []
        for people in answers.values():
            couples = [
                np.mean([(a - b) ** 2 for a in people[u] for b in people[v]]) / 2
                for u, v in itertools.permutations(people, 2)
                if group[u] == one and group[v] == two
            ]
            if couples:
                each.append(np.mean(couples))
        return np.mean(each)

    table = np.array([[mean_difference(g, h) for h in (0, 1)] for g in (0, 1)])
    w = np.array(weights)
    return w @ table @ w, w @ np.diag(table)


@pytest.mark.parametrize("ties", [False, True])
def test_as_counted_by_hand(ties):
    columns = votes_of(np.random.default_rng(1), ties=ties)
    found = decompose(read_votes(**columns, **GROUPED), permutations=0)
    total, inside = by_hand(columns, GROUPED["group"], GROUPED["weights"])
    assert found.values["total"] == pytest.approx(total)
    assert found.values["between_groups"] == pytest.approx(total - inside)
    assert found.values["between_people"] + found.values["within_person"] == pytest.approx(inside)


def test_without_ties_it_is_the_spread_of_a_share():
    """Everybody answers everything: total is the mean of p(1 - p) * n/(n - 1)."""
    rng = np.random.default_rng(2)
    y = rng.random((50, 20)) < rng.random(50)[:, None]
    pair, person = np.indices(y.shape)
    found = decompose(read_votes(person.ravel(), pair.ravel(), y.ravel().astype(float)), permutations=0)
    p = y.mean(axis=1)
    assert found.values["total"] == pytest.approx((p * (1 - p) * 20 / 19).mean())
    assert found.values["between_groups"] is None
    assert "no groups" in found.unknown["between_groups"]


def test_position_is_what_swapping_adds():
    """Ten people who stay, of whom half turn over when the sides do."""
    person = np.repeat(np.arange(40), 2)
    swapped = np.arange(40) % 2 == 1
    turns = swapped & (np.arange(40) % 4 == 1)
    y = np.stack([np.ones(40), np.where(turns, 0.0, 1.0)], axis=1).ravel()
    left = np.stack([np.ones(40, bool), ~swapped], axis=1).ravel()
    found = decompose(read_votes(person, np.zeros(80, int), y, first_left=left), permutations=0)
    assert found.values["within_person"] == pytest.approx(0.5 / 4)
    assert found.values["position"] == pytest.approx(0.5 / 4)


@pytest.mark.parametrize("weighted", [False, True])
def test_names_order_and_sides_do_not_matter(weighted):
    rng = np.random.default_rng(3)
    columns = votes_of(rng)
    weight = rng.uniform(1, 3, columns["y"].size) if weighted else None
    first = decompose(read_votes(**columns, weight=weight, **GROUPED), permutations=0)
    order = rng.permutation(columns["y"].size)
    person_names, pair_names = rng.permutation(40), rng.permutation(30)
    group = np.empty(40, int)
    group[person_names] = GROUPED["group"]
    moved = {
        "person": person_names[columns["person"]][order],
        "pair": pair_names[columns["pair"]][order],
        "y": 1 - columns["y"][order],
        "first_left": ~columns["first_left"][order],
    }
    # weights belong to a person's first row on a pair; moved rows keep theirs only where nobody answered twice
    if weighted:
        keep = np.unique(columns["pair"] * 40 + columns["person"], return_index=True)[1]
        columns = {k: v[keep] for k, v in columns.items()}
        first = decompose(read_votes(**columns, weight=weight[keep], **GROUPED), permutations=0)
        shuffle = rng.permutation(keep.size)
        moved = {
            "person": person_names[columns["person"]][shuffle], "pair": pair_names[columns["pair"]][shuffle],
            "y": 1 - columns["y"][shuffle], "first_left": ~columns["first_left"][shuffle],
        }  # fmt: skip
        weight = weight[keep][shuffle]
    again = decompose(read_votes(**moved, weight=weight, **{**GROUPED, "group": group}), permutations=0)
    for part in PARTS:
        assert again.values[part] == pytest.approx(first.values[part], nan_ok=True) if first.values[part] is not None else again.values[part] is None  # fmt: skip
        if part in first.intervals:
            assert again.intervals[part] == pytest.approx(first.intervals[part])


def test_one_weight_for_all_is_a_mean_over_couples():
    columns = votes_of(np.random.default_rng(4), repeats=0)
    plain = decompose(read_votes(**columns, **GROUPED), permutations=0)
    same = decompose(read_votes(**columns, weight=np.full(columns["y"].size, 7.0)), permutations=0)
    alone = decompose(read_votes(**columns), permutations=0)
    assert same.values["total"] == pytest.approx(alone.values["total"])  # eight answers on every pair
    assert plain.values["total"] != alone.values["total"]


def test_ties_of_all_are_agreement():
    found = decompose(
        read_votes(np.tile(np.arange(12), 5), np.repeat(np.arange(5), 12), np.full(60, 0.5)), permutations=0
    )
    assert found.values["total"] == 0


def test_two_people_who_agree_on_nothing_are_not_unanimous():
    found = decompose(read_votes([0, 1] * 10, np.repeat(np.arange(10), 2), [1, 0] * 10), permutations=0)
    assert found.values["total"] == 0.5
    assert found.intervals == {}
    assert "2 people" in found.why


@pytest.mark.parametrize(
    ("rows", "part", "words"),
    [
        (([0], [0], [1.0]), "total", "two people"),
        (([0, 0], [0, 0], [1.0, 0.0]), "total", "two people"),
        (([], [], []), "total", "two people"),
        (([0, 1], [0, 0], [1.0, 0.0]), "within_person", "twice"),
        (([0, 1], [0, 0], [1.0, 0.0]), "between_people", "repeats"),
    ],
)
def test_what_cannot_be_said_is_named(rows, part, words):
    found = decompose(read_votes(*rows), permutations=10)
    assert found.values[part] is None
    assert words in found.unknown[part]
    assert not found.reliable


def test_an_unknown_outcome_is_an_error():
    for bad in (0.3, 2.0, -1.0, np.nan):
        with pytest.raises(InvalidVotes):
            read_votes([0], [0], [bad])
    with pytest.raises(InvalidVotes):
        read_votes([0], [0, 1], [1.0])


def test_groups_of_one_and_small_pools_are_not_told_apart():
    few = read_votes([0, 1, 2, 3], [0] * 4, [1.0, 0, 1, 0], group=[0, 0, 1, 1], names=("a", "b"))
    assert few.groups is None
    assert "20" in few.why_no_groups
    alone = read_votes(np.arange(30), np.zeros(30, int), np.ones(30), group=[1] + [0] * 29, names=("a", "b"))
    assert alone.groups is None
    with pytest.raises(InvalidVotes):
        read_votes([0], [0], [1.0], group=[2], names=("a", "b"))


def test_pairs_nobody_decided_have_no_figures():
    votes = read_votes([0, 1, 2], [0, 0, 2], [1.0, 1.0, 0.5], prompt=np.arange(4))
    parts = pair_parts(votes, decompose(votes, permutations=0))
    assert np.isnan(parts.share[1:]).all()
    assert parts.votes.tolist() == [2, 0, 0, 0]
    assert parts.ties[2] == 1
    assert corners(parts) == [None] * 4
    assert next_steps(parts)[1] is None
    assert next_steps(parts)[0].name in {"more_votes", "stop"}


def test_more_votes_are_asked_for_where_the_majority_is_open():
    person, pair = np.arange(12), np.repeat([0, 1], 6)
    votes = read_votes(person, pair, [1, 0, 1, 0, 1, 0] + [1] * 6)
    parts = pair_parts(votes, decompose(votes, permutations=0))
    steps = next_steps(parts)
    assert steps[0].name == "more_votes"
    assert parts.wrong[0] == pytest.approx(0.5, abs=0.1)
    assert parts.wrong[1] < parts.wrong[0]
