"""Trying a study on simulated people: ask for a dry run, follow it, read what it told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.aggregation.tables import Fit
from app.jobs.tables import Job
from app.kit.errors import AppError, Malformed
from app.people.tables import Researcher
from app.simulation import keeping, outlook
from app.simulation.plan import REPETITIONS, Plan
from app.studies import reads
from app.studies.spec import POLICIES, StudySpec
from app.studies.tables import Study
from app.web import charts
from app.web.deps import Now, ReadSession, SignedIn, WriteSession
from app.web.drawing import Chart
from app.web.forms import Form
from app.web.render import Problem, render
from app.web.research.frame import Frame, frame
from app.web.visits import see_other

router = APIRouter()
PEOPLE, MOST_SHOWN = 40, 2000
NUMBERS = (("annotators", "people"), ("votes", "votes"), ("seed", "a seed"), ("repetitions", "repetitions"))
DEFAULTS = {"repetitions": str(REPETITIONS)}
"""Of fields that a form may leave out."""
ENDS = (
    ("accuracy", "Named rightly", True), ("contested_ap", "Contested found", False),
    ("model_accuracy", "By a model: rightly", True), ("model_contested_ap", "By a model: contested", False),
    ("cost", "Cost", False),
)  # fmt: skip
"""Figures at the end, their head, and whether they are shares."""


@dataclass(frozen=True)
class Told:
    """A dry run as the page shows it."""

    found: Mapping[str, Any]
    made_at: datetime
    old: bool
    accuracy: Chart
    modelled: Chart | None
    contested: Chart | None
    width: Chart
    ends: tuple[tuple[str, tuple[str, ...]], ...]
    heads: list[tuple[None, str, bool]]


@dataclass(frozen=True, kw_only=True)
class SimulatePage(Frame):
    """The form, the run on its way, and the last one's findings."""

    given: dict[str, Any]
    policies: tuple[tuple[str, bool], ...]
    job: Job | None
    failed: str | None
    told: Told | None
    outlook: outlook.Outlook


@router.get("/studies/{slug}/simulate", name="simulating.show")
def show(request: Request, slug: str, session: ReadSession, who: SignedIn) -> Response:
    """What a dry run said, or how far one is."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return render(request, "research/simulate.html", _page(session, who, study))


@router.post("/studies/{slug}/simulate", name="simulating.start")
def start(
    request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form
) -> Response:
    """Have simulated people answer a scratch copy, in the background."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    try:
        plan = _plan(form)
        keeping.ask(session, study, plan, now=now)
    except AppError as error:
        where = error.errors[0]["where"] if error.errors else "annotators"
        page = _page(session, who, study, given=form, problems=(Problem(error.detail, where),))
        return render(request, "research/simulate.html", page, status=error.status)
    return see_other(f"/studies/{slug}/simulate")


def _plan(form: Mapping[str, Any]) -> Plan:
    """The plan on the form. Raises Malformed naming the field."""
    numbers = {}
    for name, words in NUMBERS:
        text = str(form.get(name) or DEFAULTS.get(name) or "").strip().replace(",", "")
        if not text.isdecimal() or len(text) > 12:
            message = f"Write a whole number of {words}"
            raise Malformed(message, errors=[{"where": name, "message": message}])
        numbers[name] = int(text)
    wanted = tuple(name for name in POLICIES if form.get(f"policy.{name}"))
    return Plan(
        numbers["annotators"], numbers["votes"], numbers["seed"], wanted, repetitions=numbers["repetitions"]
    ).checked()


def _page(
    session: Session,
    who: Researcher,
    study: Study,
    *,
    given: Mapping[str, Any] | None = None,
    problems: tuple[Problem, ...] = (),
) -> SimulatePage:
    spec = reads.spec_of(session, study)
    kept = keeping.list_kept(session, study.id)
    failed = keeping.last_failure(session, study.id)
    chosen: set[str] = {spec.querying.policy, "random"}
    if given is not None:
        chosen = {name for name in POLICIES if given.get(f"policy.{name}")}
    values: dict[str, Any] = {
        "annotators": spec.people.limit or PEOPLE, "votes": min(spec.collection.budget, MOST_SHOWN), "seed": 1,
        "repetitions": REPETITIONS,
    }  # fmt: skip
    return SimulatePage(
        **frame(session, who, study, "setup", problems=problems),
        given=values | {k: v for k, v in (given or {}).items() if k in values},
        policies=tuple((name, name in chosen) for name in POLICIES),
        job=keeping.on_its_way(session, study.id),
        failed=failed.error if failed is not None else None,
        told=_told(session, study, kept[0]) if kept else None,
        outlook=readiness(session, study, spec),
    )


def readiness(session: Session, study: Study, spec: StudySpec) -> outlook.Outlook:
    """What a study of this size can and cannot say, from its sizes alone."""
    return outlook.readiness(spec, pairs=reads.count_pairs(session, study.id))


def _told(session: Session, study: Study, kept: Fit) -> Told:
    found = kept.result
    runs = found["policies"]

    def curve(key: str) -> list[charts.Series]:
        own = found["policy"]
        found_ = []
        for name in sorted(runs, key=lambda n: n != own):
            points = [(at["votes"], at[key]) for at in runs[name]["curve"] if at[key] is not None]
            if points:
                found_.append(charts.Series(name, points, second=name != own))
        return found_

    contested = found["contested_pairs"] > 0
    listed = curve("model_contested_ap") or curve("contested_ap")
    modelled = curve("model_accuracy")
    width = [
        charts.Series(s.label, [(x, y / 2) for x, y in s.points], second=s.second)
        for s in curve("interval_width")
    ]
    return Told(
        found,
        kept.made_at,
        keeping.is_old(session, study, kept),
        charts.lines("accuracy", "How many pairs are named rightly?", curve("accuracy"), x_label="Votes"),
        charts.lines("modelled", "What could a reward model learn?", modelled, x_label="Votes")
        if modelled
        else None,
        charts.lines(
            "contested",
            "Does the list of disagreement find where groups differ?",
            listed,
            x_label="Votes",
        )
        if contested
        else None,
        charts.lines("width", "How exactly is a share known?", width, x_label="Votes"),
        tuple(
            (name, tuple(_end(one, key, share=share) for key, _, share in ENDS)) for name, one in runs.items()
        ),
        [(None, words, True) for _, words, _ in ENDS],
    )


def _end(one: Mapping[str, Any], key: str, *, share: bool) -> str:
    """A figure with its interval over repetitions, as a cell."""
    value, inside = one[key], one["intervals"][key]
    if value is None:
        return "not known"
    scale, form = (100, "{:.0f}") if share else (1, "{:.2f}")
    words = form.format(scale * value) + ("%" if share else "")
    if inside is None:
        return words
    low, high = (form.format(scale * v) for v in inside)
    return f"{words} ({low} to {high})"
