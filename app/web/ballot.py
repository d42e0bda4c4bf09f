"""What the page of a comparison shows: texts laid out and masked, options, what was answered before."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment, PersonLoad
from app.judgments import writes as judgments
from app.judgments.tables import Judgment
from app.kit.rng import generator
from app.people.tables import Annotator
from app.questions import registry
from app.questions.answers import ComparisonAnswer
from app.questions.protocol import Option
from app.studies import masking
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Response
from app.web.catalogue import Translator
from app.web.markdown import prose
from app.web.marks import Sentence, sentences
from app.web.render import Problem
from app.web.visits import Visit

FIRST_ITEMS = 5
"""M12 is asked on a person's first five items (METHOD M12)."""
LIVE = frozenset({"fresh", "passed_on"})
"""States in which the pair is still to be answered."""


@dataclass(frozen=True)
class Asked:
    """Which optional questions the page asks; ``count`` are those that open with any choice."""

    reasons: tuple[str, ...]
    rationale: str
    confidence: str
    stance: str
    view: bool

    @property
    def count(self) -> int:
        on = (self.rationale != "off", self.confidence == "on", self.stance == "ask", self.view)
        return bool(self.reasons) + sum(on)


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
    """One comparison. ``state`` is fresh, change, answered, passed_on, closed or practice; ``based_on`` names what a change
    replaces, ``chosen`` says a stored choice in words, ``raw`` shows the texts as they are.
    """

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
    action: str
    given: Given = Given()
    aspect_rows: tuple[tuple[str, str, str], ...] = ()
    highlights: str = "off"
    sentences: tuple[Sentence, ...] = ()
    guide: Markup = field(default_factory=Markup)
    stance_note: str | None = None
    skip_url: str | None = None
    client_token: str = ""
    first_panel: str = "a"
    hold_url: str | None = None
    hold_seconds: int = 0
    words: int = 0
    progress: tuple[int, int] | None = None
    break_url: str | None = None
    based_on: str = ""
    chosen: str = ""
    may_change: bool = False
    quick_note: bool = False
    welcome_back: bool = False
    empty: bool = False
    raw: bool = False
    back_to_answers: bool = False
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
    client_token: str = "",
    raw: bool = False,
    quick_note: bool = False,
    welcome_back: bool = False,
    back_to_answers: bool = False,
) -> BallotPage:
    """The page of one assignment, under the protocol version it was put in."""
    spec = studies.spec_of(session, visit.study, assignment.protocol_version)
    item = studies.shown_item(session, assignment.item_id)
    left, right = (_shown(one, spec) for one in judgments.response_texts(session, assignment))
    t = Translator(spec.display.language)
    plain = raw or render_mode(spec, assignment) == "plain"
    kind = registry.kinds()[spec.question.scale]
    base = f"/s/{visit.slug}/pair/{assignment.id}"
    counts = (person.session_answered if person else 0) + 1
    marked = spec.question.highlights == "on"
    live = state in LIVE
    return BallotPage(
        language=spec.display.language,
        study_title=visit.study.title,
        slug=visit.slug,
        serving=assignment.id,
        state=state,
        turns=tuple((turn["role"], prose(turn["content"], t=t)) for turn in item.prompt),
        left=_laid_out(left, t, plain=plain),
        right=_laid_out(right, t, plain=plain),
        question=spec.question.text,
        scale=kind.name,
        template=kind.template,
        options=kind.options(),
        asked=asked(spec, visit.annotator, person),
        action=base,
        given=given or Given(),
        aspect_rows=aspect_rows(spec, visit.annotator),
        highlights=spec.question.highlights,
        sentences=(*sentences("left", left), *sentences("right", right)) if marked else (),
        guide=guide(spec),
        stance_note=spec.question.stance if spec.question.stance not in {"off", "ask"} else None,
        skip_url=f"{base}/skip" if live else None,
        client_token=client_token or secrets.token_urlsafe(16),
        first_panel="ab"[(assignment.slot + visit.annotator.side_seed) % 2],
        hold_url=f"{base}/renew" if state == "fresh" else None,
        hold_seconds=max(0, int((assignment.expires_at - now).total_seconds())),
        words=len(left.split()) + len(right.split()),
        progress=(counts, max(spec.session.questions, counts)) if live else None,
        break_url=f"/s/{visit.slug}/break" if state == "fresh" else None,
        based_on=based_on.id if based_on else "",
        chosen=choice_words(t, based_on.choice, based_on.strength) if based_on else "",
        may_change=_may_change(session, visit, based_on, now=now),
        empty=not left.strip() or not right.strip(),
        raw=raw,
        quick_note=quick_note,
        welcome_back=welcome_back,
        back_to_answers=back_to_answers,
        problems=problems,
    )


def guide(spec: StudySpec) -> Markup:
    """What counts as better, laid out; empty where the study says nothing of its own."""
    return prose(spec.guidelines, links="live") if spec.guidelines.strip() else Markup()


