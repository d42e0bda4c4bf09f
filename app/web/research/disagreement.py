"""Pairs people differ on: the list, one pair in full, what to do about it, and groups of people who choose alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.assignments import intake
from app.kit.errors import Conflict, NotFound
from app.kit.text import number
from app.reports import divided, fitting, learned, tables, voices
from app.reports.divided import Filter
from app.reports.tables import Wanted
from app.reports.voices import Voice
from app.studies import reads
from app.studies.tables import Study
from app.web import inline_charts
from app.web.deps import Now, Number, PageNumber, ReadSession, SignedIn, WriteSession
from app.web.drawing import Chart
from app.web.forms import Form
from app.web.markdown import prose
from app.web.render import Problem, flash, render
from app.web.research import results
from app.web.research.frame import Ending, Frame, Pager, as_file, frame, pager, saved, siblings
from app.web.visits import see_other

router = APIRouter()
GROUPS_FROM = 20
A_LIST, MORE_PEOPLE = 12, 6
Options = tuple[tuple[str, str], ...]
Wished = Annotated[Filter, Depends(Filter)]
"""What the address asks of the list."""


@dataclass(frozen=True, kw_only=True)
class DisagreementPage(Frame):
    """The list, most divided first, and one pair of it in full. ``groups``: those learned from the votes; ``why`` there are none."""

    rows: list[dict[str, Any]]
    bars: tuple[Markup, ...]
    pager: Pager
    wanted: Filter
    corners: tuple[tuple[str, str, int], ...]
    choices: dict[str, Options]
    detail: Detail | None
    scatter: Chart | None
    csv_url: str
    json_url: str
    as_of: Any
    list_url: str
    groups: tuple[learned.Group, ...]
    stability: float | None
    why: str


@dataclass(frozen=True)
class Side:
    letter: str
    id: str
    model: str | None
    html: Markup
    words: int
    reasons: tuple[tuple[str, int], ...]
    quotes: tuple[str, ...]


@dataclass(frozen=True)
class Who:
    """One line of the table of choices: everyone, or a group."""

    name: str
    people: int
    counts: tuple[int, int, int, int]
    bar: Markup
    sure: str


@dataclass(frozen=True)
class Detail:
    row: dict[str, Any]
    turns: tuple[tuple[str, Markup], ...]
    sides: tuple[Side, Side]
    who: tuple[Who, ...]
    about_groups: str
    corner: str
    step: str
    parts: tuple[tuple[str, str, float | None], ...]


@router.get("/studies/{slug}/disagreement", name="disagreement.show")
def show(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    wanted: Wished,
    page: PageNumber = 1,
    pair: Number | None = None,
) -> Response:
    """Where people differ, most divided first, and one such pair."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return _page(request, session, who, study, wanted, page, pair)


