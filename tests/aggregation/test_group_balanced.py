"""Group-balanced against sums written out by hand, and against a population that did not answer in proportion."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import betabinom

from app.aggregation.pooling.group_balanced import CENTRES, ROUNDS, SPREADS
from app.aggregation.pooling.group_balanced import POOL as BALANCED
from app.aggregation.pooling.majority import POOL as MAJORITY
from app.aggregation.protocol import EmptyGroup, NoGroups, Votes

EVEN = {"north": 0.5, "south": 0.5}


def study(seed: int, *, pairs: int = 400) -> tuple[Votes, np.ndarray]:
    """Two groups of one half each; nine of ten who answered are of the first."""
    rng = np.random.default_rng(seed)
    north, south = rng.beta(2, 2, pairs), rng.beta(2, 2, pairs)
    group = np.repeat([0, 1], [90, 10])
    pair, person, y = [], [], []
    for i in range(pairs):
        people = np.concatenate([rng.choice(90, 9, replace=False), 90 + rng.choice(10, 2, replace=False)])
        pair += [i] * 11
        person += people.tolist()
        share = np.where(group[people] == 0, north[i], south[i])
        y += (rng.random(11) < share).astype(float).tolist()
    return Votes.of(pair, person, y, n_people=100, group=group, group_weights=EVEN), (north + south) / 2


def test_an_unbalanced_pool_is_balanced():
    """Closer to the population's share than a plain share, in each of five studies."""
    for seed in range(5):
        votes, truth = study(seed)
        error = np.sqrt(np.mean((BALANCED.pool(votes).p_first - truth) ** 2))
        plain = np.sqrt(np.mean((MAJORITY.pool(votes).p_first - truth) ** 2))
        assert error < 0.85 * plain


def test_the_figure_is_the_one_written_out_by_hand():
    """The same hierarchy with scipy's beta-binomial, cell by cell."""
    counts = [((3, 3), (2, 0)), ((4, 1), (1, 1)), ((2, 1), (0, 0)), ((3, 3), (2, 0)), ((5, 0), (3, 1))]
    pair, person, y = [], [], []
    for i, groups in enumerate(counts):
        for g, (n, k) in enumerate(groups):
            for v in range(n):
                pair.append(i)
                person.append(10 * g + v)
                y.append(float(v < k))
    votes = Votes.of(
        pair, person, y, n_people=20, group=[0] * 10 + [1] * 10, group_weights={"north": 0.7, "south": 0.3}
    )

    cells = [((m + 0.5) / CENTRES, nu) for m in range(CENTRES) for nu in SPREADS]
    likelihood = np.array(
        [
            [np.prod([betabinom.pmf(k, n, m * nu, (1 - m) * nu) for n, k in groups]) for m, nu in cells]
            for groups in counts
        ]
    )
    prior = np.full(len(cells), 1 / len(cells))
    for _ in range(ROUNDS):
        share = likelihood * prior
        prior = (share / share.sum(axis=1, keepdims=True)).sum(axis=0)
        mirrored = {(round(1 - m, 9), nu): w for (m, nu), w in zip(cells, prior, strict=True)}
        prior = np.array([w + mirrored[round(m, 9), nu] for (m, nu), w in zip(cells, prior, strict=True)])
        prior /= prior.sum()
    share = likelihood * prior
    share /= share.sum(axis=1, keepdims=True)
    expected = [
        sum(
            r * sum(w * (m * nu + k) / (nu + n) for w, (n, k) in zip((0.7, 0.3), groups, strict=True))
            for r, (m, nu) in zip(row, cells, strict=True)
        )
        for row, groups in zip(share, counts, strict=True)
    ]
    np.testing.assert_allclose(BALANCED.pool(votes).p_first, expected, rtol=1e-9)


def test_people_without_a_group_are_told_of_and_not_used():
    votes = Votes.of([0, 0, 0], [0, 1, 2], [1.0, 1.0, 0.0], group=[0, 1, -1], group_weights=EVEN)
    found = BALANCED.pool(votes)
    assert found.parameters["without_group"] == 1
    assert "1 votes" in found.cautions[0]
    assert found.weight.tolist() == [2.0]


def test_a_group_of_weight_zero_may_be_empty():
    votes = Votes.of([0], [0], [1.0], group=[0], group_weights={"north": 1.0, "south": 0.0})
    assert BALANCED.pool(votes).side.tolist() == [1]


def test_refusals_name_what_is_missing():
    with pytest.raises(NoGroups):
        BALANCED.pool(Votes.of([0], [0], [1.0]))
    with pytest.raises(EmptyGroup, match="'south' should count for 50%"):
        BALANCED.pool(Votes.of([0], [0], [1.0], group=[0], group_weights=EVEN))
