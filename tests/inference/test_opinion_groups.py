"""Groups planted in votes are found again, none where there are none, and numbers stay."""

from __future__ import annotations

import numpy as np
import pytest

from app.inference.errors import InvalidSetting, InvalidVotes
from app.inference.opinion_groups import FEWEST_PEOPLE, agreement_of_groupings, opinion_groups


def planted(seed, *, groups=2, people=60, pairs=150, each=30, pull=1.2, uneven=False, taste=0.0):
    """Votes of people whose group moves each pair's logit by a normal draw of sd ``pull``."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, groups + 1) if uneven else np.ones(groups)
    group = np.sort(rng.choice(groups, people, p=shares / shares.sum()))
    votes = rng.poisson(each * rng.lognormal(0, 0.6, people) if uneven else np.full(people, each)).clip(
        1, pairs
    )
    person = np.repeat(np.arange(people), votes)
    pair = np.concatenate([rng.choice(pairs, n, replace=False) for n in votes])
    eta = rng.normal(0, 1, pairs)[pair] + pull * rng.normal(0, 1, (pairs, groups))[pair, group[person]]
    eta = eta + taste * rng.normal(0, 1, (people, pairs))[person, pair]
    return group, person, pair, (rng.random(pair.size) < 1 / (1 + np.exp(-eta))).astype(float)


@pytest.mark.parametrize(("groups", "people", "pull", "uneven"), [(2, 60, 1.6, False), (2, 120, 1.2, True), (3, 150, 2.5, False), (4, 240, 3.0, False)])  # fmt: skip
def test_groups_come_back(groups, people, pull, uneven):
    agreed = []
    for seed in range(3):
        truth, person, pair, y = planted(
            seed, groups=groups, people=people, each=50, pull=pull, uneven=uneven
        )
        found = opinion_groups(person, pair, y, n_people=people)
        assert found.why is None
        kept = found.of >= 0
        agreed.append(agreement_of_groupings(found.of[kept], truth[kept]))
        if not uneven:
            assert found.count == groups
    assert min(agreed) > 0.7, agreed


def test_where_there_are_none_none_are_found():
    """Under one study in twenty: tastes of persons, and how much they vote, make no groups."""
    alarms = 0
    for seed in range(40):
        _, person, pair, y = planted(
            seed, groups=1, people=50, pairs=80, each=25, pull=0, taste=1.0 * (seed % 2), uneven=True
        )
        found = opinion_groups(person, pair, y, n_people=50)
        alarms += found.count > 0
        assert found.count or "not those of the other half" in found.why
    assert alarms <= 1


def test_the_same_seed_gives_the_same_groups_whatever_the_order():
    _, person, pair, y = planted(3, people=80, each=50, pull=1.8)
    first = opinion_groups(person, pair, y, n_people=80, seed=4)
    again = opinion_groups(person, pair, y, n_people=80, seed=4)
    assert (first.of == again.of).all()
    turned = opinion_groups(person, pair, 1 - y, n_people=80, seed=4)
    assert agreement_of_groupings(first.of, turned.of) == 1.0
    order = np.random.default_rng(0).permutation(y.size)
    mixed = opinion_groups(person[order], pair[order], y[order], n_people=80, seed=4)
    assert agreement_of_groupings(first.of, mixed.of) > 0.9


def test_numbers_stay_when_votes_come():
    """Half of the votes first, then all: most people keep their number; an upside-down history is followed too."""
    _, person, pair, y = planted(5, groups=3, people=150, each=60, pull=2.5)
    early = np.random.default_rng(1).random(y.size) < 0.6
    first = opinion_groups(person[early], pair[early], y[early], n_people=150)
    later = opinion_groups(person, pair, y, n_people=150, previous=first.of)
    assert first.count == later.count == 3
    assert (first.of == later.of).mean() > 0.85
    other = (first.of + 1) % 3
    assert (opinion_groups(person, pair, y, n_people=150, previous=other).of == other).mean() > 0.85


@pytest.mark.parametrize("people", [0, 1, FEWEST_PEOPLE - 1])
def test_few_people_are_in_no_group(people):
    _, person, pair, y = planted(1, people=max(people, 1))
    if not people:
        person, pair, y = person[:0], pair[:0], y[:0]
    found = opinion_groups(person, pair, y, n_people=people)
    assert (found.count, found.of.tolist()) == (0, [-1] * people)
    assert "20 on" in found.why


def test_people_of_few_votes_are_in_none():
    truth, person, pair, y = planted(2, people=60, each=40, pull=2.5)
    kept = (person > 0) | (np.cumsum(person == 0) <= 5)
    found = opinion_groups(person[kept], pair[kept], y[kept], n_people=60)
    assert found.of[0] == -1
    assert (found.of[1:] >= 0).all()
    assert truth.size == found.of.size


def test_what_are_no_votes_is_refused():
    with pytest.raises(InvalidVotes):
        opinion_groups([0], [0], [0.3], n_people=1)
    with pytest.raises(InvalidVotes):
        opinion_groups([0], [0, 1], [1.0], n_people=1)
    with pytest.raises(InvalidSetting):
        opinion_groups([3], [0], [1.0], n_people=2)


def test_agreement_of_groupings_is_sklearns():
    rand = pytest.importorskip("sklearn.metrics").adjusted_rand_score
    rng = np.random.default_rng(0)
    for k in (1, 2, 4, 7):
        one, two = rng.integers(0, k, 50), rng.integers(0, 3, 50)
        assert agreement_of_groupings(one, two) == pytest.approx(rand(one, two))
