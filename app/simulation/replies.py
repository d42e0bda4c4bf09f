"""Simulated people at work: every question is drawn, put and answered through the functions that real people's requests go through."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.assignments.tables import Assignment
from app.judgments import writes as judgments
from app.judgments.storing import Submission
from app.judgments.tables import Judgment
from app.metapreferences import answering
from app.metapreferences import writes as wishes
from app.people.tables import Annotator
from app.querying.writes import issue_next
from app.questions import registry
from app.questions.answers import ComparisonAnswer
from app.simulation.people import SETTLEMENTS, SimulatedPerson
from app.simulation.world import World
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Item, Study

WAYS = {"experience": "experienced", "particular_user": "each_user"}
"""Where M5 stores a settlement under another name than simulated people know it by."""
TASTES = {"agreement": "agrees_with_asker"}
"""Influences that are what some people value, where it has another name."""
CONFOUND = 0.4
READING, THINKING = 6.0, 10.0
"""Seconds that a question about choices takes at least, and more for each choice that is shown again."""
FIRST_ITEMS = 5


@dataclass(frozen=True)
class Taken:
    """One question answered. ``comparison``: it was a pair; ``answer`` what was chosen."""

    assignment_id: str
    kind: str
    seconds: float
    answer: str
    judgment_id: str | None

    @property
    def comparison(self) -> bool:
        return self.kind == "comparison"


def take(
    session: Session,
    study: Study,
    annotator: Annotator,
    who: SimulatedPerson,
    seen: World,
    rng: Random,
    *,
    now: datetime,
    answered: int,
    more: Any = None,
) -> Taken | None:
    """Draw the person's next question and answer it; None where nothing is left for them.

    Args:
        now: When the question is drawn; the answer comes as many seconds later as the person takes.
        answered: Comparisons the person has answered so far.
        more: Called with (rng, choice, left, right, seconds), gives further fields of a comparison's answer.
    """
    asked = issue_next(session, study, annotator, now=now, seed=rng.getrandbits(53))
    if asked is None:
        return None
    if asked.kind != "comparison":
        return _about_choices(session, study, annotator, asked, who, seen, rng, now=now, answered=answered)
    spec = studies.spec_of(session, study)
    left, right = judgments.response_texts(session, asked)
    words = len(left.text.split()) + len(right.text.split())
    seconds = who.seconds(rng, words)
    sides = seen.impressions[left.id], seen.impressions[right.id]
    given = who.answer(rng, registry.kinds()[spec.question.scale], *sides, answered=answered)
    fields: dict[str, Any] = {"elapsed_ms": int(seconds * 1000)}
    if _taps_view(spec, given, answered):
        fields["view"] = who.view(rng, *sides)
    if more is not None:
        fields |= more(rng, given.choice, left, right, seconds)
    given = given.model_copy(update=fields)
    sent = Submission("simulated", {"active_ms": int(seconds * 900), "words": words, "server_timed": False})
    at = now + timedelta(seconds=seconds)
    done = judgments.record(session, study, annotator, asked.id, given, now=at, submission=sent)
    if given.view is not None:
        wishes.note_view(session, annotator, done.judgment, now=at)
    return Taken(asked.id, "comparison", seconds, given.choice, done.judgment.id)


def _taps_view(spec: StudySpec, given: ComparisonAnswer, answered: int) -> bool:
    return "M12" in spec.meta.kinds and answered < FIRST_ITEMS and given.choice in {"left", "right", "tie"}


def _about_choices(
    session: Session,
    study: Study,
    annotator: Annotator,
    asked: Assignment,
    who: SimulatedPerson,
    seen: World,
    rng: Random,
    *,
    now: datetime,
    answered: int,
) -> Taken:
    payload = asked.payload or {}
    given = reply(session, asked.kind, payload, who, seen, rng, answered=answered)
    seconds = (
        who.pace * rng.lognormvariate(0, 0.3) * (READING + THINKING * (1 + len(given.get("stands", {})) / 2))
    )
    given["elapsed_ms"] = int(seconds * 1000)
    at = now + timedelta(seconds=seconds)
    answering.answer(session, study, annotator, asked.id, given, now=at, source="simulated")
    return Taken(asked.id, asked.kind, seconds, str(given["choice"]), None)


def reply(
    session: Session,
    kind: str,
    payload: dict[str, Any],
    who: SimulatedPerson,
    seen: World,
    rng: Random,
    *,
    answered: int,
) -> dict[str, Any]:
    """What a person answers to a question about choices as it was put: what is true of them, as they talk about it."""
    about, values = payload.get("about", {}), [o["value"] for o in payload["options"]]
    if kind in {"M1", "M9"} and "influence" in about:
        return _about_influence(session, payload, who, rng)
    if kind == "M4" and "first" in about:
        return {"choice": _about_flip(session, about, who, seen, rng, answered=answered)}
    if kind == "M5" and "class" in about:
        first = WAYS.get(who.settles, who.settles)
        others = [WAYS.get(s, s) for s in SETTLEMENTS if WAYS.get(s, s) != first and WAYS.get(s, s) in values]
        return {"choice": first, "ranking": [first, rng.choice(others)]}
    return {"choice": rng.choice([v for v in values if v != "rather_not"])}


def _about_influence(
    session: Session, payload: dict[str, Any], who: SimulatedPerson, rng: Random
) -> dict[str, Any]:
    """M1 and M9: should it count; and of the person's own choices that this would turn over, whether they stand by that.

    What they value should count, whichever way they value it. What neither sways them nor is valued should not count, or they
    say that they were choosing for something that comes with it.
    """
    about, name = payload["about"], str(payload["about"]["influence"])
    counts, not_count = ("fits", "dont_copy") if "foil" in about else ("count", "ignore")
    if about.get("foil"):
        return {"choice": "not_me"}
    offered = {o["value"] for o in payload["options"]}
    taste = 0.0 if name in who.sway else who.tastes.get(TASTES.get(name, name), 0.0)
    if taste:
        toward = taste * int(about.get("sign", 1)) > 0
        return {"choice": counts if toward else "against" if "against" in offered else not_count}
    if name not in who.sway and "confound" in offered and rng.random() < CONFOUND:
        return {"choice": "confound", "text": f"what it says, not {name.replace('_', ' ')}"}
    wants = who.says(rng, name, reverse=payload.get("form") == "mirrored") >= 0.5
    if wants:
        return {"choice": counts}
    cases = [c["judgment_id"] for c in payload.get("cases", ())]
    topics = _topics(session, cases)
    return {"choice": not_count, "stands": {c: who.stands_by(rng, name, topic=topics.get(c)) for c in cases}}


def _topics(session: Session, judgment_ids: list[str]) -> dict[str, str | None]:
    rows = session.execute(
        select(Judgment.id, Item.topic)
        .join(Item, Item.id == Judgment.item_id)
        .where(Judgment.id.in_(judgment_ids))
    )
    return {str(key): topic for key, topic in rows}


def _about_flip(
    session: Session, about: dict[str, Any], who: SimulatedPerson, seen: World, rng: Random, *, answered: int
) -> str:
    first = session.get(Judgment, about["first"])
    if first is None:
        return "unsure"
    sides = seen.impressions[first.left_id], seen.impressions[first.right_id]
    said = who.explains_flip(rng, *sides, earlier=answered // 2, later=answered)
    return "today" if said == "changed" else said
