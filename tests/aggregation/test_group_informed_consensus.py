"""Group-informed consensus against its formula by hand, draws of its own posterior, and a small group that objects."""

from __future__ import annotations

import numpy as np
import pytest

from app.aggregation.pooling.group_informed_consensus import POOL
from app.aggregation.pooling.majority import POOL as MAJORITY
from app.aggregation.protocol import EmptyGroup, NoGroups, Votes

EVEN = {"north": 0.5, "south": 0.5}


def groups(*pairs: tuple[tuple[int, int, int], ...]) -> Votes:
    """Of each pair and group: votes for the first, for the second, ties."""
    pair, person, y, group = [], [], [], []
    for i, cells in enumerate(pairs):
        for g, (a, d, t) in enumerate(cells):
            for vote in [1.0] * a + [0.0] * d + [0.5] * t:
                pair.append(i)
                person.append(len(person))
                group.append(g)
                y.append(vote)
    return Votes.of(pair, person, y, group=group, group_weights=EVEN)


def test_the_formula_by_hand():
    """Group one: six of eight for it, one against, one tie; group two: one of three for it."""
    found = POOL.pool(groups(((6, 1, 1), (1, 2, 0))))
    agree = [(6.5 / 9) * (1 - 1.5 / 9), (1.5 / 4) * (1 - 2.5 / 4)]
    object_ = [(1.5 / 9) * (1 - 6.5 / 9), (2.5 / 4) * (1 - 1.5 / 4)]
    c1, c2 = np.sqrt(np.prod(agree)), np.sqrt(np.prod(object_))
    assert found.p_first[0] == pytest.approx(c1 / (c1 + c2))
    assert found.side[0] == 1
    assert found.least[0] == 1
    assert found.least_share[0] == pytest.approx(1 / 3)


def test_a_small_group_is_not_outvoted():
    """Ninety of a hundred want the first, and all of the small group are against it."""
    votes = groups(((88, 0, 0), (0, 12, 0)), ((60, 40, 0), (9, 3, 0)))
    assert MAJORITY.pool(votes).p_first[0] == pytest.approx(0.88)
    found = POOL.pool(votes)
    assert found.p_first[0] < 0.9
    assert found.low[0] < 0.5 or found.p_first[0] < MAJORITY.pool(votes).p_first[0] + 0.02
    assert found.least.tolist() == [1, 0]


def test_the_least_agreeing_group_is_protected():
    """Rank correlation with the smaller of two groups' approval, uneven groups: higher than a plain share's in five studies."""
    from scipy.stats import spearmanr

    for seed in range(5):
        rng = np.random.default_rng(seed)
        share = rng.beta(1, 1, (200, 2))
        cells = [
            tuple((k, n - k, 0) for k, n in zip(rng.binomial([20, 5], s), (20, 5), strict=True))
            for s in share
        ]
        votes = groups(*cells)
        least = share.min(axis=1)
        ours = spearmanr(POOL.pool(votes).p_first, least).statistic
        plain = spearmanr(MAJORITY.pool(votes).p_first, least).statistic
        assert ours > plain + 0.01


def test_the_range_is_that_of_its_own_draws():
    """Against 200,000 independent Beta draws: both ends within two points of a hundred."""
    cells = [((6, 1, 1), (1, 2, 0)), ((3, 3, 0), (0, 0, 0)), ((5, 0, 0), (5, 0, 0))]
    found = POOL.pool(groups(*cells))
    rng = np.random.default_rng(1)
    for place, cell in enumerate(cells):
        q = np.stack([rng.beta(a + t / 2 + 0.5, d + t / 2 + 0.5, 200_000) for a, d, t in cell])
        c1, c2 = np.exp(np.log(q * q).mean(axis=0)), np.exp(np.log((1 - q) * (1 - q)).mean(axis=0))
        low, high = np.quantile(c1 / (c1 + c2), [0.025, 0.975])
        assert found.low[place] == pytest.approx(low, abs=0.02)
        assert found.high[place] == pytest.approx(high, abs=0.02)
        assert found.low[place] <= found.p_first[place] <= found.high[place]


def test_a_group_that_did_not_vote_widens_the_range():
    found = POOL.pool(groups(((8, 0, 0), (0, 0, 0)), ((8, 0, 0), (8, 0, 0))))
    wide = found.high - found.low
    assert wide[0] > 2 * wide[1]
    assert found.least[0] == 0


def test_turned_round_the_range_is_mirrored():
    cells = ((6, 1, 1), (1, 2, 0))
    one, other = POOL.pool(groups(cells)), POOL.pool(groups(tuple((d, a, t) for a, d, t in cells)))
    assert other.low[0] == pytest.approx(1 - one.high[0], abs=1e-9)


def test_refusals_name_what_is_missing():
    with pytest.raises(NoGroups):
        POOL.pool(Votes.of([0], [0], [1.0]))
    with pytest.raises(EmptyGroup, match="south"):
        POOL.pool(Votes.of([0], [0], [1.0], group=[0], group_weights=EVEN))
