"""One feature for each source: which model, policy or text a response is from, and nothing about what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.feature import Corpus, Reals, Responses

MOST_SOURCES = 400


@dataclass(frozen=True)
class SourceMap:
    """``sources``: their names, the most frequent first; a source that came later has no column and is a row of zeros."""

    sources: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.sources)

    def of(self, responses: Responses) -> Reals:
        place = {name: i for i, name in enumerate(self.sources)}
        out = np.zeros((len(responses.source), self.width), np.float32)
        for row, name in enumerate(responses.source):
            if name in place:
                out[row, place[name]] = 1.0
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        joined = "\x00".join(self.sources).encode()
        return {"sources": np.frombuffer(joined, np.uint8)}


@dataclass(frozen=True)
class Identity:
    """For few sources compared often: preferences are then those of a ranking, in each group, with how persons differ."""

    name: str = "identity"
    version: int = 1

    def unfit(self, corpus: Corpus) -> str | None:
        if corpus.sources > MOST_SOURCES:
            return f"{corpus.sources:,} sources are more than {MOST_SOURCES}"
        if corpus.sources < 2:
            return "there are not two sources"
        return None

    def learn(self, sample: Responses, corpus: Corpus, *, size: int, seed: int) -> SourceMap:  # noqa: ARG002 - kinds are called alike
        seen = Counter(sample.source)
        return SourceMap(tuple(sorted(seen, key=lambda name: (-seen[name], name))[:MOST_SOURCES]))

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> SourceMap:
        return SourceMap(tuple(arrays["sources"].tobytes().decode().split("\x00")))


FEATURES = Identity()
