"""Items: load them from a file or pasted text, look at them, retire them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.aggregation import labels
from app.assignments import intake
from app.kit.clock import iso
from app.kit.errors import AppError, NotFound
from app.people.tables import Researcher
from app.reports import divided, labelled, learned, tables
from app.reports.labelled import Why
from app.studies import reads
from app.studies.importing import files, oddities
from app.studies.importing.rows import Checked, ItemRow
from app.studies.tables import Item, Pair, Study
from app.web.deps import Config, Now, Number, ReadSession, SignedIn, WriteSession
from app.web.forms import Form
from app.web.markdown import prose
from app.web.render import Problem, render
from app.web.research import asking, disagreement, results, uploads
from app.web.research.frame import Asked, Ending, Frame, Table, as_file, as_json, frame, listed, saved
from app.web.research.uploads import Upload, Uploaded
from app.web.visits import see_other

router = APIRouter()
SAMPLE = 3


@dataclass(frozen=True, kw_only=True)
class Items(Table):
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    prompt: tuple[tuple[str, Markup], ...]
    left: Markup
    right: Markup


@dataclass(frozen=True, kw_only=True)
class Loading(Frame):
    """Loading items: the form, or what was found in a file before anything is stored."""

    format_options: tuple[tuple[str, str], ...] = tuple((n, n.replace("_", " ")) for n in files.FORMAT_NAMES)
    guess: files.Guess | None = None
    text: str = ""
    name: str = ""
    kept: str = ""
    good: int = 0
    pairs: int = 0
    bad: tuple[Any, ...] = ()
    total_bad: int = 0
    sentences: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class ItemFigure:
    """What the last fit says of one pair of the item."""

    pair_id: int
    first: str
    second: str
    share: float | None
    low: float | None
    high: float | None
    corner: str
    state: str
    step: str
    why: str


@dataclass(frozen=True, kw_only=True)
class ItemPage(Frame):
    item: Item
    turns: tuple[tuple[str, Markup], ...]
    responses: tuple[tuple[Any, Markup, int], ...]
    pairs: tuple[tuple[Pair, str, str, dict[str, int]], ...]
    figures: tuple[ItemFigure, ...]
    detail: disagreement.Detail | None
    whys: tuple[Why, ...]
    servings: list[dict[str, Any]]


@router.get("/studies/{slug}/items", name="items.index")
def index(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    wanted: Asked,
) -> Response:
    """All items, searched and sorted."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = tables.items(session, study.id, wanted)
    shown = Items(
        **frame(session, who, study, "items"),
        **listed(request, found, wanted),
        topics=tuple(reads.list_topics(session, study.id)),
    )
    return render(request, "research/items.html", shown)


@router.get("/studies/{slug}/items.{ending}", name="items.file")
def file(slug: str, ending: Ending, session: ReadSession, who: SignedIn, wanted: Asked) -> Response:
    """The same rows as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    return as_file(tables.items(session, study.id, wanted, whole=True), f"{slug}-items", ending)


@router.get("/studies/{slug}/items/load", name="items.loading")
def loading(request: Request, slug: str, session: ReadSession, who: SignedIn) -> Response:
    """Drop a file or paste rows."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    return render(request, "research/load.html", Loading(**frame(session, who, study, "items")))