def render_mode(spec: StudySpec, assignment: Assignment) -> str:
    """``plain`` where the study shows no layout, or the draw of this serving fell into its plain-text arm."""
    share = spec.display.plain_text_arm
    drawn = share > 0 and generator(assignment.seed + 1).random() < share
    return "plain" if drawn or not spec.display.markdown else "markdown"


def asked(spec: StudySpec, annotator: Annotator, person: PersonLoad | None) -> Asked:
    """Which optional questions a page of this study asks this person now; reasons in an order of the person's own."""
    early = person is None or person.answered < FIRST_ITEMS
    reasons = list(spec.question.reasons)
    generator(annotator.side_seed).shuffle(reasons)
    return Asked(
        reasons=tuple(reasons),
        rationale=spec.question.rationale,
        confidence=spec.question.confidence,
        stance=spec.question.stance,
        view="M12" in spec.meta.kinds and early,
    )


def aspect_rows(spec: StudySpec, annotator: Annotator) -> tuple[tuple[str, str, str], ...]:
    """The aspects asked about, in an order of the person's own."""
    rows = [(one.key, one.label, one.help) for one in spec.question.aspects]
    generator(annotator.side_seed).shuffle(rows)
    return tuple(rows)


def choice_words(t: Translator, choice: str, strength: int | None) -> str:
    """A stored choice in the words of its option."""
    if choice in {"skip", "retracted"}:
        return t("answers.skipped" if choice == "skip" else "status.taken_back")
    words = t(f"ballot.{choice}")
    if strength and choice in {"left", "right"}:
        steps = ("a_little_better", "better", "much_better")
        words = f"{t('ballot.side_a' if choice == 'left' else 'ballot.side_b')} {t(f'ballot.{steps[strength - 1]}').lower()}"
    return t("answers.you_chose", choice=words)


def given_from_judgment(session: Session, judgment: Judgment, spec: StudySpec) -> Given:
    """The form fields that parse to a stored answer."""
    value = None
    if judgment.choice not in {"skip", "retracted"}:
        fields = {"choice": judgment.choice, "strength": judgment.strength}
        value = registry.kinds()[spec.question.scale].form(ComparisonAnswer.model_validate(fields))["choice"]
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
        spans=tuple(_spans_as_shown(session, judgment, spec)),
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


def answer_of(
    session: Session, assignment: Assignment, spec: StudySpec, form: dict[str, Any]
) -> ComparisonAnswer:
    """The answer in a submitted ballot, with its marks at their places in the texts as stored.

    A reason for a tie that was ticked before the choice was changed is hidden on the page and left out. Raises AnswerError.
    """
    given = registry.kinds()[spec.question.scale].parse(form)
    if given.choice != "tie":
        given = given.model_copy(update={"tie_reason": None})
    if not given.spans or not spec.display.mask_model_names:
        return given
    masks = _masks(session, assignment)
    spans = [
        one.model_copy(
            update={
                "start": masking.stored_offset(one.start, masks[one.side], is_end=False),
                "end": masking.stored_offset(one.end, masks[one.side], is_end=True),
            }
        )
        for one in given.spans
    ]
    return given.model_copy(update={"spans": spans})


def _spans_as_shown(session: Session, judgment: Judgment, spec: StudySpec) -> list[str]:
    """Stored marks as the form has them: a side, places in the text as it is shown, a tag."""
    if not judgment.spans:
        return []
    masks: dict[str, list[Any]] = {"left": [], "right": []}
    if spec.display.mask_model_names:
        masks = _masks(session, judgment)
    found = []
    for span in judgment.spans:
        side = "left" if span["response_id"] == judgment.left_id else "right"
        start = masking.shown_offset(span["start"], masks[side], is_end=False)
        end = masking.shown_offset(span["end"], masks[side], is_end=True)
        found.append(f"{side}:{start}:{end}:{span['tag']}")
    return found


def _masks(session: Session, sides: Assignment | Judgment) -> dict[str, list[Any]]:
    both = studies.responses_by_id(session, [i for i in (sides.left_id, sides.right_id) if i is not None])
    return {
        "left": both[sides.left_id].masks if sides.left_id else [],
        "right": both[sides.right_id].masks if sides.right_id else [],
    }


def _shown(response: Response, spec: StudySpec) -> str:
    return masking.shown(response.text, response.masks) if spec.display.mask_model_names else response.text


def _laid_out(text: str, t: Translator, *, plain: bool) -> Markup:
    if not text.strip():
        return Markup('<p class="quiet">{}</p>').format(t("ballot.empty_answer"))
    return prose(text, plain=plain, t=t)


def _may_change(session: Session, visit: Visit, current: Judgment | None, *, now: datetime) -> bool:
    if current is None or current.choice == "retracted":
        return False
    return judgments.may_change(session, visit.study, current, now=now)
