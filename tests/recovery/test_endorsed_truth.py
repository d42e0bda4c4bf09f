"""Simulated people who have wishes about their own choices: labels move to what they stand by, and not where they do not want it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import pytest
from scipy.special import expit

from app.aggregation import registry
from app.aggregation.amending import Said
from app.aggregation.endorsing import Raw, endorse
from app.aggregation.protocol import Votes
from app.inference.influence_effects import influence_effects
from app.inference.matched import own_effects
from app.metapreferences.changes import changed
from app.metapreferences.rules import Held
from app.questions import registry as questions
from app.questions.chance import form_of
from app.questions.protocol import MetaAnswer, MetaView

SEEDS = range(5)
SOFT = registry.rules()["soft"]
NAMES = ("length", "formatting")


@dataclass(frozen=True)
class Crowd:
    """sway: logits a standard deviation. endorse: share of people who want it to count. nodding: say yes to anything. cheap: say that it
    should not count and stand by the choices it made."""

    sway: tuple[float, float] = (1.0, 0.6)
    endorse: tuple[float, float] = (0.15, 0.9)
    nodding: float = 0.1
    cheap: float = 0.1
    pairs: int = 500
    people: int = 60
    votes: int = 10


class World:
    """Pairs, people, votes and answers of one seed; and the truth."""

    def __init__(self, crowd: Crowd, seed: int) -> None:
        rng = self.rng = np.random.default_rng(seed)
        self.crowd = crowd
        n = crowd.pairs
        probe = np.arange(n) < n // 8
        led = ~probe & (rng.random(n) < 0.35)
        theta = rng.normal(0, 1.2, n) * np.where(probe, 0.05, np.where(led, 0.3, 1.0))
        x = rng.normal(0, 0.8, (n, 2))
        x[led, 0] = rng.choice([-1, 1], led.sum()) * rng.uniform(1.2, 2.2, led.sum())
        x[probe, 0] = rng.choice([-1, 1], probe.sum()) * rng.uniform(0.7, 1.8, probe.sum())
        x[probe, 1] = rng.choice([0, 1.5], probe.sum())
        self.x, self.led, self.probe = x, led, probe
        self.wants = rng.random((crowd.people, 2)) < np.array(crowd.endorse)
        sway = np.array(crowd.sway)
        endorsed = theta[:, None] + (x * sway) @ self.wants.T.astype(float)
        self.truth = expit(endorsed).mean(axis=1)
        pair = np.repeat(np.arange(n), crowd.votes)
        person = np.concatenate([rng.permutation(crowd.people)[: crowd.votes] for _ in range(n)])
        y = (rng.random(pair.size) < expit(theta[pair] + (x * sway)[pair].sum(axis=1))).astype(float)
        self.raw = self._raw(pair, person, y)

    def _raw(self, pair, person, y):
        n, people = self.crowd.pairs, self.crowd.people
        x, probe = self.x[pair], self.probe[pair]
        spread = influence_effects(person, pair, y, x, NAMES, probe=probe).spread
        effects = own_effects(person, y, x, NAMES, probe=probe, spread=spread)
        ids = np.array([b"%026d" % i for i in range(y.size)], "S26")
        votes = Votes.of(pair, person, y, n_pairs=n, n_people=people)
        nobody = np.zeros(people, bool)
        return Raw(
            votes,
            ids,
            Said(ids, y),
            np.arange(people),
            self.x,
            effects,
            (None,) * n,
            ("value",) * n,
            nobody,
            nobody,
        )

    def answers(self, seed):
        """Patches of everybody's answers to M1 about both influences, in forms drawn as the product draws them."""
        kind, rng = questions.by_code()["M1"], Random(seed)
        patches = []
        for person in range(self.crowd.people):
            for k, name in enumerate(NAMES):
                form = form_of(kind.forms, rng)
                choice, stands = self._says(kind, form, bool(self.wants[person, k]), rng)
                about = {"influence": name, "sign": 1, "toward": 3, "of": 4}
                said = MetaAnswer(choice, stands=stands if choice in kind.needs_cases else {})
                for draft in kind.effects(said, MetaView(str(person), evidence=("j",), about=about)):
                    patches.append(
                        Held(
                            f"p{len(patches):05}", "M1", draft.scope, person, None, draft.target_type, draft.target_id,
                            draft.var, draft.value, draft.stood, draft.shown,
                        )
                    )  # fmt: skip
        return patches

    def _says(self, kind, form, wants, rng):
        """One person's answer, and what they stand by: nodders say yes, and take the first of two without reading."""
        if rng.random() < self.crowd.nodding:
            yes = next(a for a in ("count", "ignore") if kind.agrees(a, form))
            return yes, {f"c{n}": rng.random() < 0.5 for n in range(3)}
        if wants and rng.random() < self.crowd.cheap:
            return "ignore", {f"c{n}": rng.random() < 0.05 for n in range(3)}
        choice = "count" if wants else "ignore"
        return choice, {f"c{n}": rng.random() < 0.95 for n in range(3)}


