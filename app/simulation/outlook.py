"""What a study of a size will be able to say and what not, in plain words: from a dry run, or from closed forms alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.simulation import repeating
from app.simulation.measures import Stage
from app.simulation.plan import Plan
from app.simulation.population import Population
from app.simulation.truth import CONTESTED
from app.studies.spec import StudySpec

TARGETS = (0.7, 0.75, 0.8, 0.85, 0.9)
NOTED = 0.3
"""Share of questions from which it is told that a policy had to do without its model."""
SURE = 0.03
"""Differences between policies below this are not told apart by one repetition."""


@dataclass(frozen=True)
class Outlook:
    """Sentences: what the study will be able to say, and what it will not."""

    can: tuple[str, ...]
    cannot: tuple[str, ...]


def document(
    plan: Plan,
    spec: StudySpec,
    population: Population,
    found: Mapping[str, dict[str, Any]],
    *,
    pairs: int,
    contested: int,
    named: bool,
) -> dict[str, Any]:
    """A dry run as one JSON document. ``found`` as ``repeating.merged`` gives it; ``contested``: pairs, mean over repetitions."""
    own = spec.querying.policy if spec.querying.policy in found else next(iter(found))
    said = words(plan, found[own], own, pairs=pairs, contested=contested)
    return {
        "study": spec.slug,
        "seed": plan.seed,
        "annotators": plan.annotators,
        "votes": plan.votes,
        "pairs": pairs,
        "contested_pairs": contested,
        "repetitions": plan.repetitions,
        "hourly_rate": plan.hourly_rate,
        "policy": own,
        "policies": dict(found),
        "can_say": list(said.can),
        "cannot_say": list(said.cannot),
        "compared": compared(found, own),
        "assumed": {
            "groups": dict(population.groups),
            "groups_known_to_the_study": named,
            "slips": population.slips[0],
            "careless": population.careless,
            "sway": {name: mean for name, (mean, _) in population.sway.items()},
            "contested_from": CONTESTED,
            "words": [
                "What people like about each answer is invented; only the texts, their lengths and the design are yours.",
                "Questions about how to read answers are asked, answered and paid for; what they change in labels is not in these figures.",
            ],
        },
    }


def policy_told(
    stages: Sequence[Stage],
    plan: Plan,
    *,
    votes: int,
    asked: int,
    meta: int,
    seconds: float,
    notes: Mapping[str, int],
    missing: str | None,
) -> dict[str, Any]:
    """One policy's curve and end."""
    last = stages[-1]
    rate = plan.hourly_rate / 3600
    curve = [
        {k: v for k, v in asdict(s).items() if k not in {"report", "seconds"}}
        | {"minutes": s.seconds / 60, "cost": s.seconds * rate}
        for s in stages
    ]
    reached = {f"{target:.2f}": _reached(stages, target) for target in TARGETS}
    fell_short = votes < plan.votes
    return {
        "curve": curve,
        "accuracy": last.accuracy,
        "contested_ap": last.contested_ap,
        "model_accuracy": last.model_accuracy,
        "model_contested_ap": last.model_contested_ap,
        "interval_width": last.interval_width,
        "votes": votes,
        "questions": asked,
        "meta_questions": meta,
        "spent_on_contested": last.spent_on_contested,
        "cost": seconds * rate,
        "minutes": seconds / 60,
        "votes_needed": reached,
        "ended": f"after {votes:,} votes nobody could be asked anything more"
        if fell_short
        else "budget spent",
        "notes": dict(notes),
        "missing": missing,
        "report": _report_told(last.report),
    }


def _reached(stages: Sequence[Stage], target: float) -> int | None:
    """Votes at which accuracy first reaches ``target``, between looks on a straight line from a half at none; None where it does not."""
    before, at = 0.5, 0.0
    for stage in stages:
        if stage.accuracy >= target:
            share = (target - before) / (stage.accuracy - before) if stage.accuracy > before else 1.0
            return math.ceil(at + share * (stage.votes - at))
        before, at = stage.accuracy, float(stage.votes)
    return None


