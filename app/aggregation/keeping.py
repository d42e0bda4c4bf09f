"""What the questions about choices are priced by, worked out with every fit and kept: nobody who asks for a question waits for it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.aggregation import endorsing, fit_parts, labels, persons, registry
from app.aggregation.labels import Basis
from app.aggregation.tables import Fit
from app.db.session import Database, address_of
from app.metapreferences import reads as wishes
from app.metapreferences.rules import Held
from app.metapreferences.tables import MetaEvent
from app.studies.tables import Study

KIND, METHOD, VERSION = "sway", "soundings-sway", 1
GRID = 11
"""Endorsed shares at which the labels moved are tabulated: 0, .1 ... 1."""
FEWEST_FOR_SPLIT = 20
"""People from whom on counts of a pair may be shown (METHOD 3.4.2)."""
MOST_SPLITS = 200
VOTE_SECONDS, LEAST_SECONDS = 30.0, 15.0
"""Where not measured; and below which nobody reads two answers: votes sent by a program are priced as a person's."""

_kept: OrderedDict[tuple[str, int, datetime], Kept | None] = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class Kept:
    """One kept result. ``state`` names what it was worked out from."""

    fit_id: int
    state: str
    result: dict[str, Any]


def keep(database: Database, study_id: int, *, now: datetime) -> Kept:
    """Work out what each influence would move, what a vote is worth, and where people are split; and keep it."""
    began = time.perf_counter()
    with database.read() as session:
        study = session.get_one(Study, study_id)
        found, held = labels.basis(session, study), wishes.active_patches(session, study_id)
        state = labels.state(session, study)
        events = wishes.list_events(session, study_id)
    silent = without_effect([e for e in events if e.kind == "M1"])
    result = summary(found, held, silent) | {"question_seconds": question_seconds(events)}
    with database.write() as session:
        made = Fit(
            study_id=study_id, kind=KIND, method=METHOD, version=VERSION, seed=0, state=state[:200],
            judgments=found.seen.n, result=result, seconds=time.perf_counter() - began, made_at=now,
        )  # fmt: skip
        session.add(made)
        session.flush()
        session.execute(delete(Fit).where(Fit.study_id == study_id, Fit.kind == KIND, Fit.id < made.id))
        return Kept(made.id, state, result)


def latest(session: Session, study_id: int) -> Kept | None:
    """The last kept result, or None before there was one. One small query; the result itself is read once a process."""
    return of(session, fit_parts.newest(session, study_id, KIND))


def of(session: Session, row: fit_parts.Named | None) -> Kept | None:
    """The result of a fit of this kind, held in memory: results never change. None where there is none, or of another version."""
    if row is None:
        return None
    key = (address_of(session), *row)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    fit = session.get_one(Fit, row.id)
    made = Kept(fit.id, fit.state, fit.result) if fit.version == VERSION else None
    with _lock:
        _kept[key] = made
        while len(_kept) > labels.KEPT:
            _kept.popitem(last=False)
    return made


def without_effect(events: Sequence[MetaEvent]) -> dict[str, tuple[int, int]]:
    """By influence, how many people are not sure of it, and how many chose for something that comes with it: their answers count as
    answers to what asking is worth, though they move nothing.
    """
    latest = {(e.template.removeprefix("M1."), e.annotator_id): e.answer.get("choice") for e in events}
    found: dict[str, tuple[int, int]] = {}
    for (name, _), choice in latest.items():
        unsure, confound = found.get(name, (0, 0))
        found[name] = (unsure + (choice == "unsure"), confound + (choice == "confound"))
    return found


def question_seconds(events: Sequence[MetaEvent]) -> dict[str, tuple[float, int]]:
    """By kind of question about choices: the median of how long answering took, in seconds, and of how many answers that is."""
    found: dict[str, list[float]] = {}
    for e in events:
        if e.assignment_id is not None and e.elapsed_ms:
            found.setdefault(e.kind, []).append(e.elapsed_ms / 1000)
    return {kind: (median(taken), len(taken)) for kind, taken in sorted(found.items())}


