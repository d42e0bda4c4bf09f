"""Labels one by one: what they were, what they are, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.aggregation.labels import Labels
from app.judgments.tables import Judgment
from app.kit.clock import iso
from app.metapreferences import reads as wishes
from app.metapreferences.rules import BEGINS, FOR_GOOD, Held
from app.people.tables import Annotator
from app.reports import divided, register
from app.studies.tables import Response

Which = Literal["all", "moved", "turned", "unstable", "settled"]
WHICH: tuple[Which, ...] = ("all", "moved", "turned", "unstable", "settled")
MOST_PATCHES = 30
"""Patches that are listed with a label; the rest are counted."""


@dataclass(frozen=True)
class Why:
    """One label with what made it. ``first`` and ``second`` are response ids, shares are of ``first``. votes: person, choice, whether it
    is read otherwise than given.  wishes: influences at work on this pair.  patches: as shown, with how many more there are.
    """

    pair_id: int
    first: str
    second: str
    told: dict[str, Any]
    votes: tuple[dict[str, Any], ...]
    wishes: tuple[dict[str, Any], ...]
    patches: tuple[dict[str, Any], ...]
    more_patches: int


def chosen(found: Labels, which: Which, *, influence: str = "") -> NDArray[np.int64]:
    """Places of labels: all, those that moved, those whose side turned over, those another reading would turn, those of pairs that are
    treated as people want where they differ. With an influence, those of them that it moves. Furthest moved first.
    """
    e = found.endorsed
    if which == "moved":
        keep = e.moved
    elif which == "turned":
        keep = register.turned(e)
    elif which == "unstable":
        keep = ~e.stable
    elif which == "settled":
        keep = np.array([way is not None for way in e.resolved], np.bool_)
    else:
        keep = np.ones(e.side.size, np.bool_)
    if influence:
        if influence not in e.names:
            return np.zeros(0, np.int64)
        k = e.names.index(influence)
        keep = keep & (e.moved_by(k) | e.lightened_by(k))
    places = np.flatnonzero(keep)
    shift = np.abs(np.nan_to_num(e.p_endorsed - e.p_raw, nan=1.0))[places]
    lighter = np.abs(e.weight - e.weight_raw)[places]
    return places[np.lexsort((places, -lighter, -shift))].astype(np.int64)


def rows(session: Session, found: Labels, places: Sequence[int]) -> list[dict[str, Any]]:
    """A row a label, with the names of what it is about."""
    e, ids = found.endorsed, found.pair_id
    keys = [int(ids[p]) for p in places]
    names = divided.named_pairs(session, keys)
    return [
        {
            "item": names[key]["item_id"],
            "first": names[key]["first_id"],
            "second": names[key]["second_id"],
            "topic": names[key]["topic"],
            "p_raw": _number(e.p_raw[p]),
            "p_endorsed": _number(e.p_endorsed[p]),
            "weight_raw": float(e.weight_raw[p]),
            "weight": float(e.weight[p]),
            "turned": bool(e.side[p] * e.side_raw[p] < 0),
            "stable": bool(e.stable[p]),
            "flipped_by": ", ".join(e.flipped_by(p)),
            "moved_by": ", ".join(f"{n} {s:+.3f}" for n, s in e.shifts_of(p).items()),
            "resolved": e.resolved[p],
            "patches": len(e.patches_of(p)),
            "pair_id": key,
        }
        for p, key in zip(places, keys, strict=True)
    ]


def why(session: Session, found: Labels, pair_id: int) -> Why | None:
    """Everything that made one label; None where nobody judged the pair."""
    told = found.told(pair_id)
    at = found.place(pair_id)
    if told is None or at is None:
        return None
    pairs = found.basis.seen.pairs
    first, second = (int(side[at]) for side in (pairs.first, pairs.second))
    both = session.execute(select(Response.id, Response.external_id).where(Response.id.in_((first, second))))
    names = {int(key): str(name) for key, name in both}
    held = {p.id: p for p in found.patches}
    shown = [held[i] for i in told["patches"] if i in held]
    people = _pseudonyms(session, [p.annotator_id for p in shown[:MOST_PATCHES]])
    return Why(
        pair_id, names[first], names[second], told, _votes(session, found, at, told["judgments"]), _wishes(found, at),
        tuple(_patch(p, people) for p in shown[:MOST_PATCHES]), max(0, len(shown) - MOST_PATCHES),
    )  # fmt: skip


def document(one: Why) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "pair_id": one.pair_id,
        "first": one.first,
        "second": one.second,
        **{k: v for k, v in one.told.items() if k not in {"patches", "judgments"}},
        "votes": list(one.votes),
        "influences": list(one.wishes),
        "patches": one.told["patches"],
        "patches_told": list(one.patches),
    }


def _votes(session: Session, found: Labels, at: int, judgments: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """The answers that feed the label, in the order they came, with how each is read."""
    seen, raw, amended = found.basis.seen, found.basis.raw, found.endorsed.amended
    place = {raw.judgment[v].decode(): int(v) for v in np.flatnonzero(raw.votes.pair == at).tolist()}
    left = aliased(Response)
    rows_ = session.execute(
        select(Judgment.id, Judgment.choice, Annotator.pseudonym, left.external_id.label("left"), Judgment.created_at, Judgment.source)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .join(left, left.id == Judgment.left_id)
        .where(Judgment.id.in_(judgments))
        .order_by(Judgment.id)
    )  # fmt: skip
    del seen
    out = []
    for row in rows_:
        v = place[row.id]
        before, after = float(raw.votes.y[v]), float(amended.votes.y[v])
        weight = float(np.asarray(amended.votes.weight)[v])
        out.append(
            {
                "judgment": row.id, "person": row.pseudonym, "choice": row.choice, "left": row.left, "at": iso(row.created_at),
                "imported": row.source == "import", "given_for_first": before, "read_for_first": after, "weight": weight,
                "changed": bool(amended.changed[v]),
            }
        )  # fmt: skip
    return tuple(out)


def _wishes(found: Labels, at: int) -> tuple[dict[str, Any], ...]:
    """Influences in which the two responses differ and that have an effect here."""
    e, raw = found.endorsed, found.basis.raw
    out = []
    for k, wish in enumerate(e.wishes.wishes):
        alone = float(raw.effects.beta[k] * raw.x[at, k])
        if abs(alone) <= 1e-6:
            continue
        out.append(
            {
                "name": wish.name, "difference": float(raw.x[at, k]), "logits": alone, "endorsed": wish.endorsed,
                "answers": wish.answers, "taken_out": float(e.logit_shift[at, k]), "share_moved": float(e.influence_shift[at, k]),
                "advisory": bool(abs(e.advised[at, k]) > 1e-6),
            }
        )  # fmt: skip
    return tuple(sorted(out, key=lambda w: -abs(w["logits"])))


def _patch(one: Held, people: dict[int, str]) -> dict[str, Any]:
    return {
        "patch": one.id,
        "kind": one.kind,
        "scope": one.scope,
        "person": people.get(one.annotator_id) if one.annotator_id is not None else None,
        "group": one.group,
        "about": one.target_id,
        "what": one.var,
        "value": one.value,
        "stood": one.stood,
        "shown": one.shown,
        "since": iso(one.active_from),
    }


def _pseudonyms(session: Session, keys: Sequence[int | None]) -> dict[int, str]:
    wanted = sorted({k for k in keys if k is not None})
    found: dict[int, str] = {}
    for start in range(0, len(wanted), 500):
        part = select(Annotator.id, Annotator.pseudonym).where(Annotator.id.in_(wanted[start : start + 500]))
        found |= {int(key): str(name) for key, name in session.execute(part)}
    return found


@dataclass(frozen=True)
class PatchFilter:
    """Which patches are wanted: of a kind, about one thing, ``active`` yes or no; empty for all."""

    kind: str = ""
    about: str = ""
    active: str = ""

    def takes(self, one: wishes.Listed) -> bool:
        """Whether a patch is among those wanted."""
        return (
            (not self.kind or one.patch.kind == self.kind)
            and (not self.about or one.patch.target_id == self.about)
            and (not self.active or one.active == (self.active == "yes"))
        )


def patch_rows(
    session: Session,
    study_id: int,
    *,
    wanted: PatchFilter | None = None,
    person: int | None = None,
) -> list[dict[str, Any]]:
    """Patches as a table shows them, newest first."""
    listed = wishes.list_patches(session, study_id, annotator_id=person)
    return told(session, [one for one in listed if wanted is None or wanted.takes(one)])


def told(session: Session, kept: Sequence[wishes.Listed]) -> list[dict[str, Any]]:
    """A row a patch, with the pseudonym of whoever said it."""
    people = _pseudonyms(session, [one.patch.annotator_id for one in kept])
    return [
        {
            **_patch(wishes.held(one.patch), people),
            "active": one.active,
            "holds": one.last.act in BEGINS,
            "kind_off": one.switched_off,
            "ended_by": _ended_by(one),
        }
        for one in kept
    ]


def _ended_by(one: wishes.Listed) -> str | None:
    """Who ended it last, which is who can put it back: ``person``; ``study``, a researcher; None while it holds or where nobody can."""
    if one.last.act in BEGINS or (one.patch.annotator_id is not None and one.last.why in FOR_GOOD):
        return None
    return "person" if one.last.by_person else "study"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
