"""What a study's responses amount to for simulated people: influences measured on the real texts, substance given or invented."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.aggregation import traits
from app.inference.influence import WORD
from app.simulation.people import Impression
from app.simulation.population import QUALITY
from app.studies.tables import Item, Pair, Response

Floats = NDArray[np.float64]
WORDS, PARTS = 512, 16
"""Words are hashed into so many columns, and those reduced to so many directions."""
LEGIBLE = 0.7
"""Share of the variance of what there is to like that follows from the words (or embeddings) of the texts."""


@dataclass(frozen=True)
class World:
    """impressions: by database key of the response.  pairs: int64 (n_pairs, 3), keys of pair, first and second response."""

    impressions: Mapping[int, Impression]
    pairs: NDArray[np.int64]


def of_study(
    session: Session,
    study_id: int,
    *,
    seed: int,
    substances: int,
    given: Mapping[tuple[str, str], Mapping[str, float]] | None = None,
) -> World:
    """The study as simulated people see it.

    Args:
        seed: Of what is invented.
        substances: How many tastes there can be beside quality: ``taste_0`` and so on are invented.
        given: Substance by (item id, response id), where it is known; nothing is invented then, and a response that is not in
            it has none.

    Each invented substance is standard normal over the responses: a share LEGIBLE of its variance is a random direction of the
    texts' words (or of their embeddings, where all have one), so that a model of the texts can learn it, and the rest is not.
    """
    rows = session.execute(
        select(
            Response.id, Response.text, Response.embedding, Response.external_id, Item.external_id.label("item"),
            Item.topic,
        )
        .join(Item, Item.id == Response.item_id)
        .where(Response.study_id == study_id, Item.retired_at.is_(None))
        .order_by(Response.id)
    ).all()  # fmt: skip
    ids = np.array([r.id for r in rows], np.int64)
    pairs = np.array(
        session.execute(
            select(Pair.id, Pair.first_id, Pair.second_id)
            .join(Item, Item.id == Pair.item_id)
            .where(Pair.study_id == study_id, Item.retired_at.is_(None))
            .order_by(Pair.id)
        ).all(),
        np.int64,
    ).reshape(-1, 3)
    names, table = traits.table(session, study_id, ids)
    table = standardised(np.nan_to_num(table), np.searchsorted(ids, pairs[:, 1:]))
    if given is None:
        parts = features([r.text for r in rows], [r.embedding for r in rows])
        keys = [QUALITY, *(f"taste_{n}" for n in range(substances))]
        amounts = invented(parts, len(keys), seed=seed)
        substance = [dict(zip(keys, map(float, row), strict=True)) for row in amounts]
    else:
        substance = [dict(given.get((r.item, r.external_id), {})) for r in rows]
    impressions = {
        int(r.id): Impression(has, dict(zip(names, map(float, amount), strict=True)), r.topic)
        for r, has, amount in zip(rows, substance, table, strict=True)
    }
    return World(impressions, pairs)


def standardised(table: Floats, pairs: NDArray[np.int64]) -> Floats:
    """Amounts in standard deviations of the differences within pairs; a column that never differs becomes 0.

    table: float64 (n_responses, n_names).  pairs: int64 (n_pairs, 2), rows of the two responses.
    """
    apart = table[pairs[:, 0]] - table[pairs[:, 1]]
    scale = np.sqrt((apart**2).mean(axis=0)) if len(pairs) else np.zeros(table.shape[1])
    out = np.zeros_like(table)
    moves = scale > 0
    out[:, moves] = table[:, moves] / scale[moves]
    return out


def features(texts: list[str], embeddings: list[list[float] | None]) -> Floats:
    """The texts in PARTS directions or fewer, standard normal in size: float64 (n_responses, n_parts)."""
    sizes = {len(e) if e else 0 for e in embeddings}
    if len(sizes) == 1 and 0 not in sizes:
        table = np.array(embeddings, np.float64)
    else:
        table = np.zeros((len(texts), WORDS))
        for row, text in enumerate(texts):
            for word in WORD.findall(text.lower()):
                table[row, _place(word)] += 1
        present = (table > 0).mean(axis=0)
        table = np.log1p(table) * np.log1p(1 / np.maximum(present, 1e-9))
        table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    table = table - table.mean(axis=0)
    size, direction = np.linalg.eigh(table.T @ table / max(len(table), 1))
    kept = [i for i in np.argsort(-size)[:PARTS].tolist() if size[i] > 1e-12]
    return np.asarray(table @ direction[:, kept] / np.sqrt(size[kept]), np.float64)


def _place(word: str) -> int:
    """A column for a word, the same in every run: Python's own hash is not."""
    value = 2166136261
    for byte in word.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value % WORDS


def invented(parts: Floats, count: int, *, seed: int) -> Floats:
    """``count`` substances: float64 (n_responses, count), about standard normal."""
    rng = np.random.default_rng(seed)
    n, d = parts.shape
    own = rng.standard_normal((n, count))
    if d == 0:
        return own
    direction = rng.standard_normal((d, count))
    direction /= np.linalg.norm(direction, axis=0)
    return np.asarray(math.sqrt(LEGIBLE) * parts @ direction + math.sqrt(1 - LEGIBLE) * own, np.float64)
