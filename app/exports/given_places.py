"""The part and the fold of every request that has one, held in ten bytes each and looked up by hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exports.rowwise import plain
from app.exports.tables import PromptSplit

Place = tuple[str, int]
"""A part's name and a fold."""
DIGITS = 16
"""Digits of a hash that tell requests apart here, as they do in ``prompt_id``."""


@dataclass(frozen=True)
class GivenPlaces:
    """Places by hash of the normalised request.

    start: uint64 (n,), ascending, the first digits of hashes.  code: int16 (n,), the place as a place in ``kinds``.
    """

    start: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))
    code: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))
    kinds: tuple[Place, ...] = ()

    @classmethod
    def load(cls, session: Session, study_id: int, scheme: str) -> GivenPlaces:
        """Everything that is stored for a study under these proportions."""
        query = select(PromptSplit.prompt_hash, PromptSplit.split, PromptSplit.fold).where(
            PromptSplit.study_id == study_id, PromptSplit.scheme == scheme
        )
        return cls.gather(plain(session, query))

    @classmethod
    def gather(cls, chunks: Iterable[Sequence[tuple[str, str, int]]]) -> GivenPlaces:
        """From hash, part and fold of each request, in any order."""
        starts, codes = [np.zeros(0, np.uint64)], [np.zeros(0, np.int16)]
        kinds: dict[Place, int] = {}
        for chunk in chunks:
            hashes, splits, folds = zip(*chunk, strict=True)
            starts.append(starts_of(hashes))
            found = [kinds.setdefault(kind, len(kinds)) for kind in zip(splits, folds, strict=True)]
            codes.append(np.asarray(found, np.int16))
        start, code = np.concatenate(starts), np.concatenate(codes)
        order = np.argsort(start, kind="stable")
        return cls(start[order], code[order], tuple(kinds))

    def joined(self, other: GivenPlaces) -> GivenPlaces:
        """Both; of a request that is in both the place that is here."""
        kinds = tuple(dict.fromkeys([*self.kinds, *other.kinds]))
        theirs = np.asarray([kinds.index(kind) for kind in other.kinds], np.int16)
        start = np.concatenate([self.start, other.start])
        code = np.concatenate([self.code, theirs[other.code]])
        order = np.argsort(start, kind="stable")
        return GivenPlaces(start[order], code[order], kinds)

    def codes(self, hashes: Sequence[str]) -> np.ndarray:
        """Of each request its place in ``kinds``, -1 where it has none; int64 (n_hashes,)."""
        wanted = starts_of(hashes)
        if not self.start.size:
            return np.full(wanted.size, -1)
        at = np.minimum(np.searchsorted(self.start, wanted), self.start.size - 1)
        return np.where(self.start[at] == wanted, self.code[at], -1).astype(np.int64)


def starts_of(hashes: Sequence[str]) -> np.ndarray:
    """The first digits of hashes as numbers, uint64 (n_hashes,)."""
    return np.frombuffer(bytes.fromhex("".join([h[:DIGITS] for h in hashes])), ">u8").astype(np.uint64)
