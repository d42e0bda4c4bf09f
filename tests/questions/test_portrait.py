"""What is said about a person: only what their choices show, foils only where they show the opposite."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from app.questions import portrait, registry, unfilled
from app.questions.asking import Leaning, OwnChoice, World
from app.questions.chance import of_person, shuffled
from app.questions.registry import by_code
from app.questions.wording import languages, load, words


def leaning(name, chosen, of, *, told=False, first=0):
    """``chosen`` of ``of`` choices went to the one with more; the choices are numbered from ``first``."""
    choices = tuple(OwnChoice(f"j{first + n}", 1.0 if n < chosen else -1.0) for n in range(of))
    return Leaning(name, 0.1, 1, 0.01, True, chosen, of, choices, told=told, moved_by=(1.0, 0.0))


MINE = [
    leaning("length", 9, 11),
    leaning("formatting", 2, 10),
    leaning("hedging", 4, 7),
    leaning("warmth", 3, 3),
    leaning("emoji", 5, 10),
]


def test_a_statement_says_which_way_most_choices_went():
    found = {s.name: s for s in portrait.portrait(MINE, foils=0, rng=Random(1))}
    assert set(found) == {"length", "formatting", "hedging"}
    assert (found["length"].sign, found["length"].fits, found["length"].of) == (1, 9, 11)
    assert (found["formatting"].sign, found["formatting"].fits) == (-1, 8)
    assert found["length"].choices == tuple(f"j{n}" for n in range(11))


def test_a_foil_says_the_opposite_of_what_most_choices_say():
    for seed in range(20):
        found = portrait.portrait(MINE, foils=1, rng=Random(seed))
        (foil,) = [s for s in found if s.foil]
        assert foil.fits <= 0.4 * foil.of
        assert len({s.name for s in found}) == len(found)


def test_no_more_than_eight_the_strongest_and_the_weakest_and_never_only_foils():
    many = [leaning(f"x{n}", 5 + n % 6, 10) for n in range(30)]
    found = portrait.portrait(many, foils=2, rng=Random(3))
    assert len(found) == 8 and sum(s.foil for s in found) == 2
    shares = [s.fits / s.of for s in found if not s.foil]
    assert max(shares) == 1.0 and min(shares) == 0.6
    assert [s.foil for s in portrait.portrait([leaning("length", 9, 10)], foils=2, rng=Random(1))] == [False]


def test_it_opens_at_twenty_five_or_at_the_end_of_a_session_with_four():
    assert not portrait.is_open(24, False, 5)
    assert portrait.is_open(25, False, 1) and not portrait.is_open(25, False, 0)
    assert portrait.is_open(12, True, 4) and not portrait.is_open(12, True, 3)


def test_two_statements_clash_where_they_pull_apart():
    same = [leaning("length", 8, 10), leaning("formatting", 2, 10)]
    told = portrait.portrait(same, foils=0, rng=Random(1))
    (clash,) = portrait.clashes(same, told)
    assert {clash.first, clash.second} == {"length", "formatting"} and len(clash.choices) >= 2
    apart = [leaning("length", 8, 10), leaning("formatting", 2, 10, first=100)]
    assert portrait.clashes(apart, portrait.portrait(apart, foils=0, rng=Random(1))) == ()


def test_a_statement_is_asked_about_once_and_never_a_foil():
    kind = registry.by_code()["M9"]
    facts = World("1", 30, tuple(MINE), statements=portrait.portrait(MINE, foils=1, rng=Random(1)))
    names = {o.about["influence"] for o in kind.occasions(facts)}
    foil = next(s.name for s in facts.statements if s.foil)
    assert names == {s.name for s in facts.statements} - {foil}
    told = World(
        "1",
        30,
        (leaning("length", 9, 11, told=True),),
        statements=portrait.portrait(MINE[:1], foils=0, rng=Random(1)),
    )
    assert kind.occasions(told) == []
    assert kind.occasions(World("1", 10, tuple(MINE), statements=facts.statements)) == []


def test_every_language_has_the_same_words_with_the_same_blanks():
    import re

    english = load("en")
    for language in languages():
        own = load(language)
        assert set(own) == set(english)
        assert {
            k for k in own if set(re.findall(r"{(\w+)}", own[k])) != set(re.findall(r"{(\w+)}", english[k]))
        } == set()


def test_every_kind_reads_in_every_language_form_and_direction():
    m1, m4, m5, m9 = (registry.by_code()[c] for c in ("M1", "M4", "M5", "M9"))
    for language in languages():
        say = words(language)
        for name in (
            "length",
            "formatting",
            "emoji",
            "confident_tone",
            "agreement",
            "flattery",
            "hedging",
            "refusal",
            "warmth",
        ):
            for sign in (1, -1):
                for of in (0, 4, 20):
                    about = {
                        "influence": name,
                        "sign": sign,
                        "toward": of // 2,
                        "of": of,
                        "known": True,
                        "fits": 3,
                        "foil": False,
                    }
                    for form in m1.forms:
                        text = m1.wording(about, form, say)
                        assert text.text and text.lead and "{" not in text.text + text.lead
                        assert set(text.labels) == {o.value for o in text.options}
                    assert m9.wording(about, "plain", say).text
        assert m4.wording({"first_side": "left", "again_side": "tie"}, "plain", say).lead
        assert m5.wording({"counts": [[46, 25, 21]]}, "plain", say).ranks


@pytest.mark.parametrize("language", languages())
def test_a_wordings_record_holds_nobodys_counts_or_choices(language):
    """Whatever was put to a person, the wording's own text is one and the same, without a digit, and both ways round are told apart."""
    say = words(language)
    m1, m4, m5, m9 = (by_code()[c] for c in ("M1", "M4", "M5", "M9"))
    for form in m1.forms:
        texts = {}
        for sign, toward, of, known in itertools.product((1, -1), (3, 9), (0, 5, 14), (True, False)):
            made = m1.wording(
                {"influence": "length", "sign": sign, "toward": toward, "of": of, "known": known}, form, say
            )
            texts.setdefault(sign, set()).add(
                unfilled.of("M1", "M1.length", form, language, f"{made.lead} {made.text}".strip())
            )
        assert [len(t) for t in texts.values()] == [1, 1]
        (one, other) = (next(iter(t)) for t in texts.values())
        assert {one[0], other[0]} == {"", "less"} and one[1] != other[1]
        assert not any(c.isdigit() for c in one[1] + other[1])
    for kind, template, about in (
        (m4, "M4", [{"first_side": a, "again_side": b} for a, b in itertools.permutations(("left", "right", "tie"), 2)]),
        (m5, "M5.money", [{"counts": [[n, n // 3, n - n // 3]]} for n in (21, 46)]),
        (m9, "M9.length", [{"influence": "length", "sign": 1, "fits": n, "of": 2 * n} for n in (3, 8)]),
    ):  # fmt: skip
        made = [kind.wording(a, "plain", say) for a in about]
        found = {unfilled.of(kind.code, template, "plain", language, f"{m.lead} {m.text}") for m in made}
        assert len(found) == 1
        assert not any(c.isdigit() for c in next(iter(found))[1])


def test_what_no_wording_is_known_of_keeps_its_words_and_loses_its_numbers():
    put = "In 12 of your 19 choices you picked X. Should X count?"
    told = "In … of your … choices you picked X. Should X count?"
    assert unfilled.of("M1", "M1.gone", "plain", "en", put) == ("", told)
    own = "Should answers under 50 words count for more?"
    assert unfilled.of("M1", "M1.own.1", "plain", "en", own) == ("", own)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_tap_on_the_ballot_is_kept_in_the_words_that_are_shown(language):
    from app.web.catalogue import Translator

    assert words(language)("M12.text") == Translator(language)("view.legend")


def test_asking_is_worth_less_with_every_answer_of_whatever_kind():
    """Not sure, something else, should count, should not: after each of them the next answer is expected to move less."""
    kind = by_code()["M1"]
    moves = tuple(40.0 * (10 - e) / 10 for e in range(11))

    def price(**said):
        one = Leaning("length", 0.1, 1, 0.001, True, 9, 12, moved_by=moves, **said)
        (occasion,) = kind.occasions(World("1", 30, (one,)))
        assert sum(p for _, p, _ in occasion.outcomes) == pytest.approx(1.0)
        return occasion.price(20.0)

    for more in ({"undecided": 1}, {"confounded": 1}, {"answers": 1}):
        (name,) = more
        prices = [price(**{name: n}) for n in range(40)]
        assert all(later < earlier for earlier, later in itertools.pairwise(prices)), name
    assert price(undecided=60) < 0.12 * price()
    assert price(confounded=60) < 0.12 * price()


def test_mirrored_questions_turn_what_yes_means():
    m1 = registry.by_code()["M1"]
    assert m1.agrees("count", "plain") and m1.agrees("count", "reversed") and m1.agrees("ignore", "mirrored")
    assert m1.agrees("ignore", "plain") is False and m1.agrees("count", "mirrored") is False
    assert m1.agrees("sometimes", "plain") is None


def test_orders_are_a_persons_own():
    values = ["a", "b", "c", "d", "e", "unsure", "rather_not"]
    assert shuffled(values, of_person(7, "M1.length")) == shuffled(values, of_person(7, "M1.length"))
    orders = {tuple(shuffled(values, of_person(n, "M1.length"))) for n in range(30)}
    assert len(orders) > 20 and all(o[-2:] == ("unsure", "rather_not") for o in orders)
