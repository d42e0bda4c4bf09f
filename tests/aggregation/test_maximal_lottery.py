"""Maximal lotteries against scipy's linear programmes, closed forms of three responses, and items with and without circles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from app.aggregation.pooling.maximal_lottery import POOL, lottery
from app.aggregation.protocol import Votes


def margins(seed: int, n: int, levels: int | None = None) -> np.ndarray:
    rng = np.random.default_rng(seed)
    upper = np.triu(
        rng.normal(size=(n, n)) if levels is None else rng.integers(-levels, levels + 1, (n, n)), 1
    )
    return (upper - upper.T).astype(float)


@pytest.mark.parametrize("n", [2, 3, 5, 8, 25])
def test_it_is_optimal_in_a_game_of_value_zero(n: int):
    """Duality: what linprog can win against it is nothing, and with margins in general position there is no other."""
    for seed in range(6):
        m = margins(seed, n)
        w = lottery(m)
        assert w.sum() == pytest.approx(1.0)
        assert (w >= 0).all()
        assert (w @ m).min() > -1e-9
        best = linprog(np.r_[np.zeros(n), -1], A_ub=np.c_[-m.T, np.ones(n)], b_ub=np.zeros(n),
                       A_eq=[np.r_[np.ones(n), 0]], b_eq=[1], bounds=[(0, None)] * n + [(None, None)])  # fmt: skip
        assert best.x[-1] == pytest.approx(0.0, abs=1e-9)
        np.testing.assert_allclose(w, best.x[:n], atol=1e-6)


def test_of_several_the_evenest_that_linprog_s_corners_span():
    """Whole-number margins with ties: no corner of the set of solutions, nor a mixture of them, has a smaller sum of squares."""
    for seed in range(8):
        m = margins(seed, 5, levels=1)
        w = lottery(m)
        assert (w @ m).min() > -1e-9
        rng = np.random.default_rng(seed)
        for _ in range(20):
            cost = rng.normal(size=5)
            corner = linprog(cost, A_ub=-m.T, b_ub=np.zeros(5), A_eq=[np.ones(5)], b_eq=[1]).x
            for t in (1.0, 0.5, 0.01):
                other = (1 - t) * w + t * corner
                assert other @ other >= w @ w - 1e-9


def test_three_in_a_circle_have_a_closed_form():
    """Each response's weight is the margin between the other two."""
    w = lottery(np.array([[0, 0.3, -0.1], [-0.3, 0, 0.5], [0.1, -0.5, 0]]))
    np.testing.assert_allclose(w, np.array([0.5, 0.1, 0.3]) / 0.9, atol=1e-9)


def test_equals_are_treated_alike():
    np.testing.assert_allclose(lottery(np.zeros((4, 4))), 0.25, atol=1e-9)


def item(*shares: tuple[int, int, float], votes: int = 10) -> Votes:
    """One item; of each pair (i, j) this share of ten votes for i."""
    y = [np.arange(votes) < round(s * votes) for _, _, s in shares]
    return Votes.of(
        np.repeat(np.arange(len(shares)), votes), np.tile(np.arange(votes), len(shares)), np.concatenate(y).astype(float),
        item=np.zeros(len(shares)), first=[a for a, _, _ in shares], second=[b for _, b, _ in shares],
    )  # fmt: skip


def test_a_circle_is_kept_and_counted():
    found = POOL.pool(item((0, 1, 0.7), (1, 2, 0.7), (0, 2, 0.3)))
    np.testing.assert_allclose(found.p_first, 0.5, atol=1e-9)
    assert (found.side == 0).all()
    assert found.parameters["items_with_cycles"] == 1


def test_one_that_beats_all_takes_all_and_the_rest_are_settled_among_themselves():
    found = POOL.pool(item((0, 1, 0.9), (0, 2, 0.6), (1, 2, 0.8)))
    assert found.p_first.tolist() == [1.0, 1.0, 1.0]
    assert found.parameters["items_with_cycles"] == 0


def test_an_item_with_a_pair_never_compared_follows_its_majorities_and_is_told_of():
    found = POOL.pool(item((0, 1, 0.8), (1, 2, 0.8)))
    assert found.p_first.tolist() == [1.0, 1.0]
    assert found.parameters["items_incomplete"] == 1
    assert "In 1 items" in found.cautions[0]


def test_two_responses_are_a_majority():
    found = POOL.pool(Votes.of([0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [1, 1, 0, 1, 0]))
    assert found.p_first.tolist() == [1.0, 0.5]