def summary(
    found: Basis, held: tuple[Held, ...], silent: Mapping[str, tuple[int, int]] | None = None
) -> dict[str, Any]:
    """What ``app.querying.meta`` and the pages about a person read, as JSON; ``keep`` adds ``question_seconds``.

    influences: by name, effect (points), q_value, beta (own logits for one unit), scale, own, probes, endorsed, answers, stood, undecided, confounded,
    terms (of one that a person named),
    moved_by (labels moved in all at endorsed shares 0, .1 ... 1).  vote_price: labels one more vote moves, a second.  vote_seconds:
    median.  splits: by class, pairs people differ on, each as [pair, people, for the first, for the second].  differing: whose sides
    were told apart for that, and why nobody's where it is None.  people: each person's own slopes by influence, in logits for one unit.
    """
    rule = registry.rules()["soft"]
    now = endorsing.endorse(found.raw, held, rule)
    raw = found.raw
    told = {w.name: w for w in now.wishes.wishes}
    terms = {one.name: list(one.terms) for one in found.sway.named}
    influences: dict[str, Any] = {}
    for k, effect in enumerate(found.sway.fit.effects):
        wish = told[effect.name]
        influences[effect.name] = {
            "effect": effect.points, "q_value": effect.q_value, "beta": float(raw.effects.beta[k]),
            "error": float(raw.effects.error[k]), "scale": effect.scale, "own": bool(raw.effects.own[k]),
            "probes": int(raw.effects.probes[k]), "endorsed": wish.endorsed, "answers": wish.answers, "stood": wish.stood,
            "undecided": (silent or {}).get(effect.name, (0, 0))[0], "confounded": (silent or {}).get(effect.name, (0, 0))[1],
            "moved_by": _moved_by(found, k), "terms": terms.get(effect.name, []),
        }  # fmt: skip
    seconds = _vote_seconds(found)
    return {
        "influences": influences,
        "vote_price": _vote_moves(found) / seconds,
        "vote_seconds": seconds,
        "splits": _splits(found),
        "differing": {"by": found.raw.lasting.by, "why": found.raw.lasting.why},
        "resolutions": {name: one.answers for name, one in now.resolutions.items()},
        "people": _slopes(found, held),
        "disowned": {str(key): sorted(names) for key, names in persons.disowned(held).items()},
        "moved": int(now.moved.sum()),
        "pairs": int(now.p_raw.size),
    }


def _moved_by(found: Basis, k: int) -> list[float]:
    """Sum over pairs of how far the label moves when this influence counts for 0, .1 ... 1."""
    raw = found.raw
    shift = raw.effects.beta[k] * raw.x[:, k]
    pooled = registry.rules()["soft"].pool(raw.votes)
    scale = endorsing.scale_of(raw, pooled)
    p = np.nan_to_num(pooled.p_first, nan=0.5)
    return [
        round(float(np.abs(np.nan_to_num(scale.back((1.0 - e) * shift), nan=0.5) - p).sum()), 6)
        for e in np.linspace(0.0, 1.0, GRID)
    ]


def _vote_seconds(found: Basis) -> float:
    seconds = found.seen.seconds[np.isfinite(found.seen.seconds)]
    seconds = seconds[seconds > 0]
    return max(LEAST_SECONDS, float(np.median(seconds))) if seconds.size >= FEWEST_FOR_SPLIT else VOTE_SECONDS


def _vote_moves(found: Basis) -> float:
    """Expected change of the label that one more vote moves most: 2 p (1 - p) / (n + 2 a + 1), under Beta(np + a, n(1-p) + a)."""
    votes = found.raw.votes
    pooled = registry.rules()["soft"].pool(votes)
    a = float(pooled.parameters.get("prior", 1.0))
    p = np.nan_to_num(pooled.p_first, nan=0.5)
    moves = 2 * p * (1 - p) / (votes.total + 2 * a + 1)
    fresh = 0.5 / (2 * a + 1)
    return float(max(moves.max(initial=0.0), fresh if not moves.size else 0.0))


def _splits(found: Basis) -> dict[str, list[list[int]]]:
    """Pairs on which people are known to differ and stay on their side, the most even ones first: what M5 asks about."""
    votes, seen = found.raw.votes, found.seen
    people = votes.n_annotators
    first = np.bincount(votes.pair[votes.y == 1.0], minlength=votes.n_pairs)
    second = np.bincount(votes.pair[votes.y == 0.0], minlength=votes.n_pairs)
    where = np.flatnonzero(found.raw.lasting.known & (people >= FEWEST_FOR_SPLIT))
    where = where[np.argsort(np.abs(first - second)[where], kind="stable")][:MOST_SPLITS]
    out: dict[str, list[list[int]]] = {}
    for pair in where.tolist():
        row = [int(seen.pairs.id[pair]), int(people[pair]), int(first[pair]), int(second[pair])]
        out.setdefault(endorsing.class_of(seen.pairs.topic[pair]), []).append(row)
    return out


def _slopes(found: Basis, held: tuple[Held, ...]) -> dict[str, list[float]]:
    """Each person's own slope by influence, by database key as text."""
    own = persons.slopes(found, held)
    ids = found.seen.people.id.tolist()
    return {str(key): [round(v, 4) for v in row] for key, row in zip(ids, own.tolist(), strict=True)}