def rmse(a, b, where):
    return float(np.sqrt(np.mean((a - b)[where] ** 2)))


@pytest.mark.parametrize("seed", SEEDS)
def test_labels_come_at_least_a_quarter_closer_to_what_people_stand_by(seed):
    world = World(Crowd(), seed)
    found = endorse(world.raw, world.answers(seed), SOFT)
    before, after = (rmse(p, world.truth, world.led) for p in (found.p_raw, found.p_endorsed))
    assert found.names == NAMES and world.raw.effects.own.all()
    assert after <= 0.75 * before
    others = ~world.led & ~world.probe
    assert rmse(found.p_endorsed, world.truth, others) <= rmse(found.p_raw, world.truth, others) + 0.005


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "crowd",
    [
        Crowd(sway=(0.0, 0.0), endorse=(1.0, 1.0), nodding=0.0, cheap=0.0),
        Crowd(sway=(0.0, 0.0), endorse=(0.1, 0.1)),
        Crowd(endorse=(1.0, 1.0), nodding=0.0, cheap=0.0),
    ],
    ids=["nothing sways", "nothing sways and nobody wants it to", "all stand by all of it"],
)
def test_with_nothing_to_correct_nothing_moves(crowd, seed):
    world = World(crowd, seed)
    found = endorse(world.raw, world.answers(seed), SOFT)
    assert np.abs(found.p_endorsed - found.p_raw).mean() < 0.01


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("nodding", "cheap"), [(0.3, 0.0), (0.0, 0.5), (0.3, 0.5)])
def test_talk_does_not_turn_a_label_that_people_stand_by(nodding, cheap, seed):
    """Everybody stands by all of it. A label that was clear, three in five or more, keeps its side."""
    world = World(Crowd(endorse=(1.0, 1.0), nodding=nodding, cheap=cheap), seed)
    found = endorse(world.raw, world.answers(seed), SOFT)
    clear = np.abs(found.p_raw - 0.5) >= 0.1
    assert (found.side[clear] == found.side_raw[clear]).all()
    believed = endorse(world.raw, [p_without_cases(p) for p in world.answers(seed)], SOFT)
    assert np.abs(found.p_endorsed - found.p_raw).mean() < np.abs(believed.p_endorsed - believed.p_raw).mean()


def p_without_cases(patch):
    """The same answer taken at its word."""
    from dataclasses import replace

    return replace(patch, stood=3, shown=3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_of_mind_is_told_from_slips_after_ten_answers(seed):
    """Half have changed their mind: three in four of their flips come from that. Everybody slips, wavers and mishears at times."""
    rng, right = Random(seed), {True: [], False: []}
    kind = questions.by_code()["M4"]
    for person in range(400):
        has_changed = person % 2 == 0
        said = []
        for _ in range(10):
            by_change = rng.random() < (0.75 if has_changed else 0.15)
            said.append(
                rng.choice([o.value for o in kind.options()])
                if rng.random() < 0.2
                else kind.simulate(rng, 0.9 if by_change else 0.1)
            )
        right[has_changed].append((changed(said).probability > 0.5) == has_changed)
    balanced = sum(sum(r) / len(r) for r in right.values()) / 2
    assert balanced >= 0.8
