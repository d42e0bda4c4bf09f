"""M5: people differ on cases like this; what should an AI do there? Asked about a class of cases, with ones the person has answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from app.kit.errors import Malformed
from app.questions.asking import Occasion, Split, Wording, Words, World
from app.questions.protocol import MetaAnswer, MetaView, Option, PatchDraft

WAYS = ("majority", "affected", "experience", "particular_user", "both_sides", "stay_out", "talk", "leave")
_ANSWERS = (*WAYS, "unsure", "rather_not")
FEWEST_ANSWERS = 5.0


@dataclass(frozen=True)
class DisagreementResolution:
    """The two ways a person can go with best, for one class of cases (METHOD 3.1 M5, 3.4.2). No group is named; counts are only of pairs
    that the person has answered; how this vote itself is counted is fixed and stated.
    """

    name: str = "disagreement_resolution"
    code: str = "M5"
    version: int = 1
    template: str = "questions/meta.html"
    on_ballot: bool = False
    seconds: float = 30.0
    forms: tuple[str, ...] = ("plain",)
    needs_cases: frozenset[str] = frozenset()

    def options(self) -> list[Option]:
        return [Option(a, f"M5.option.{a}", "") for a in _ANSWERS]

    def occasions(self, world: World) -> list[Occasion]:
        return [self._occasion(split) for split in world.splits if not split.asked and split.judgment_ids]

    def _occasion(self, split: Split) -> Occasion:
        about = {"class": split.class_id, "counts": [list(c) for c in split.counts]}
        share = 0.5 * split.pairs / max(FEWEST_ANSWERS, split.answers + 1.0)
        each = 0.9 / len(WAYS)
        outcomes = (
            *((w, each, 0.0 if w in {"majority", "leave"} else share) for w in WAYS),
            ("unsure", 0.1, 0.0),
        )
        trigger = {"statistic": "contested_pairs", "value": split.pairs, "threshold": 1}
        return Occasion("M5", f"M5.{split.class_id}"[:64], about, trigger, outcomes, True, split.judgment_ids)

    def wording(self, about: Mapping[str, Any], form: str, words: Words) -> Wording:  # noqa: ARG002 - it has one form
        people, first, second = about["counts"][0]
        lead = words("M5.lead", people=people, first=first, second=second)
        labels = {a: words(f"M5.option.{a}") for a in WAYS} | {
            a: words(f"option.{a}") for a in _ANSWERS[len(WAYS) :]
        }
        return Wording(words("M5.text"), tuple(self.options()), labels, {}, lead, ranks=True)

    def agrees(self, choice: str, form: str) -> bool | None:  # noqa: ARG002 - it is no yes or no question
        return None

    def effects(self, answer: MetaAnswer, view: MetaView) -> list[PatchDraft]:
        ranking = list(dict.fromkeys(answer.ranking or (answer.choice,)))[:2]
        for place, way in enumerate([answer.choice, *ranking]):
            if way not in _ANSWERS:
                message = f"{way!r} is not one of {', '.join(_ANSWERS)}"
                where = f"ranking.{place - 1}" if place else "choice"
                raise Malformed(message, errors=[{"where": where, "message": message}])
        ways = [w for w in ranking if w in WAYS]
        if answer.choice not in WAYS or not ways:
            return []
        class_id = str(view.about.get("class", "all"))
        return [PatchDraft("person", "class", class_id, "resolution", ways, view.evidence)]

    def simulate(self, rng: Random, truth: float) -> str:
        """``truth`` is how far the person goes by numbers: 1 wants the majority, 0 both sides shown."""
        return "majority" if rng.random() < truth else rng.choice(("both_sides", "stay_out"))


KIND = DisagreementResolution()
