"""A study's labels as of a moment: reads what people gave and said, and hands it to ``endorsing``. What did not change is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.aggregation import endorsing, registry
from app.aggregation import observations as observing
from app.aggregation.amending import Said
from app.aggregation.endorsing import Endorsed, Raw
from app.aggregation.observations import Observations
from app.aggregation.protocol import Floats, Votes
from app.aggregation.sway import Sway, sway
from app.metapreferences import reads as wishes
from app.metapreferences.rules import Held
from app.people.tables import Annotator
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study

KEPT = 8
"""Studies whose raw votes and effects are kept in memory, so that a patch costs only what it moves."""
NO = frozenset({"", "no", "none", "never", "false", "0"})


@dataclass(frozen=True)
class Basis:
    """Everything but the patches: raw votes, their features and effects, as of one moment."""

    seen: Observations = field(repr=False)
    sway: Sway = field(repr=False)
    raw: Raw = field(repr=False)
    spec: StudySpec


@dataclass(frozen=True)
class Labels:
    """Labels of every judged pair, in the order of ``basis.seen.pairs``; shares are of the response whose id sorts first as text."""

    basis: Basis = field(repr=False)
    patches: tuple[Held, ...]
    endorsed: Endorsed

    @property
    def pair_id(self) -> np.ndarray:
        """Database keys of the pairs, ascending: int64 (n_pairs,)."""
        return self.basis.seen.pairs.id

    def place(self, pair_id: int) -> int | None:
        """Where a pair stands in the arrays, or None where nobody judged it."""
        ids = self.pair_id
        at = int(np.searchsorted(ids, pair_id))
        return at if at < ids.size and ids[at] == pair_id else None

    def told(self, pair_id: int) -> dict[str, Any] | None:
        """One label with what made it, as the API and the item page tell it; None where nobody judged the pair."""
        at = self.place(pair_id)
        if at is None:
            return None
        e, seen = self.endorsed, self.basis.seen
        votes = np.flatnonzero((seen.pair == at) & self.basis.sway.used)
        return {
            "p_raw": _number(e.p_raw[at]),
            "p_endorsed": _number(e.p_endorsed[at]),
            "weight_raw": float(e.weight_raw[at]),
            "weight": float(e.weight[at]),
            "influence_shift": e.shifts_of(at),
            "stable": bool(e.stable[at]),
            "flipped_by": list(e.flipped_by(at)),
            "resolved": e.resolved[at],
            "patches": list(e.patches_of(at)),
            "judgments": [seen.judgment[v].decode() for v in votes.tolist()],
        }


_kept: OrderedDict[tuple[str, int, str], Basis] = OrderedDict()
_lock = Lock()


def labels(
    session: Session,
    study: Study,
    *,
    as_of: datetime | None = None,
    rule: str = "soft",
    further: tuple[str, ...] = (),
    without: frozenset[str] = frozenset(),
) -> Labels:
    """Labels under ``rule`` with the patches that hold, now or at ``as_of``.

    Args:
        without: Kinds whose patches are left out, for showing what each kind does.

    Raises:
        UnknownRule, NoGroups, EmptyGroup: As the rule says.
    """
    found = basis(session, study, as_of=as_of)
    held = tuple(p for p in wishes.active_patches(session, study.id, as_of=as_of) if p.kind not in without)
    return with_patches(found, held, rule=rule, further=further)


def with_patches(
    found: Basis, held: tuple[Held, ...], *, rule: str = "soft", further: tuple[str, ...] = ()
) -> Labels:
    """The same votes under other patches: what a patch would move, before it is made."""
    chosen, *others = registry.named((rule, *(f for f in further if f != rule)))
    return Labels(found, held, endorsing.endorse(found.raw, held, chosen, further=others))


def basis(session: Session, study: Study, *, as_of: datetime | None = None) -> Basis:
    """Raw votes and effects; kept in memory while no judgment comes, changes or goes."""
    if as_of is not None:
        return _read(session, study, as_of)
    key = (
        str(session.get_bind().engine.url),
        study.id,
        f"{observing.state(session, study.id)}:{study.version}",
    )
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _read(session, study, None)
    with _lock:
        for old in [k for k in _kept if k[:2] == key[:2]]:
            del _kept[old]
        _kept[key] = made
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return made


def state(session: Session, study: Study, *, as_of: datetime | None = None) -> str:
    """Names everything that labels depend on: judgments, people, the study's version and the patches."""
    held = wishes.state(session, study.id, as_of=as_of)
    return f"{observing.state(session, study.id)}/{study.version}/{held}"


def _read(session: Session, study: Study, as_of: datetime | None) -> Basis:
    spec = studies.spec_of(session, study)
    seen = observing.observations(session, study.id, as_of=as_of)
    swayed = sway(session, study.id, seen)
    return Basis(seen, swayed, _raw(session, study.id, spec, seen, swayed), spec)


def _raw(session: Session, study_id: int, spec: StudySpec, seen: Observations, swayed: Sway) -> Raw:
    first = swayed.used
    names = seen.people.groups
    votes = Votes(
        n_pairs=seen.pairs.id.size, n_people=seen.people.id.size, pair=seen.pair[first], person=seen.person[first],
        y=seen.y[first], first_on_left=seen.first_left[first], weight=np.ones(int(first.sum())), group=seen.people.group,
        group_names=names, group_weights=_group_weights(spec, names), item=seen.pairs.item, first=seen.pairs.first,
        second=seen.pairs.second,
    )  # fmt: skip
    decided = seen.decided()
    order = np.argsort(seen.judgment[decided], kind="stable")
    said = Said(seen.judgment[decided][order], seen.y[decided][order])
    about: dict[int, Mapping[str, Any]] = {
        key: attributes or {}
        for key, attributes in session.execute(
            select(Annotator.id, Annotator.attributes).where(Annotator.study_id == study_id)
        )
    }
    people = [about.get(key, {}) for key in seen.people.id.tolist()]
    return Raw(
        votes, seen.judgment[first], said, seen.people.id, swayed.pair_x(seen), swayed.effects, seen.pairs.topic,
        tuple(k or spec.item_kind for k in seen.pairs.kind),
        np.array([says(a, "affected") for a in people], np.bool_),
        np.array([says(a, "experience") for a in people], np.bool_),
    )  # fmt: skip


def says(attributes: Mapping[str, Any], key: str) -> bool:
    """Whether a person says of themselves that they are affected, or know the subject: any answer but a no under that key."""
    value = attributes.get(key)
    if isinstance(value, bool):
        return value
    return value is not None and str(value).strip().casefold() not in NO


def _group_weights(spec: StudySpec, names: tuple[str, ...]) -> Floats:
    if not names:
        return np.zeros(0)
    given = spec.people.groups.weights if spec.people.groups else {}
    raw = np.array([given.get(n, 0.0) if given else 1.0 for n in names], np.float64)
    return np.asarray(raw / raw.sum() if raw.sum() > 0 else np.full(len(names), 1 / len(names)), np.float64)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