@router.post("/studies/{slug}/items/look", name="items.look", max_body_size=1_000_000_000)
def look(
    request: Request,
    slug: str,
    session: ReadSession,
    who: SignedIn,
    now: Now,
    settings: Config,
    form: Uploaded,
) -> Response:
    """Read the file and say what is in it; no item is stored."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    folder = settings.uploads_dir()
    try:
        form = uploads.recalled(folder, form, study, who)
        read = _read(form)
    except AppError as error:
        page = Loading(
            **frame(session, who, study, "items", problems=(Problem(error.detail, "file"),)),
            text=form.text,
            name=form.name,
        )
        return render(request, "research/load.html", page, status=422)
    kept = uploads.keep(folder, form, study, who, now=now)
    return render(request, "research/load.html", _looked(session, who, study, form, read, kept))


@router.post("/studies/{slug}/items/load", name="items.load", max_body_size=1_000_000_000)
def load(
    request: Request,
    slug: str,
    session: WriteSession,
    who: SignedIn,
    now: Now,
    settings: Config,
    form: Uploaded,
) -> Response:
    """Store the items: all of them, or, when that is asked for, those that can be used."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    folder = settings.uploads_dir()
    try:
        form = uploads.recalled(folder, form, study, who)
        read = _read(form)
        if read.checked.errors and form.fields.get("load") != "others":
            kept = uploads.keep(folder, form, study, who, now=now)
            page = _looked(session, who, study, form, read, kept)
            return render(request, "research/load.html", page, status=422)
        intake.add_items(session, study, read.checked.rows, by=who.id, now=now)
    except AppError as error:
        page = Loading(
            **frame(session, who, study, "items", problems=(Problem(error.detail, "file"),)),
            text=form.text,
            name=form.name,
        )
        return render(request, "research/load.html", page, status=error.status)
    return saved(f"/studies/{slug}/{'setup#launch' if study.state == 'draft' else 'items'}")


@router.get("/studies/{slug}/items/{external_id:path}.json", name="items.show_file")
def show_file(slug: str, external_id: str, session: ReadSession, who: SignedIn) -> Response:
    """One item with its responses, how each pair was judged, and every serving."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    item = reads.get_item(session, study.id, external_id)
    responses = reads.list_responses(session, item.id)
    names, counts = {r.id: r.external_id for r in responses}, tables.shares(session, item.id)
    pairs = [
        {"pair": [names[p.first_id], names[p.second_id]], "judged": counts.get(p.id)}
        for p in reads.list_pairs(session, item.id)
    ]
    return as_json(
        {
            "id": item.external_id, "prompt": item.prompt, "topic": item.topic, "kind": item.kind, "flags": item.flags,
            "retired": item.retired_at is not None,
            "responses": [{"id": r.external_id, "model": r.model, "text": r.text, "flags": r.flags} for r in responses],
            "pairs": pairs, "servings": tables.servings(session, study.id, item.id),
        }
    )  # fmt: skip


@router.get("/studies/{slug}/items/{external_id:path}", name="items.show")
def show(
    request: Request,
    slug: str,
    external_id: str,
    session: ReadSession,
    who: SignedIn,
    pair: Number | None = None,
) -> Response:
    """One item: its answers with their models, how it was judged, one of its pairs in full, and every time it was asked and why."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    item = reads.get_item(session, study.id, external_id)
    responses = reads.list_responses(session, item.id)
    names = {r.id: r.external_id for r in responses}
    counts = tables.shares(session, item.id)
    told = divided.of_item(session, item.id)
    most = max(told.values(), key=lambda r: (r["divided"], -r["pair_id"]), default=None)
    one = most if pair is None else told.get(pair)
    if pair is not None and one is None:
        raise NotFound
    none = {"first": 0, "second": 0, "tie": 0, "neither": 0}
    page = ItemPage(
        **frame(session, who, study, "items"),
        item=item,
        turns=tuple((t["role"], prose(t["content"])) for t in item.prompt),
        responses=tuple((r, prose(r.text), len(r.text.split())) for r in responses),
        pairs=tuple(_in_order(p, names, counts.get(p.id, none)) for p in reads.list_pairs(session, item.id)),
        figures=tuple(
            ItemFigure(
                r["pair_id"],
                r["first_id"],
                r["second_id"],
                r["share"],
                r["low"],
                r["high"],
                results.CORNERS.get(r["corner"] or "", "–"),
                asking.state_words(r),
                results.STEPS.get((r["next_step"] or "").partition(":")[0], "–"),
                r["why"] or "",
            )
            for r in told.values()
        ),
        detail=disagreement.detail(session, study, one, learned.listed(session, study.id)) if one else None,
        whys=_whys(session, study, item.id, one),
        servings=tables.servings(session, study.id, item.id),
    )
    return render(request, "research/item.html", page)


