"""Questions about people's choices, as researchers see them: asked, answered, in which words, to what effect, and what comes next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.aggregation.labels import Labels
from app.assignments.tables import Assignment
from app.metapreferences import leading as leads
from app.metapreferences import reads as wishes
from app.metapreferences.leading import Leading
from app.metapreferences.tables import MetaEvent
from app.people.tables import Annotator
from app.questions import registry
from app.questions.asking import LAST, Occasion
from app.reports import register
from app.studies.tables import Study

ACCEPTS = frozenset({"fits", "partly", "dont_copy"})
TEXTS = 20
"""Texts that are shown with a template; the file has all of them."""


@dataclass(frozen=True)
class Template:
    """One wording. answers: (option, how many chose it), most often first.  texts: (option, words), newest first.  seconds: median.
    forms: questions by form.  acquiescence: None before it was asked both ways round.  at_random: of those asked, drawn at random.
    """

    kind: str
    name: str
    asked: int
    answered: int
    declined: int
    answers: tuple[tuple[str, int], ...]
    texts: tuple[tuple[str, str], ...]
    forms: tuple[tuple[str, int], ...]
    seconds: float | None
    at_random: int
    patches: int
    acquiescence: float | None
    retired: bool
    example: str


@dataclass(frozen=True)
class Foils:
    """Statements that a person's own choices contradict, shown among their own: how many were answered, and accepted as fitting, in full
    or partly, or as true though not to be copied; by how many people.
    """

    answered: int
    accepted: int
    people: int


def foils(events: Iterable[MetaEvent]) -> Foils | None:
    """What was said of foils. "Not sure" and "rather not" accept nothing and are not counted (METHOD 3.4.5, UX 17)."""
    told = [
        e for e in events if (e.trigger or {}).get("foil") and e.answer.get("choice") not in {None, *LAST}
    ]
    if not told:
        return None
    return Foils(
        len(told), sum(e.answer.get("choice") in ACCEPTS for e in told), len({e.annotator_id for e in told})
    )


@dataclass(frozen=True)
class Kind:
    """One kind of question. labels_moved: labels that are other than they would be without its patches.  inert: it was answered, has
    patches, and none of them changes a label.
    """

    code: str
    asked: int
    answered: int
    labels_moved: int
    acquiescence: float | None
    on: bool
    inert: bool
    seconds: float | None
    templates: tuple[Template, ...]
    foils: Foils | None = None
    """None where no statement that was nobody's own was answered."""


def state(session: Session, study_id: int) -> str:
    """Names what was asked and answered so far."""
    asked, answered = session.execute(
        select(func.count(), func.count().filter(Assignment.state == "answered")).where(
            Assignment.study_id == study_id, Assignment.kind != "comparison"
        )
    ).one()
    events = session.scalar(select(func.count()).where(MetaEvent.study_id == study_id))
    return f"{asked}.{answered}.{events}"


def by_kind(session: Session, study_id: int, found: Labels) -> list[dict[str, Any]]:
    """As CONTRACT section 4 lays it out, kinds that were asked or have patches."""
    return [
        {
            "kind": one.code,
            "asked": one.asked,
            "answered": one.answered,
            "labels_moved": one.labels_moved,
            "acquiescence": one.acquiescence,
            "inert": one.inert,
            "on": one.on,
        }
        for one in kinds(session, study_id, found)
    ]


def kinds(session: Session, study_id: int, found: Labels) -> tuple[Kind, ...]:
    """Every kind that was asked in a study, with its wordings. Cost: one labelling for each kind that has patches."""
    events = wishes.list_events(session, study_id)
    asked = _asked(session, study_id)
    told = leads.leading(session, study_id)
    made = Counter((p.kind, p.event_id) for p in found.patches)
    off = wishes.switched_off(session, study_id)
    codes = sorted(
        {e.kind for e in events} | {k for k, _ in asked} | {p.kind for p in found.patches}, key=_order
    )
    moved = register.moved_by_kind(found, codes)
    holding = Counter(p.kind for p in found.patches)
    return tuple(
        _kind(
            code, [e for e in events if e.kind == code], {t: n for (k, t), n in asked.items() if k == code}, told, made,
            moved=moved[code], on=code not in off, holding=holding[code],
        )
        for code in codes
    )  # fmt: skip


