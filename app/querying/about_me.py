"""What the study has learned about one person, and what they said about it: read for their page and for the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.aggregation import keeping
from app.assignments import pool
from app.assignments import reads as assignments
from app.assignments import writes as assignment_writes
from app.assignments.tables import Assignment
from app.judgments import refits
from app.judgments.tables import Judgment
from app.metapreferences import reads as wishes
from app.metapreferences import writes
from app.metapreferences.reads import Listed
from app.metapreferences.tables import MetaEvent
from app.metapreferences.writes import Asked, By
from app.people.tables import Annotator
from app.querying import worlds
from app.questions import portrait, registry
from app.questions.asking import Leaning, Occasion, Statement, World
from app.questions.meta.model_of_me import ModelOfMe
from app.questions.portrait import Clash
from app.questions.protocol import MetaAnswer, MetaView, PatchDraft
from app.questions.wording import words
from app.studies.spec import StudySpec
from app.studies.tables import Study

LAST_GUESSES = 10
KIND = "M9"
SAMPLE = 3
"""Guesses shown to someone who wants to see a sample before their picture answers for them."""
NOTHING_YET = (
    "Not enough to say anything yet. After about 25 choices we'll show you what we think we've learned."
)


@dataclass(frozen=True)
class Guesses:
    """Of the last guesses that were written down before an answer: oldest first, whether each was right; and what chance would get.
    ``last``: the newest of them, each with its judgment and the side that was guessed: a sample of how the picture answers, on pairs
    that the person has judged themselves.
    """

    right: tuple[bool, ...]
    by_chance: float
    last: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Portrait:
    """Everything the page says. ``said``: the person's present answer by statement (its influence), clash (``a|b``), ``delegation``."""

    world: World
    ready: bool
    guessing: bool
    statements: tuple[Statement, ...]
    clashes: tuple[Clash, ...]
    said: dict[str, MetaEvent]
    guesses: Guesses
    changes: tuple[Listed, ...]

    def leaning(self, name: str) -> Leaning | None:
        return next((one for one in self.world.leanings if one.name == name), None)


def kind() -> ModelOfMe:
    """The kind whose questions the page asks, all at once."""
    found = registry.by_code()[KIND]
    assert isinstance(found, ModelOfMe)  # noqa: S101 - the registry holds it under this code
    return found


def read(session: Session, annotator: Annotator, spec: StudySpec) -> Portrait:
    """The page's facts. Nothing is said about an answer that the person has not given yet."""
    person = assignments.find_person(session, annotator.id)
    over = person is not None and (person.session_ended_at is not None or person.work_session > 1)
    facts = worlds.world(
        session, annotator, spec, keeping.latest(session, annotator.study_id), session_over=over
    )
    listed = wishes.list_patches(session, annotator.study_id, annotator_id=annotator.id)
    guessing = not any(p.active and p.patch.var == "guessing" for p in listed)
    statements = facts.statements
    clashes = portrait.clashes(facts.leanings, statements)
    events = wishes.list_events(session, annotator.study_id, kind=KIND, annotator_id=annotator.id)
    said = {e.template.removeprefix("M9.").removeprefix("clash."): e for e in events}
    ready = guessing and portrait.is_open(facts.answered, over, len(statements))
    return Portrait(
        facts, ready, guessing, statements if ready else (), clashes[:1] if ready else (), said,
        _guesses(session, annotator.id), tuple(listed),
    )  # fmt: skip


def document(session: Session, study: Study, annotator: Annotator, spec: StudySpec) -> dict[str, Any]:
    """As ``GET /studies/{slug}/me`` tells it. Which statement is a foil is told once the person has answered it."""
    found = read(session, annotator, spec)
    say = words(spec.display.language)
    me = kind()

    def told(one: Statement) -> dict[str, Any]:
        event = found.said.get(one.name)
        row: dict[str, Any] = {
            "name": one.name,
            "statement": me.statement({"influence": one.name, "sign": one.sign}, say),
            "fits": one.fits,
            "of": one.of,
            "judgments": list(one.choices),
            "answer": event.answer.get("choice") if event else None,
        }
        if event is not None:
            row["foil"] = one.foil
        return row

    del study
    return {
        "pseudonym": annotator.pseudonym,
        "judgments": found.world.answered,
        "ready": found.ready,
        "guessing": found.guessing,
        "statements": [told(s) for s in found.statements],
        "clashes": [{"first": c.first, "second": c.second, "judgments": list(c.choices)} for c in found.clashes],
        "guesses": {
            "of": len(found.guesses.right), "right": sum(found.guesses.right), "by_chance": found.guesses.by_chance,
        },
        "changes": [
            {
                "patch_id": c.patch.id, "kind": c.patch.kind, "about": c.patch.target_id, "what": c.patch.var,
                "value": c.patch.value, "active": c.active,
            }
            for c in found.changes
        ],
        "note": None if found.ready else NOTHING_YET,
    }  # fmt: skip


def answer_statement(
    session: Session,
    annotator: Annotator,
    spec: StudySpec,
    found: Portrait,
    one: Statement,
    answer: MetaAnswer,
    *,
    now: datetime,
    shown_at: datetime,
) -> MetaEvent:
    """Keep what the person says about one statement; it replaces what they said before. Raises Malformed."""
    me, say = kind(), words(spec.display.language)
    occasion = me.occasion(one, found.leaning(one.name))
    cases = tuple(c.judgment_id for c in occasion.cases)
    view = MetaView(str(annotator.id), evidence=occasion.evidence, about=occasion.about, cases=cases)
    text = me.wording(occasion.about, "plain", say).text
    return _keep(
        session, annotator, f"M9.{one.name}", text, tuple(o.value for o in me.options()), occasion,
        answer, me.effects(answer, view), found.said.get(one.name), now=now, shown_at=shown_at,
    )  # fmt: skip


