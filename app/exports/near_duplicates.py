"""Requests that are almost the same text, so that a split can keep them together: minhash to find, Jaccard to make sure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

WINDOW = 8
"""Bytes of a shingle."""
BINS, ROWS = 32, 4
BANDS = BINS // ROWS
ALIKE = 0.8
"""Least share of common shingles (Jaccard) at which two requests count as almost the same."""
LARGEST_SHARE, LARGEST = 0.1, 20
"""A group above both is a template rather than a request asked twice; it is taken apart again, and reported."""
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_SPACED = bytes(c if chr(c).isalnum() or chr(c) == "_" else 32 for c in range(128)) + bytes(128)
"""What ``normalised`` makes of each ASCII character, for texts that have no other."""


@dataclass(frozen=True)
class Groups:
    """leader: int64 (n,), for each text the place of its group's first text, itself where it stands alone.

    dissolved counts groups that were too large to be kept together.
    """

    leader: np.ndarray
    dissolved: int

    @property
    def together(self) -> int:
        """Groups of two texts or more."""
        return int((np.bincount(self.leader, minlength=self.leader.size) > 1).sum())


def normalised(text: str) -> bytes:
    """The text without case, marks and runs of space, as bytes."""
    if text.isascii():
        return b" ".join(text.lower().encode().translate(_SPACED).split())
    return (
        re.sub(r"\W+", " ", unicodedata.normalize("NFKC", text).casefold()).strip().encode("utf-8", "replace")
    )


def bands(texts: Sequence[str]) -> np.ndarray:
    """Eight keys for each text, uint64 (n_texts, 8); texts that are almost the same share at least one very likely.

    One-permutation minhash: a shingle's hash falls into one of 32 bins, each bin keeps its least, four bins make a key. A key
    of four empty bins, and every key of a text shorter than a shingle, is the largest number and matches nothing.
    """
    found = np.full((len(texts), BINS), _EMPTY, np.uint64)
    hashes, owner = _shingles([normalised(t) for t in texts])
    slot = owner * BINS + (hashes >> np.uint64(59)).astype(np.int64)
    np.minimum.at(found.reshape(-1), slot, hashes)
    grouped = found.reshape(len(texts), BANDS, ROWS)
    keys = np.zeros((len(texts), BANDS), np.uint64)
    for row in range(ROWS):
        keys = _mixed(keys ^ grouped[:, :, row])
    keys[(grouped == _EMPTY).all(axis=2)] = _EMPTY
    return keys


def group(keys: np.ndarray, text_of: Callable[[Sequence[int]], Iterable[tuple[int, str]]]) -> Groups:
    """Texts that share a key and are alike, and whatever is alike to those; each group led by its first text.

    Args:
        keys: uint64 (n_texts, 8) from ``bands``.
        text_of: Gives the texts at some places; called in parts, for candidates only.
    """
    leader = np.arange(keys.shape[0])
    for band in range(keys.shape[1]):
        for chunk in _parts(_candidates(keys[:, band], leader), 2000):
            sets = {i: _set(t) for i, t in text_of(sorted({i for pair in chunk for i in pair}))}
            for one, other in chunk:
                first, second = sorted((_root(leader, one), _root(leader, other)))
                if first != second and _jaccard(sets[one], sets[other]) >= ALIKE:
                    leader[second] = first
        while (leader != leader[leader]).any():
            leader = leader[leader]
    return _taken_apart(leader)


def _root(leader: np.ndarray, place: int) -> int:
    while leader[place] != place:
        place = int(leader[place])
    return place


def _candidates(keys: np.ndarray, leader: np.ndarray) -> list[tuple[int, int]]:
    """Within one band, each text with the first that has the same key, unless they are together already."""
    there = np.flatnonzero(keys != _EMPTY)
    order = there[np.argsort(keys[there], kind="stable")]
    ordered = keys[order]
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    starts = np.concatenate([[0], changes]).astype(np.int64)
    lengths = np.diff(np.concatenate([starts, [order.size]]))
    first = np.repeat(order[starts[: lengths.size]], lengths) if order.size else order
    apart = leader[first] != leader[order]
    return list(zip(first[apart].tolist(), order[apart].tolist(), strict=True))


def _taken_apart(leader: np.ndarray) -> Groups:
    size = np.bincount(leader, minlength=leader.size)
    large = size > max(LARGEST, LARGEST_SHARE * leader.size)
    apart = large[leader]
    leader = np.where(apart, np.arange(leader.size), leader)
    return Groups(leader, int(large.sum()))


def _shingles(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.asarray([len(t) for t in texts], np.int64)
    n = int(lengths.sum())
    window = np.ndarray(
        (n,), "<u8", b"".join(texts) + b"\0" * WINDOW, strides=(1,)
    )  # one number at every byte
    owner = np.repeat(np.arange(len(texts)), lengths)
    ends = np.repeat(np.cumsum(lengths), lengths)
    whole = np.arange(n) + WINDOW <= ends
    return _mixed(window[whole].astype(np.uint64)), owner[whole]


def _mixed(x: np.ndarray) -> np.ndarray:
    """A 64-bit finaliser: every bit of the input moves every bit of the result."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def _set(text: str) -> np.ndarray:
    return np.unique(_shingles([normalised(text)])[0])


def _jaccard(a: np.ndarray, b: np.ndarray) -> float:
    both = np.intersect1d(a, b, assume_unique=True).size
    either = a.size + b.size - both
    return both / either if either else 0.0


def _parts(pairs: list[tuple[int, int]], size: int) -> Iterable[list[tuple[int, int]]]:
    return (pairs[i : i + size] for i in range(0, len(pairs), size))