def _report_told(report: Mapping[str, Any]) -> dict[str, Any]:
    """Of the study's own report, the widths of what it says."""
    if not report:
        return {}
    length = next((i for i in report["influences"] if i["name"] == "length"), None)
    ranks = [r for r in report["ranking"] if r["interval"] is not None]
    apart = sum(
        a["interval"][0] > b["interval"][1] or b["interval"][0] > a["interval"][1]
        for n, a in enumerate(ranks)
        for b in ranks[n + 1 :]
    )
    return {
        "models": len(ranks),
        "model_pairs_told_apart": apart,
        "split_shown": report["decomposition"]["reliable"],
        "split_why": report["decomposition"]["why"],
        "length_half_width": _half(None if length is None else length["interval"]),
        "retest_half_width": _half(report["retest"]["interval"]),
    }


def _half(interval: Sequence[float] | None) -> float | None:
    return None if interval is None else (interval[1] - interval[0]) / 2


def words(plan: Plan, told: Mapping[str, Any], policy: str, *, pairs: int, contested: int) -> Outlook:
    """What the dry run lets one expect, a sentence a finding."""
    end = told["curve"][-1]
    can: list[str] = []
    cannot: list[str] = []
    names = end["accuracy"]
    (can if names >= 0.75 else cannot).append(
        f"Which answer most people prefer: named rightly for {names:.0%}{_range(told, 'accuracy')} of the {pairs:,} pairs (a coin would get 50%)."
    )
    model = end["model_accuracy"]
    if model is not None:
        (can if model >= 0.75 else cannot).append(
            f"What a reward model could learn: by the texts too, the preferred answer is named rightly for {model:.0%}{_range(told, 'model_accuracy')} of the pairs."
        )
    if end["clear"]:
        can.append(
            f"A clear result on single pairs: {end['clear']:,} of {pairs:,} will be called clear, {end['clear_right']:,} of them rightly."
        )
    rest = pairs - end["clear"]
    if rest > pairs / 2:
        cannot.append(f"Which answer is preferred on each single pair: {rest:,} of {pairs:,} stay open.")
    width = end["interval_width"] / 2
    (can if width <= 0.15 else cannot).append(
        f"The share of people who prefer an answer: known to within {100 * width:.0f} points on a typical pair."
    )
    some = contested
    if some:
        good = end["contested_found"] / some >= 0.5
        (can if good else cannot).append(
            f"Where groups really differ: of the {some:,} pairs where they do, {end['contested_found']:,} stand among the first {some:,} "
            "of the list of disagreement."
        )
    report = told["report"]
    models = report.get("models", 0)
    if models > 1:
        possible = models * (models - 1) // 2
        apart = report["model_pairs_told_apart"]
        (can if apart >= possible / 2 else cannot).append(
            f"Which model is preferred: {apart} of {possible} pairs of models are told apart."
        )
    half = report.get("length_half_width")
    if half is not None:
        (can if half <= 0.05 else cannot).append(
            f"How much length sways choices: to within {100 * half:.0f} points."
        )
    if report:
        if report["split_shown"]:
            can.append("How much of the disagreement lies between people and how much within them.")
        else:
            cannot.append(
                f"How much of the disagreement lies between people and how much within them ({report['split_why'] or 'too few repeats'})."
            )
    if told["votes"] < plan.votes:
        cannot.append(
            f"More than {told['votes']:,} votes can be spent: {told['ended']} (limits per person and per pair)."
        )
    cannot.extend(
        f"What “{policy}” does at its best: for {n / told['questions']:.0%} of the questions, {note}."
        for note, n in told["notes"].items()
        if n >= NOTED * told["questions"]
    )
    return Outlook(tuple(can), tuple(cannot))


def _range(told: Mapping[str, Any], key: str) -> str:
    """Where another few repetitions would likely lie, in brackets; nothing where there was but one."""
    found = told["intervals"][key]
    return "" if found is None else f" ({max(0.0, found[0]):.0%} to {min(1.0, found[1]):.0%})"


