"""M4: you met this pair twice and chose differently; what should count? The two answers are always the true ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from app.kit.errors import Malformed
from app.questions.asking import Flip, Occasion, Wording, Words, World
from app.questions.protocol import MetaAnswer, MetaView, Option, PatchDraft

_ANSWERS = ("today", "earlier", "close", "depends", "slip", "unsure", "rather_not")
_CHANCE = {"today": 0.3, "earlier": 0.2, "close": 0.25, "depends": 0.1, "slip": 0.1, "unsure": 0.05}


@dataclass(frozen=True)
class RetestFlip:
    """A change of mind puts the later answer in the place of the earlier; "they are close" makes it a tie; "it depends" keeps both and
    says on what; a slip counts for half, whichever it was (METHOD 3.1 M4, 3.4.4). A slip touches neither pay nor anything else.
    """

    name: str = "retest_flip"
    code: str = "M4"
    version: int = 1
    template: str = "questions/meta.html"
    on_ballot: bool = False
    seconds: float = 15.0
    forms: tuple[str, ...] = ("plain",)
    needs_cases: frozenset[str] = frozenset()

    def options(self) -> list[Option]:
        return [Option(a, f"M4.option.{a}", "") for a in _ANSWERS]

    def occasions(self, world: World) -> list[Occasion]:
        return [self._occasion(flip) for flip in world.flips if not flip.asked]

    def _occasion(self, flip: Flip) -> Occasion:
        about = {
            "first": flip.first_id, "again": flip.again_id, "first_side": flip.first_side, "again_side": flip.again_side,
        }  # fmt: skip
        step = 1.0 / (flip.votes + 1.0)
        moved = {"today": step, "close": step / 2, "slip": step / 4}
        outcomes = tuple((a, p, moved.get(a, 0.0)) for a, p in _CHANCE.items())
        trigger = {"statistic": "retest_differs", "value": 1, "threshold": 1}
        evidence = (flip.first_id, flip.again_id)
        return Occasion("M4", "M4", about, trigger, outcomes, triggered=True, evidence=evidence)

    def wording(self, about: Mapping[str, Any], form: str, words: Words) -> Wording:  # noqa: ARG002 - it has one form
        lead = words(
            "M4.lead",
            first=words(f"M4.side.{about['first_side']}"),
            again=words(f"M4.side.{about['again_side']}"),
        )
        labels = {a: words(f"M4.option.{a}") for a in _ANSWERS[:5]} | {
            a: words(f"option.{a}") for a in _ANSWERS[5:]
        }
        return Wording(
            words("M4.text"), tuple(self.options()), labels, {"depends": words("M4.text_label.depends")}, lead
        )

    def agrees(self, choice: str, form: str) -> bool | None:  # noqa: ARG002 - it is no yes or no question
        return None

    def effects(self, answer: MetaAnswer, view: MetaView) -> list[PatchDraft]:
        if answer.choice not in _ANSWERS:
            message = f"{answer.choice!r} is not one of {', '.join(_ANSWERS)}"
            raise Malformed(message, errors=[{"where": "choice", "message": message}])
        first = str(view.about.get("first") or view.judgment_id)
        again = str(view.about.get("again") or view.judgment_id)
        both = (first, again)
        if answer.choice == "today":
            return [PatchDraft("person", "judgment", first, "answer_from", again, both)]
        if answer.choice == "close":
            return [PatchDraft("person", "judgment", one, "tie", 0.5, both) for one in dict.fromkeys(both)]
        if answer.choice == "slip":
            return [PatchDraft("person", "judgment", one, "weight", 0.5, both) for one in dict.fromkeys(both)]
        if answer.choice == "depends":
            text = (answer.text or "").strip()
            return [PatchDraft("person", "judgment", first, "depends_on", text, both)]
        return []

    def simulate(self, rng: Random, truth: float) -> str:
        """``truth`` is how likely the person has changed their mind, rather than slipped."""
        return "today" if rng.random() < truth else rng.choice(("slip", "earlier", "close"))


KIND = RetestFlip()
