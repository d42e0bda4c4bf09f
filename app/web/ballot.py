"""What the page of a comparison shows: texts laid out and masked, options, what was answered before."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Any, Literal

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment, PersonLoad
from app.judgments import writes as judgments
from app.judgments.tables import Judgment
from app.kit.rng import generator
from app.questions import registry
from app.questions.answers import ComparisonAnswer
from app.questions.protocol import Option
from app.studies import masking
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Item, Response
from app.web.markdown import prose
from app.web.marks import Sentence, sentences
from app.web.render import Problem
from app.web.visits import Visit

FIRST_ITEMS = 5
"""M12 is asked on a person's first five items, and later beside ties (METHOD M12)."""


@dataclass(frozen=True)
class Asked:
    """Which optional questions the page asks."""

    reasons: tuple[str, ...]
    rationale: str
    confidence: str
    stance: str
    view: bool


@dataclass(frozen=True)
class Given:
    """Form fields as they were filled in before; the form itself parses them."""

    choice: str | None = None
    reason_tags: tuple[str, ...] = ()
    rationale: str = ""
    better: str = ""
    tie_reason: str | None = None
    confidence: str | None = None
    stance: str | None = None
    view: str | None = None
    aspects: dict[str, str] = field(default_factory=dict)
    spans: tuple[str, ...] = ()


@dataclass(frozen=True)
class BallotPage:
    """One comparison. ``state`` is fresh, change, answered, passed_on or practice; ``based_on`` names what a change replaces."""

    language: str
    study_title: str
    slug: str
    serving: str
    state: str
    turns: tuple[tuple[str, Markup], ...]
    left: Markup
    right: Markup
    question: str
    scale: str
    template: str
    options: list[Option]
    asked: Asked
    given: Given
    aspect_rows: tuple[tuple[str, str, str], ...]
    highlights: str
    sentences: tuple[Sentence, ...]
    guide: Markup
    stance_note: str | None
    action: str
    skip_url: str | None
    client_token: str
    first_panel: str
    hold_url: str | None
    hold_seconds: int
    words: int
    render_mode: str
    progress: tuple[int, int] | None
    break_url: str | None
    based_on: str = ""
    may_change: bool = False
    quick_note: bool = False
    problems: tuple[Problem, ...] = ()


def page(
    session: Session,
    visit: Visit,
    assignment: Assignment,
    person: PersonLoad | None,
    *,
    now: datetime,
    state: str = "fresh",
    given: Given | None = None,
    problems: tuple[Problem, ...] = (),
    based_on: Judgment | None = None,
    quick_note: bool = False,
    client_token: str = "",
) -> BallotPage:
    """The page of one assignment, under the protocol version it was put in."""
    spec = studies.spec_of(session, visit.study, assignment.protocol_version)
    item = session.get_one(Item, assignment.item_id)
    left, right = judgments.response_texts(session, assignment)
    plain = not spec.display.markdown or _plain_arm(spec, assignment)
    texts = {side: _shown(one, spec) for side, one in (("left", left), ("right", right))}
    base = f"/s/{visit.slug}/pair/{assignment.id}"
    done = person.session_answered if person else 0
    counts = done + (1 if state in {"fresh", "passed_on"} else 0)
    marks = (
        (*sentences("left", left.text), *sentences("right", right.text))
        if spec.question.highlights == "on"
        else ()
    )
    return BallotPage(
        language=spec.display.language,
        study_title=visit.study.title,
        slug=visit.slug,
        serving=assignment.id,
        state=state,
        turns=tuple((turn["role"], prose(turn["content"])) for turn in item.prompt),
        left=prose(texts["left"], plain=plain),
        right=prose(texts["right"], plain=plain),
        question=spec.question.text,
        scale=spec.question.scale,
        template=registry.kinds()[spec.question.scale].template,
        options=registry.kinds()[spec.question.scale].options(),
        asked=asked(spec, person),
        given=given or Given(),
        aspect_rows=tuple((a.key, a.label, a.help) for a in spec.question.aspects),
        highlights=spec.question.highlights,
        sentences=marks,
        guide=prose(spec.guidelines, links="live") if spec.guidelines.strip() else Markup(),
        stance_note=spec.question.stance if spec.question.stance not in {"off", "ask"} else None,
        action=base,
        skip_url=f"{base}/skip" if state in {"fresh", "passed_on"} else None,
        client_token=client_token or secrets.token_urlsafe(16),
        first_panel="a" if generator(assignment.seed).random() < 0.5 else "b",
        hold_url=f"{base}/renew" if state == "fresh" else None,
        hold_seconds=max(0, int((assignment.expires_at - now).total_seconds())),
        words=sum(len(t.split()) for t in texts.values()),
        render_mode="plain" if plain else "markdown",
        progress=(counts, max(spec.session.questions, counts)) if state in {"fresh", "passed_on"} else None,
        break_url=f"/s/{visit.slug}/break" if state == "fresh" else None,
        based_on=based_on.id if based_on else "",
        may_change=based_on is not None and judgments.may_change(session, visit.study, based_on, now=now),
        quick_note=quick_note,
        problems=problems,
    )


