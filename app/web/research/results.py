"""What the votes say, on pages: the overview's panels and the pairs people differ on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.kit.errors import NotFound
from app.reports import divided, fitting, tables
from app.reports.tables import Wanted
from app.studies import reads
from app.studies.tables import Study
from app.web import charts
from app.web.deps import ReadSession, SignedIn
from app.web.markdown import prose
from app.web.render import render
from app.web.research.frame import Frame, Pager, as_file, frame, pager, siblings

router = APIRouter()
CORNERS = {
    "people_differ": "People really differ",
    "unclear_question": "Unclear question",
    "agree_but_unsure": "Agree, but unsure",
    "settled": "Settled",
}
STEPS = {
    "more_votes": "Ask more people",
    "swap_sides": "Show it again with the sides swapped",
    "endorsement": "Ask whether what sways this should count",
    "retest": "Ask the same people again",
    "resolve": "Ask how an AI should settle it",
    "personal": "Ask for reasons: people differ one by one",
    "verify": "Check the facts",
    "stop": "Enough is known",
}
GROUPS_FROM, COUNTS_UNDER, FEWEST = 20, 50, 3
MOST_DOTS = 1500
A_LIST = 12
CUTS = (0.64, 0.5)
"""Where the scatter is cut: a split of 20 to 80, and half of the disagreement being people at odds with themselves."""
SWAYS = {
    "length": ("Longer answer chosen", "of pairs in which one is clearly longer"),
    "formatting": ("More formatting chosen", "lists, bold and headings"),
    "position": ("Left side chosen", "of choices for one side"),
    "first_read": ("First one read chosen", "by which answer was opened first"),
    "confident_tone": ("More confident answer chosen", "of pairs in which one is clearly more certain"),
    "hedging": ("More hedging answer chosen", "of pairs in which one hedges clearly more"),
    "flattery": ("Answer with more praise chosen", "praise of the person who asks"),
    "agreement": ("Answer that agrees chosen", "with what the person who asks said"),
    "refusal": ("Answer that declines chosen", "of pairs in which one declines"),
    "warmth": ("Warmer answer chosen", "in the first person"),
    "emoji": ("Answer with more emoji chosen", "of pairs in which they differ"),
}


@dataclass(frozen=True, kw_only=True)
class DisagreementPage(Frame):
    """The list, most divided first, and one pair of it in full."""

    rows: list[dict[str, Any]]
    bars: tuple[Markup, ...]
    pager: Pager
    corner: str
    corners: tuple[tuple[str, str, int], ...]
    topic: str
    topics: tuple[str, ...]
    detail: Detail | None
    scatter: charts.Chart | None
    csv_url: str
    json_url: str
    as_of: Any
    list_url: str


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
    hidden_groups: str
    corner: str
    step: str
    parts: tuple[tuple[str, str, float | None], ...]


@router.get("/studies/{slug}/disagreement", name="results.disagreement")
def disagreement(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    only: str = "",
    topic: str = "",
    page: int = 1,
    pair: int | None = None,
) -> Response:
    """Where people differ, most divided first, and one such pair."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    rows, total = divided.listed(
        session, study.id, corner=only, topic=topic, limit=A_LIST, offset=(max(1, page) - 1) * A_LIST
    )
    kept = fitting.latest(session, study.id)
    chosen = _chosen(session, study, rows, pair)
    csv_url, json_url = siblings(request)
    counts = divided.corners(session, study.id)
    query = urlencode([(k, v) for k, v in (("only", only), ("topic", topic), ("page", page)) if v])
    shown = DisagreementPage(
        **frame(session, who, study, "disagreement"),
        rows=rows,
        bars=tuple(charts.split_bar(r["first"], r["ties"], r["neither"], r["second"]) for r in rows),
        pager=pager(request, tables.Found(rows, total), Wanted(page=page), per_page=A_LIST),
        corner=only,
        corners=tuple((key, words, counts.get(key, 0)) for key, words in CORNERS.items()),
        topic=topic,
        topics=tuple(reads.list_topics(session, study.id)),
        detail=_detail(session, study, chosen) if chosen else None,
        scatter=scatter(session, study.id, here=chosen["pair_id"] if chosen else None),
        csv_url=csv_url,
        json_url=json_url,
        as_of=kept.made_at if kept else None,
        list_url=f"/studies/{slug}/disagreement?{query}",
    )
    return render(request, "research/disagreement.html", shown)


@router.get("/studies/{slug}/disagreement.{ending}", name="results.disagreement_file")
def disagreement_file(
    slug: str, ending: str, session: ReadSession, who: SignedIn, only: str = "", topic: str = ""
) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    if ending not in {"csv", "json"}:
        raise NotFound
    rows, total = divided.listed(session, study.id, corner=only, topic=topic, limit=tables.MOST_ROWS)
    return as_file(tables.Found(rows, total), f"{slug}-disagreement", ending)


def _chosen(
    session: Session, study: Study, rows: list[dict[str, Any]], pair: int | None
) -> dict[str, Any] | None:
    if pair is None:
        return rows[0] if rows else None
    found = next((r for r in rows if r["pair_id"] == pair), None) or divided.find(session, study.id, pair)
    if found is None:
        raise NotFound
    return found