BESIDE = {
    "accuracy": ("Pairs named rightly", True),
    "contested_ap": ("Order of the list of disagreement (1 is perfect)", False),
    "model_accuracy": ("Pairs named rightly by a model of the texts", True),
    "model_contested_ap": ("Order of that model’s list of disagreement", False),
    "spent_on_contested": ("Questions spent where groups differ", True),
}


def compared(found: Mapping[str, Mapping[str, Any]], own: str) -> list[str]:
    """The study's policy beside even draws, also where it gained nothing."""
    if own == "random" or "random" not in found:
        return []
    lines = []
    for key, (what, share) in BESIDE.items():
        a, b = found[own][key], found["random"][key]
        if a is not None and b is not None:
            off = repeating.difference(found[own], found["random"], key)
            lines.append(_beside(what, a, b, own, off, share=share))
    return lines


def _beside(what: str, own: float, even: float, policy: str, off: list[float] | None, *, share: bool) -> str:
    form = "{:.0%}" if share else "{:.2f}"
    if off is None:
        clear, where = abs(own - even) > SURE, "in this run"
    else:
        unit, scale = ("points", 100) if share else ("", 1)
        low, high = (f"{v * scale:+.{0 if share else 2}f}" for v in off)
        clear, where = off[0] > 0 or off[1] < 0, f"by {low} to {high} {unit}".rstrip()
    verdict = "no clear difference" if off is None else f"no clear difference: {where}"
    if clear:
        verdict = f"{'more' if own > even else 'less'} {where}"
    return f"{what}: {form.format(own)} with {policy}, {form.format(even)} drawn evenly ({verdict})."


def readiness(spec: StudySpec, *, pairs: int, people: int | None = None) -> Outlook:
    """What a study of this design will be able to say, from its sizes alone: no simulation, so that a page can show it at once.

    Half-widths are 1.96 standard errors at a share of a half, doubled in variance for answers of one person being alike. The
    within-person share needs a half-width of .02 or less, se about sqrt(f (1 - f) / n) / 2 at a flip rate f of .2 (METHOD 4.6);
    groups on a pair need 8 votes there, groups at all 20 people, a person's own influences 12 telling pairs.
    """
    votes = spec.collection.budget
    who = people or spec.people.limit or math.ceil(votes / max(1, spec.session.questions))
    votes = min(votes, who * spec.collection.per_annotator, pairs * spec.collection.per_pair.max or votes)
    repeats = votes * spec.querying.retest
    per_pair = (votes - repeats) / pairs if pairs else 0.0
    can: list[str] = []
    cannot: list[str] = []
    overall = 100 * 1.96 * math.sqrt(2 * 0.25 / max(votes, 1))
    (can if overall <= 5 else cannot).append(
        f"How often people choose the longer, the left or the same kind of answer: to within about {overall:.0f} points."
    )
    if pairs:
        each = 100 * 1.96 * math.sqrt(0.25 / max(per_pair, 1e-9))
        if per_pair >= 1:
            (can if each <= 25 else cannot).append(
                f"How many people prefer an answer on one pair: {per_pair:.1f} votes each, to within about {min(each, 50):.0f} points."
            )
        else:
            cannot.append(f"Anything about each single pair: there are {pairs:,} pairs and {votes:,} votes.")
        enough = min(pairs, int((votes - repeats) // 8))
        (can if per_pair >= 8 else cannot).append(
            f"On which pairs groups differ: eight votes are needed on a pair, enough for {enough:,} of {pairs:,} at most."
        )
    need = math.ceil((1.96 / 2 / 0.02) ** 2 * 0.2 * 0.8)
    (can if repeats >= need else cannot).append(
        f"How much people disagree with themselves: about {repeats:.0f} repeats, {need:,} are needed to split it off."
    )
    (can if who >= 20 else cannot).append(
        f"How groups of people differ: about {who:,} people, shown from 20 on."
    )
    own = votes / who
    (can if own >= 25 else cannot).append(
        f"What each person goes by: about {own:.0f} answers each, of which some 25 are needed."
    )
    return Outlook(tuple(can), tuple(cannot))
