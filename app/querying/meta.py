"""Whether the next question is about the person's choices, and which: every possible one has a price on the scale that votes have.

The price is the expected change of labels per second of the person's time (METHOD 3.0). Within the caps, questions that are
worth more than the best vote are asked, the dearer the likelier; and some are drawn at random, so that triggers can be checked
against people who were not selected by them. Every row says with which probability it came up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.aggregation import keeping
from app.assignments import writes as assignments
from app.assignments.pool import Deltas
from app.assignments.tables import Assignment, PersonLoad
from app.metapreferences import leading
from app.people.tables import Annotator
from app.querying import own_questions, worlds
from app.querying.router import Offer, Taken, choose_offer
from app.questions import registry
from app.questions.asking import Asks, Occasion
from app.questions.chance import form_of, of_person, shuffled
from app.questions.wording import words
from app.studies.spec import StudySpec
from app.studies.tables import Study

A_SESSION, ONE_IN, NOT_BEFORE = 3, 5, 5
"""At most three a session, one question in five, none before five were answered in it (CONTRACT 7)."""
SAME_KIND_AFTER = timedelta(minutes=10)
RANDOM_SHARE = 0.2
"""Of meta-questions asked because they are worth it, drawn at random all the same: over the promised fifteen per cent."""
CHECK_SHARE = 0.05
"""How often one is drawn at random where none is worth more than a vote."""
OWN_FIGURE = 5
_PUT_BEFORE = select(Assignment.kind, Assignment.work_session, Assignment.shown_at).where(
    Assignment.annotator_id == bindparam("who"),
    Assignment.kind != "comparison",
    Assignment.state.in_(("open", "answered")),
    Assignment.shown_at >= bindparam("since"),
)


@dataclass(frozen=True)
class Chosen:
    """A question to put, with how it came up. ``probability`` is that of this question, all arms together."""

    occasion: Occasion
    probability: float
    random: bool
    price: float
    vote_price: float | None
    eligible: int


@dataclass(frozen=True)
class Turn:
    """What asking came to: the question put, or None; the probability with which a comparison of the usual kinds was to come
    instead; and which of the other steps was taken, if one was.
    """

    assignment: Assignment | None
    comparison: float
    step: Taken | None = None


def take_turn(
    session: Session,
    study: Study,
    spec: StudySpec,
    annotator: Annotator,
    person: PersonLoad,
    *,
    kept: keeping.Kept | None,
    seed: int,
    rng: Random,
    deltas: Deltas,
    now: datetime,
    steps: Sequence[Offer] = (),
    vote_price: float | None = None,
) -> Turn:
    """Put a question about the person's choices, if one is due and worth most. All probabilities are exact either way.

    Args:
        steps: Other steps that compete with such questions and with votes; the caller puts the one that is taken.
        vote_price: What a vote by this person is worth, where the policy's model says; else that of the last fit.
    """
    vote = vote_price if vote_price is not None else float(kept.result["vote_price"]) if kept else None
    occasions = _due(session, study, spec, annotator, person, kept=kept, now=now)
    if not occasions and not steps:
        return Turn(None, 1.0)
    taken, chosen = choose(priced(occasions, kept), vote, rng, steps)
    if chosen is not None:
        put = _put(session, study, spec, annotator, person, chosen, seed=seed, deltas=deltas, now=now)
        return Turn(put, taken.vote)
    step = None if taken.index is None else replace(taken, index=taken.index - len(occasions))
    return Turn(None, taken.vote, step)


def _due(
    session: Session,
    study: Study,
    spec: StudySpec,
    annotator: Annotator,
    person: PersonLoad,
    *,
    kept: keeping.Kept | None,
    now: datetime,
) -> list[Occasion]:
    """Questions that could be put to this person now."""
    past = _past(session, annotator.id, person, now) if may_be_due(spec, person) else None
    if past is None or not _within_caps(spec, person, past):
        return []
    facts = worlds.world(session, annotator, spec, kept)
    codes = _allowed(spec, past, now)
    kinds = [k for k in (registry.by_code().get(c) for c in codes) if isinstance(k, Asks) and not k.on_ballot]
    occasions = [o for kind in kinds for o in kind.occasions(facts)]
    occasions += own_questions.occasions(spec, facts, set(codes))
    leads = leading.retired(session, study.id) if occasions else frozenset()
    return [o for o in occasions if o.template not in leads]


def may_be_due(spec: StudySpec, person: PersonLoad) -> bool:
    """Whether it is worth looking any further: decided from the person's counters alone."""
    return person.session_answered >= NOT_BEFORE and _room(spec, person) >= 1


def choose(
    occasions: Sequence[tuple[Occasion, float]],
    vote_price: float | None,
    rng: Random,
    steps: Sequence[Offer] = (),
) -> tuple[Taken, Chosen | None]:
    """What is decided, and the meta-question to put, if it is one. Indices are of occasions first, then of steps.

    Triggered questions that are worth more than a vote are drawn in proportion to price, beside other steps; with probability
    ``RANDOM_SHARE`` one of all at random instead. Where none is worth it, one at random comes with probability ``CHECK_SHARE``.

    Args:
        occasions: Each with its price, in labels moved a second.
    """
    n = len(occasions)
    floor = vote_price or 0.0
    due = any(o.triggered and price > floor for o, price in occasions)
    room = 1 - sum(step.chance for step in steps)
    chance = room * (RANDOM_SHARE if due else CHECK_SHARE) / n if n else 0.0
    offers = [
        Offer(o.kind, o.template, price if o.triggered else 0.0, chance=chance) for o, price in occasions
    ]
    taken = choose_offer([*offers, *steps], vote_price=floor, rng=rng)
    if taken.index is None or taken.index >= n:
        return taken, None
    occasion, price = occasions[taken.index]
    return taken, Chosen(occasion, taken.probability, taken.by_chance, price, vote_price, n)


