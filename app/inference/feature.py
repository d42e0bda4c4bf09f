"""What features of responses are: numbers by which the preference model carries votes from one pair to others like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from app.inference.errors import InvalidSetting
from app.kit.discover import discover

Reals = NDArray[np.float32]
SIZE = 64
"""Columns of substance at most, where a kind can choose."""


@dataclass(frozen=True)
class Responses:
    """Some responses, alike in length: what was asked, what was said, by which source, and a vector where one was given.

    source: the model's name, or where none is given a name for the text itself.
    """

    prompt: Sequence[str]
    text: Sequence[str]
    source: Sequence[str]
    embedding: Sequence[Sequence[float] | None]


@dataclass(frozen=True)
class Corpus:
    """Of all responses of a study: how many, how many carry a vector, from how many sources; the sentence model named."""

    responses: int
    embedded: int
    sources: int
    sentence_model: str | None = None


class FeatureMap(Protocol):
    """From responses to numbers, as learnt once; kept as plain arrays and brought back from them."""

    @property
    def width(self) -> int:
        """How many columns there are."""
        ...

    def of(self, responses: Responses) -> Reals:
        """float32 (n_responses, width), finite. A response without what the kind needs is a row of zeros."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that ``restore`` needs."""
        ...


@runtime_checkable
class Features(Protocol):
    """A kind of features, in a file of its own name. ``version`` changes with what the numbers mean."""

    name: str
    version: int

    def unfit(self, corpus: Corpus) -> str | None:
        """Why this study's responses have no such features, or None where they have."""
        ...

    def learn(self, sample: Responses, corpus: Corpus, *, size: int, seed: int) -> FeatureMap:
        """A map from an even sample of the study's responses; the same sample and seed give the same map."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> FeatureMap:
        """The map whose ``arrays`` these are."""
        ...


@cache
def kinds() -> dict[str, Features]:
    """Every kind there is, by name."""
    return discover("app.inference.features", "FEATURES")


ORDER = ("given", "sentence_transformers", "text")
"""What ``auto`` takes: the first that the study's responses have."""


def chosen(wanted: str, corpus: Corpus) -> tuple[Features, str | None]:
    """The kind to use, and why where it is not the one asked for by name.

    Raises:
        InvalidSetting: There is no such kind.
    """
    known = kinds()
    if wanted != "auto":
        if wanted not in known:
            raise InvalidSetting(f"{wanted!r} is no kind of features; there are: auto, {', '.join(known)}.")
        reason = known[wanted].unfit(corpus)
        if reason is None:
            return known[wanted], None
        return known["text"], f"{wanted}: {reason}; used text"
    for name in ORDER:
        if name in known and known[name].unfit(corpus) is None:
            return known[name], None
    return known["text"], None


def principal(vectors: NDArray[np.floating], size: int) -> tuple[Reals, Reals]:
    """Mean and main directions of vectors, float32 (n_columns,) and (n_columns, at most size); largest spread first.

    Cost: O(n * n_columns^2).  Randomness: none; the largest entry of each direction is positive.
    """
    x = np.asarray(vectors, np.float64)
    centre = x.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((x - centre).T, bias=True).reshape(x.shape[1], x.shape[1]))
    order = np.argsort(-spread)[:size]
    axes = axes[:, order]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return centre.astype(np.float32), axes.astype(np.float32)