def _order(code: str) -> tuple[int, str]:
    return (int(code[1:]) if code[1:].isdigit() else 99, code)


def _asked(session: Session, study_id: int) -> dict[tuple[str, str], tuple[int, int]]:
    """(asked, of them drawn at random) by kind and template, from the questions put."""
    rows = session.execute(
        select(Assignment.kind, Assignment.payload["template"].as_string(), Assignment.draw)
        .join(Annotator, Annotator.id == Assignment.annotator_id)
        .where(
            Assignment.study_id == study_id,
            Assignment.kind != "comparison",
            Annotator.withdrawn_at.is_(None),
        )
    )
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for kind, template, draw in rows:
        cell = counts[kind, template or kind]
        cell[0] += 1
        cell[1] += (draw or {}).get("branch") == "random"
    return {key: (n, random) for key, (n, random) in counts.items()}


def _kind(
    code: str,
    events: list[MetaEvent],
    asked: Mapping[str, tuple[int, int]],
    told: Mapping[str, Leading],
    made: Mapping[tuple[str, str | None], int],
    *,
    moved: int,
    on: bool,
    holding: int,
) -> Kind:
    by_template: dict[str, list[MetaEvent]] = {name: [] for name in asked}
    for event in events:
        by_template.setdefault(event.template, []).append(event)
    templates = tuple(
        _template(code, name, own, asked.get(name), told.get(name), made)
        for name, own in sorted(by_template.items())
    )
    both = [told[t.name] for t in templates if t.name in told]
    pooled = leads.judge(code, _sum(one.plain for one in both), _sum(one.mirrored for one in both))
    seconds = [e.elapsed_ms / 1000 for e in events if e.elapsed_ms]
    return Kind(
        code, sum(t.asked for t in templates), sum(t.answered for t in templates), moved, pooled.acquiescence, on,
        on and holding > 0 and moved == 0, round(median(seconds), 1) if seconds else None, templates, foils(events),
    )  # fmt: skip


