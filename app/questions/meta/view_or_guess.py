"""M12: is this your view, or would you be guessing? One tap on the ballot, beside a choice."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from app.kit.errors import Malformed
from app.questions.protocol import MetaAnswer, MetaView, Option, PatchDraft

_ANSWERS = ("my_view", "leaning", "guess", "checkable")


@dataclass(frozen=True)
class ViewOrGuess:
    """A guess keeps its raw vote but has weight 0 in rules about values; a leaning has strength 1; "it can be checked" marks
    the item as a matter of fact (METHOD 3.1, M12).
    """

    name: str = "view_or_guess"
    code: str = "M12"
    version: int = 1
    template: str = "questions/view_or_guess.html"
    on_ballot: bool = True
    seconds: float = 2.0

    def options(self) -> list[Option]:
        return [Option(a, f"view.{a}", "") for a in _ANSWERS]

    def effects(self, answer: MetaAnswer, view: MetaView) -> list[PatchDraft]:
        if answer.choice not in _ANSWERS:
            message = f"{answer.choice!r} is not one of {', '.join(_ANSWERS)}"
            raise Malformed(message, errors=[{"where": "view", "message": message}])
        if view.judgment_id is None:
            raise Malformed(
                "this answer belongs to a choice", errors=[{"where": "view", "message": "no choice"}]
            )
        draft = {
            "my_view": None,
            "leaning": ("strength", 1.0),
            "guess": ("value_weight", 0.0),
            "checkable": ("kind_vote", "fact"),
        }[answer.choice]
        if draft is None:
            return []
        var, value = draft
        return [PatchDraft("person", "judgment", view.judgment_id, var, value, (view.judgment_id,))]

    def simulate(self, rng: Random, truth: float) -> str:
        """``truth`` is how much of a view the person has: 0 guesses, 1 has one."""
        draw = rng.random()
        if draw < truth:
            return "my_view"
        return "leaning" if draw < truth + (1 - truth) * 0.3 else "guess"


KIND = ViewOrGuess()
