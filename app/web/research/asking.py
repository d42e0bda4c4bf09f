"""The overview's two panels about asking: is it worth asking more, and what will be asked next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from app.inference.stopping import proven
from app.reports import coming
from app.reports.querying import state_of
from app.reports.tables import A_PAGE, MOST_ROWS, Found, Wanted
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study
from app.web import charts
from app.web.deps import PageNumber, ReadSession, SignedIn
from app.web.drawing import Chart
from app.web.render import render
from app.web.research import results
from app.web.research.frame import Ending, Frame, Pager, as_file, frame, pager, siblings

router = APIRouter()

COUNTS_UNDER = 50
ARMS = {"chosen": "chosen questions", "evenly": "drawn evenly"}
SHARES = {
    "tie": ("About the same", "of answers"),
    "neither": ("Neither is good", "of answers"),
    "left": ("Left side chosen", "ties count half"),
    "longer": ("Longer answer chosen", "of pairs of which one is longer"),
}
STATES = {
    "clear_first": "Clear",
    "clear_second": "Clear",
    "contested": "People differ",
    "tie": "A tie",
    "open": "Open",
}
MEASURES = {
    "expected": "How far groups are expected to differ on the pairs asked about, in bits",
    "between_groups": "How far groups differ on the pairs asked about",
    "divided": "How far people differ on the pairs asked about",
}


@dataclass(frozen=True)
class Worth:
    """The panel "Is it worth asking more?": a curve where there are enough guesses, and what follows, a sentence a line."""

    chart: Chart | None
    lines: tuple[str, ...]
    gained: str | None
    why: str | None


@dataclass(frozen=True)
class PoolRow:
    """A share over all pairs, beside the plain one."""

    label: str
    note: str
    plain: str
    value: str
    between: str


def worth(found: Mapping[str, Any] | None) -> Worth:
    """From the kept report; nothing is worked out here."""
    told = found["querying"] if found else None
    if not told or "prequential" not in told:
        return Worth(None, (), None, "No guesses have been compared with choices yet.")
    lines = []
    chosen, even = told["prequential"], told["random_arm"]
    if chosen["value"] is None:
        return Worth(None, (), None, "Needs choices whose guess was written down before they were given.")
    lines.append(f"Guessed beforehand: {_share(chosen)} of chosen questions{_and_even(even)}.")
    repeats, most = told["own_repeat"], told["most_guessable"]
    if repeats["value"] is not None:
        bound = f"; no guess can be right in more than about {most:.0%}" if most is not None else ""
        lines.append(f"The same person, asked again, chooses the same in {_share(repeats)}{bound}.")
    following = told["next_votes"]
    if following is not None:
        gain = 100 * following["gain"]
        lines.append(
            f"The next {following['votes']} judgments are expected to raise what can be guessed by {gain:.1f} points "
            f"({following['now']:.0%} to {following['after']:.0%}, over all pairs)."
        )
    return Worth(_curve(told), tuple(lines), _gained(told["where"]), None)


def _and_even(even: Mapping[str, Any]) -> str:
    return "" if even["value"] is None else f", {_share(even)} of those drawn evenly"


def _share(one: Mapping[str, Any]) -> str:
    """A percentage with its range, or counts where there are under fifty."""
    if one["n"] < COUNTS_UNDER:
        half = round(2 * one["value"] * one["n"]) / 2
        return f"{half:g} of {one['n']}"
    low, high = one["interval"]
    return f"{one['value']:.0%} ({low:.0%} to {high:.0%})"


def _curve(told: Mapping[str, Any]) -> Chart | None:
    if len(told["course"]) < 2:
        return None
    series = [
        charts.Series(
            ARMS["chosen"],
            [(p["votes"], p["value"]) for p in told["course"]],
            [(p["votes"], *p["interval"]) for p in told["course"]],
        )
    ]
    if len(told["random_course"]) > 1:
        points = [(p["votes"], p["value"]) for p in told["random_course"]]
        series.append(charts.Series(ARMS["evenly"], points, second=True))
    repeats = told["own_repeat"]["value"]
    ceiling = None if repeats is None else (repeats, f"{repeats:.0%} same again")
    return charts.lines(
        "worth", "Is it worth asking more?", series, x_label="Judgments collected", ceiling=ceiling
    )


def _gained(where: Mapping[str, Any]) -> str | None:
    """Whether choosing questions went where people differ, also when it did not."""
    if where["chosen"] is None or where["all_pairs"] is None:
        return None
    what = MEASURES[where["measure"]]
    base = f"{what}: {where['chosen']:.3f} where the study chose, {where['all_pairs']:.3f} over all pairs"
    if where["interval"] is None:
        return f"{base} (no range yet: {where['why']})."
    low, high = where["interval"]
    verdict = (
        "choosing went where people differ"
        if low > 0
        else "choosing went elsewhere"
        if high < 0
        else "no difference that is not chance"
    )
    return f"{base}; difference {where['difference']:+.3f} ({low:+.3f} to {high:+.3f}): {verdict}."


def pool_rows(found: Mapping[str, Any] | None) -> tuple[PoolRow, ...]:
    """Shares over all pairs that the choice of questions cannot bend, beside the plain ones."""
    shares = (found or {}).get("querying", {}).get("shares") or []
    rows = []
    for one in shares:
        if one["value"] is None:
            continue
        label, note = SHARES[one["name"]]
        between = f"{one['interval'][0]:.1%} to {one['interval'][1]:.1%}" if one["interval"] else one["why"]
        rows.append(PoolRow(label, note, f"{one['naive']:.1%}", f"{one['value']:.1%}", between))
    return tuple(rows)


def state_words(row: Mapping[str, Any]) -> str:
    """The state of a pair in words, and whether it may be printed as decided."""
    state = state_of([dict(row)])[0]
    named = {"clear_first": f"Clear: {row['first_id']}", "clear_second": f"Clear: {row['second_id']}"}
    words = named.get(state, STATES[state])
    if proven([row["first"]], [row["second"]])[0]:
        words += ", and the votes prove it"
    return words


REASONS = {
    "unasked": ("Pairs with too few judgments", "Under the study's minimum for each pair"),
    "more_votes": (
        "Pairs where more people would settle it",
        "Too few have answered to say what most prefer",
    ),
    "swap_sides": ("Pairs where the side shown may decide", "Shown again with the sides swapped"),
    "endorsement": ("Pairs led by something other than substance", "Asks whether that should count"),
    "retest": (
        "Pairs where people may be at odds with themselves",
        "Asked again to see whether the answer holds",
    ),
    "resolve": ("Pairs where groups really differ", "Asks how an AI should settle it"),
    "personal": ("Pairs where persons differ one by one", "Asks for reasons"),
    "verify": ("Pairs that are a matter of fact", "To be checked rather than voted on"),
    "open": ("Pairs that can be asked", "No figures yet to choose by"),
    "stop": ("Pairs of which enough is known", "Asked only when drawn evenly"),
}
ABOUT_CHOICES = (
    "Questions to people about their choices",
    "Called for, and worth more than a vote; within the limits of a session",
)


@dataclass(frozen=True)
class Waiting:
    """One line of the panel: how many, what, why, and where to see them."""

    count: int
    words: str
    why: str
    url: str | None


@dataclass(frozen=True)
class Queue:
    """The panel "What will it ask next, and why?". states: pairs by what is known of them."""

    waiting: tuple[Waiting, ...]
    sentence: str
    states: tuple[tuple[str, int], ...]
    claimed: int


@dataclass(frozen=True, kw_only=True)
class NextPage(Frame):
    """The open pairs that stand first, with what their place rests on."""

    rows: tuple[coming.Next, ...]
    reasons: dict[str, tuple[str, str]]
    steps: dict[str, str]
    only: str
    by: str | None
    pager: Pager
    csv_url: str
    json_url: str


def queue(session: Session, study: Study, spec: StudySpec, found: Mapping[str, Any] | None) -> Queue:
    """From what is kept: nothing is scored here."""
    told = (found or {}).get("querying", {}).get("states") or {}
    counts: dict[str, int] = {}
    for key, words in STATES.items():
        counts[words] = counts.get(words, 0) + int(told.get(key, 0))
    base = f"/studies/{study.slug}/next"
    waiting = tuple(
        Waiting(r.count, *REASONS[r.key], None if r.key in {"unasked", "open"} else f"{base}?only={r.key}")
        for r in coming.reasons(session, study.id, spec)
        if r.key in REASONS
    )
    questions = sum(((found or {}).get("querying", {}).get("questions_due") or {}).values())
    if questions:
        waiting = (*waiting, Waiting(questions, *ABOUT_CHOICES, f"/studies/{study.slug}/questions"))
    q = spec.querying
    even = 100 * (1 - q.retest) * (1.0 if q.policy == "random" else q.explore)
    sentence = f"Of 100 questions about {100 * q.retest:.0f} repeat an earlier one, and {even:.0f} are drawn evenly, to check."
    return Queue(waiting, sentence, tuple(counts.items()) if told else (), int(told.get("claimed", 0)))


@router.get("/studies/{slug}/next", name="asking.next")
def next_(
    request: Request, slug: str, session: ReadSession, who: SignedIn, only: str = "", page: PageNumber = 1
) -> Response:
    """The open pairs that stand first, and why."""
    study = studies.get_study(session, slug, researcher_id=who.id)
    wanted = Wanted(page=page, only=only)
    rows, total, by = _likeliest(session, study, only, limit=A_PAGE, offset=(wanted.page - 1) * A_PAGE)
    csv_url, json_url = siblings(request)
    shown = NextPage(
        **frame(session, who, study, "overview"), rows=tuple(rows), reasons=REASONS, steps=results.STEPS, only=only, by=by,
        pager=pager(request, Found([{}] * len(rows), total), wanted), csv_url=csv_url, json_url=json_url,
    )  # fmt: skip
    return render(request, "research/next.html", shown)


@router.get("/studies/{slug}/next.{ending}", name="asking.next_file")
def next_file(slug: str, ending: Ending, session: ReadSession, who: SignedIn, only: str = "") -> Response:
    """The same rows as a file."""
    study = studies.get_study(session, slug, researcher_id=who.id)
    rows, total, by = _likeliest(session, study, only, limit=MOST_ROWS)
    told = [
        {"item": r.item_id, "request": r.request, "votes": r.votes, "next_step": r.step, "why": r.why, "worth": r.worth, **dict(zip(coming.BITS if by else coming.PARTS, r.parts, strict=True))}
        for r in rows
    ]  # fmt: skip
    return as_file(Found(told, total), f"{slug}-next", ending)


def _likeliest(
    session: Session, study: Study, only: str, *, limit: int, offset: int = 0
) -> tuple[list[coming.Next], int, str | None]:
    """Open pairs in order, how many there are, and the policy whose scores they are ordered by, if by any."""
    kept = None if only else coming.chosen_by(session, study.id, studies.spec_of(session, study))
    if kept is not None:
        rows, total = coming.by_policy(session, study.id, kept, limit=limit, offset=offset)
        return rows, total, kept.policy
    rows, total = coming.likeliest(session, study.id, limit=limit, offset=offset, step=only)
    return rows, total, None