def answer_clash(
    session: Session,
    annotator: Annotator,
    spec: StudySpec,
    found: Portrait,
    clash: Clash,
    answer: MetaAnswer,
    *,
    now: datetime,
    shown_at: datetime,
) -> MetaEvent:
    """Keep how two statements go together: a wish about which principle gives way, kept with its words."""
    say, me = words(spec.display.language), kind()
    signs = {s.name: s.sign for s in found.statements}
    first, second = (
        me.statement({"influence": n, "sign": signs[n]}, say) for n in (clash.first, clash.second)
    )
    key = f"{clash.first}|{clash.second}"
    about = {"first": clash.first, "second": clash.second}
    occasion = Occasion(
        KIND, f"M9.clash.{key}", about, {"statistic": "apart", "value": len(clash.choices)}, (), True
    )
    drafts = []
    if answer.choice in CLASH:
        value = {"choice": answer.choice, "text": answer.text or ""}
        drafts = [PatchDraft("person", "principles", key, "precedence", value, clash.choices)]
    return _keep(
        session, annotator, f"M9.clash.{key}"[:64], say("M9.clash.text", first=first, second=second), (*CLASH, "unsure"),
        occasion, answer, drafts, found.said.get(key), now=now, shown_at=shown_at,
    )  # fmt: skip


CLASH = ("both", "first", "second", "leave")
DELEGATION = ("no", "topics", "sample", "yes")


def answer_delegation(
    session: Session,
    annotator: Annotator,
    spec: StudySpec,
    found: Portrait,
    answer: MetaAnswer,
    *,
    now: datetime,
    shown_at: datetime,
) -> MetaEvent:
    """Keep whether the picture may answer for the person on questions they have not seen."""
    say = words(spec.display.language)
    value = {"choice": answer.choice, "text": answer.text or ""}
    drafts = (
        [PatchDraft("person", "person", str(annotator.id), "delegation", value)]
        if answer.choice in DELEGATION
        else []
    )
    occasion = Occasion(KIND, "M9.delegation", {}, {"statistic": "review", "value": None}, (), triggered=True)
    return _keep(
        session, annotator, "M9.delegation", say("M9.delegation.text"), DELEGATION, occasion, answer, drafts,
        found.said.get("delegation"), now=now, shown_at=shown_at,
    )  # fmt: skip


def set_guessing(session: Session, annotator: Annotator, *, on: bool, now: datetime) -> None:
    """Stop the study's guessing about this person, or let it go on."""
    pool.lock_person(session, annotator.id)
    by = By(annotator_id=annotator.id)
    for listed in wishes.list_patches(session, annotator.study_id, annotator_id=annotator.id):
        if listed.active and listed.patch.var == "guessing":
            if on:
                writes.revoke(session, listed.patch, by=by, now=now, why="taken_back")
                refits.ask_for_fit(session, annotator.study_id, now=now)
            return
    if not on:
        draft = PatchDraft("person", "person", str(annotator.id), "guessing", "off")
        writes.make(session, annotator.study_id, draft, kind=KIND, by=by, now=now)
        refits.ask_for_fit(session, annotator.study_id, now=now)


def _keep(
    session: Session,
    annotator: Annotator,
    template: str,
    text: str,
    options: tuple[str, ...],
    occasion: Occasion,
    answer: MetaAnswer,
    drafts: list[PatchDraft],
    before: MetaEvent | None,
    *,
    now: datetime,
    shown_at: datetime,
) -> MetaEvent:
    trigger = {**occasion.trigger, "review": True, "foil": bool(occasion.about.get("foil"))}
    if occasion.cases and answer.choice in kind().needs_cases:
        trigger["cases"] = [c.judgment_id for c in occasion.cases]
    asked = Asked(
        KIND, template, 1, text, options, evidence=occasion.evidence, trigger=trigger,
        preview={a: round(moved, 6) for a, _, moved in occasion.outcomes},
    )  # fmt: skip
    person = assignment_writes.ensure_person(session, annotator.id)
    person.reviewed_slot = person.slot
    refits.ask_for_fit(session, annotator.study_id, now=now)
    return writes.record(
        session,
        annotator.study_id,
        annotator,
        asked,
        answer,
        drafts,
        now=now,
        shown_at=shown_at,
        supersedes=before,
    )


def _guesses(session: Session, annotator_id: int) -> Guesses:
    """The last ten guesses that were written down with a question before it was answered."""
    later = aliased(Judgment)
    rows = session.execute(
        select(Assignment.draw, Judgment.choice, Judgment.id)
        .join(Judgment, Judgment.assignment_id == Assignment.id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Assignment.annotator_id == annotator_id,
            Assignment.kind == "comparison",
            Judgment.choice.in_(("left", "right")),
            later.id.is_(None),
        )
        .order_by(Assignment.id.desc())
        .limit(5 * LAST_GUESSES)
    ).all()
    guessed = [
        (
            r.id,
            "left" if r.draw["own_guess"] > 0.5 else "right",
            r.choice,
        )  # a guess of one half is written down as none
        for r in rows
        if isinstance(r.draw.get("own_guess"), float) and r.draw["own_guess"] != 0.5
    ][:LAST_GUESSES]
    right = tuple(side == choice for _, side, choice in reversed(guessed))
    return Guesses(right, len(right) / 2, tuple((which, side) for which, side, _ in guessed[:SAMPLE]))
