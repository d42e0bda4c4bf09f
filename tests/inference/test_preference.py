"""The preference model: against an independent optimiser, quadrature, and simulated people whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from app.inference import preference_posterior as pp
from app.inference.errors import InvalidSetting, InvalidVotes
from app.inference.preference_fit import Learning, fitted

PLAIN = Learning(scales=False, people=False, close=1e-10, rounds=200)


def design(kind, personal=(), groups=1):
    return pp.Design(np.array(kind, np.int64), np.array(personal, np.int64), groups)


def random_votes(seed, shape, n, *, people=8, ties=0.15):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, shape.n_features))
    person = rng.integers(0, people, n)
    ahead = x @ rng.normal(size=shape.n_features)
    outcome = (rng.random(n) < 1 / (1 + np.exp(-ahead))).astype(float)
    outcome[rng.random(n) < ties] = 0.5
    side = rng.choice([-1.0, 1.0], n)
    return pp.read(x, person, outcome, group=person % shape.n_groups, side=side, design=shape)


def test_weights_are_those_of_an_independent_optimiser():
    shape = design([0, 0, 0, 1, 1], (0, 1, 3), 2)
    votes = random_votes(0, shape, 300)
    found = fitted(votes, shape, learning=PLAIN, usual_flip=0.0)
    scales = pp.starting_scales(shape)
    precision, within = scales.precision(shape), np.linalg.inv(scales.people)
    log_tie = found.persons.usual[2]

    def loss(flat):
        u, w = flat[:10], flat[10:].reshape(8, 3)
        f = np.einsum("nd,nd->n", votes.x, u.reshape(2, 5)[votes.group])
        f = f + np.einsum("nr,nr->n", votes.x[:, [0, 1, 3]], w[votes.person])
        all_ways = np.logaddexp(np.logaddexp(f / 2, -f / 2), log_tie)
        chosen = np.where(votes.said == 2, f / 2, np.where(votes.said == 0, -f / 2, log_tie))
        return (
            (all_ways - chosen).sum() + 0.5 * u @ precision @ u + 0.5 * np.einsum("ar,rs,as->", w, within, w)
        )

    best = minimize(loss, np.zeros(34), method="BFGS", options={"gtol": 1e-7}).x
    np.testing.assert_allclose(found.mean.reshape(-1), best[:10], atol=1e-5)
    np.testing.assert_allclose(found.persons.weight, best[10:].reshape(8, 3), atol=1e-5)


def test_the_prior_of_groups_is_what_they_share_and_how_they_deviate():
    shape = design([0, 1], (), 3)
    scales = pp.Scales(np.array([2.0, 0.1]), np.array([0.7, 0.05]), np.zeros((0, 0)))
    covariance = np.linalg.inv(scales.precision(shape)).reshape(3, 2, 3, 2)
    assert covariance[0, 0, 1, 0] == pytest.approx(2.0)
    assert covariance[0, 0, 0, 0] == pytest.approx(2.7)
    assert covariance[2, 1, 2, 1] == pytest.approx(0.15)
    assert covariance[0, 0, 0, 1] == pytest.approx(0.0, abs=1e-12)


def grid_posterior(votes, scales, log_tie, side=0.0, flip=0.0):
    """Mean and covariance of two weights by brute force."""
    line = np.linspace(-9, 9, 361)
    a, b = np.meshgrid(line, line, indexing="ij")
    log = -0.5 * (a**2 + b**2) / scales
    for x, said, where in zip(votes.x, votes.said, votes.side, strict=True):
        d = x[0] * a + x[1] * b + side * where
        first, tie, second = pp.chances(d.reshape(-1), log_tie, ties=True)
        chance = {2: (1 - flip) * first + flip * second, 1: tie, 0: (1 - flip) * second + flip * first}[said]
        log += np.log(chance).reshape(log.shape)
    p = np.exp(log - log.max())
    p /= p.sum()
    mean = np.array([(p * a).sum(), (p * b).sum()])
    cov = np.array(
        [
            [(p * (u - m) * (v - k)).sum() for v, k in ((a, mean[0]), (b, mean[1]))]
            for u, m in ((a, mean[0]), (b, mean[1]))
        ]
    )
    return mean, cov


def test_one_vote_is_taken_in_exactly_and_a_few_nearly():
    shape = design([0, 0])
    start = pp.prior(shape)
    scale = 2.7
    votes = random_votes(1, shape, 12, people=1)
    log_tie = np.log(2 / 3)
    for n, close in ((1, 1e-4), (12, 0.06)):
        found = start.learn(votes.part(slice(0, n)))
        mean, covariance = grid_posterior(votes.part(slice(0, n)), scale, log_tie, flip=0.02)
        np.testing.assert_allclose(found.mean[0], mean, atol=close)
        np.testing.assert_allclose(found.covariance, covariance, atol=2 * close)


def test_the_covariance_of_a_fit_is_that_of_the_posterior():
    shape = design([0, 0])
    votes = random_votes(2, shape, 60, people=1)
    found = fitted(votes, shape, learning=PLAIN, usual_flip=0.0)
    mean, covariance = grid_posterior(votes, 2.7, found.persons.usual[2])
    np.testing.assert_allclose(found.covariance, covariance, rtol=0.15, atol=0.01)
    np.testing.assert_allclose(found.mean[0], mean, atol=0.15)


def test_one_by_one_ends_near_the_batch():
    shape = design([0] * 6, (0, 1), 2)
    votes = random_votes(3, shape, 400)
    batch = fitted(votes, shape)
    online = fitted(votes.part(slice(0, 200)), shape, start=batch.scales).learn(votes.part(slice(200, 400)))
    gap = np.abs(online.mean - batch.mean) / np.sqrt(np.diag(batch.covariance)).reshape(2, 6)
    assert gap.max() < 1.0
    assert (online.n, online.since) == (400, 200)
    ratio = np.diag(online.covariance) / np.diag(batch.covariance)
    assert (
        ratio.min() > 0.45 and ratio.max() < 1.6
    )  # what a person and the group share is counted twice in between


def test_the_same_log_gives_the_same_posterior_in_any_steps():
    shape = design([0] * 4, (0,), 2)
    votes = random_votes(4, shape, 120)
    start = fitted(votes.part(slice(0, 60)), shape)
    again = fitted(votes.part(slice(0, 60)), shape)
    assert np.array_equal(start.mean, again.mean) and np.array_equal(start.covariance, again.covariance)
    whole = start.learn(votes.part(slice(60, 120)))
    steps = start.learn(votes.part(slice(60, 83))).learn(votes.part(slice(83, 120)))
    np.testing.assert_allclose(steps.mean, whole.mean, atol=1e-12)
    np.testing.assert_allclose(steps.persons.weight, whole.persons.weight, atol=1e-12)


def test_swapping_responses_swaps_nothing_else():
    shape = design([0, 0, 1], (0, 2), 2)
    votes = random_votes(5, shape, 150)
    turned = pp.PreferenceVotes(
        -votes.x, votes.person, votes.group, (2 - votes.said).astype(np.int8), -votes.side
    )
    one, two = fitted(votes, shape), fitted(turned, shape)
    np.testing.assert_allclose(one.mean, two.mean, atol=1e-9)
    np.testing.assert_allclose(one.learn(votes).mean, two.learn(turned).mean, atol=1e-9)


def test_groups_scales_careless_people_and_sides_are_found():
    rng = np.random.default_rng(6)
    shape, n, people = design([0] * 8, (), 2), 4000, 40
    x = rng.normal(size=(n, 8)) / np.sqrt(8)
    person = rng.integers(0, people, n)
    group = person % 2
    shared, apart = rng.normal(0, 3, 8), rng.normal(0, 2, 8)
    careless = person < 6
    left = rng.choice([-1.0, 1.0], n)
    ahead = np.einsum("nd,nd->n", x, shared + np.where(group == 0, 1, -1)[:, None] * apart)
    d = np.where(careless, 0.0, ahead) + 0.4 * left
    first, tie, _ = pp.chances(d, np.log(0.4), ties=True)
    dice = rng.random(n)
    outcome = np.where(dice < tie, 0.5, (dice < tie + first).astype(float))
    found = fitted(pp.read(x, person, outcome, group=group, side=left, design=shape), shape)
    assert found.converged
    for g, sign in ((0, 1), (1, -1)):
        truth = shared + sign * apart
        assert np.corrcoef(found.mean[g], truth)[0, 1] > 0.97
        # How far a group's logits reach shows in its weights and in its people's sensitivities together.
        careful = np.exp(np.median(found.persons.own[g::2, 0]))
        spread = np.sqrt(np.diag(found.covariance)).reshape(2, 8)[g]
        assert np.mean(np.abs(found.mean[g] * careful - truth) < 2.5 * spread) >= 0.75
    assert 0.25 < found.scales.group[0] / (apart**2).mean() < 4
    assert found.persons.own[:6, 0].max() < found.persons.own[6:, 0].min()
    assert found.persons.usual[1] == pytest.approx(0.4, abs=0.12)
    assert np.exp(found.persons.usual[2]) == pytest.approx(0.4, abs=0.12)


def test_people_who_differ_in_one_thing_are_known_by_it():
    rng = np.random.default_rng(7)
    shape, people = design([0] * 5, (0, 1, 2), 1), 30
    own = rng.normal(0, 3.0, people)
    person = np.repeat(np.arange(people), 40)
    x = rng.normal(size=(person.size, 5)) / np.sqrt(5)
    ahead = x @ np.array([0.0, 2, -2, 1, 0]) + own[person] * x[:, 0]
    outcome = (rng.random(person.size) < 1 / (1 + np.exp(-ahead))).astype(float)
    found = fitted(
        pp.read(x, person, outcome, group=np.zeros(person.size), side=np.zeros(person.size), design=shape),
        shape,
    )
    assert np.corrcoef(found.persons.weight[:, 0], own)[0, 1] > 0.8
    inner = np.diag(found.scales.people)
    assert inner[0] > 4 * max(inner[1:])


def test_without_votes_it_is_the_prior_and_alike_responses_tell_nothing():
    shape = design([0, 1], (0,), 2)
    before = pp.prior(shape)
    nothing = pp.read(np.zeros((0, 2)), [], [], group=[], side=[], design=shape)
    assert np.array_equal(fitted(nothing, shape).covariance, before.covariance)
    alike = pp.read(np.zeros((1, 2)), [3], [1], group=[0], side=[1], design=shape)
    assert np.array_equal(before.learn(alike).mean, before.mean)
    assert np.isfinite(fitted(alike, shape).mean).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": [[np.nan, 0.0]]}, "not a finite"),
        ({"outcome": [0.25]}, "never a tie"),
        ({"group": [2]}, "0..1"),
        ({"side": [0.5]}, "A side is"),
        ({"person": [1, 2]}, "one length"),
    ],
)
def test_what_is_no_vote_is_refused_in_words(change, words):
    shape = design([0, 0], (), 2)
    given = {"x": [[1.0, 0.0]], "person": [1], "outcome": [1], "group": [0], "side": [1], **change}
    with pytest.raises(InvalidVotes, match=words):
        pp.read(
            given["x"],
            given["person"],
            given["outcome"],
            group=given["group"],
            side=given["side"],
            design=shape,
        )


def test_a_design_without_features_is_refused():
    with pytest.raises(InvalidSetting, match="one feature"):
        design([])
    with pytest.raises(InvalidSetting, match="none of the features"):
        design([0], (3,))
