"""A study's labels as of a moment: reads what people gave and said, and hands it to ``endorsing``. What did not change is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.aggregation import endorsing, naming, registry
from app.aggregation import observations as observing
from app.aggregation.amending import Said
from app.aggregation.endorsing import Again, Endorsed, Raw
from app.aggregation.observations import Observations, People
from app.aggregation.protocol import Flags, Floats, Votes
from app.aggregation.sway import Sway, sway
from app.db.session import address_of
from app.metapreferences import reads as wishes
from app.metapreferences.rules import Held
from app.people import reads as people
from app.people.rules import group_of
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study

KEPT = 8
"""Studies whose raw votes and effects are kept in memory, so that a patch costs only what it moves."""
LABELLED = 2
"""Labels kept with the votes of a study: of now, and of a moment ago."""
NO = frozenset({"", "no", "none", "never", "false", "0"})


@dataclass(frozen=True)
class Basis:
    """Everything but the patches: raw votes, their features and effects, as of one moment."""

    seen: Observations = field(repr=False)
    sway: Sway = field(repr=False)
    raw: Raw = field(repr=False)
    spec: StudySpec
    labelled: dict[tuple[tuple[str, ...], str, tuple[str, ...]], Labels] = field(
        default_factory=dict, repr=False, compare=False
    )
    """The last labels of these votes, by the patches that held, which never change, and the rules: a page about one item asks for them."""


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
    if as_of is not None:
        return with_patches(found, held, rule=rule, further=further)
    key = (tuple(p.id for p in held), rule, further)
    with _lock:
        made = found.labelled.get(key)
    if made is None:
        made = with_patches(found, held, rule=rule, further=further)
        with _lock:
            found.labelled[key] = made
            while len(found.labelled) > LABELLED:
                del found.labelled[next(iter(found.labelled))]
    return made


def with_patches(
    found: Basis, held: tuple[Held, ...], *, rule: str = "soft", further: tuple[str, ...] = ()
) -> Labels:
    """The same votes under other patches: what a patch would move, before it is made."""
    chosen, *others = registry.named((rule, *(f for f in further if f != rule)))
    return Labels(found, held, endorsing.endorse(found.raw, held, chosen, further=others))


def basis(session: Session, study: Study, *, as_of: datetime | None = None, released: bool = False) -> Basis:
    """Raw votes and effects; those of now are kept in memory while no judgment comes, changes or goes.

    ``released``: of people alone who have agreed that what they give is released.
    """
    if as_of is not None or released:
        return _read(session, study, as_of, released=released)
    key = (
        address_of(session),
        study.id,
        f"{observing.state(session, study.id)}:{study.version}:{naming.state(session, study.id)}",
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
    """Names everything that labels depend on: judgments, people, the study's version, the patches and named influences."""
    held = wishes.state(session, study.id, as_of=as_of)
    return f"{observing.state(session, study.id)}/{study.version}/{held}{naming.state(session, study.id)}"


def _read(session: Session, study: Study, as_of: datetime | None, *, released: bool = False) -> Basis:
    version = None if as_of is None else studies.version_at(session, study, as_of)
    spec = studies.spec_of(session, study, version)
    seen = observing.observations(session, study.id, as_of=as_of, released=released)
    told = people.attributes(session, study.id, as_of=as_of)
    if as_of is not None:
        seen = replace(seen, people=_grouped(seen.people, spec, told))
    swayed = sway(session, study.id, seen, named=naming.named(session, study.id, as_of=as_of))
    return Basis(seen, swayed, _raw(spec, seen, swayed, told), spec)


def _grouped(them: People, spec: StudySpec, told: Mapping[int, Mapping[str, Any]]) -> People:
    """The same people in the groups that they told of then."""
    key = spec.people.groups.key if spec.people.groups else None
    labels_ = [group_of(key, told[person]) for person in them.id.tolist()]
    groups = tuple(sorted({*them.groups, *(g for g in labels_ if g)}))
    place = {name: i for i, name in enumerate(groups)}
    return replace(them, group=np.array([place.get(g or "", -1) for g in labels_], np.int64), groups=groups)


def _raw(spec: StudySpec, seen: Observations, swayed: Sway, told: Mapping[int, Mapping[str, Any]]) -> Raw:
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
    affected, experienced = of_themselves(told, seen.people.id)
    later = decided & ~first
    again = Again(seen.person[later], seen.pair[later], seen.y[later], seen.first_left[later])
    return Raw(
        votes, seen.judgment[first], said, seen.people.id, swayed.pair_x(seen), swayed.effects, seen.pairs.topic,
        tuple(k or spec.item_kind for k in seen.pairs.kind),
        affected, experienced, again,
    )  # fmt: skip


def of_themselves(told: Mapping[int, Mapping[str, Any]], ids: NDArray[np.int64]) -> tuple[Flags, Flags]:
    """Who says that they are affected, and who that they know the subject: bool (n_people,) each, in the order of ``ids``."""
    them = [told.get(key, {}) for key in ids.tolist()]
    affected, experienced = ([says(a, key) for a in them] for key in ("affected", "experience"))
    return np.array(affected, np.bool_), np.array(experienced, np.bool_)


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