def scatter(session: Session, study_id: int, *, here: int | None = None) -> charts.Chart | None:
    """Each pair by how split people are and how sure each of them is; None below twenty pairs with answers."""
    rows, total = divided.listed(session, study_id, limit=MOST_DOTS)
    seen = [r for r in rows if r["share"] is not None and r["votes"] >= FEWEST]
    if len(seen) < 2:
        return None
    counts = divided.corners(session, study_id)
    dots = [
        charts.Dot(
            x=min(1.0, max(0.0, 4 * (r["share"] * (1 - r["share"]) - (r["epistemic"] or 0)))),
            y=_sureness(r),
            name=f"{r['item_id']}: {r['first_id']} / {r['second_id']}",
            on=r["corner"] == "people_differ",
            here=r["pair_id"] == here,
        )
        for r in seen
    ]
    more = f" The {MOST_DOTS:,} most divided of {total:,} are drawn." if total > MOST_DOTS else ""
    differ, unclear = counts.get("people_differ", 0), counts.get("unclear_question", 0)
    return charts.scatter(
        "scatter", "Where do people differ?", dots, x_cut=CUTS[0], y_cut=CUTS[1],
        corners=("Settled", "Agree, but unsure", f"People really differ · {differ}", f"Unclear question · {unclear}"),
        x_ends=("Everyone chooses the same", "Evenly split →"), y_ends=("Unsure", "Sure →"),
        description=f"{len(seen)} pairs with {FEWEST} or more answers: {differ} on which people really differ, {unclear} that "
        f"look unclear.{more}",
    )  # fmt: skip


def _sureness(row: dict[str, Any]) -> float:
    """1 less the share of the disagreement that is people at odds with themselves; 1 where there is none."""
    within = row["within_person"] or 0.0
    whole = within + (row["between_people"] or 0.0) + (row["between_groups"] or 0.0)
    return float(min(1.0, max(0.0, 1 - within / whole))) if whole > 0 else 1.0


def ranges(found: dict[str, Any]) -> charts.Chart | None:
    """How often people chose the answer with more of something, against even."""
    effects = []
    for one in found["influences"]:
        share, interval = one.get("share"), one.get("share_interval")
        if share is None or interval is None:
            continue
        label, note = SWAYS.get(one["name"], (one["name"].replace("_", " "), ""))
        effects.append(charts.Effect(label, note, share, *interval))
    if not effects:
        return None
    return charts.ranges("sways", "Is something other than quality deciding?", effects)


def notice(found: dict[str, Any], base: str) -> tuple[str, str, str] | None:
    """The one most serious finding with what can be done: words, address, its label. None where nothing stands out."""
    worst = [
        one
        for one in found["influences"]
        if one["q_value"] is not None and one["q_value"] <= 0.05 and abs(one["effect"] or 0) >= 0.03
    ]
    if worst:
        one = max(worst, key=lambda o: abs(o["effect"]))
        label, _ = SWAYS.get(one["name"], (one["name"], ""))
        n, m = one.get("informative") or 0, one.get("chosen") or 0
        if (one.get("share") or 0.5) < 0.5:
            words = f"{label} in only {m:,} of {n:,} choices where the two answers differ in it."
        else:
            words = f"{label} in {m:,} of {n:,} choices where the two answers differ in it."
        return words, f"{base}/judgments?only=sway:{one['name']}", "See those choices"
    return None


def _detail(session: Session, study: Study, row: dict[str, Any]) -> Detail:
    item = reads.find_item(session, study.id, row["item_id"])
    if item is None:
        raise NotFound
    texts = {r.external_id: r for r in reads.list_responses(session, item.id)}
    voices = divided.voices(session, row["pair_id"])
    sides = tuple(
        Side(
            letter,
            row[f"{place}_id"],
            row[f"{place}_model"],
            prose(texts[row[f"{place}_id"]].text),
            len(texts[row[f"{place}_id"]].text.split()),
            voices[place].reasons,
            voices[place].quotes,
        )
        for letter, place in (("A", "first"), ("B", "second"))
    )
    groups, hidden = _groups(session, row["pair_id"])
    step, _, group = (row["next_step"] or "").partition(":")
    return Detail(
        row=row,
        turns=tuple((t["role"], prose(t["content"])) for t in item.prompt),
        sides=(sides[0], sides[1]),
        who=groups,
        hidden_groups=hidden,
        corner=CORNERS.get(row["corner"] or "", ""),
        step=STEPS.get(step, "") + (f" (most of all {group})" if group else ""),
        parts=(
            ("Not yet known", "would shrink with more votes", row["epistemic"]),
            ("Between groups", "groups of people choose differently", row["between_groups"]),
            ("Between people", "persons of one group choose differently", row["between_people"]),
            ("Within people", "the same person would choose differently another time", row["within_person"]),
        ),
    )


def _groups(session: Session, pair_id: int) -> tuple[tuple[Who, ...], str]:
    """Choices of everyone, and of each group from twenty people up."""
    everyone, by_group, sure = divided.choices_by_group(session, pair_id)
    lines = [_who("Everyone", everyone, sure.get(None))]
    people = sum(everyone)
    if len(by_group) < 2:
        return tuple(lines), ""
    if people < GROUPS_FROM:
        return tuple(lines), f"Groups are shown from {GROUPS_FROM} people on a pair; there are {people}."
    return (*lines, *(_who(name, counts, sure.get(name)) for name, counts in by_group)), ""


def _who(name: str, counts: tuple[int, int, int, int], sure: tuple[int, int] | None) -> Who:
    first, tie, neither, second = counts
    said = f"{sure[0]} of {sure[1]}" if sure and sure[1] else "–"
    return Who(name, sum(counts), counts, charts.split_bar(first, tie, neither, second), said)
