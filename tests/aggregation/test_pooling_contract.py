"""What every rule promises, checked for each file in the seam the moment it exists."""

from __future__ import annotations

import numpy as np
import pytest

from app.aggregation.protocol import BadVotesError, EmptyGroup, Pooled, PoolingRule, Votes
from app.aggregation.registry import PLANNED, UnknownRule, named, rules

RULES = list(rules().values())
WEIGHTS = {"north": 0.5, "south": 0.5}


@pytest.fixture(params=RULES, ids=lambda r: r.name)
def rule(request: pytest.FixtureRequest) -> PoolingRule:
    return request.param


def votes(pair, person, y, *, n_people=None, group=None, **given) -> Votes:
    """Votes of people in two groups, in turns, so that rules that weigh groups can be asked too."""
    size = n_people or max(person, default=-1) + 1
    if group is None:
        group = [p % 2 for p in range(size)]
    return Votes.of(pair, person, y, n_people=size, group=group, group_weights=WEIGHTS, **given)


def crowd(seed: int = 1, *, pairs: int = 40, people: int = 12) -> Votes:
    """Five votes a pair, mostly right, some ties; sides as they fell."""
    rng = np.random.default_rng(seed)
    pair = np.repeat(np.arange(pairs), 5)
    person = np.concatenate([rng.choice(people, 5, replace=False) for _ in range(pairs)])
    truth = rng.integers(0, 2, pairs)
    y = np.where(rng.random(pair.size) < 0.8, truth[pair], 1 - truth[pair]).astype(float)
    y[rng.random(pair.size) < 0.1] = 0.5
    return votes(
        pair, person.tolist(), y, n_people=people, n_pairs=pairs, first_on_left=rng.random(pair.size) < 0.5
    )


def test_told_in_words(rule: PoolingRule):
    assert isinstance(rule, PoolingRule)
    for text in (rule.title, rule.formula, rule.source, rule.assumes):
        assert len(text) > 5
    assert type(rule).__doc__
    assert rule.name in PLANNED


def test_shapes_and_ranges(rule: PoolingRule):
    given = crowd()
    found = rule.pool(given)
    assert isinstance(found, Pooled)
    assert found.rule == rule.name
    assert found.p_first.shape == found.side.shape == found.weight.shape == (40,)
    assert ((found.p_first >= 0) & (found.p_first <= 1)).all()
    assert set(np.unique(found.side)) <= {-1, 0, 1}
    assert (np.sign(found.p_first - 0.5)[found.side != 0] == found.side[found.side != 0]).all()


def test_unanimity(rule: PoolingRule):
    """Where everybody prefers the same response, it is the one that is chosen."""
    given = votes([0] * 6 + [1] * 6, [0, 1, 2, 3, 4, 5] * 2, [1.0] * 6 + [0.0] * 6)
    found = rule.pool(given)
    assert found.side.tolist() == [1, -1]
    assert found.p_first[0] > 0.5 > found.p_first[1]


def test_permuting_people_changes_nothing(rule: PoolingRule):
    given = crowd()
    order = np.random.default_rng(2).permutation(given.pair.size)
    names = np.random.default_rng(3).permutation(given.n_people)
    group = np.empty(given.n_people, np.int64)
    group[names] = given.group
    moved = votes(
        given.pair[order],
        names[given.person[order]].tolist(),
        given.y[order],
        n_people=given.n_people,
        n_pairs=given.n_pairs,
        group=group,
        first_on_left=given.first_on_left[order],
    )
    np.testing.assert_allclose(rule.pool(moved).p_first, rule.pool(given).p_first, atol=1e-9)


def test_one_person_is_left_as_is(rule: PoolingRule):
    """A single person's choices, one a pair, are what comes out."""
    given = Votes.of(
        [0, 1, 2], [0, 0, 0], [1.0, 0.0, 0.5], n_people=1, group=[0], group_weights={"north": 1.0},
        first_on_left=[True, False, True],
    )  # fmt: skip
    assert rule.pool(given).side.tolist() == [1, -1, 0]


def test_naming_the_responses_the_other_way_round_turns_the_label(rule: PoolingRule):
    given = crowd()
    turned = votes(
        given.pair,
        given.person.tolist(),
        1 - given.y,
        n_people=given.n_people,
        n_pairs=given.n_pairs,
        first_on_left=~given.first_on_left,
    )
    found, other = rule.pool(given), rule.pool(turned)
    np.testing.assert_allclose(other.p_first, 1 - found.p_first, atol=1e-9)
    assert (other.side == -found.side).all()


