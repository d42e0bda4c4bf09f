"""Words and letters of prompt and response, hashed, weighed by how rare they are, and reduced; no model is downloaded."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from app.inference.feature import Corpus, Reals, Responses

WORD = re.compile(r"\w+")
PLACES = 1 << 15
"""Words, and runs of three to five letters, share so many places."""
MOST_CHARACTERS = 20_000
"""Of a text, so many are read."""
MOST_WORDS = 200_000
TOGETHER = 8
"""Columns for what a response has of what its prompt asks for."""
ROUNDS, SPARE = 4, 10


@dataclass
class _Words:
    """The places of each word and of its letters, worked out once."""

    known: dict[str, NDArray[np.int32]] = field(default_factory=dict)

    def places(self, word: str) -> NDArray[np.int32]:
        found = self.known.get(word)
        if found is None:
            if len(self.known) > MOST_WORDS:
                self.known.clear()
            padded = f" {word} "
            runs = {padded[i : i + n] for n in (3, 4, 5) for i in range(len(padded) - n + 1)}
            keys = ["w" + word, *sorted("c" + run for run in runs)]
            found = np.array([zlib.crc32(key.encode()) % PLACES for key in keys], np.int32)
            self.known[word] = found
        return found


def counts(texts: Sequence[str], words: _Words) -> csr_array:
    """1 + log of how often each place occurs, (n_texts, PLACES)."""
    columns: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
    values: list[Reals] = [np.zeros(0, np.float32)]
    ends = [0]
    for text in texts:
        found = [words.places(w) for w in WORD.findall(text[:MOST_CHARACTERS].lower())]
        place, times = np.unique(np.concatenate([columns[0], *found]), return_counts=True)
        columns.append(place.astype(np.int32))
        values.append((1 + np.log(times)).astype(np.float32))
        ends.append(ends[-1] + place.size)
    shape = (len(texts), PLACES)
    return csr_array((np.concatenate(values), np.concatenate(columns), np.array(ends)), shape=shape)


@dataclass(frozen=True)
class TextMap:
    """``rarity``: float32 (PLACES,).  ``axes``: float32 (PLACES, n_axes).

    Columns: the response along the axes; response times prompt along the first of them; how much of the prompt's words the
    response takes up.
    """

    rarity: Reals
    axes: Reals
    words: _Words = field(default_factory=_Words, repr=False, compare=False)

    @property
    def width(self) -> int:
        return int(self.axes.shape[1] + min(TOGETHER, self.axes.shape[1]) + 1)

    def of(self, responses: Responses) -> Reals:
        if not responses.text:
            return np.zeros((0, self.width), np.float32)
        said = weighed(counts(responses.text, self.words), self.rarity)
        prompts = sorted(set(responses.prompt))
        place = {p: i for i, p in enumerate(prompts)}
        asked = weighed(counts(prompts, self.words), self.rarity)
        rows = np.array([place[p] for p in responses.prompt])
        along, of_prompt = said @ self.axes, (asked @ self.axes)[rows]
        n = min(TOGETHER, self.axes.shape[1])
        overlap = np.asarray(said.multiply(asked[rows]).sum(axis=1)).reshape(-1, 1)
        return np.hstack([along, along[:, :n] * of_prompt[:, :n], overlap]).astype(np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"rarity": self.rarity, "axes": self.axes}


def weighed(found: csr_array, rarity: Reals) -> csr_array:
    """Each row by how rare its places are, of length 1."""
    out = csr_array(
        (found.data * rarity[found.indices], found.indices, found.indptr), shape=found.shape, copy=False
    )
    length = np.sqrt(np.asarray(out.multiply(out).sum(axis=1)).reshape(-1))
    out.data = out.data / np.maximum(np.repeat(length, np.diff(out.indptr)), 1e-12)
    return out


def main_axes(rows: csr_array, size: int, *, seed: int) -> Reals:
    """Right singular vectors of the largest singular values, float32 (n_columns, at most size), by random projection.

    Randomness: ``seed``; the largest entry of each axis is positive.
    Source: Halko, Martinsson and Tropp 2011, algorithm 4.4.
    """
    rng = np.random.default_rng(seed)
    k = max(1, min(size, rows.shape[0], rows.shape[1]))
    basis = rows @ rng.standard_normal((rows.shape[1], min(k + SPARE, *rows.shape))).astype(np.float32)
    for _ in range(ROUNDS):
        basis, _ = np.linalg.qr(basis)
        basis = rows @ (rows.T @ basis)
    basis, _ = np.linalg.qr(basis)
    _, _, axes = np.linalg.svd(np.asarray((rows.T @ basis).T, np.float64), full_matrices=False)
    axes = axes[:k].T
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.asarray(axes, np.float32)


@dataclass(frozen=True)
class Text:
    """Right for any study, in any script that sets words or letters in a row."""

    name: str = "text"
    version: int = 1

    def unfit(self, corpus: Corpus) -> str | None:  # noqa: ARG002 - kinds are called alike
        return None

    def learn(self, sample: Responses, corpus: Corpus, *, size: int, seed: int) -> TextMap:  # noqa: ARG002 - kinds are called alike
        words = _Words()
        found = counts(sample.text, words)
        seen = np.bincount(found.indices, minlength=PLACES)
        rarity = (np.log((1 + found.shape[0]) / (1 + seen)) + 1).astype(np.float32)
        axes = main_axes(weighed(found, rarity), max(1, size - TOGETHER - 1), seed=seed)
        return TextMap(rarity, axes, words)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> TextMap:
        return TextMap(arrays["rarity"], arrays["axes"])


FEATURES = Text()
