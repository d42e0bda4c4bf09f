"""Storing votes from elsewhere: against the study's items, once each, repeats of a person on a pair as retests in order of time."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from app.judgments import refits
from app.judgments.importing.files import Attributes
from app.judgments.importing.shape import Side, Vote
from app.judgments.tables import Judgment
from app.kit.clock import iso
from app.kit.errors import Where
from app.kit.ids import new_id
from app.people import writes as people
from app.people.tables import Annotator
from app.studies import reads as studies
from app.studies import writes as study_writes
from app.studies.importing.errors import BadRows, RowError
from app.studies.tables import Item, Pair, Response, Study

BATCH = 2000
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Brought:
    """How many votes were added, and how many were there already."""

    added: int
    unchanged: int


@dataclass(frozen=True)
class _Sides:
    """Database keys of a vote: item, pair, left, right."""

    item: int
    pair: int
    left: int
    right: int


def bring_in(
    session: Session,
    study: Study,
    votes: Sequence[tuple[str, Vote]],
    *,
    annotators: Iterable[Attributes] = (),
    by: int | None,
    now: datetime,
) -> Brought:
    """Store votes with their places in the file, all or nothing.

    They count in every estimate and export; they take no place of a pair and nothing of the budget, since the study did not
    ask for them. Their people are known by the file's ids, are not invited and are never asked.

    Raises:
        BadRows: A vote names an item, a response or a pair that the study does not have.
    """
    known = _Known(session, study.id)
    sides: list[_Sides] = []
    errors: list[Where] = []
    for where, vote in votes:
        try:
            sides.append(known.sides(vote))
        except RowError as error:
            errors.append({"where": where, "message": str(error)})
    if errors:
        raise BadRows(errors)
    keys = [_key(vote) for _, vote in votes]
    fresh = _fresh(session, study.id, keys)
    told = list(annotators)
    names = [votes[i][1].annotator for i in fresh] + _known_here(session, study.id, told)
    who = _people(session, study, names, told, now=now)
    rows = _rows(session, study, votes, sides, keys, fresh, who, now=now)
    for start in range(0, len(rows), BATCH):
        session.execute(insert(Judgment), rows[start : start + BATCH])
    if rows:
        study_writes.log(session, study, "judgments_imported", by=by, now=now, added=len(rows))
        refits.ask_for_fit(session, study.id, now=now, delay_s=0)
    return Brought(len(rows), len(votes) - len(rows))


class _Known:
    """The items of a study with their responses and pairs, by the names a file uses."""

    def __init__(self, session: Session, study_id: int) -> None:
        items = session.execute(select(Item.external_id, Item.id).where(Item.study_id == study_id))
        self.items = {str(row[0]): int(row[1]) for row in items}
        self.responses: dict[int, dict[str, int]] = defaultdict(dict)
        self.models: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self.places: dict[int, list[int]] = defaultdict(list)
        rows = session.execute(
            select(Response.item_id, Response.external_id, Response.model, Response.id)
            .where(Response.study_id == study_id)
            .order_by(Response.item_id, Response.position)
        )
        for item, name, model, key in rows:
            self.responses[item][name] = key
            self.places[item].append(key)
            if model:
                self.models[item][model].append(key)
        self.pairs: dict[tuple[int, int], int] = {
            (min(a, b), max(a, b)): key
            for key, a, b in session.execute(
                select(Pair.id, Pair.first_id, Pair.second_id).where(Pair.study_id == study_id)
            )
        }

    def sides(self, vote: Vote) -> _Sides:
        item = self.items.get(vote.item)
        if item is None:
            raise RowError("item_id", f"the study has no item {vote.item!r}")
        left, right = (
            self._response(item, vote, "left", vote.left),
            self._response(item, vote, "right", vote.right),
        )
        if left == right:
            raise RowError("right", f"{vote.right!r} stands on both sides")
        pair = self.pairs.get((min(left, right), max(left, right)))
        if pair is None:
            raise RowError("right", f"item {vote.item!r} does not pair {vote.left!r} with {vote.right!r}")
        return _Sides(item, pair, left, right)

    def _response(self, item: int, vote: Vote, at: str, side: Side) -> int:
        if isinstance(side, int):
            if side >= len(self.places[item]):
                raise RowError(at, f"item {vote.item!r} has {len(self.places[item])} responses")
            return self.places[item][side]
        found = self.responses[item].get(side)
        if found is not None:
            return found
        alike = self.models[item].get(side, [])
        if len(alike) == 1:
            return alike[0]
        if alike:
            raise RowError(
                at, f"{len(alike)} responses of item {vote.item!r} are of model {side!r}; name one by its id"
            )
        raise RowError(at, f"item {vote.item!r} has no response {side!r}")


def _key(vote: Vote) -> str:
    """A hash of all fields of a row."""
    told = [
        vote.annotator,
        vote.item,
        vote.left,
        vote.right,
        vote.choice,
        iso(vote.at) if vote.at else None,
        vote.extra,
    ]
    return hashlib.sha256(
        orjson.dumps(told, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    ).hexdigest()


def _fresh(session: Session, study_id: int, keys: list[str]) -> list[int]:
    """Places of the rows that are not there yet, as often as they occur: two rows alike are two votes."""
    there: Counter[str] = Counter(
        session.scalars(
            select(Judgment.import_key).where(Judgment.study_id == study_id, Judgment.import_key.is_not(None))
        )
    )
    fresh = []
    for place, key in enumerate(keys):
        if there[key] > 0:
            there[key] -= 1
        else:
            fresh.append(place)
    return fresh


def _known_here(session: Session, study_id: int, told: Sequence[Attributes]) -> list[str]:
    """Those of an annotators file whom the study knows already: what the file says of them holds, their votes new or not."""
    if not told:
        return []
    here = set(session.scalars(select(Annotator.external_id).where(Annotator.study_id == study_id)))
    return [one.annotator for one in told if one.annotator in here]


def _people(
    session: Session, study: Study, names: Iterable[str], annotators: Iterable[Attributes], *, now: datetime
) -> dict[str, int]:
    """Database keys of the people who voted, made where they are new, with what the annotators file says of them."""
    spec = studies.spec_of(session, study)
    group_key = spec.people.groups.key if spec.people.groups else None
    told = {a.annotator: a.given for a in annotators}
    wanted = dict.fromkeys([*names])
    return people.bring_in(
        session, study.id, {n: told.get(n, {}) for n in wanted}, group_key=group_key, now=now
    )


def _rows(
    session: Session,
    study: Study,
    votes: Sequence[tuple[str, Vote]],
    sides: Sequence[_Sides],
    keys: Sequence[str],
    fresh: Sequence[int],
    who: dict[str, int],
    *,
    now: datetime,
) -> list[dict[str, Any]]:
    """Rows in order of time, those without one first and as the file has them; each names the answer it repeats."""
    last: dict[tuple[int, int], str] = {
        (person, pair): key
        for person, pair, key in session.execute(
            select(Judgment.annotator_id, Judgment.pair_id, Judgment.id)
            .join(Annotator, Annotator.id == Judgment.annotator_id)
            .where(
                Judgment.study_id == study.id,
                Judgment.choice != "retracted",
                or_(Annotator.source == "import", Annotator.external_id.is_not(None)),
            )
            .order_by(Judgment.created_at, Judgment.id)
        )
    }
    rows = []
    in_time = sorted(fresh, key=lambda i: votes[i][1].at or LONG_AGO)
    for number, place in enumerate(in_time):
        vote, side, person = votes[place][1], sides[place], who[votes[place][1].annotator]
        made = new_id(now - timedelta(milliseconds=len(in_time) - number))
        rows.append(
            {
                "id": made, "study_id": study.id, "annotator_id": person, "assignment_id": None, "revision": 1, "supersedes": None,
                "item_id": side.item, "pair_id": side.pair, "left_id": side.left, "right_id": side.right, "choice": vote.choice,
                **_columns(vote), "retest_of": last.get((person, side.pair)), "is_gold": False, "saw_peer_reasons": False,
                "protocol_version": study.version, "late": False, "counts": False, "source": "import", "created_at": now,
                "answered_at": vote.at, "import_key": keys[place], "extra": vote.extra or None,
            }
        )  # fmt: skip
        last[person, side.pair] = made
    return rows


def _columns(vote: Vote) -> dict[str, Any]:
    """Fields of ``extra`` that have a column of their own, where they hold what it takes; they stay in ``extra`` too."""
    extra = vote.extra
    words = extra.get("rationale", extra.get("reason"))
    share, spent = extra.get("predicted_share"), extra.get("elapsed_ms")
    return {
        "rationale": words[:20_000] if isinstance(words, str) and words.strip() else None,
        "strength": _between(extra.get("strength"), 1, 3),
        "confidence": _between(extra.get("confidence"), 1, 3),
        "predicted_share": share
        if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1
        else None,
        "elapsed_ms": spent
        if isinstance(spent, int) and not isinstance(spent, bool) and 0 <= spent < 2**31
        else None,
    }


def _between(value: Any, low: int, high: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None
