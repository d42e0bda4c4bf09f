"""Features of a study's pairs, worked out in the background and kept: substance and named influences in separate columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.aggregation import fit_parts, traits
from app.aggregation.tables import Fit, ResponseTrait
from app.db.session import Database
from app.inference import feature, influence
from app.inference.feature import Corpus, FeatureMap, Responses
from app.inference.preference_posterior import STYLE, SUBSTANCE, Design
from app.studies.tables import Item, Pair, Response

KIND, VERSION = "features", 1
CHUNK = 16_384
SAMPLE = 6000
"""Responses that a map is learnt from, evenly spaced."""
SEED = 20_260_101
PERSONAL = 16
"""Columns of substance in which single persons may deviate; all styles beside them."""
MOST_SOURCES = 2000
FARTHEST_STYLE = 4.0
MAP = "map."


@dataclass(frozen=True)
class PoolFeatures:
    """Of every pair of a study, in the order of ``pair_id``.

    pair_id, first: int64 (n,), the pair and the response that stands first in it.  x: float16 (n, n_columns), first minus
    second: a typical pair has length 1 in substance and 1 in each style.  kind: int64 (n_columns,).  columns: what each is.
    left, right: int32 (n,), sources of the two responses as indices into ``sources``, -1 where there are too many to tell.
    """

    fit_id: int
    method: str
    version: str
    pair_id: NDArray[np.int64]
    first: NDArray[np.int64]
    x: NDArray[np.float16]
    kind: NDArray[np.int64]
    columns: tuple[str, ...]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    sources: tuple[str, ...]

    def design(self, n_groups: int) -> Design:
        """What the preference model is to know of the columns."""
        substance = np.flatnonzero(self.kind == SUBSTANCE)[:PERSONAL]
        personal = np.concatenate([substance, np.flatnonzero(self.kind == STYLE)])
        return Design(self.kind, personal.astype(np.int64), n_groups)


def keep(
    database: Database, study_id: int, wanted: str, *, now: datetime, sentence_model: str | None = None
) -> int | None:
    """Bring the kept features up to the study's items; None where there are no pairs. Returns the fit's id.

    Pairs that came later are measured by the map there is; when the study has doubled since, a new map is learnt.
    """
    with database.read() as session:
        pairs = session.scalar(select(func.count()).select_from(Pair).where(Pair.study_id == study_id)) or 0
        if not pairs:
            return None
        corpus = _corpus(session, study_id, sentence_model)
        kind, note = feature.chosen(wanted, corpus)
        key = f"{VERSION}:{kind.name}:{kind.version}:{influence.version()}:{sentence_model if kind.name == 'sentence_transformers' else ''}"
        last = fit_parts.latest(session, study_id, KIND)
        usable = last is not None and last.result["key"] == key and pairs <= 2 * last.result["learnt_at"]
        if last is not None and usable and last.judgments == pairs:
            return last.id
    traits.keep(database, study_id)
    if last is not None and usable:
        return _extend(database, last.id, study_id, now=now)
    return _begin(database, study_id, kind, corpus, key, note, pairs, now=now)


def _begin(
    database: Database, study_id: int, kind: Any, corpus: Corpus, key: str, note: str | None, pairs: int, *, now: datetime
) -> int:  # fmt: skip
    with database.read() as session:
        ids = session.scalars(
            select(Response.id).where(Response.study_id == study_id).order_by(Response.id)
        ).all()
        step = max(1, len(ids) // SAMPLE)
        sample = _responses(session, list(ids[::step]))[1]
    learnt: FeatureMap = kind.learn(sample, corpus, size=feature.SIZE, seed=SEED)
    with database.read() as session:
        scale, styles, spread = _scales(session, study_id, learnt)
        sources = _sources(session, study_id, corpus)
    columns = [f"{kind.name} {i + 1}" for i in range(learnt.width)] + list(styles)
    result = {
        "key": key, "note": note, "columns": columns, "substance": learnt.width, "scale": scale, "styles": list(styles),
        "spread": spread, "last_pair": 0, "learnt_at": pairs, "chunks": 0, "sources": sources,
    }  # fmt: skip
    with database.write() as session:
        made = Fit(
            study_id=study_id, kind=KIND, method=kind.name, version=VERSION, seed=SEED, state=key[:200], judgments=0,
            result=result, seconds=0.0, made_at=now,
        )  # fmt: skip
        session.add(made)
        session.flush()
        for name, array in learnt.arrays().items():
            fit_parts.store(session, made.id, MAP + name, array)
        fit_id = made.id
    _extend(database, fit_id, study_id, now=now, learnt=learnt)
    with database.write() as session:
        fit_parts.prune(session, study_id, KIND, parts=1, rows=5)
    return fit_id


def _extend(
    database: Database, fit_id: int, study_id: int, *, now: datetime, learnt: FeatureMap | None = None
) -> int:
    """Measure the pairs that are not measured yet, a chunk a transaction."""
    while True:
        with database.read() as session:
            fit = session.get_one(Fit, fit_id)
            known = fit.result
            if learnt is None:
                learnt = _restored(session, fit)
            rows = _pair_rows(session, study_id, after=known["last_pair"], limit=CHUNK)
            if not rows:
                return fit_id
            measured = _measured(session, rows, learnt, known)
        with database.write() as session:
            fit = session.get_one(Fit, fit_id)
            if fit.result["last_pair"] != known["last_pair"]:
                continue  # another worker was quicker
            for name, array in measured.items():
                fit_parts.store(session, fit_id, name, array, chunk=known["chunks"])
            fit.result = {**known, "last_pair": rows[-1][0], "chunks": known["chunks"] + 1}
            fit.judgments, fit.made_at = fit.judgments + len(rows), now


def load(session: Session, fit_id: int) -> PoolFeatures:
    """What ``keep`` kept. Memory: twice the numbers themselves for a moment, a chunk at a time for ``x``."""
    fit = session.get_one(Fit, fit_id)
    known = fit.result
    kind = np.array(
        [SUBSTANCE] * known["substance"] + [STYLE] * (len(known["columns"]) - known["substance"]), np.int64
    )
    x = np.empty((fit.judgments, kind.size), np.float16)
    at = 0
    for part in fit_parts.chunks(session, fit_id, "x"):
        x[at : at + len(part)] = part
        at += len(part)
    rest = fit_parts.load(session, fit_id, ("pair_id", "first", "left", "right"))
    return PoolFeatures(
        fit.id, fit.method, hashlib.sha256(f"{fit.id}:{known['key']}".encode()).hexdigest()[:12],
        rest["pair_id"], rest["first"], x, kind, tuple(known["columns"]), rest["left"], rest["right"],
        tuple(known["sources"] or ()),
    )  # fmt: skip


def _restored(session: Session, fit: Fit) -> FeatureMap:
    names = ("rarity", "axes", "centre", "sources", "model")
    found = fit_parts.load(session, fit.id, [MAP + n for n in names])
    return feature.kinds()[fit.method].restore({k.removeprefix(MAP): v for k, v in found.items()})


def _corpus(session: Session, study_id: int, sentence_model: str | None) -> Corpus:
    mine = Response.study_id == study_id
    responses, named, models = session.execute(
        select(func.count(), func.count(Response.model), func.count(func.distinct(Response.model))).where(
            mine
        )
    ).one()
    # A JSON null and no value are both no vector; the first ones tell whether it is worth counting.
    some = session.scalars(select(Response.embedding).where(mine).order_by(Response.id).limit(50)).all()
    embedded = 0
    if some and all(some):
        embedded = sum(1 for v in session.scalars(select(Response.embedding).where(mine)) if v)
    texts = 0
    if responses > named:
        texts = (
            session.scalar(
                select(func.count(func.distinct(Response.text))).where(mine, Response.model.is_(None))
            )
            or 0
        )
    return Corpus(responses, embedded, models + texts, sentence_model)


def _source(model: str | None, text: str) -> str:
    return model if model is not None else "text " + hashlib.sha256(text.encode()).hexdigest()[:16]


def _sources(session: Session, study_id: int, corpus: Corpus) -> list[str] | None:
    """Names of all sources, or None where there are too many."""
    if corpus.sources > MOST_SOURCES:
        return None
    rows = session.execute(
        select(Response.model, Response.text)
        .where(Response.study_id == study_id)
        .execution_options(yield_per=2000)
    )
    return sorted({_source(model, text) for model, text in rows})


def _responses(session: Session, ids: list[int]) -> tuple[dict[int, int], Responses]:
    """Responses by id: where each stands, and their contents."""
    rows: list[Any] = []
    for start in range(0, len(ids), 500):
        rows += session.execute(
            select(Response.id, Item.prompt, Response.text, Response.model, Response.embedding)
            .join(Item, Item.id == Response.item_id)
            .where(Response.id.in_(ids[start : start + 500]))
            .order_by(Response.id)
        ).all()
    asked = [
        "\n".join(str(turn.get("content", "")) for turn in r.prompt if turn.get("role") == "user")
        for r in rows
    ]
    found = Responses(
        asked, [r.text for r in rows], [_source(r.model, r.text) for r in rows], [r.embedding for r in rows]
    )
    return {r.id: i for i, r in enumerate(rows)}, found


def _pair_rows(session: Session, study_id: int, *, after: int, limit: int) -> list[Any]:
    return list(
        session.execute(
            select(Pair.id, Pair.first_id, Pair.second_id)
            .where(Pair.study_id == study_id, Pair.id > after)
            .order_by(Pair.id)
            .limit(limit)
        )
    )


def _raw(
    session: Session, rows: list[Any], learnt: FeatureMap
) -> Iterator[tuple[list[Any], NDArray[np.float32], NDArray[np.float64], list[tuple[str, str]]]]:
    """For some pairs at a time: first minus second in substance and in every style, and the two sources."""
    for start in range(0, len(rows), 2048):
        part = rows[start : start + 2048]
        ids = sorted({r[1] for r in part} | {r[2] for r in part})
        place, responses = _responses(session, ids)
        of = learnt.of(responses)
        style = _styles(session, sorted(place))
        one, two = np.array([place[r[1]] for r in part]), np.array([place[r[2]] for r in part])
        sources = [(responses.source[a], responses.source[b]) for a, b in zip(one, two, strict=True)]
        yield part, of[one] - of[two], style[one] - style[two], sources


def _styles(session: Session, ids: list[int]) -> NDArray[np.float64]:
    """How much of each influence of the text responses show, 0 where one does not apply: float64 (n_ids, n_influences)."""
    names = [n for n, one in influence.influences().items() if one.kind == "text"]
    out = np.zeros((len(ids), len(names)))
    place = {key: i for i, key in enumerate(ids)}
    for start in range(0, len(ids), 500):
        rows = session.execute(
            select(ResponseTrait.response_id, ResponseTrait.numbers).where(
                ResponseTrait.response_id.in_(ids[start : start + 500])
            )
        )
        for key, numbers in rows:
            out[place[key]] = [numbers.get(name) or 0.0 for name in names]
    return out


def _scales(
    session: Session, study_id: int, learnt: FeatureMap
) -> tuple[float, tuple[str, ...], list[float]]:
    """Length of a typical pair in substance; the styles in which pairs differ, and how far they typically do."""
    ids = session.scalars(select(Pair.id).where(Pair.study_id == study_id).order_by(Pair.id)).all()
    chosen = list(ids[:: max(1, len(ids) // SAMPLE)])
    rows: list[Any] = []
    for start in range(0, len(chosen), 500):
        rows += session.execute(
            select(Pair.id, Pair.first_id, Pair.second_id)
            .where(Pair.id.in_(chosen[start : start + 500]))
            .order_by(Pair.id)
        ).all()
    names = tuple(n for n, one in influence.influences().items() if one.kind == "text")
    length, square, n = 0.0, np.zeros(len(names)), 0
    for part, substance, style, _ in _raw(session, rows, learnt):
        length += float((substance.astype(np.float64) ** 2).sum())
        square += (style**2).sum(axis=0)
        n += len(part)
    typical = np.sqrt(square / max(n, 1))
    used = typical > 1e-9
    scale = float(np.sqrt(length / max(n, 1))) or 1.0
    return (
        scale,
        tuple(name for name, yes in zip(names, used, strict=True) if yes),
        [float(t) for t in typical[used]],
    )


def _measured(
    session: Session, rows: list[Any], learnt: FeatureMap, known: dict[str, Any]
) -> dict[str, NDArray[Any]]:
    names = [n for n, one in influence.influences().items() if one.kind == "text"]
    at = [names.index(s) for s in known["styles"]]
    number = {name: i for i, name in enumerate(known["sources"] or ())}
    x, left, right = [], [], []
    for _, substance, style, sources in _raw(session, rows, learnt):
        scaled = np.clip(
            style[:, at] / np.array(known["spread"]).reshape(1, -1), -FARTHEST_STYLE, FARTHEST_STYLE
        )
        x.append(np.hstack([substance / known["scale"], scaled]).astype(np.float16))
        left += [number.get(a, -1) for a, _ in sources]
        right += [number.get(b, -1) for _, b in sources]
    return {
        "pair_id": np.array([r[0] for r in rows], np.int64),
        "first": np.array([r[1] for r in rows], np.int64),
        "x": np.concatenate(x),
        "left": np.array(left, np.int32),
        "right": np.array(right, np.int32),
    }
