"""Terms proposed from residuals: planted ones are found, noise is not, and what is known already is not found again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from app.inference.contrasts import contrasts, terms
from app.inference.errors import InvalidVotes

FILL = "the a of to and in it is that for you with on as this be at have from or one had by word but not what all were we"


def planted(seed, effect, *, pairs=300, votes=6, people=60, term="absolutely", follow=0.0):
    """Pairs of made-up texts, half of them with the term; a second effect comes with the number of words."""
    rng = np.random.default_rng(seed)
    fill = FILL.split()
    has = rng.random((pairs, 2)) < 0.5
    size = rng.integers(12, 40, (pairs, 2))
    text = [
        [
            " ".join(
                rng.permutation([*rng.choice(fill, size[i, s]), *([term, "indeed"] if has[i, s] else [])])
            )
            for i in range(pairs)
        ]
        for s in range(2)
    ]
    drawn = np.repeat(np.arange(pairs), votes)
    person = rng.integers(0, people, drawn.size)
    more = (size[:, 0] - size[:, 1]) / 10.0
    base = follow * more
    eta = (effect * (has[:, 0].astype(float) - has[:, 1]) + base)[drawn]
    y = (rng.random(drawn.size) < expit(eta)).astype(float)
    return text, drawn, person, y, expit(base)[drawn], has


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_term_is_found_and_told_once(seed):
    text, pair, person, y, expected, has = planted(seed, 0.9, follow=0.5)
    found = contrasts(*text, pair, person, y, expected)
    assert len(found) == 1
    one = found[0]
    assert {one.term, *one.with_it} >= {"absolutely", "indeed"}
    assert one.q_value < 0.001
    assert one.points > 0.08
    differs = has[:, 0] != has[:, 1]
    assert (one.pairs, one.votes) == (int(differs.sum()), int(differs.sum()) * 6)
    assert 0.5 < one.chosen / one.votes < 0.9


def test_what_people_turn_away_from_has_the_other_sign():
    text, pair, person, y, expected, _ = planted(7, -0.9)
    assert contrasts(*text, pair, person, y, expected)[0].points < -0.08


def test_noise_is_seldom_taken_for_a_finding():
    found = []
    for seed in range(100, 112):
        text, pair, person, y, expected, _ = planted(seed, 0.0, pairs=200)
        found.append(contrasts(*text, pair, person, y, expected))
    assert sum(bool(f) for f in found) <= 2


def test_swapping_the_sides_changes_nothing_and_people_may_be_relabelled():
    (one, two), pair, person, y, expected, _ = planted(3, 0.9)
    here = contrasts(one, two, pair, person, y, expected)
    there = contrasts(two, one, pair, 59 - person, 1 - y, 1 - expected)
    assert [(c.term, round(c.points, 12), round(c.z, 9)) for c in here] == [
        (c.term, round(c.points, 12), round(c.z, 9)) for c in there
    ]


def test_one_persons_taste_is_no_finding():
    text, pair, person, y, expected, has = planted(4, 0.0, votes=8)
    mine = np.arange(pair.size) % 8 == 0
    person = np.where(mine, 0, person)
    lean = (has[:, 0].astype(float) - has[:, 1])[pair]
    y = np.where(mine & (lean != 0), (lean > 0).astype(float), y)
    assert contrasts(*text, pair, person, y, expected) == ()


def test_terms_are_words_pairs_of_words_and_marks():
    assert terms("Well, isn’t it?") == {"well", "isn't", "it", "well isn't", "isn't it", "?"}


def test_bad_input_is_named_and_none_is_nothing():
    with pytest.raises(InvalidVotes, match="no texts"):
        contrasts(["a"], ["b"], [1], [0], [1.0], [0.5])
    with pytest.raises(InvalidVotes, match="come in pairs"):
        contrasts(["a"], ["b"], [0], [0, 1], [1.0], [0.5])
    assert contrasts([], [], [], [], [], []) == ()