def priced(occasions: Iterable[Occasion], kept: keeping.Kept | None) -> list[tuple[Occasion, float]]:
    """Each with what it is worth: expected change of labels per second of answering it."""
    return [(o, o.price(seconds(o.kind, kept))) for o in occasions]


def seconds(code: str, kept: keeping.Kept | None) -> float:
    """What answering a question of a kind takes: the kind's own figure, as if ``OWN_FIGURE`` answers had taken that long, and the
    median of the study's answers.
    """
    kind = registry.by_code().get(code)
    own = kind.seconds if kind else 20.0
    taken, n = kept.result.get("question_seconds", {}).get(code, (0.0, 0)) if kept else (0.0, 0)
    return (own * OWN_FIGURE + taken * n) / (OWN_FIGURE + n)


@dataclass(frozen=True)
class _Past:
    """Meta-questions of this working session, and when each kind was last put that was put in it or a moment ago."""

    in_session: int
    last: dict[str, datetime]


def _past(session: Session, annotator_id: int, person: PersonLoad, now: datetime) -> _Past:
    since = min(person.session_started_at or now, now - SAME_KIND_AFTER)
    rows = session.execute(_PUT_BEFORE, {"who": annotator_id, "since": since}).all()
    last: dict[str, datetime] = {}
    for kind, _, shown_at in rows:
        last[kind] = max(last.get(kind, shown_at), shown_at)
    return _Past(sum(1 for r in rows if r.work_session == person.work_session), last)


def _within_caps(spec: StudySpec, person: PersonLoad, past: _Past) -> bool:
    return past.in_session < A_SESSION and past.in_session + 1 <= _room(spec, person)


def _room(spec: StudySpec, person: PersonLoad) -> float:
    """How many such questions the session's answers make room for."""
    return min(spec.meta.share, 1 / ONE_IN) * (person.session_answered + 1) + 1e-9


def _allowed(spec: StudySpec, past: _Past, now: datetime) -> list[str]:
    """Kinds that the study asks and this person was not asked in the last ten minutes."""
    return [c for c in spec.meta.kinds if c not in past.last or now - past.last[c] >= SAME_KIND_AFTER]


def _put(
    session: Session,
    study: Study,
    spec: StudySpec,
    annotator: Annotator,
    person: PersonLoad,
    chosen: Chosen,
    *,
    seed: int,
    deltas: Deltas,
    now: datetime,
) -> Assignment:
    payload = question(session, study, spec, annotator, chosen.occasion)
    payload["trigger"] = {
        **chosen.occasion.trigger, "triggered": chosen.occasion.triggered, "random": chosen.random,
    }  # fmt: skip
    drawn = {
        "policy": "meta",
        "score": chosen.price,
        "propensity": chosen.probability,
        "seed": seed,
        "draw": {
            "branch": "random" if chosen.random else "worth_most", "eligible": chosen.eligible,
            "price": chosen.price, "vote_price": chosen.vote_price,
        },
    }  # fmt: skip
    return assignments.put_meta(
        session, study, annotator, person, kind=chosen.occasion.kind, payload=payload, spec=spec, drawn=drawn,
        deltas=deltas, now=now,
    )  # fmt: skip


def question(
    session: Session, study: Study, spec: StudySpec, annotator: Annotator, occasion: Occasion
) -> dict[str, Any]:
    """The question as it is put to this person, all of it: what ``Assignment.payload`` keeps."""
    from app.studies import reads as studies

    say = words(spec.display.language)
    about = dict(occasion.about)
    if "own" in about:
        return own_questions.payload(
            spec, occasion, about, of_person(annotator.side_seed, occasion.template), say
        )
    kind = registry.by_code()[occasion.kind]
    assert isinstance(kind, Asks)  # noqa: S101 - only such kinds have occasions
    rng = of_person(annotator.side_seed, occasion.template)
    form = form_of(kind.forms, rng)
    wording = kind.wording(about, form, say)
    order = shuffled([o.value for o in wording.options], rng)
    if occasion.kind == "M1":
        about["topics"] = studies.list_topics(session, study.id)[:50]
    return {
        "template": occasion.template,
        "version": kind.version,
        "form": form,
        "lead": wording.lead,
        "text": wording.text,
        "options": [{"value": v, "label": wording.labels[v]} for v in order],
        "texts": dict(wording.texts),
        "ranks": say("M5.second") if wording.ranks else None,
        "evidence": list(occasion.evidence),
        "about": about,
        "cases": [{"judgment_id": c.judgment_id, "turned": c.turned} for c in occasion.cases],
        "needs_cases": sorted(kind.needs_cases),
        "preview": {a: round(moved, 6) for a, _, moved in occasion.outcomes},
    }
