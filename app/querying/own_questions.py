"""A researcher's own questions of a kind, from the study file: their wording and options, asked within the same caps."""

from __future__ import annotations

from random import Random
from typing import Any

from app.questions import registry
from app.questions.asking import LAST, Asks, Occasion, OwnChoice, Words, World
from app.questions.chance import shuffled
from app.studies.spec import OwnQuestion, StudySpec

CASES = 3
FIRST = 1e6
"""Labels an own question is taken to move: more than any other, and still a number."""


def template_of(place: int, question: OwnQuestion) -> str:
    """The name under which its answers are kept."""
    return f"{question.kind}.own.{place + 1}"


def options_of(question: OwnQuestion, say: Words) -> list[tuple[str, str]]:
    """(value, label) of each option as written; a bare text is its own value; the kind's own where none are written."""
    found = []
    for option in question.options:
        if isinstance(option, dict):
            label = str(option.get("label", option.get("value", "")))
            found.append((str(option.get("value", label)), label))
        else:
            found.append((str(option), str(option)))
    kind = registry.by_code().get(question.kind)
    if found or kind is None:
        return found
    return [(o.value, say(o.words)) for o in kind.options() if o.value not in LAST and not kind.on_ballot]


def is_due(when: Any, world: World) -> bool:
    """Whether the study file's ``when`` holds: ``{"after": n}`` comparisons; without it, at once."""
    after = when.get("after", 0) if isinstance(when, dict) else when if isinstance(when, int) else 0
    return world.answered >= int(after)


def occasions(spec: StudySpec, world: World, allowed: set[str]) -> list[Occasion]:
    """Own questions that this person has not been asked and that are due. They come before others: the researcher wants them asked."""
    found = []
    for place, question in enumerate(spec.meta.own):
        template = template_of(place, question)
        if template in world.asked or question.kind not in allowed or not is_due(question.when, world):
            continue
        target = question.when if isinstance(question.when, dict) else {}
        about = {"own": place, "text": question.text}
        about |= {k: target[k] for k in ("influence", "class") if k in target}
        trigger = {"statistic": "own_question", "value": world.answered, "threshold": target.get("after", 0)}
        evidence, cases = _own_choices(world, question.kind, target.get("influence"))
        outcomes = (("asked", 1.0, FIRST),)
        found.append(
            Occasion(question.kind, template, about, trigger, outcomes, True, evidence=evidence, cases=cases)
        )
    return found


def _own_choices(world: World, kind: str, influence: Any) -> tuple[tuple[str, ...], tuple[OwnChoice, ...]]:
    """Evidence and consequences of a question about an influence: the person's own choices, those led by it first."""
    one = next((li for li in world.leanings if li.name == influence), None)
    if one is None or kind not in {"M1", "M9"}:
        return (), ()
    led = sorted(
        (c for c in one.choices if c.size * one.sign > 0), key=lambda c: (not c.turned, -abs(c.size))
    )
    return tuple(c.judgment_id for c in one.choices[:12]), tuple(led[:CASES])


def payload(
    spec: StudySpec, occasion: Occasion, about: dict[str, Any], rng: Random, say: Words
) -> dict[str, Any]:
    """The question as it is put: the researcher's words, options shuffled, "not sure" and "rather not" last."""
    own, kind = spec.meta.own[int(about["own"])], registry.by_code().get(occasion.kind)
    labels = dict(options_of(own, say)) | {v: say(f"option.{v}") for v in LAST}
    order = shuffled(list(labels), rng)
    return {
        "template": occasion.template, "version": 1, "form": "plain", "lead": "", "text": own.text,
        "options": [{"value": v, "label": labels[v]} for v in order], "texts": {}, "ranks": None,
        "evidence": list(occasion.evidence), "about": {k: v for k, v in about.items() if k != "text"},
        "cases": [{"judgment_id": c.judgment_id, "turned": c.turned} for c in occasion.cases],
        "needs_cases": sorted(kind.needs_cases) if isinstance(kind, Asks) else [], "preview": {},
    }  # fmt: skip
