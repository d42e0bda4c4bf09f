"""Simulated people answer as the numbers that make them up say."""

from dataclasses import replace

import numpy as np
import pytest

from app.kit.rng import generator
from app.questions.registry import kinds
from app.simulation.people import Impression, SimulatedPerson
from app.simulation.population import Population, divided
from app.simulation.truth import preferences, truth

GOOD, BAD = (
    Impression({"quality": 1.0}, {"length": 0.0}, "home"),
    Impression({"quality": 0.0}, {"length": 1.0}, "home"),
)


def answers(person, left, right, n=4000, seed=1, **more):
    rng = generator(seed)
    return [person.answer(rng, kinds()["choice"], left, right, **more).choice for _ in range(n)]


def preferring_left(choices):
    return np.mean([{"left": 1.0, "tie": 0.5, "right": 0.0}[c] for c in choices])


@pytest.mark.parametrize("slips", [0.0, 0.15])
def test_a_share_of_answers_is_the_truth_told_in_closed_form(slips):
    person = SimulatedPerson("a", {"quality": 1.3}, {"length": 0.6, "position": 0.4}, slips=slips)
    expected = preferences([person], [GOOD], [BAD])[0, 0]
    shown = (
        preferring_left(answers(person, GOOD, BAD)) + 1 - preferring_left(answers(person, BAD, GOOD))
    ) / 2
    assert shown == pytest.approx(expected, abs=0.015)


def test_endorsed_truth_leaves_out_what_nobody_stands_by():
    person = SimulatedPerson(
        "a", {"quality": 0.5}, {"length": 2.0, "position": 1.0}, endorsed={"length": 0.0}
    )
    keeps = replace(person, endorsed={"length": 1.0})
    elsewhere = replace(keeps, scopes={"length": frozenset({"work"})})
    raw = preferences([person], [GOOD], [BAD])[0, 0]
    assert raw < 0.5 < preferences([person], [GOOD], [BAD], endorsed=True)[0, 0]
    assert preferences([keeps], [GOOD], [BAD], endorsed=True)[0, 0] < 0.5
    assert preferences([elsewhere], [GOOD], [BAD], endorsed=True)[0, 0] > 0.5
    assert person.endorsed_advantage(GOOD, BAD) == pytest.approx(0.5)
    assert keeps.endorsed_advantage(GOOD, BAD) == pytest.approx(0.5 - 2.0)


def test_a_mind_changes_once_and_says_so():
    person = SimulatedPerson("a", {"quality": 3.0}, changes_after=10, tastes_after={"quality": -3.0})
    assert person.advantage(GOOD, BAD, answered=9) == 3.0 == -person.advantage(GOOD, BAD, answered=10)
    rng = generator(1)
    assert person.explains_flip(rng, GOOD, BAD, earlier=3, later=20) == "changed"
    assert person.explains_flip(rng, GOOD, BAD, earlier=3, later=7) == "slip"
    alike = Impression({"quality": 0.9})
    assert person.explains_flip(rng, GOOD, alike, earlier=3, later=7) == "close"


def test_talk_and_what_is_stood_by_can_differ():
    stands = SimulatedPerson("a", sway={"length": 1.0}, endorsed={"length": 1.0}, cheap_talk=0.5)
    rng = generator(2)
    said = [stands.says(rng, "length") for _ in range(2000)]
    assert np.mean(said) == pytest.approx(0.5, abs=0.04)
    assert not any(stands.stands_by(rng, "length") for _ in range(200))
    nods = SimulatedPerson("a", sway={"length": 1.0}, endorsed={"length": 0.0}, nodding=0.3)
    plain = np.mean([nods.says(rng, "length") for _ in range(3000)])
    turned = np.mean([nods.says(rng, "length", reverse=True) for _ in range(3000)])
    assert plain == pytest.approx(0.3, abs=0.03) and turned == 0.0
    assert all(nods.stands_by(rng, "length") for _ in range(200))
    assert nods.stands_by_share("position", None) == 0.0


def test_people_who_do_not_read():
    left = SimulatedPerson("a", {"quality": 5.0}, habit="left")
    assert preferring_left(answers(left, BAD, GOOD)) > 0.99
    any_side = SimulatedPerson("a", {"quality": 5.0}, habit="random")
    assert preferring_left(answers(any_side, BAD, GOOD)) == pytest.approx(0.5, abs=0.03)
    assert left.seconds(generator(1), 200) < SimulatedPerson("a").seconds(generator(1), 200) / 3


def test_a_population_is_seated_by_its_shares_and_follows_from_its_seed():
    population = divided(
        {"north": 3, "south": 1},
        endorsing={"length": 0.25},
        careless=0.1,
        changing=0.2,
        topics=("home", "work"),
        scope=0.5,
    )
    people = population.people(generator(5), 400)
    assert people == population.people(generator(5), 400)
    assert sum(p.group == "north" for p in people) == 300
    assert np.mean([p.endorsed["length"] for p in people]) == pytest.approx(0.25, abs=0.06)
    assert np.mean([bool(p.habit) for p in people]) == pytest.approx(0.1, abs=0.04)
    assert np.mean([p.changes_after is not None for p in people]) == pytest.approx(0.2, abs=0.06)
    assert all(p.scopes.keys() <= {"length"} and p.endorsed["length"] for p in people if p.scopes)
    assert all(abs(sum(p.voices.values()) - 1) < 1e-9 for p in people)
    assert [p.group for p in population.people(generator(5), 3)].count("north") == 2


def test_groups_that_differ_differ_in_truth_and_alike_ones_do_not():
    rng = np.random.default_rng(3)
    first = [
        Impression({k: float(v) for k, v in zip(("quality", "taste_0", "taste_1"), row, strict=True)})
        for row in rng.standard_normal((300, 3))
    ]
    second = [
        Impression({k: float(v) for k, v in zip(("quality", "taste_0", "taste_1"), row, strict=True)})
        for row in rng.standard_normal((300, 3))
    ]
    apart, alike = divided({"a": 1, "b": 1}), divided({"a": 1, "b": 1}, apart=0.0, personal=0.0)
    found = [truth(p.people(generator(1), 200), p.groups, first, second) for p in (apart, alike)]
    assert 0.08 < found[0].contested().mean() < 0.5
    assert not found[1].contested().any() and found[1].between.max() < 0.002
    assert found[0].share == pytest.approx(found[0].groups.mean(axis=0))


def test_what_makes_no_population_is_refused():
    with pytest.raises(ValueError, match="sum to 1"):
        Population({"a": 0.5}, {"a": {}})
    with pytest.raises(ValueError, match="'b'"):
        Population({"a": 0.5, "b": 0.5}, {"a": {}})
    with pytest.raises(ValueError, match="nobody stands for"):
        truth([SimulatedPerson("a", habit="left")], {"a": 1.0}, [GOOD], [BAD])
