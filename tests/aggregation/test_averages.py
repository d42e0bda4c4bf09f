"""Shares over a pool: the running sums against a plain recount, and the truth under questions that chase ties."""

import numpy as np
import pytest

from app.aggregation.averages import OUTCOMES, SHRINK, _Running, outcome, pool_shares
from app.aggregation.draws import Draws, Pool
from app.aggregation.observations import CODE

PAIRS, PEOPLE = 60, 40


def study(seed, *, each=20, cap=20, chase=6.0, longer=None):
    """People answer in turn; pairs with many ties so far are likelier to be asked; nobody is asked a pair twice."""
    rng = np.random.default_rng(seed)
    tie = rng.beta(1, 3, PAIRS)
    k, n = np.zeros(PAIRS), np.zeros(PAIRS)
    rows = []
    seen = np.zeros((PEOPLE, PAIRS), bool)
    at = 0.0
    for _ in range(each):
        for who in rng.permutation(PEOPLE):
            open_ = np.flatnonzero(~seen[who] & (n < cap))
            q = np.exp(chase * (k[open_] + 0.5) / (n[open_] + 2))
            p = 0.1 / open_.size + 0.9 * q / q.sum()
            place = rng.choice(open_.size, p=p / p.sum())
            i = int(open_[place])
            tied = rng.random() < tie[i]
            choice = CODE["tie"] if tied else CODE["left"] if rng.random() < 0.5 else CODE["right"]
            rows.append((who, i, choice, rng.random() < 0.5, p[place], at, at + 0.5))
            seen[who, i] = True
            k[i] += tied
            n[i] += 1
            at += 1
    who, i, choice, left, p, put, answered = (np.array(c) for c in zip(*rows, strict=True))
    y = np.where(choice == CODE["tie"], 0.5, (choice == CODE["left"]) == left).astype(float)
    pool = Pool(
        np.arange(PAIRS), np.full(PAIRS, -1), (), np.full(PAIRS, cap),
        np.ones(PAIRS, np.int8) if longer is None else longer,
    )  # fmt: skip
    draws = Draws(
        who, i, choice.astype(np.int8), left, y, np.full(len(rows), np.nan), np.zeros(len(rows), bool), p, put, answered,
        (frozenset(),) * PEOPLE, pool,
    )  # fmt: skip
    return draws, float(tie.mean())


def test_shares_of_the_pool_are_right_where_the_plain_ones_are_not():
    off, plain, inside = [], [], 0
    for seed in range(40):
        seen, true = study(seed)
        found = {s.name: s for s in pool_shares(seen)}["tie"]
        off.append(found.value.value - true)
        plain.append(found.naive.value - true)
        inside += found.value.interval[0] <= true <= found.value.interval[1]
    assert abs(np.mean(off)) < 0.006 and np.mean(plain) > 0.05
    assert inside >= 34


def test_running_sums_are_those_of_a_recount():
    rng = np.random.default_rng(3)
    inside = rng.random(12) < 0.8
    cap = np.full(12, 4)
    now = _Running(inside, cap)
    k, n = np.zeros(12), np.zeros(12)
    for _ in range(40):
        i = int(rng.choice(np.flatnonzero(n < 4)))
        y = float(rng.random() < 0.4)
        now.add(i, y)
        k[i] += y
        n[i] += 1
        mean = (k[inside].sum() + 1) / (n[inside].sum() + 2)
        guess = (k + SHRINK * mean) / (n + SHRINK)
        shut = rng.choice(12, 3, replace=False)
        out = (n >= 4) | np.isin(np.arange(12), shut)
        out[i] = False
        known = np.where(n > 0, k / np.maximum(n, 1), guess)
        guesses, certain = now.split(i, shut)
        assert guesses == pytest.approx(guess[inside & ~out].sum())
        assert certain == pytest.approx(known[inside & out].sum())


def test_a_share_over_some_pairs_counts_questions_about_the_others():
    """Of pairs one of which is longer: a pool of two thirds, of which even draws hit two thirds."""
    longer = np.array([1, -1, 0] * 20, np.int8)
    off = []
    for seed in range(30):
        seen, _ = study(seed, chase=0.0, longer=longer)
        found = {s.name: s for s in pool_shares(seen)}["longer"]
        off.append(found.value.value - 0.5)
    assert abs(np.mean(off)) < 0.01


def test_outcomes_of_each_answer():
    seen, _ = study(1)
    for name in OUTCOMES:
        y = outcome(seen, name)
        assert ((y >= 0) & (y <= 1)).all() and y.shape == seen.pair.shape
    assert (outcome(seen, "left")[seen.choice == CODE["left"]] == 1).all()
    assert (outcome(seen, "left")[seen.choice == CODE["tie"]] == 0.5).all()
    first_longer = outcome(seen, "longer")
    assert (first_longer == np.where(np.isnan(seen.y), 0.5, seen.y)).all()


def test_a_study_without_answers_says_so():
    seen, _ = study(1, each=1)
    nothing = Draws(*(getattr(seen, f)[:0] for f in ("person", "pair", "choice", "first_left", "y", "guess", "even", "propensity", "put", "answered")), (), seen.pool)  # fmt: skip
    assert all(s.value is None and s.why == "no answers yet" for s in pool_shares(nothing))
