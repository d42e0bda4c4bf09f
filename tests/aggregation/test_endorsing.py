"""Labels that people stand by: what a patch does, what none does, and that what is learned from probes is the influence's own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from app.aggregation import registry
from app.aggregation.amending import Said
from app.aggregation.endorsing import Again, Raw, endorse
from app.aggregation.protocol import Votes
from app.inference.matched import OwnEffects, own_effects
from app.metapreferences.rules import Held
from app.reports.settled import settled

SOFT, MAJORITY = (registry.rules()[n] for n in ("soft", "majority"))


def effects(beta, *, own=True, names=("length",)):
    b = np.atleast_1d(np.asarray(beta, float))
    return OwnEffects(names, b, b, np.full(b.size, 0.01), np.full(b.size, 99), np.full(b.size, own), True, 0)


def raw(
    pair,
    y,
    x,
    effect,
    *,
    n_people=20,
    group=None,
    weights=None,
    topic=None,
    kind=None,
    affected=None,
    again=None,
):
    pair, y, x = np.asarray(pair), np.asarray(y, float), np.atleast_2d(np.asarray(x, float).T).T
    ids = np.array([b"%026d" % i for i in range(y.size)], "S26")
    votes = Votes.of(
        pair,
        np.arange(y.size) % n_people,
        y,
        n_pairs=x.shape[0],
        n_people=n_people,
        group=group,
        group_weights=weights,
    )
    none = np.zeros(n_people, bool)
    return Raw(
        votes, ids, Said(ids, y), np.arange(n_people), x, effect, topic or (None,) * x.shape[0],
        kind or ("value",) * x.shape[0], none if affected is None else affected, none, again,
    )  # fmt: skip


def asked_again(pair, y, n_people=20, *, wavers=0):
    """Everybody answers everything once more, and alike, but for the first so many, who turn over."""
    pair, y = np.asarray(pair), np.asarray(y, float)
    later = np.where(np.arange(y.size) < wavers, 1 - y, y)
    return Again(np.arange(y.size) % n_people, pair, later, np.ones(y.size, bool))


def about(name="length", e=0.0, person=1, **more):
    number = more.pop("number", person)
    return Held(f"p{number:04}", "M1", "person", person, None, "influence", name, "endorsed", e, **more)


def on_vote(vote, var, value, number=0):
    return Held(f"v{number:04}", "M4", "person", 1, None, "judgment", f"{vote:026d}", var, value)


def nobody_stands_by(name="length", people=200):
    return [about(name, 0.0, u, stood=3, shown=3) for u in range(people)]


EIGHT = [1, 1, 1, 1, 1, 1, 0, 0]


def test_before_anyone_has_answered_nothing_moves():
    found = endorse(raw([0] * 8, EIGHT, [[2.0]], effects(1.0)), [], SOFT)
    assert found.p_endorsed == found.p_raw
    assert found.wishes.wishes[0].endorsed == 1
    assert not found.moved.any()
    assert found.patches_of(0) == ()


def test_a_share_that_is_all_influence_becomes_even():
    """Forty of fifty choose the longer one, as length alone would make them; nobody stands by it."""
    x = logit(0.8)
    found = endorse(
        raw([0] * 50, [1] * 40 + [0] * 10, [[x]], effects(1.0)), nobody_stands_by(people=2000), MAJORITY
    )
    assert found.p_raw[0] == pytest.approx(0.8)
    assert found.p_endorsed[0] == pytest.approx(0.5, abs=0.002)
    assert found.shifts_of(0)["length"] == pytest.approx(-0.3, abs=0.002)


@pytest.mark.parametrize("rule", [SOFT, MAJORITY], ids=lambda r: r.name)
def test_a_label_turns_over_and_says_why(rule):
    patches = nobody_stands_by()
    found = endorse(raw([0] * 8, [1] * 5 + [0] * 3, [[2.0]], effects(1.0)), patches, rule)
    assert found.side_raw[0] == 1 and found.side[0] == -1
    assert not found.stable[0]
    assert set(found.flipped_by(0)) == {"predictive", "with:length"}
    assert found.patches_of(0) == tuple(p.id for p in patches)


def test_a_pair_without_the_influence_keeps_its_label():
    found = endorse(raw([0] * 8 + [1] * 8, EIGHT * 2, [[2.0], [0.0]], effects(1.0)), nobody_stands_by(), SOFT)
    assert found.p_endorsed[1] == found.p_raw[1]
    assert found.patches_of(1) == () and found.stable[1]


def test_an_influence_that_is_not_known_to_be_its_own_only_weighs_less():
    found = endorse(raw([0] * 8, EIGHT, [[2.0]], effects(1.0, own=False)), nobody_stands_by(), SOFT)
    assert found.p_endorsed[0] == found.p_raw[0]
    assert 0 < found.weight[0] < found.weight_raw[0]
    assert len(found.patches_of(0)) == 200


def test_what_people_say_but_do_not_stand_by_hardly_counts():
    talk = [about(e=0.0, person=u, stood=0, shown=3) for u in range(200)]
    found = endorse(raw([0] * 8, [1] * 5 + [0] * 3, [[2.0]], effects(1.0)), talk, SOFT)
    assert found.side[0] == 1
    assert found.wishes.wishes[0].endorsed > 0.95
    assert found.wishes.wishes[0].stood == 0


def test_one_answer_is_not_everybodys():
    one, many = (
        endorse(raw([0] * 8, EIGHT, [[1.0]], effects(1.0)), nobody_stands_by(people=n), SOFT).p_endorsed[0]
        for n in (1, 200)
    )
    nothing = endorse(raw([0] * 8, EIGHT, [[1.0]], effects(1.0)), [], SOFT).p_endorsed[0]
    assert many < one < nothing


def test_a_later_answer_of_the_same_person_counts():
    changed = [about(e=0.0, number=1), about(e=1.0, number=2)]
    found = endorse(raw([0] * 8, EIGHT, [[2.0]], effects(1.0)), changed, SOFT)
    assert found.p_endorsed[0] == found.p_raw[0]


def test_only_in_named_topics():
    value = {"e": 1.0, "topics": ["recipes"]}
    patches = [about(e=value, person=u, stood=1, shown=1) for u in range(200)]
    found = endorse(
        raw([0] * 8 + [1] * 8, EIGHT * 2, [[2.0], [2.0]], effects(1.0), topic=("recipes", "letters")),
        patches,
        SOFT,
    )
    assert found.p_endorsed[0] == pytest.approx(found.p_raw[0])
    assert found.p_endorsed[1] < found.p_raw[1] - 0.1


def test_a_group_can_settle_it_for_its_own():
    group = np.array([0] * 10 + [1] * 10)
    settled = Held("g1", "M1", "group", None, "north", "influence", "length", "endorsed", 0.0)
    given = raw(
        [0] * 8 + [1] * 8, EIGHT * 2, [[2.0], [2.0]], effects(1.0), n_people=20, group=group,
        weights={"north": 0.5, "south": 0.5},
    )  # fmt: skip
    found = endorse(given, [settled], SOFT)
    north = given.votes.group[given.votes.person]
    assert (north[given.votes.pair == 0] == 0).mean() > (north[given.votes.pair == 1] == 0).mean()
    assert found.p_endorsed[0] < found.p_endorsed[1] < found.p_raw[1]


def test_position_is_taken_out_unless_the_study_says_otherwise():
    given = raw([0] * 8, EIGHT, [[1.0]], effects(0.5, names=("position",)))
    assert endorse(given, [], SOFT).p_endorsed[0] < endorse(given, [], SOFT).p_raw[0]
    settled = Held("s1", "M1", "study", None, None, "influence", "position", "endorsed", 1.0)
    kept = endorse(given, [settled], SOFT)
    assert kept.p_endorsed[0] == kept.p_raw[0]


def test_a_guess_counts_for_nothing_about_values_and_fully_about_facts():
    guess = [on_vote(6, "value_weight", 0.0), on_vote(7, "value_weight", 0.0, 1)]
    value = endorse(raw([0] * 8, EIGHT, [[0.0]], effects(0.0)), guess, MAJORITY)
    assert (value.p_raw[0], value.p_endorsed[0], value.weight[0]) == (0.75, 1.0, 6)
    assert value.patches_of(0) == ("v0000", "v0001")
    fact = endorse(raw([0] * 8, EIGHT, [[0.0]], effects(0.0), kind=("fact",)), guess, MAJORITY)
    assert fact.p_endorsed[0] == 0.75 and fact.patches_of(0) == ()


def test_a_change_of_mind_a_tie_and_a_slip():
    given = raw([0] * 4 + [1] * 4, [1, 1, 0, 0, 1, 1, 1, 0], [[0.0], [0.0]], effects(0.0))
    replaced = endorse(given, [on_vote(2, "answer_from", f"{0:026d}")], MAJORITY)
    assert replaced.p_endorsed.tolist() == [0.75, 0.75]
    tie = endorse(given, [on_vote(7, "tie", 0.5)], MAJORITY)
    assert tie.p_endorsed.tolist() == [0.5, 0.875]
    slip = endorse(given, [on_vote(7, "weight", 0.5)], MAJORITY)
    assert slip.p_endorsed[1] == pytest.approx(3 / 3.5)
    assert endorse(given, [on_vote(3, "answer_from", "unknown")], MAJORITY).moved.sum() == 0


def test_only_guesses_leave_no_label():
    given = raw([0] * 2, [1, 1], [[0.0]], effects(0.0))
    found = endorse(given, [on_vote(v, "value_weight", 0.0, v) for v in range(2)], MAJORITY)
    assert np.isnan(found.p_endorsed[0]) and found.side[0] == 0 and found.weight[0] == 0
    assert found.moved[0]


def resolved(way, people=6):
    return [
        Held(f"r{u:04}", "M5", "person", u, None, "class", "all", "resolution", [way, "leave"])
        for u in range(people)
    ]


def test_people_decide_what_is_done_where_they_disagree():
    pair, y = [0] * 20 + [1] * 20, [1] * 10 + [0] * 10 + [1] * 20
    given = raw(pair, y, [[0.0], [0.0]], effects(0.0), again=asked_again(pair, y))
    found = endorse(given, resolved("stay_out"), SOFT)
    assert found.resolved == ("stay_out", None)
    assert found.weight.tolist() == [0, 20]
    assert len(found.patches_of(0)) == 6 and found.patches_of(1) == ()
    (told,) = settled(found)
    assert (told.class_id, told.way, told.answers, told.pairs) == ("all", "stay_out", 6, 1)
    assert told.accepted[0] == ("leave", pytest.approx(6.5 / 7)) and dict(told.accepted)[
        "talk"
    ] == pytest.approx(0.5 / 7)
    few = endorse(given, resolved("stay_out", people=4), SOFT)
    assert [(one.way, one.pairs) for one in settled(few)] == [(None, 0)]
    assert few.resolved == (None, None) and few.weight.tolist() == [20, 20]


@pytest.mark.parametrize("again", [None, "wavering"])
def test_nothing_is_resolved_where_people_may_only_waver(again):
    """Ten against ten is a disagreement only if those people would say so again: nobody was asked twice, or half turned over."""
    pair, y = [0] * 20 + [1] * 20, [1] * 10 + [0] * 10 + [1] * 20
    repeats = None if again is None else asked_again(pair, y, wavers=20)
    given = raw(pair, y, [[0.0], [0.0]], effects(0.0), again=repeats)
    assert endorse(given, resolved("stay_out"), SOFT).resolved == (None, None)


def test_groups_that_agree_have_nothing_to_resolve():
    """Both groups are even: the total is as large as when one group is against the other, the part between them is not."""
    group = np.arange(40) % 2
    weights = {"north": 0.5, "south": 0.5}
    apart, alike = (group == 0).astype(float), (np.arange(40) % 4 < 2).astype(float)
    resolutions = []
    for y in (apart, alike):
        pair, everything = np.repeat([0, 1], 40), np.concatenate([y, np.ones(40)])
        given = raw(pair, everything, [[0.0], [0.0]], effects(0.0), n_people=40, group=group, weights=weights)
        resolutions.append(endorse(given, resolved("stay_out"), SOFT).resolved)
    assert resolutions == [("stay_out", None), (None, None)]


def test_guesses_make_no_disagreement():
    """Eight of north say yes, eight of south no; those of south were guesses."""
    group = np.arange(20) % 2
    y = np.tile([1.0, 0.0], 10)
    given = raw([0] * 20, y, [[0.0]], effects(0.0), group=group, weights={"north": 0.5, "south": 0.5})
    guesses = [on_vote(v, "value_weight", 0.0, v) for v in range(1, 20, 2)]
    assert endorse(given, resolved("stay_out"), SOFT).resolved == ("stay_out",)
    assert endorse(given, [*guesses, *resolved("stay_out")], SOFT).resolved == (None,)


def test_those_it_affects_decide_where_people_want_that():
    affected = np.arange(20) < 3
    again = asked_again([0] * 20, [1] * 10 + [0] * 10)
    given = raw([0] * 20, [1] * 10 + [0] * 10, [[0.0]], effects(0.0), affected=affected, again=again)
    found = endorse(given, resolved("affected"), MAJORITY)
    assert found.p_endorsed[0] == 1.0 and found.resolved == ("affected",)
    nobody = endorse(
        raw([0] * 20, [1] * 10 + [0] * 10, [[0.0]], effects(0.0), again=again), resolved("affected"), MAJORITY
    )
    assert nobody.p_endorsed[0] == 0.5 and nobody.resolved == ("affected: nobody known",)


def test_where_groups_differ_about_the_way_both_sides_are_shown():
    group = np.array([0] * 10 + [1] * 10)
    given = raw(
        [0] * 20,
        [1] * 10 + [0] * 10,
        [[0.0]],
        effects(0.0),
        group=group,
        weights={"north": 0.5, "south": 0.5},
    )
    split = [
        Held(
            f"r{u:04}",
            "M5",
            "person",
            u,
            None,
            "class",
            "all",
            "resolution",
            ["majority" if u < 10 else "stay_out"],
        )
        for u in range(20)
    ]
    assert endorse(given, split, SOFT).resolved == ("both_sides",)


def test_an_empty_study_has_no_labels():
    found = endorse(raw(np.zeros(0, int), [], np.zeros((0, 1)), effects(0.0)), nobody_stands_by(), SOFT)
    assert found.p_endorsed.size == 0 and found.stable.size == 0


@pytest.mark.parametrize("seed", range(5))
def test_probes_tell_the_influence_from_what_comes_with_it(seed):
    """Longer answers are also better (.6): ordinary votes say 1.4, the influence itself is .8, and probes know."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=8000)
    probe = np.arange(8000) < 1000
    y = (rng.random(8000) < expit(0.8 * x + np.where(probe, 0, 0.6 * x))).astype(float)
    found = own_effects(np.arange(8000) % 80, y, x[:, None], ["length"], probe=probe)
    blind = own_effects(np.arange(8000) % 80, y, x[:, None], ["length"], probe=np.zeros(8000, bool))
    assert found.own[0] and not blind.own[0]
    assert abs(found.beta[0] - 0.8) < 0.25
    assert blind.beta[0] > 1.2


def test_what_is_noise_moves_nothing():
    moved = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=600), (rng.random(600) < 0.5).astype(float)
        moved.append(own_effects(np.arange(600) % 30, y, x[:, None], ["length"], probe=x > -9).beta[0])
    assert np.abs(moved).mean() < 0.05


def test_the_plain_arm_tells_formatting_from_content():
    rng = np.random.default_rng(3)
    x = rng.normal(size=6000)
    plain = rng.random(6000) < 0.4
    y = (rng.random(6000) < expit(0.5 * x + np.where(plain, 0, 0.7 * x))).astype(float)
    arm = plain[:, None]
    found = own_effects(np.arange(6000) % 60, y, x[:, None], ["formatting"], probe=arm, seen=~arm)
    assert found.own[0] and abs(found.beta[0] - 0.7) < 0.2
