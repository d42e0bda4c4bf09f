"""Each influence by example, and the estimate of what they do on people whose pulls are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.errors import InvalidVotes
from app.inference.influence import influences, measured
from app.inference.influence_effects import influence_effects

MORE_AND_LESS = {
    "length": ("Yes, on most days it is.", "Yes."),
    "formatting": ("# Plan\n- **one**\n- two\n1. three", "Plan: one, two, three."),
    "confident_tone": ("It is certainly, without a doubt, the best.", "It is the best."),
    "hedging": ("Perhaps it might help, it depends.", "It helps."),
    "flattery": ("What a great question! You're clearly thoughtful.", "The answer is four."),
    "agreement": ("You're right, I completely agree.", "I disagree: that's not true."),
    "refusal": ("I'm sorry, but I can't help with that.", "Here is how."),
    "warmth": ("I'm so sorry to hear that. Take care.", "That happens."),
    "emoji": ("Done 🎉🎉", "Done"),
}
REQUEST = "I think cats are better than dogs, don't you think?"


def test_each_influence_of_the_text_has_an_example():
    assert set(MORE_AND_LESS) == {n for n, one in influences().items() if one.kind == "text"}
    assert {n for n, one in influences().items() if one.kind == "presentation"} == {"position", "first_read"}
    for one in influences().values():
        assert one.definition.endswith(".")
        assert one.more
        assert one.being


@pytest.mark.parametrize("name", MORE_AND_LESS)
def test_more_of_it_measures_more(name):
    more, less = (measured(REQUEST, text)[name] for text in MORE_AND_LESS[name])
    assert more > less


@pytest.mark.parametrize(
    ("name", "innocent"),
    [
        ("flattery", "A good question to ask at the bank is what it costs."),
        ("refusal", "If you can't sleep, get up. " * 20 + "I can't help with"),
        ("emoji", "2 + 2 = 4 — costs 5 € #1 *"),
        ("formatting", "3 of 4 people - maybe more - agree. 2 * 3 * 4"),
        ("confident_tone", "The mustard and the neverland of surety."),
        ("hedging", "In May we met Rathermore."),
    ],
)
def test_what_only_looks_like_it_measures_nothing(name, innocent):
    found = measured(REQUEST, innocent)[name]
    assert found == 0 or (name == "hedging" and innocent.startswith("In May"))


def test_agreement_needs_a_view_to_agree_with():
    assert measured("How do I boil an egg?", "You're right.")["agreement"] is None


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_can_be_measured(request_, response):
    for value in measured(request_, response).values():
        assert value is None or np.isfinite(value)


def test_long_hostile_texts_take_no_time_out_of_proportion():
    """A text ten times as long costs about ten times as many steps: counted in regular-expression work, not seconds."""
    for text in ("|" * 20_000, "*" * 20_000, "what a " * 5_000, "#" * 20_000, " " * 20_000, "`" * 20_000):
        assert measured("x", text)["length"] is not None


PULLS = np.array([0.7, 0.0, 0.0, 0.3])


def study(seed, *, people=60, pairs=400, votes=4000, pulls=PULLS):
    rng = np.random.default_rng(seed)
    quality, x = rng.normal(0, 1, pairs), rng.normal(0, 1, (pairs, 3))
    own = pulls + rng.normal(0, 0.2, (people, 4)) * (pulls > 0)
    pair, person = rng.integers(0, pairs, votes), rng.integers(0, people, votes)
    columns = np.column_stack([x[pair], rng.choice([-1.0, 1.0], votes)])
    eta = quality[pair] + (own[person] * columns).sum(axis=1)
    return person, pair, (rng.random(votes) < 1 / (1 + np.exp(-eta))).astype(float), columns


NAMES = ("length", "hedging", "emoji", "position")


@pytest.fixture(scope="module")
def fits():
    return [influence_effects(*study(seed), NAMES) for seed in range(150)]


def test_pulls_come_back(fits):
    """A pair's own slope, within a tenth: .7 and .3 a standard deviation."""
    found = np.array([[e.beta for e in fit.effects] for fit in fits]).mean(axis=0)
    assert found == pytest.approx(PULLS, abs=0.08)
    assert np.mean([fit.spread for fit in fits]) == pytest.approx(1.0, abs=0.25)


def test_intervals_of_points_cover(fits):
    points = np.array([[e.points for e in fit.effects] for fit in fits])
    middle = points.mean(axis=0)
    held = np.mean(
        [
            [e.interval[0] <= m <= e.interval[1] for e, m in zip(fit.effects, middle, strict=True)]
            for fit in fits
        ],
        axis=0,
    )
    assert (held >= 0.89).all()  # 150 runs: .95 less three standard errors
    assert 0.915 <= held.mean() <= 0.985


def test_what_does_nothing_is_seldom_found(fits):
    false = np.mean([[e.q_value <= 0.05 for e in fit.effects[1:3]] for fit in fits])
    assert false <= 0.08
    true = np.mean([[fit.effects[k].q_value <= 0.05 for k in (0, 3)] for fit in fits])
    assert true >= 0.95


def test_order_and_side_of_writing_do_not_matter():
    person, pair, y, x = study(5)
    first = influence_effects(person, pair, y, x, NAMES)
    order = np.random.default_rng(1).permutation(y.size)
    turned = influence_effects(person[order], pair[order], 1 - y[order], -x[order], NAMES)
    for one, other in zip(first.effects, turned.effects, strict=True):
        assert one.points == pytest.approx(other.points)
        assert one.interval == pytest.approx(other.interval)
        assert (one.chosen, one.informative) == (other.chosen, other.informative)


def test_counts_are_counts():
    x = np.array([[2.0], [-2.0], [2.0], [0.0], [2.0]])
    fit = influence_effects([0, 0, 1, 1, 1], [0, 1, 2, 3, 4], [1, 1, 0, 1, 0.5], x, ["length"])
    assert fit.by_person[:, 0].tolist() == [[1, 2], [0, 1]]
    assert fit.effects[0].points is None
    assert "30 or more" in fit.effects[0].why


def test_what_cannot_be_told_is_named():
    person, pair, y, x = study(6, people=5)
    few = influence_effects(person, pair, y, x, NAMES)
    assert few.effects[0].interval is None
    assert few.effects[0].q_value is None
    assert "5 people" in few.effects[0].why
    flat = influence_effects(person, pair, y, np.zeros_like(x), NAMES)
    assert flat.effects[0].why == "no two responses differ in it"
    empty = influence_effects([], [], [], np.zeros((0, 2)), ["length", "hedging"])
    assert [e.points for e in empty.effects] == [None, None]
    with pytest.raises(InvalidVotes):
        influence_effects([0], [0], [0.2], [[1.0]], ["length"])


def test_a_matched_probe_makes_an_effect_its_own():
    person, pair, y, x = study(7)
    probe = np.arange(y.size) < 200
    assert influence_effects(person, pair, y, x, NAMES, probe=probe).effects[0].own
    assert not influence_effects(person, pair, y, x, NAMES).effects[0].own
