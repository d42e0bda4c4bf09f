"""M9: what the study has learned about you. One statement as a question; the page "about me" asks the same of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from app.kit.errors import Malformed
from app.questions import portrait
from app.questions.asking import Leaning, Occasion, Statement, Wording, Words, World
from app.questions.protocol import MetaAnswer, MetaView, Option, PatchDraft

_ANSWERS = ("fits", "partly", "not_me", "dont_copy", "unsure", "rather_not")
CASES = 3


@dataclass(frozen=True)
class ModelOfMe:
    """Says how much counts: "fits me" lets an influence count for this person; "true, but don't copy it" takes it out, as far as they stand by what that
    changes; "partly" counts for half, on the same terms; "doesn't fit" ends the study's guessing by it. An answer to a foil has no effect: how
    often foils are accepted measures nodding along (METHOD 3.1 M9, 3.4.5).
    """

    name: str = "model_of_me"
    code: str = "M9"
    version: int = 1
    template: str = "questions/meta.html"
    on_ballot: bool = False
    seconds: float = 15.0
    forms: tuple[str, ...] = ("plain",)
    needs_cases: frozenset[str] = frozenset({"dont_copy", "partly"})

    def options(self) -> list[Option]:
        return [Option(a, f"M9.option.{a}", "") for a in _ANSWERS]

    def occasions(self, world: World) -> list[Occasion]:
        if not portrait.is_open(world.answered, world.session_over, len(world.statements)):
            return []
        by_name = {one.name: one for one in world.leanings}
        return [
            self.occasion(s, by_name.get(s.name))
            for s in world.statements
            if not s.foil and not (by_name.get(s.name) and by_name[s.name].told)
        ]

    def occasion(self, said: Statement, one: Leaning | None) -> Occasion:
        """The question about one statement."""
        led = [c for c in (one.choices if one else ()) if c.size * said.sign > 0]
        cases = tuple(sorted(led, key=lambda c: (not c.turned, -abs(c.size))))[:CASES]
        about = {
            "influence": said.name, "sign": said.sign, "fits": said.fits, "of": said.of, "foil": said.foil,
        }  # fmt: skip
        trigger = {"statistic": "own_choices", "value": said.of, "threshold": portrait.EVIDENCE}
        moved = 0.0
        if one is not None:
            total = one.answers + 2.0
            moved = one.moves(one.endorsed, one.endorsed * total / (total + 1.0))
        outcomes = (
            ("fits", 0.5, 0.0),
            ("dont_copy", 0.2, moved),
            ("partly", 0.1, moved / 2),
            ("not_me", 0.1, 0.0),
        )
        return Occasion(
            "M9", f"M9.{said.name}", about, trigger, outcomes, True, said.choices, () if said.foil else cases
        )

    def statement(self, about: Mapping[str, Any], words: Words) -> str:
        """The statement itself, as one sentence."""
        side = "more" if int(about["sign"]) > 0 else "less"
        return words("M9.statement", more=words(f"influence.{about['influence']}.{side}"))

    def wording(self, about: Mapping[str, Any], form: str, words: Words) -> Wording:  # noqa: ARG002 - it has one form
        labels = {a: words(f"M9.option.{a}") for a in _ANSWERS[:4]} | {
            a: words(f"option.{a}") for a in _ANSWERS[4:]
        }
        texts = {a: words(f"M9.text_label.{a}") for a in ("partly", "not_me", "dont_copy")}
        text = words("M9.text", statement=self.statement(about, words))
        lead = words("M9.lead", fits=about["fits"], of=about["of"])
        return Wording(text, tuple(self.options()), labels, texts, lead)

    def agrees(self, choice: str, form: str) -> bool | None:  # noqa: ARG002 - foils, not forms, measure nodding here
        return None

    def effects(self, answer: MetaAnswer, view: MetaView) -> list[PatchDraft]:
        if answer.choice not in _ANSWERS:
            message = f"{answer.choice!r} is not one of {', '.join(_ANSWERS)}"
            raise Malformed(message, errors=[{"where": "choice", "message": message}])
        if view.about.get("foil"):
            return []
        name = str(view.about.get("influence", "length"))
        sources = view.evidence
        if answer.choice == "not_me":
            return [PatchDraft("person", "influence", name, "not_me", 1.0, sources)]
        value = {"fits": 1.0, "partly": 0.5, "dont_copy": 0.0}.get(answer.choice)
        if value is None:
            return []
        stood, shown = view.stood_by(answer) if answer.choice in self.needs_cases else (0, 0)
        return [PatchDraft("person", "influence", name, "endorsed", value, sources, stood, shown)]

    def simulate(self, rng: Random, truth: float) -> str:
        """``truth`` is how well a statement that is shown describes the person and may count."""
        return "fits" if rng.random() < truth else rng.choice(("not_me", "dont_copy"))


KIND = ModelOfMe()