def asked(spec: StudySpec, person: PersonLoad | None) -> Asked:
    """Which optional questions a page of this study asks this person now."""
    early = person is None or person.answered < FIRST_ITEMS
    return Asked(
        reasons=tuple(spec.question.reasons),
        rationale=spec.question.rationale,
        confidence=spec.question.confidence,
        stance=spec.question.stance,
        view="M12" in spec.meta.kinds and early,
    )


def given_from_judgment(judgment: Judgment, scale: str) -> Given:
    """The form fields that parse to a stored answer."""
    choice = judgment.choice if judgment.choice not in {"skip", "retracted"} else None
    value = None
    if choice:
        answer = ComparisonAnswer.model_validate({"choice": choice, "strength": judgment.strength})
        value = registry.kinds()[scale].form(answer)["choice"]
    sides = {judgment.left_id: "left", judgment.right_id: "right"}
    return Given(
        choice=value,
        reason_tags=tuple(judgment.reason_tags or ()),
        rationale=judgment.rationale or "",
        better=judgment.better or "",
        tie_reason=judgment.tie_reason,
        confidence=str(judgment.confidence) if judgment.confidence else None,
        stance=judgment.stance,
        view=judgment.view,
        aspects=dict(judgment.aspects or {}),
        spans=tuple(
            f"{sides[s['response_id']]}:{s['start']}:{s['end']}:{s['tag']}" for s in judgment.spans or ()
        ),
    )


def given_from_form(form: dict[str, Any]) -> Given:
    """What was typed, kept as it was, so that a page with an error loses nothing."""
    return Given(
        choice=form.get("choice"),
        reason_tags=tuple(form.get("reason_tags") or ()),
        rationale=str(form.get("rationale") or ""),
        better=str(form.get("better") or ""),
        tie_reason=form.get("tie_reason"),
        confidence=form.get("confidence"),
        stance=form.get("stance"),
        view=form.get("view"),
        aspects={k.removeprefix("aspect."): str(v) for k, v in form.items() if k.startswith("aspect.")},
        spans=tuple(s for s in form.get("span") or () if s),
    )


def _shown(response: Response, spec: StudySpec) -> str:
    return masking.shown(response.text, response.masks) if spec.display.mask_model_names else response.text


def _sentences(side: Literal["left", "right"], response: Response, spec: StudySpec) -> list[Sentence]:
    """The sentences that can be marked: places in the stored text, words as they are shown."""
    if spec.question.highlights != "on":
        return []
    found = sentences(side, response.text)
    if not spec.display.mask_model_names:
        return found
    names = {response.text[a:b] for a, b in response.masks}
    return [
        replace(one, text=reduce(lambda words, name: words.replace(name, masking.MASK), names, one.text))
        for one in found
    ]


def _plain_arm(spec: StudySpec, assignment: Assignment) -> bool:
    return (
        spec.display.plain_text_arm > 0
        and generator(assignment.seed + 1).random() < spec.display.plain_text_arm
    )