def test_showing_all_sides_the_other_way_round_changes_nothing(rule: PoolingRule):
    given = crowd()
    shown = votes(
        given.pair,
        given.person.tolist(),
        given.y,
        n_people=given.n_people,
        n_pairs=given.n_pairs,
        first_on_left=~given.first_on_left,
    )
    np.testing.assert_allclose(rule.pool(shown).p_first, rule.pool(given).p_first, atol=1e-9)


def test_only_ties_stay_undecided(rule: PoolingRule):
    found = rule.pool(votes([0, 0, 0, 0], [0, 1, 2, 3], [0.5] * 4))
    assert found.side.tolist() == [0]
    assert found.p_first[0] == pytest.approx(0.5)


def test_a_pair_without_votes_has_no_label(rule: PoolingRule):
    found = rule.pool(votes([0, 0], [0, 1], [1.0, 1.0], n_pairs=2))
    assert np.isnan(found.p_first[1])
    assert found.side[1] == 0
    assert found.weight[1] == 0


def test_no_votes_at_all_is_legal(rule: PoolingRule):
    found = rule.pool(votes([], [], [], n_people=2, n_pairs=3))
    assert np.isnan(found.p_first).all()
    assert (found.side == 0).all()


def test_a_group_of_nobody_is_a_named_error(rule: PoolingRule):
    """For rules that weigh groups; the others do not look at them."""
    given = Votes.of([0, 0], [0, 1], [1.0, 1.0], group=[0, 0], group_weights=WEIGHTS)
    if rule.uses_groups:
        with pytest.raises(EmptyGroup, match="south"):
            rule.pool(given)
    else:
        assert rule.pool(given).side.tolist() == [1]


@pytest.mark.parametrize("rule", [r for r in RULES if not r.uses_groups], ids=lambda r: r.name)
def test_rules_that_do_not_weigh_groups_do_not_look_at_them(rule: PoolingRule):
    given = crowd()
    alone = Votes.of(
        given.pair, given.person, given.y, n_pairs=40, n_people=12, first_on_left=given.first_on_left
    )
    np.testing.assert_array_equal(rule.pool(alone).p_first, rule.pool(given).p_first)


def test_a_name_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(
        UnknownRule, match=r"'reflective' is not there yet: it needs second looks.*; there are: .*majority"
    ):
        named(["majority", "reflective"])
    with pytest.raises(UnknownRule, match="'plurality' is not a rule"):
        named(["plurality"])
    assert [r.name for r in named(["soft", "majority", "soft"])] == ["soft", "majority"]


@pytest.mark.parametrize("name", [n for n in PLANNED if n not in rules() and n != "endorsed"])
def test_each_name_that_waits_says_for_what(name: str):
    with pytest.raises(UnknownRule, match=rf"'{name}' is not there yet: it (needs|gives) .*; there are: "):
        named([name])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("endorsed+jury", "is not there yet: it needs people's answers about who should decide"),
        ("endorsed+endorsed", "is not a rule"),
        ("endorsed+plurality", "is not a rule"),
        ("soft+majority", "is not a rule"),
    ],
)
def test_a_compound_is_read_as_far_as_it_makes_sense(name: str, words: str):
    with pytest.raises(UnknownRule, match=words):
        named([name])


def test_endorsed_stands_before_any_rule_that_is_there():
    alone, over = named(["endorsed", "endorsed+majority"])
    assert (alone.name, over.name) == ("endorsed", "endorsed+majority")
    assert over.uses_groups is False
    assert "majority" in over.formula
    assert named(["endorsed+group_balanced"])[0].uses_groups is True


def test_the_range_holds_the_probability_and_is_told_where_promised(rule: PoolingRule):
    given = crowd()
    found = rule.pool(given)
    assert ("interval" in rule.tells) == (found.low is not None) == (found.high is not None)
    assert ("least_group" in rule.tells) == (found.least is not None)
    if found.low is not None and found.high is not None:
        known = ~np.isnan(found.p_first)
        assert (found.low[known] <= found.p_first[known]).all()
        assert (found.p_first[known] <= found.high[known]).all()


@pytest.mark.parametrize(
    "broken",
    [
        {"pair": [0, 5], "person": [0, 0], "y": [1.0, 1.0], "n_pairs": 2},
        {"pair": [0], "person": [3], "y": [1.0], "n_people": 2},
        {"pair": [0], "person": [0], "y": [0.7]},
        {"pair": [0], "person": [0, 1], "y": [1.0]},
        {"pair": [0], "person": [0], "y": [1.0], "weight": [np.nan]},
    ],
)
def test_arrays_that_are_no_votes_are_refused(broken):
    with pytest.raises(BadVotesError):
        Votes.of(**broken)
