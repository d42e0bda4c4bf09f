"""The vectors that came with the items, turned to their main directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.errors import InvalidSetting
from app.inference.feature import Corpus, Reals, Responses, principal


@dataclass(frozen=True)
class Directions:
    """``centre``: float32 (n_given,).  ``axes``: float32 (n_given, width)."""

    centre: Reals
    axes: Reals

    @property
    def width(self) -> int:
        return int(self.axes.shape[1])

    def of(self, responses: Responses) -> Reals:
        found, known = vectors(responses.embedding, self.centre.size)
        return np.asarray((found - self.centre) @ self.axes * known[:, None], np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"centre": self.centre, "axes": self.axes}


def vectors(given: Sequence[Sequence[float] | None], size: int) -> tuple[Reals, Reals]:
    """Vectors of one length, and 1 where there was one: another length, or a number that is none, counts as not given."""
    out, known = np.zeros((len(given), size), np.float32), np.zeros(len(given), np.float32)
    for row, one in enumerate(given):
        if one is not None and len(one) == size:
            numbers = np.asarray(one, np.float32)
            if np.isfinite(numbers).all():
                out[row], known[row] = numbers, 1.0
    return out, known


@dataclass(frozen=True)
class Given:
    """Right where the researcher has good vectors of whole responses; better than words where they are."""

    name: str = "given"
    version: int = 1

    def unfit(self, corpus: Corpus) -> str | None:
        if corpus.embedded < corpus.responses or not corpus.responses:
            return f"{corpus.embedded:,} of {corpus.responses:,} responses carry an embedding"
        return None

    def learn(self, sample: Responses, corpus: Corpus, *, size: int, seed: int) -> Directions:  # noqa: ARG002 - kinds are called alike
        lengths = [len(v) for v in sample.embedding if v is not None]
        if not lengths:
            raise InvalidSetting("No response of the sample carries an embedding.")
        found, known = vectors(sample.embedding, max(set(lengths), key=lengths.count))
        return Directions(*principal(found[known > 0], size))

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Directions:
        return Directions(arrays["centre"], arrays["axes"])


FEATURES = Given()