@router.get("/studies/{slug}/disagreement.{ending}", name="disagreement.file")
def file(
    slug: str,
    ending: Ending,
    session: ReadSession,
    who: SignedIn,
    wanted: Wished,
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    rows, total = divided.listed(session, study.id, wanted, limit=tables.MOST_ROWS)
    _count_group(session, rows, wanted.group)
    return as_file(tables.Found(rows, total), f"{slug}-disagreement", ending)


@router.post("/studies/{slug}/disagreement", name="disagreement.ask_more")
def ask_more(
    request: Request, slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form
) -> Response:
    """Ask more people about a pair."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    pair, people = number(str(form.get("pair") or "")), number(str(form.get("people") or ""))
    if pair is None:
        raise NotFound
    problem = ""
    if people is None or not 1 <= people <= intake.MOST_ON_PAIR:
        problem = f"Write how many more people, from 1 to {intake.MOST_ON_PAIR}"
    else:
        try:
            room = intake.ask_more(session, study, pair, people=people, by=who.id, now=now)
        except Conflict as error:
            problem = error.detail
    if problem:
        problems = (Problem(problem, "people"),)
        return _page(request, session, who, study, Filter(), 1, pair, problems=problems, status=422)
    response = see_other(f"/studies/{slug}/disagreement?pair={pair}#pair")
    flash(response, "more_asked", n=room)
    return response


@router.post("/studies/{slug}/disagreement/groups", name="disagreement.name_group")
def name_group(slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Name a group of people who choose alike."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    group = number(str(form.get("number") or ""))
    if group is None:
        raise NotFound
    learned.name(session, study.id, group, str(form.get("name") or ""), by=who.id, now=now)
    return saved(f"/studies/{slug}/disagreement#groups")


def _page(
    request: Request,
    session: Session,
    who: Any,
    study: Study,
    wanted: Filter,
    page: int,
    pair: int | None,
    *,
    problems: tuple[Problem, ...] = (),
    status: int = 200,
) -> Response:
    rows, total = divided.listed(session, study.id, wanted, limit=A_LIST, offset=(page - 1) * A_LIST)
    _count_group(session, rows, wanted.group)
    kept = fitting.latest(session, study.id)
    groups = learned.listed(session, study.id)
    told = kept.result.get("groups", {}) if kept else {}
    chosen = _chosen(session, study, rows, pair)
    csv_url, json_url = siblings(request)
    counts = divided.corners(session, study.id)
    query = urlencode([(k, v) for k, v in [*asdict(wanted).items(), ("page", page)] if v])
    shared = frame(session, who, study, "disagreement", problems=problems)
    shown = DisagreementPage(
        **shared,
        rows=rows,
        bars=tuple(inline_charts.split_bar(r["first"], r["ties"], r["neither"], r["second"]) for r in rows),
        pager=pager(request, tables.Found(rows, total), Wanted(page=page), per_page=A_LIST),
        wanted=wanted,
        corners=tuple((key, words, counts.get(key, 0)) for key, words in results.CORNERS.items()),
        choices=_choices(session, study, groups),
        detail=detail(session, study, chosen, groups) if chosen else None,
        scatter=results.scatter(
            session, study.id, shared["base"], here=chosen["pair_id"] if chosen else None
        ),
        csv_url=csv_url,
        json_url=json_url,
        as_of=kept.made_at if kept else None,
        list_url=f"/studies/{study.slug}/disagreement?{query}",
        groups=groups,
        stability=told.get("stability"),
        why=told.get("why") or "",
    )
    return render(request, "research/disagreement.html", shown, status=status)


def _choices(session: Session, study: Study, groups: tuple[learned.Group, ...]) -> dict[str, Options]:
    """What the list can be cut down to: topics, models, groups."""
    declared = [(f"group:{g}", g) for g in divided.declared_groups(session, study.id)]
    found = [(f"learned:{g.number + 1}", g.name) for g in groups]
    return {
        "topic": tuple((t, t) for t in reads.list_topics(session, study.id)),
        "model": tuple((m, m) for m in divided.models(session, study.id)),
        "group": (*declared, *found),
    }


def _count_group(session: Session, rows: list[dict[str, Any]], group: str) -> None:
    """Put a group's own counts into rows, where a group is asked for."""
    if not group:
        return
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        counts = voices.counts(session, [r["pair_id"] for r in some], group)
        for row in some:
            first, tie, neither, second = counts[row["pair_id"]]
            row |= {"first": first, "ties": tie, "neither": neither, "second": second}
            row["people"] = first + tie + neither + second


def _chosen(
    session: Session, study: Study, rows: list[dict[str, Any]], pair: int | None
) -> dict[str, Any] | None:
    if pair is None:
        return rows[0] if rows else None
    found = next((r for r in rows if r["pair_id"] == pair), None) or divided.find(session, study.id, pair)
    if found is None:
        raise NotFound
    return found


def detail(session: Session, study: Study, row: dict[str, Any], groups: tuple[learned.Group, ...]) -> Detail:
    """A pair in full: both answers, choices by group, reasons, where it stands and what would help."""
    item = reads.get_item(session, study.id, row["item_id"])
    texts = {r.external_id: r for r in reads.list_responses(session, item.id)}
    chosen = voices.of_pair(session, row["pair_id"])
    who, about = _groups(chosen, groups)
    step, _, group = (row["next_step"] or "").partition(":")

    def side(letter: str, place: str, voice: Voice) -> Side:
        text = texts[row[f"{place}_id"]].text
        model = row[f"{place}_model"]
        return Side(
            letter, row[f"{place}_id"], model, prose(text), len(text.split()), voice.reasons, voice.quotes
        )

    return Detail(
        row=row,
        turns=tuple((t["role"], prose(t["content"])) for t in item.prompt),
        sides=(side("A", "first", chosen.first), side("B", "second", chosen.second)),
        who=who,
        about_groups=about,
        corner=results.CORNERS.get(row["corner"] or "", ""),
        step=results.STEPS.get(step, "") + (f" (most of all {group})" if group else ""),
        parts=(
            ("Not yet known", "would shrink with more votes", row["epistemic"]),
            ("Between groups", "groups of people choose differently", row["between_groups"]),
            ("Between people", "persons of one group choose differently", row["between_people"]),
            ("Within people", "the same person would choose differently another time", row["within_person"]),
        ),
    )


def _groups(chosen: voices.Choices, groups: tuple[learned.Group, ...]) -> tuple[tuple[Who, ...], str]:
    """Choices of everyone, and of each declared and each learned group from twenty people on the pair up."""
    everyone = _who("Everyone", chosen.everyone)
    names = {f"learned:{g.number + 1}": g.name for g in groups}
    found = [g for g in chosen.learned if g.key in names]
    if len(chosen.declared) + len(found) == 0:
        return (everyone,), ""
    if everyone.people < GROUPS_FROM:
        return (
            everyone,
        ), f"Groups are shown from {GROUPS_FROM} people on a pair; there are {everyone.people}."
    lines = [_who(g.key.removeprefix("group:"), g) for g in chosen.declared]
    lines += [_who(names[g.key], g) for g in found]
    about = ""
    if found:
        about = f"{', '.join(names[g.key] for g in found)}: people who choose alike over all pairs, this one among them."
    return (everyone, *lines), about


def _who(name: str, group: voices.Group) -> Who:
    first, tie, neither, second = group.counts
    said = f"{group.sure} of {group.asked}" if group.asked else "–"
    return Who(
        name, sum(group.counts), group.counts, inline_charts.split_bar(first, tie, neither, second), said
    )
