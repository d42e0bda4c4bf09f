"""Ranks: their intervals hold as often as promised, shrink with votes, and keep to what was compared."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference.bradley_terry import bradley_terry
from app.inference.davidson import davidson
from app.inference.errors import InvalidSetting
from app.inference.ranking import rank
from tests.inference.simulated_votes import pairs, vote

TRUTH = np.linspace(1.4, -1.4, 8)


def study(rng, n, ties=0.6):
    left, right = pairs(rng, n, 8)
    return left, right, vote(rng, TRUTH[left] - TRUTH[right], ties)


@pytest.mark.parametrize("joint", ["item", "all"])
def test_rank_intervals_hold_as_often_as_they_say(joint):
    """80 % intervals, 200 studies: each item's own at least that often; all at once for ``all``."""
    rng, held = np.random.default_rng(5), []
    for k in range(200):
        found = rank(davidson(*study(rng, 500), n_items=8), level=0.8, joint=joint, draws=400, seed=k)
        true = np.arange(1, 9)
        held.append((found.best <= true) & (true <= found.worst))
    error = np.sqrt(0.8 * 0.2 / 200)
    if joint == "all":
        assert np.all(held, axis=1).mean() >= 0.8 - 2 * error
    else:
        assert np.mean(held, axis=0).min() >= 0.8 - 2 * error


def test_intervals_are_not_wide_for_nothing():
    rng = np.random.default_rng(6)
    widths = []
    for n in (200, 2000, 20_000):
        found = rank(davidson(*study(rng, n), n_items=8))
        widths.append((found.worst - found.best).mean())
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] < 0.5


def test_a_rank_for_all_at_once_is_no_narrower():
    fit = davidson(*study(np.random.default_rng(7), 600), n_items=8)
    none, item, every = (rank(fit, joint=j) for j in ("none", "item", "all"))
    assert (item.best <= none.best).all() and (item.worst >= none.worst).all()
    assert (every.best <= item.best).all() and (every.worst >= item.worst).all()
    assert (item.best <= item.rank).all() and (item.rank <= item.worst).all()


def test_ranks_stay_within_what_was_compared():
    left, right = [0, 1, 0, 1, 2, 3, 2, 3], [1, 0, 1, 0, 3, 2, 3, 2]
    fit = bradley_terry(left, right, [1, 0, 0, 1, 0, 1, 1, 1], n_items=5, within_components=True)
    found = rank(fit)
    assert found.rank[:2].tolist() == [1, 1]
    assert sorted(found.rank[2:4].tolist()) == [1, 2]
    assert found.rank[4] == found.best[4] == found.worst[4] == 0
    assert found.worst[:4].max() <= 2


def test_without_intervals_the_reason_is_told():
    left, right, outcome = study(np.random.default_rng(1), 300)
    found = rank(davidson(left, right, outcome, n_items=8, annotator=np.arange(300) % 3))
    assert found.best is None and found.worst is None
    assert "3 people" in found.why
    assert sorted(found.rank.tolist()) == list(range(1, 9))


@pytest.mark.parametrize("bad", [{"level": 0.0}, {"level": 1.0}, {"joint": "some"}, {"draws": 99}])
def test_settings_out_of_range_are_refused(bad):
    fit = davidson(*study(np.random.default_rng(1), 300), n_items=8)
    with pytest.raises(InvalidSetting):
        rank(fit, **bad)
