"""Vectors of a sentence model that the researcher has installed; nothing is downloaded for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.feature import Corpus, Reals, Responses, principal

LIBRARY = "sentence_transformers"


@cache
def _model(name: str) -> Any:
    loaded = importlib.import_module(LIBRARY)
    return loaded.SentenceTransformer(name, local_files_only=True)


@dataclass(frozen=True)
class Sentences:
    """``model``: its folder or name.  Prompt and response are read together; see ``given.Directions`` for the rest."""

    model: str
    centre: Reals
    axes: Reals

    @property
    def width(self) -> int:
        return int(self.axes.shape[1])

    def of(self, responses: Responses) -> Reals:
        return np.asarray((read(self.model, responses) - self.centre) @ self.axes, np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "model": np.frombuffer(self.model.encode(), np.uint8),
            "centre": self.centre,
            "axes": self.axes,
        }


def read(model: str, responses: Responses) -> Reals:
    """The model's vectors, float32 (n_responses, n)."""
    texts = [f"{p}\n\n{t}" for p, t in zip(responses.prompt, responses.text, strict=True)]
    found = _model(model).encode(texts, show_progress_bar=False, normalize_embeddings=True)
    return np.asarray(found, np.float32)


@dataclass(frozen=True)
class SentenceTransformers:
    """Used by ``auto`` where SOUNDINGS_SENTENCE_MODEL names a model and the library is installed."""

    name: str = "sentence_transformers"
    version: int = 1

    def unfit(self, corpus: Corpus) -> str | None:
        if not corpus.sentence_model:
            return "SOUNDINGS_SENTENCE_MODEL names no model"
        if importlib.util.find_spec(LIBRARY) is None:
            return "the package sentence-transformers is not installed"
        return None

    def learn(self, sample: Responses, corpus: Corpus, *, size: int, seed: int) -> Sentences:  # noqa: ARG002 - kinds are called alike
        model = corpus.sentence_model or ""
        return Sentences(model, *principal(read(model, sample), size))

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Sentences:
        return Sentences(arrays["model"].tobytes().decode(), arrays["centre"], arrays["axes"])


FEATURES = SentenceTransformers()
