"""Judgments as rows, by what a number elsewhere counts: following a number ends at exactly its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from app.aggregation.tables import ResponseTrait
from app.judgments.tables import Judgment
from app.kit.clock import iso
from app.kit.text import number
from app.people.tables import Annotator
from app.reports import fitting
from app.reports.tables import Found, Wanted, cut, escaped
from app.studies.tables import Item, Response

DECIDED = ("left", "right", "tie")
LEFT, RIGHT = aliased(Response), aliased(Response)
_MORE = "sway_more"


def judgments(session: Session, study_id: int, wanted: Wanted, *, whole: bool = False) -> Found:
    """Current judgments of people who have not withdrawn, newest first, by pseudonym and ids.

    ``only`` is a choice, a kind of ``KINDS``, or a kind of ``ABOUT`` with a value behind a colon. A kind nobody knows finds nothing.
    """
    later = aliased(Judgment)
    query = (
        select(
            Judgment.id, Judgment.choice, Judgment.created_at, Judgment.late, Judgment.retest_of, Judgment.elapsed_ms,
            Judgment.strength, Annotator.pseudonym, Item.external_id.label("item"), LEFT.external_id.label("left"),
            RIGHT.external_id.label("right"), Judgment.rationale, Judgment.revision,
        )
        .outerjoin(later, later.supersedes == Judgment.id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .join(Item, Item.id == Judgment.item_id)
        .join(LEFT, LEFT.id == Judgment.left_id)
        .join(RIGHT, RIGHT.id == Judgment.right_id)
        .where(
            Judgment.study_id == study_id,
            later.id.is_(None),
            Judgment.choice != "retracted",
            Annotator.withdrawn_at.is_(None),
        )
    )  # fmt: skip
    query = _filtered(session, query, study_id, wanted.only)
    if wanted.q:
        like = f"%{escaped(wanted.q)}%"
        query = query.where(
            or_(Item.external_id.ilike(like, escape="\\"), Annotator.pseudonym.ilike(like, escape="\\"))
        )
    keys = {
        "at": Judgment.id,
        "choice": Judgment.choice,
        "item": Item.external_id,
        "person": Annotator.pseudonym,
    }
    rows, total = cut(session, query, keys, wanted, Judgment.id.desc(), whole=whole)
    return Found([_row(r) for r in rows], total)


def _row(r: Any) -> dict[str, Any]:
    return {
        "judgment": r.id, "at": iso(r.created_at), "person": r.pseudonym, "item": r.item, "left": r.left, "right": r.right,
        "choice": r.choice, "strength": r.strength, "seconds": round(r.elapsed_ms / 1000, 1) if r.elapsed_ms else None,
        "repeat": r.retest_of is not None, "late": r.late, "revision": r.revision, "words": r.rationale,
    }  # fmt: skip


def _repeat(*, same: bool | None = None) -> ColumnElement[bool]:
    """Whether the person decided the pair before (and, where asked, said the same then). An answer asked again after a skip is a first."""
    earlier, later = aliased(Judgment), aliased(Judgment)
    query = (
        select(earlier.id)
        .outerjoin(later, later.supersedes == earlier.id)
        .where(
            earlier.pair_id == Judgment.pair_id,
            earlier.annotator_id + 0
            == Judgment.annotator_id,  # + 0: a pair's few rows are read, not a person's many
            earlier.id < Judgment.id,
            earlier.choice.in_(DECIDED),
            earlier.is_gold.is_(False),
            later.id.is_(None),
        )
    )
    if same:
        turned = earlier.left_id != Judgment.left_id
        query = query.where(
            or_(
                and_(earlier.choice == "tie", Judgment.choice == "tie"),
                and_(
                    earlier.choice.in_(("left", "right")),
                    Judgment.choice.in_(("left", "right")),
                    (earlier.choice == Judgment.choice) != turned,
                ),
            )
        )
    return and_(Judgment.retest_of.is_not(None), exists(query))


def _first() -> ColumnElement[bool]:
    return or_(Judgment.retest_of.is_(None), not_(_repeat()))


def _decided() -> ColumnElement[bool]:
    return and_(Judgment.choice.in_(DECIDED), Judgment.is_gold.is_(False))


def _on(day: str) -> ColumnElement[bool]:
    try:
        start = datetime.combine(date.fromisoformat(day), datetime.min.time(), tzinfo=UTC)
    except ValueError:
        return Judgment.id.is_(None)
    return and_(
        Judgment.created_at >= start,
        Judgment.created_at < start + timedelta(days=1),
        Judgment.choice != "skip",
        Judgment.source != "import",
    )


KINDS: dict[str, Callable[[], ColumnElement[bool]]] = {
    "given": lambda: Judgment.choice != "skip",
    "usable": lambda: Judgment.choice.not_in(("skip", "neither")),
    "first": lambda: and_(_decided(), _first()),
    "repeats": lambda: and_(_decided(), _repeat()),
    "repeats_same": lambda: and_(_decided(), _repeat(same=True)),
}
"""Kinds without a value: not skipped; for a side or a tie; decided for the first time; decided again; decided again and alike."""
ABOUT: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "item": lambda value: Item.external_id == value,
    "on": lambda value: and_(Item.external_id == value, Judgment.choice != "skip"),
    "person": lambda value: Annotator.pseudonym == value,
    "gave": lambda value: and_(Annotator.pseudonym == value, Judgment.choice != "skip"),
    "again": lambda value: and_(Annotator.pseudonym == value, _decided(), _repeat()),
    "again_same": lambda value: and_(Annotator.pseudonym == value, _decided(), _repeat(same=True)),
    "topic": lambda value: and_(Item.topic == value, Judgment.choice != "skip"),
    "day": _on,
    "model": lambda value: and_(
        _decided(), _first(), or_(LEFT.model == value, RIGHT.model == value), LEFT.model != RIGHT.model
    ),
    "pair": lambda value: and_(Judgment.pair_id == number(value), _decided()),
}
"""Kinds with a value: of an item, all and not skipped; of a person, all, not skipped, again, again and alike; of a topic; of a day; a model's; a pair's."""


def _filtered(session: Session, query: Any, study_id: int, only: str) -> Any:
    kind, colon, value = only.partition(":")
    if not only:
        return query
    if not colon and kind in KINDS:
        return query.where(KINDS[kind]())
    if not colon and kind in {*DECIDED, "neither", "skip"}:
        return query.where(Judgment.choice == kind)
    if colon and kind in ABOUT:
        return query.where(ABOUT[kind](value))
    if colon and kind in {"sway", _MORE, "sway_of", "sway_more_of"}:
        return _swayed(session, query, study_id, kind, value)
    return query.where(Judgment.id.is_(None))


def _swayed(session: Session, query: Any, study_id: int, kind: str, value: str) -> Any:
    """First choices for a side between answers that differ clearly in one influence, as its figure counts them; with ``more`` those
    that went to the answer with more of it. ``NAME@PERSON`` after ``_of`` is of one person.
    """
    name, _, person = value.partition("@")
    if kind.endswith("_of"):
        query = query.where(Annotator.pseudonym == person)
    query = query.where(Judgment.choice.in_(("left", "right")), Judgment.is_gold.is_(False), _first())
    left = Judgment.choice == "left"
    more = kind.startswith(_MORE)
    if name == "position":
        return query.where(left) if more else query
    if name == "first_read":
        panel = Judgment.timing["first_panel"].as_string()
        query = query.where(Judgment.timing["device"].as_string() == "phone", panel.in_(("a", "b")))
        return query.where(left == (panel == "a")) if more else query
    kept = fitting.latest(session, study_id)
    found = next((one for one in kept.result["influences"] if one["name"] == name), None) if kept else None
    if found is None or found.get("clearly") is None:
        return query.where(Judgment.id.is_(None))
    one, two = aliased(ResponseTrait), aliased(ResponseTrait)
    apart = one.numbers[name].as_float() - two.numbers[name].as_float()
    query = (
        query.join(one, one.response_id == Judgment.left_id)
        .join(two, two.response_id == Judgment.right_id)
        .where(func.abs(apart) >= found["clearly"])
    )
    return query.where((apart > 0) == left) if more else query
