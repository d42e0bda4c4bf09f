"""The two question seams: every entry is tested the moment its file exists."""

from __future__ import annotations

from random import Random

import pytest

from app.kit.errors import Malformed
from app.kit.paths import folder
from app.questions import registry
from app.questions.answers import ComparisonAnswer
from app.questions.protocol import MetaAnswer, MetaKind, MetaView, QuestionKind

KINDS = sorted(registry.kinds())
META = sorted(registry.meta_kinds())
SWAP = {"left": "right", "right": "left"}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_offers_what_the_seam_asks_for(name):
    kind = registry.kinds()[name]
    assert isinstance(kind, QuestionKind)
    assert (folder("templates") / kind.template).is_file()
    keys = [o.key for o in kind.options()]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("name", KINDS)
def test_every_option_parses_and_comes_back(name):
    kind = registry.kinds()[name]
    for option in kind.options():
        answer = kind.parse({"choice": option.value})
        assert kind.form(answer)["choice"] == option.value
        assert ComparisonAnswer.model_validate(answer.model_dump()) == answer


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "form", [{}, {"choice": ""}, {"choice": "best"}, {"choice": "left5", "confidence": "9"}]
)
def test_a_wrong_form_names_its_field(name, form):
    with pytest.raises(Malformed) as refusal:
        registry.kinds()[name].parse(form)
    assert refusal.value.errors[0]["where"]


@pytest.mark.parametrize("name", KINDS)
def test_swapping_sides_swaps_the_observation(name):
    kind = registry.kinds()[name]
    for option in kind.options():
        answer = kind.parse({"choice": option.value})
        seen, swapped = kind.observation(answer), kind.observation(answer.swapped())
        assert swapped is None if seen is None else swapped == 1 - seen


@pytest.mark.parametrize("name", KINDS)
def test_simulated_answers_recover_the_sign(name):
    kind, rng = registry.kinds()[name], Random(1)
    for advantage in (-1.5, 1.5):
        seen = [kind.observation(kind.simulate(rng, advantage)) for _ in range(400)]
        mean = sum(s for s in seen if s is not None) / len(seen)
        assert (mean > 0.5) == (advantage > 0)


def fold(patches):
    """What a set of active patches amounts to."""
    return {(p.scope, p.target_type, p.target_id, p.var): p.value for p in patches}


@pytest.mark.parametrize("name", META)
def test_a_meta_kind_offers_what_the_seam_asks_for(name):
    kind = registry.meta_kinds()[name]
    assert isinstance(kind, MetaKind)
    assert kind.code in {f"M{n}" for n in range(1, 17)}
    assert (folder("templates") / kind.template).is_file()


@pytest.mark.parametrize("name", META)
def test_effects_are_pure_and_applying_them_twice_is_once(name):
    kind = registry.meta_kinds()[name]
    view = MetaView(annotator_id="a", judgment_id="j1", evidence=("j1",))
    for option in kind.options():
        once, again = (kind.effects(MetaAnswer(option.value), view) for _ in range(2))
        assert once == again
        assert fold([*once, *again]) == fold(once)
        assert fold([]) == {}
        assert all(p.sources for p in once)
    with pytest.raises(Malformed):
        kind.effects(MetaAnswer("no such answer"), view)


@pytest.mark.parametrize("name", META)
def test_simulated_people_show_what_is_true(name):
    kind, rng = registry.meta_kinds()[name], Random(2)
    first = kind.options()[0].value
    sure = sum(kind.simulate(rng, 0.9) == first for _ in range(300))
    unsure = sum(kind.simulate(rng, 0.1) == first for _ in range(300))
    assert sure > unsure + 100