def _sum(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    listed = list(pairs)
    return sum(p[0] for p in listed), sum(p[1] for p in listed)


def _template(
    code: str,
    name: str,
    events: list[MetaEvent],
    asked: tuple[int, int] | None,
    told: Leading | None,
    made: Mapping[tuple[str, str | None], int],
) -> Template:
    answers = Counter(str(e.answer.get("choice")) for e in events)
    declined = answers.pop("rather_not", 0)
    texts = [(str(e.answer.get("choice")), e.answer_text) for e in reversed(events) if e.answer_text]
    seconds = [e.elapsed_ms / 1000 for e in events if e.elapsed_ms]
    asked_n, random = asked if asked is not None else (len(events), 0)
    return Template(
        code, name, max(asked_n, len(events)), len(events), declined, tuple(answers.most_common()), tuple(texts),
        tuple(sorted(Counter(e.form for e in events).items())), round(median(seconds), 1) if seconds else None, random,
        sum(made[code, e.id] for e in events), told.acquiescence if told else None, bool(told and told.retired),
        next((e.text for e in reversed(events) if e.text), ""),
    )  # fmt: skip


def rows(found: Iterable[Kind]) -> list[dict[str, Any]]:
    """A row a wording, as a table and a file show it."""
    return [
        {
            "kind": kind.code,
            "template": one.name,
            "asked": one.asked,
            "answered": one.answered,
            "rather_not": one.declined,
            "answers": "; ".join(f"{option} {n}" for option, n in one.answers),
            "texts": len(one.texts),
            "acquiescence": one.acquiescence,
            "retired": one.retired,
            "median_seconds": one.seconds,
            "drawn_at_random": one.at_random,
            "patches": one.patches,
            "labels_moved_by_kind": kind.labels_moved,
            "inert": kind.inert,
            "switched_on": kind.on,
        }
        for kind in found
        for one in kind.templates
    ]


@dataclass(frozen=True)
class Next:
    """Who would be asked what next, and why. ``price``: labels moved a second, in thousandths; ``vote`` the same of the best vote."""

    person: str
    kind: str
    template: str
    why: str
    price: float
    vote: float | None
    due: bool


@dataclass(frozen=True)
class _Could:
    """A question that could be put to a person now. due: it is called for, and worth more than a vote."""

    person: str
    occasion: Occasion
    price: float
    vote: float | None
    due: bool


def _could(session: Session, study: Study, *, people: int) -> Iterable[list[_Could]]:
    """Of each person active last, all that could be asked."""
    from app.aggregation import keeping
    from app.assignments.tables import PersonLoad
    from app.querying import meta, own_questions, worlds
    from app.questions.asking import Asks
    from app.studies import reads as studies

    spec, kept = studies.spec_of(session, study), keeping.latest(session, study.id)
    if spec.meta.share <= 0:
        return
    retired = leads.retired(session, study.id)
    vote = float(kept.result["vote_price"]) if kept else None
    query = (
        select(Annotator)
        .join(PersonLoad, PersonLoad.annotator_id == Annotator.id)
        .where(Annotator.study_id == study.id, Annotator.withdrawn_at.is_(None))
        .order_by(PersonLoad.last_active_at.desc(), Annotator.id)
        .limit(people)
    )
    known = [registry.by_code().get(code) for code in spec.meta.kinds]
    asking = [k for k in known if isinstance(k, Asks) and not k.on_ballot]
    for person in session.scalars(query).all():
        facts = worlds.world(session, person, spec, kept)
        found = [o for kind in asking for o in kind.occasions(facts)]
        found += own_questions.occasions(spec, facts, {k.code for k in asking})
        priced = meta.priced((o for o in found if o.template not in retired), kept)
        yield [
            _Could(person.pseudonym, o, price, vote, o.triggered and price > (vote or 0.0))
            for o, price in priced
        ]


def upcoming(session: Session, study: Study, *, people: int = 12) -> tuple[Next, ...]:
    """For people active last, the dearest question about their choices that the study could put to them now, dearest first.

    What is drawn when they come also obeys the caps of a session, and a share is drawn at random.
    """
    found = []
    for could in _could(session, study, people=people):
        if could:
            best = max(could, key=lambda c: (c.occasion.triggered, c.price))
            one = best.occasion
            found.append(
                Next(best.person, one.kind, one.template, _why(one.trigger), best.price, best.vote, best.due)
            )
    return tuple(sorted(found, key=lambda n: (not n.due, -n.price, n.person)))


LOOKED_AT = 40


def due(session: Session, study: Study, *, people: int = LOOKED_AT) -> dict[str, int]:
    """By kind, how many questions about choices are called for and worth more than a vote, to the people active last together."""
    counts = Counter(
        c.occasion.kind for could in _could(session, study, people=people) for c in could if c.due
    )
    return dict(sorted(counts.items()))


STATISTICS = {
    "average_marginal_effect": "what people choose goes with it by {value} points",
    "retest_differs": "two of their answers to one pair differ",
    "contested_pairs": "people differ on {value} pairs of this kind",
    "own_question": "your own question, due after {threshold} answers",
    "own_choices": "{value} of their choices say something about it",
}


def _why(trigger: Mapping[str, Any]) -> str:
    name, value, threshold = str(trigger.get("statistic")), trigger.get("value"), trigger.get("threshold")
    if name == "average_marginal_effect" and isinstance(value, int | float):
        value = f"{100 * value:+.1f}"
    if isinstance(threshold, dict):
        threshold = threshold.get("after", 0)
    if name == "average_marginal_effect" and value is None:
        return "not known how much it sways choices: too few votes differ in it"
    shown = STATISTICS.get(name, f"{name.replace('_', ' ')}: {{value}}")
    return shown.format(value="–" if value is None else value, threshold=threshold or 0)
