"""M1: people choose longer answers; should being longer count? One question for each influence, in three forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from app.kit.errors import Malformed
from app.questions.asking import Leaning, Occasion, Wording, Words, World
from app.questions.protocol import MetaAnswer, MetaView, Option, PatchDraft
from app.questions.topics import named_topics

LEAST_EFFECT, MOST_Q = 0.03, 0.05
"""An influence is asked about from an average effect of three points on, where its q value is at most five per cent."""
ENOUGH_OWN = 12
"""Own choices from which the question is about them; below, it leans on how people choose here (METHOD 3.4.10)."""
CASES = 3
SAID_PRIOR, UNSURE, CONFOUND, SOMETIMES = 6.0, 0.1, 0.05, 0.12
"""Before anyone has answered: answers' worth of what is expected, the shares not sure and choosing for something else, and of the
others the share that says only sometimes.
"""
NEVER = frozenset({"position", "first_read"})
"""How a pair was shown never counts, so nobody is asked whether it should."""
_ANSWERS = ("count", "ignore", "sometimes", "against", "confound", "unsure", "rather_not")
_COUNTS = {"count": 1.0, "ignore": 0.0, "against": 0.0}


@dataclass(frozen=True)
class InfluenceEndorsement:
    """How much of an influence should count. "It should count" is 1, "that alone should not" is 0, "against it" is 0 and a wish that is
    kept for principles, "only sometimes" is 1 in topics its words name and one half otherwise; "something else that comes with it"
    proposes another influence and says nothing of this one. Strength is the share stood by of the own cases that were put with the
    question, one left open among those not stood by; who has no choice that it would turn over lends it everybody's share
    (METHOD 3.1 M1, 3.4.1, 3.4.10).
    """

    name: str = "influence_endorsement"
    code: str = "M1"
    version: int = 1
    template: str = "questions/meta.html"
    on_ballot: bool = False
    seconds: float = 20.0
    forms: tuple[str, ...] = ("plain", "mirrored", "reversed")
    needs_cases: frozenset[str] = frozenset({"ignore", "against", "sometimes"})

    def options(self) -> list[Option]:
        return [Option(a, f"M1.plain_option.{a}", "") for a in _ANSWERS]

    def occasions(self, world: World) -> list[Occasion]:
        return [
            self._occasion(one)
            for one in world.leanings
            if one.name not in NEVER and not one.told and _template(one.name) not in world.asked and one.sign
        ]

    def _occasion(self, one: Leaning) -> Occasion:
        stands_out = one.effect is not None and abs(one.effect) >= LEAST_EFFECT
        sure = one.q_value is not None and one.q_value <= MOST_Q
        led = tuple(c for c in one.choices if c.size * one.sign > 0)
        cases = tuple(sorted(led, key=lambda c: (not c.turned, -abs(c.size))))[:CASES]
        toward = one.chosen if one.sign > 0 else one.informative - one.chosen
        known = stands_out and sure
        about = {
            "influence": one.name, "sign": one.sign, "toward": toward, "of": one.informative, "known": known,
            **({"terms": list(one.terms)} if one.terms else {}),
        }  # fmt: skip
        trigger = {
            "statistic": "average_marginal_effect", "value": one.effect, "threshold": LEAST_EFFECT, "q_value": one.q_value,
            "own_choices": one.informative,
        }  # fmt: skip
        evidence = tuple(c.judgment_id for c in one.choices[:12])
        return Occasion("M1", _template(one.name), about, trigger, _outcomes(one), known, evidence, cases)

    def wording(self, about: Mapping[str, Any], form: str, words: Words) -> Wording:
        name, sign = str(about["influence"]), int(about["sign"])
        terms = ", ".join(f"“{t}”" for t in about.get("terms", ()))
        key = "named" if terms else name
        more = "more" if sign > 0 else "less"
        being, other = ("being", "being_less") if sign > 0 else ("being_less", "being")
        m, n = int(about["toward"]), int(about["of"])
        lead = ""
        if about.get("known") or n:
            kind = "own" if n >= ENOUGH_OWN or not about.get("known") else "few" if n else "none"
            lead = words(f"M1.{kind}", m=m, n=n, more=words(f"influence.{key}.{more}", terms=terms))
        text = words(
            f"M1.{form}",
            being=words(f"influence.{key}.{being}", terms=terms),
            being_less=words(f"influence.{key}.{other}", terms=terms),
        )
        labels = {a: words(f"M1.{form}_option.{a}") for a in _ANSWERS[:5]}
        labels |= {a: words(f"option.{a}") for a in _ANSWERS[5:]}
        texts = {a: words(f"M1.text.{a}") for a in ("sometimes", "confound")}
        return Wording(text, tuple(self.options()), labels, texts, lead)

    def agrees(self, choice: str, form: str) -> bool | None:
        if choice not in {"count", "ignore"}:
            return None
        return (choice == "count") != (form == "mirrored")

    def effects(self, answer: MetaAnswer, view: MetaView) -> list[PatchDraft]:
        if answer.choice not in _ANSWERS:
            message = f"{answer.choice!r} is not one of {', '.join(_ANSWERS)}"
            raise Malformed(message, errors=[{"where": "choice", "message": message}])
        name = str(view.about.get("influence", "length"))
        if answer.choice in {"unsure", "rather_not"}:
            return []
        sources = view.evidence
        if answer.choice == "confound":
            text = (answer.text or "").strip()
            return [PatchDraft("person", "influence", name, "comes_with", text, sources)]
        value: Any = _COUNTS.get(answer.choice, 0.5)
        if answer.choice == "sometimes":
            topics = named_topics(answer.text or "", view.about.get("topics", ()))
            value = {"e": 1.0, "else": 0.0, "topics": topics} if topics else 0.5
        stood, shown = view.stood_by(answer) if answer.choice in self.needs_cases else (0, 0)
        found = [PatchDraft("person", "influence", name, "endorsed", value, sources, stood, shown)]
        if answer.choice == "against":
            found.append(PatchDraft("person", "influence", name, "principle", "against", sources))
        return found

    def simulate(self, rng: Random, truth: float) -> str:
        """``truth`` is how much of the influence the person would have count."""
        draw = rng.random()
        if draw < 0.06:
            return "unsure"
        return "count" if rng.random() < truth else "ignore"


def _template(name: str) -> str:
    return f"M1.{name}"[:64]


def _outcomes(one: Leaning) -> tuple[tuple[str, float, float], ...]:
    """What each answer would move. P(answer) is the predictive of what people said so far, Dirichlet over saying something of it,
    not being sure and choosing for something else, beta over how much should count; nobody yet: even. Where people keep
    saying that they are not sure, or chose for something else, asking is worth less and less.
    """
    said = SAID_PRIOR + one.answers + one.undecided + one.confounded
    unsure = (UNSURE * SAID_PRIOR + one.undecided) / said
    confound = (CONFOUND * SAID_PRIOR + one.confounded) / said
    decided = 1.0 - unsure - confound
    said_against = (1.0 - one.endorsed) * (one.answers + 2.0)
    against = (said_against + 1.0) / (one.answers + 2.0)
    against = min(max(against, 0.05), 0.95)
    total = one.answers + 2.0
    after_no = one.endorsed * total / (total + 1.0)
    after_yes = (one.endorsed * total + 1.0) / (total + 1.0)
    return (
        ("count", decided * (1 - SOMETIMES) * (1 - against), one.moves(one.endorsed, after_yes)),
        ("ignore", decided * (1 - SOMETIMES) * against, one.moves(one.endorsed, after_no)),
        ("sometimes", decided * SOMETIMES, one.moves(one.endorsed, (after_no + after_yes) / 2)),
        ("confound", confound, 0.0),
        ("unsure", unsure, 0.0),
    )


KIND = InfluenceEndorsement()
