"""A small version of ``tests.benchmarks.preference_pool``: votes that policies need on a pool, as ratios."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks import preference_pool as pool

SEEDS, VOTES = range(40, 43), 700


@pytest.fixture
def small(monkeypatch):
    """A pool a tenth as large, of features a third as many."""
    for name, value in {"POOL": 1200, "TEST": 1000, "WIDTH": 20, "PEOPLE": 30}.items():
        monkeypatch.setattr(pool, name, value)


def curves(policy):
    return np.stack([pool.run(policy, seed, "gauss", True, VOTES) for seed in SEEDS])


def test_asking_for_a_reward_model_needs_fewer_votes_than_chance_and_the_greedy_sampler_more(small):
    found = {name: curves(name) for name in ("random", "reward_model", "greedy")}
    last = {name: c[:, -3:, 1].mean() for name, c in found.items()}
    line = last["random"] - 0.005
    needed = {name: pool.needed(c, 1, line) for name, c in found.items()}
    assert needed["reward_model"] < 0.85 * needed["random"]
    assert needed["greedy"] > needed["random"]
    assert last["greedy"] < last["reward_model"] - 0.02