@router.post("/studies/{slug}/retire", name="items.retire")
def retire(slug: str, session: WriteSession, who: SignedIn, now: Now, form: Form) -> Response:
    """Ask about an item, or those picked in the list, no more; or again."""
    study = reads.get_study(session, slug, researcher_id=who.id, need="editor")
    picked = [str(one) for one in form["item"]]
    for external_id in picked:
        intake.retire_item(
            session, study, external_id, retired=form.get("retired") == "yes", by=who.id, now=now
        )
    if len(picked) == 1:
        return see_other(f"/studies/{slug}/items/{quote(picked[0], safe='/')}")
    return saved(f"/studies/{slug}/items")


@router.get("/studies/{slug}/servings.{ending}", name="items.servings_file")
def servings_file(slug: str, ending: Ending, session: ReadSession, who: SignedIn, item: str = "") -> Response:
    """Every time an item was asked, or any, as a file."""
    study = reads.get_study(session, slug, researcher_id=who.id)
    found = reads.get_item(session, study.id, item) if item else None
    rows = tables.servings(session, study.id, found.id if found else None, limit=tables.MOST_ROWS + 1)
    told = [{**row, "at": iso(row["at"])} for row in rows[: tables.MOST_ROWS]]
    return as_file(tables.Found(told, len(rows)), f"{slug}-servings", ending)


MOST_WHYS = 12
"""Pairs of an item up to which the label of each is explained; of more, that of the pair looked at."""


def _whys(session: Session, study: Study, item_id: int, chosen: dict[str, Any] | None) -> tuple[Why, ...]:
    """Why the label of each judged pair is what it is."""
    found = labels.labels(session, study)
    pairs = [pair.id for pair in reads.list_pairs(session, item_id)]
    if len(pairs) > MOST_WHYS:
        pairs = [chosen["pair_id"]] if chosen else []
    told = [labelled.why(session, found, pair) for pair in pairs]
    return tuple(one for one in told if one is not None)


def _in_order(
    pair: Pair, names: dict[int, str], counts: dict[str, int]
) -> tuple[Pair, str, str, dict[str, int]]:
    """A pair with its counts, the response whose id sorts first as text first, as everywhere."""
    first, second = names[pair.first_id], names[pair.second_id]
    if first <= second:
        return pair, first, second, counts
    return pair, second, first, {**counts, "first": counts["second"], "second": counts["first"]}


def _read(form: Upload) -> files.Read:
    mapping = {k.removeprefix("map."): v for k, v in form.fields.items() if k.startswith("map.") and v}
    return files.read_bytes(
        form.data, form.name, format=form.fields.get("format", "auto"), mapping=mapping or None
    )


def _looked(
    session: Session, who: Researcher, study: Study, form: Upload, read: files.Read, kept: str
) -> Loading:
    checked: Checked = read.checked
    report = oddities.look(checked.rows)
    total = len(checked.errors)
    return Loading(
        **frame(session, who, study, "items"),
        guess=read.guess,
        text=form.text,
        name=form.name,
        kept=kept,
        good=len(checked.rows),
        pairs=report.pairs,
        bad=tuple(checked.errors[:100]),
        total_bad=total,
        sentences=tuple(filter(None, (read.guess.note, *report.sentences()))),
        samples=tuple(_sample(r) for r in checked.rows[:SAMPLE]),
    )


def _sample(row: ItemRow) -> Sample:
    left, right = row.responses[:2]
    return Sample(
        tuple((t["role"], prose(t["content"])) for t in row.prompt), prose(left.text), prose(right.text)
    )
