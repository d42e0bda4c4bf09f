"""Influences nobody listed: proposed from what is left over of the votes, named by a person, and measured from then on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.aggregation import naming
from app.aggregation.labels import Basis
from app.aggregation.tables import NamedInfluence
from app.inference.clustered_logit import clustered_logit
from app.inference.contrasts import contrasts
from app.inference.influence import influences
from app.inference.influence_effects import Effect
from app.judgments import refits
from app.kit.errors import Malformed, NotFound, Where
from app.studies import writes as studies
from app.studies.tables import Response, Study

MOST_VOTES, MOST_PAIRS = 60_000, 12_000
"""Of larger studies evenly spaced pairs are read."""
MOST = 8
LONGEST_NAME, MOST_TERMS = 80, 12


@dataclass(frozen=True)
class Named:
    """An influence a person named, and its effect beside all the known ones."""

    id: int
    name: str
    terms: tuple[str, ...]
    effect: Effect


def proposals(session: Session, study_id: int, basis: Basis) -> list[dict[str, Any]]:
    """Terms that go with being chosen beyond what the known influences explain, as JSON; those already named are left out."""
    votes = _Votes(session, study_id, basis)
    if not votes.y.size:
        return []
    found = contrasts(
        votes.first, votes.second, votes.pair, votes.person, votes.y, votes.expected(), prompt=votes.item, most=MOST
    )  # fmt: skip
    known = {t for one in _rows(session, study_id) for t in one.terms}
    return [{**asdict(one), "with_it": list(one.with_it)} for one in found if one.term not in known]


def named(basis: Basis) -> tuple[Named, ...]:
    """Named influences with their effects, all others held; in the order they were named. They are influences like any other: what
    people say of them moves labels, or weights where it is not known that they act by themselves.
    """
    effects = {e.name: e for e in basis.sway.fit.effects}
    return tuple(Named(r.id, r.name, r.terms, effects[r.name]) for r in basis.sway.named)


def give_name(
    session: Session, study: Study, name: str, words: Sequence[str], *, by: int | None, now: datetime
) -> NamedInfluence:
    """Make a proposal an entry of the register. Raises Malformed."""
    session.execute(select(Study.id).where(Study.id == study.id).with_for_update(key_share=True))
    called = " ".join(name.split())
    used = [w for w in dict.fromkeys(" ".join(w.casefold().split()) for w in words) if w]
    errors: list[Where] = []
    taken = set(influences()) | {r.name.casefold() for r in _rows(session, study.id)}
    if not called or len(called) > LONGEST_NAME:
        errors.append({"where": "name", "message": f"a name of at most {LONGEST_NAME} characters"})
    elif called.casefold() in taken:
        errors.append({"where": "name", "message": f"there is an influence {called!r} already"})
    if not used or len(used) > MOST_TERMS:
        errors.append({"where": "terms", "message": f"one to {MOST_TERMS} words, or two words in a row"})
    if errors:
        raise Malformed("; ".join(f"{e['where']}: {e['message']}" for e in errors), errors=errors)
    made = NamedInfluence(study_id=study.id, name=called, terms=used, named_by=by, named_at=now)
    session.add(made)
    session.flush()
    studies.log(session, study, "influence_named", by=by, now=now, name=called, terms=", ".join(used))
    refits.ask_for_fit(session, study.id, now=now, delay_s=0)
    return made


def take_name(session: Session, study: Study, number: int, *, by: int | None, now: datetime) -> None:
    """Take a named influence out of the register. Raises NotFound."""
    row = session.get(NamedInfluence, number)
    if row is None or row.study_id != study.id or row.removed_at is not None:
        raise NotFound
    studies.log(session, study, "influence_unnamed", by=by, now=now, name=row.name)
    row.removed_at = now
    session.flush()
    refits.ask_for_fit(session, study.id, now=now, delay_s=0)


def _rows(session: Session, study_id: int) -> Sequence[naming.Named]:
    return naming.named(session, study_id)


class _Votes:
    """First decided answers with the texts they are about: of evenly spaced pairs where there are many."""

    def __init__(self, session: Session, study_id: int, basis: Basis) -> None:
        seen, raw = basis.seen, basis.raw
        used = basis.sway.used
        every = np.unique(seen.pair[used])
        step = max(1, -(-every.size // MOST_PAIRS), -(-int(used.sum()) // MOST_VOTES))
        keep = every[::step]
        rows = np.flatnonzero(used & np.isin(seen.pair, keep))
        self.pair: NDArray[np.int64] = np.searchsorted(keep, seen.pair[rows])
        self.person, self.y = seen.person[rows], seen.y[rows]
        self.item = seen.pairs.item[keep]
        self.x = raw.x[seen.pair[rows]].copy()
        text = basis.sway.text
        self.x[:, text:] = basis.sway.shown[rows]
        texts = _texts(
            session, study_id, {*seen.pairs.first[keep].tolist(), *seen.pairs.second[keep].tolist()}
        )
        self.first = [texts[k] for k in seen.pairs.first[keep].tolist()]
        self.second = [texts[k] for k in seen.pairs.second[keep].tolist()]

    def expected(self) -> NDArray[np.float64]:
        """What the known influences say of each vote."""
        beta, _ = clustered_logit(self.x, self.y, self.person)
        return np.asarray(expit(self.x @ beta), np.float64)


def _texts(session: Session, study_id: int, wanted: set[int]) -> dict[int, str]:
    rows = session.execute(select(Response.id, Response.text).where(Response.study_id == study_id))
    return {key: text for key, text in rows if key in wanted}
