"""Who is in an export, as of its moment: consent, withdrawal, exclusions, groups and attributes with enough holders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from app.aggregation.protocol import Floats, Ints
from app.people import reads
from app.people.rules import RELEASE, group_of
from app.people.tables import Annotator, AnnotatorEvent
from app.studies.spec import StudySpec

FEWEST_HOLDERS = 5
"""An attribute value with fewer holders is not exported."""
FEWEST_IN_GROUP = 8
"""A group's label is not exported while the group is smaller."""


def may_be_released() -> ColumnElement[bool]:
    """The condition, in SQL, that a person has not withdrawn and has agreed to release."""
    return and_(Annotator.withdrawn_at.is_(None), Annotator.consent_scope == RELEASE)


@dataclass(frozen=True)
class People:
    """The people of an export, in the order of their internal numbers.

    ids: int64 (n_people,), ascending.  left_out: bool (n_people,).  group: int64 (n_people,), -1 = none told.
    """

    ids: Ints
    left_out: np.ndarray
    group: Ints
    group_names: tuple[str, ...]
    group_weights: Floats
    attributes: tuple[dict[str, str], ...]
    sources: tuple[str, ...]
    scopes: tuple[str, ...]
    joined: tuple[datetime, ...]
    suppressed: int
    """Attribute values and group labels held back because too few people hold them."""

    def index(self, ids: np.ndarray) -> np.ndarray:
        """Places of these internal numbers, which must all be here."""
        return np.searchsorted(self.ids, ids)

    def shown_group(self, person: int) -> str | None:
        """The person's group, where it is large enough to be named."""
        group = int(self.group[person])
        return self.group_names[group] if group >= 0 and self.group_sizes[group] >= FEWEST_IN_GROUP else None

    @property
    def group_sizes(self) -> np.ndarray:
        """People of each group, int64 (n_groups,)."""
        return np.bincount(self.group[self.group >= 0], minlength=len(self.group_names))


def load(session: Session, study_id: int, spec: StudySpec, *, as_of: datetime) -> People:
    """The study's people as they were at ``as_of``; whoever has withdrawn since is gone all the same."""
    rows = session.execute(
        select(
            Annotator.id,
            Annotator.source,
            Annotator.consent_scope,
            Annotator.joined_at,
            Annotator.left_out_at,
        )
        .where(Annotator.study_id == study_id, Annotator.joined_at <= as_of, may_be_released())
        .order_by(Annotator.id)
    ).all()
    out, told = _left_out(session, study_id, as_of=as_of), reads.attributes(session, study_id, as_of=as_of)
    attributes = [_texts(told[r.id]) for r in rows]
    key = spec.people.groups.key if spec.people.groups else None
    weights = dict(spec.people.groups.weights) if spec.people.groups else {}
    labels = [group_of(key, a) for a in attributes]
    names = tuple(sorted({*(x for x in labels if x is not None), *weights})) if key else ()
    place = {name: i for i, name in enumerate(names)}
    shown, suppressed = _suppress(attributes, key)
    return People(
        ids=np.asarray([r.id for r in rows], np.int64),
        left_out=np.asarray(
            [out.get(r.id, r.left_out_at is not None and r.left_out_at <= as_of) for r in rows], bool
        ),
        group=np.asarray([-1 if x is None else place[x] for x in labels], np.int64),
        group_names=names,
        group_weights=_weights(names, weights),
        attributes=tuple(shown),
        sources=tuple(r.source for r in rows),
        scopes=tuple(r.consent_scope for r in rows),
        joined=tuple(r.joined_at for r in rows),
        suppressed=suppressed,
    )


def _weights(names: tuple[str, ...], given: dict[str, float]) -> Floats:
    """How much each group should count, summing to one; all alike where the study gives no weights."""
    if not names:
        return np.zeros(0)
    raw = np.asarray([given.get(n, 0.0) if given else 1.0 for n in names], np.float64)
    return np.asarray(raw / raw.sum(), np.float64)


def _left_out(session: Session, study_id: int, *, as_of: datetime) -> dict[int, bool]:
    """Who was left out at ``as_of``: only people with such an event."""
    rows = session.execute(
        select(AnnotatorEvent.annotator_id, AnnotatorEvent.at, AnnotatorEvent.kind)
        .join(Annotator, Annotator.id == AnnotatorEvent.annotator_id)
        .where(
            Annotator.study_id == study_id,
            AnnotatorEvent.kind.in_(("left_out", "taken_back_in")),
        )
        .order_by(AnnotatorEvent.at, AnnotatorEvent.id)
    )
    out: dict[int, bool] = {}
    for person, at, kind in rows:
        if at <= as_of:
            out[person] = kind == "left_out"
        else:
            out.setdefault(person, kind == "taken_back_in")
    return out


def _texts(attributes: dict[str, Any] | None) -> dict[str, str]:
    """Attributes as text; lists and other nested values are nobody's group and are left out."""
    return {
        k: str(v)
        for k, v in sorted((attributes or {}).items())
        if isinstance(v, str | int | float | bool) and v != ""
    }


def _suppress(attributes: list[dict[str, str]], group_key: str | None) -> tuple[list[dict[str, str]], int]:
    holders = Counter((k, v) for person in attributes for k, v in person.items())

    def enough(key: str, value: str) -> bool:
        return holders[key, value] >= (FEWEST_IN_GROUP if key == group_key else FEWEST_HOLDERS)

    shown = [{k: v for k, v in person.items() if enough(k, v)} for person in attributes]
    return shown, sum(not enough(k, v) for k, v in holders)
