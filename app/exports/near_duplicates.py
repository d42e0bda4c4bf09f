"""Requests that are almost the same text, so that a split can keep them together: minhash to find, Jaccard to make sure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

WINDOW = 8
"""Bytes of a shingle."""
BINS, ROWS = 32, 4
BANDS = BINS // ROWS
ALIKE = 0.8
"""Least share of common shingles (Jaccard) at which two requests count as almost the same."""
WORTH_READING = 0.5
"""Least share of bins that agree at which two texts are compared: at ``ALIKE`` four in five agree on average."""
ROUNDS = 4
"""How many texts of one key the others are compared with, one after the other, before the rest is let go."""
LARGEST_SHARE, LARGEST = 0.1, 20
"""A group above both is a template rather than a request asked twice; it is taken apart again, and reported."""
_AT_ONCE = 1 << 18
"""Bytes that shingles are made of at once: what a processor keeps close by."""
_PAIRS = 500
_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)
_SPACED = bytes(c if chr(c).isalnum() or chr(c) == "_" else 32 for c in range(128)) + bytes(128)
"""What ``normalised`` makes of each ASCII character, for texts that have no other."""
_SPACED_APART = b"\0" + _SPACED[1:]
_SPACE, _END = 32, 0


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


def all_normalised(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """``normalised`` of every text, one after the other: their bytes, uint8, and how many each has, int64 (n_texts,)."""
    joined = "\0".join(texts)
    if not joined.isascii() or joined.count("\0") != len(texts) - 1:
        told = [normalised(t) for t in texts]
        return np.frombuffer(b"".join(told), np.uint8), np.fromiter(map(len, told), np.int64, len(told))
    given = np.frombuffer(joined.lower().encode().translate(_SPACED_APART) + b"\0", np.uint8)
    letter = given > _SPACE
    given = given[letter | np.append(True, letter[:-1]) | (given == _END)]
    end = given == _END
    beside = np.append(True, end[:-1]) | np.append(end[1:], True)
    given = given[(given != _SPACE) | ~beside]
    ends = np.flatnonzero(given == _END)
    return given[given != _END], np.diff(ends, prepend=-1) - 1


def signatures(texts: Sequence[str]) -> np.ndarray:
    """One byte of each of 32 bins of a text, uint8 (n_texts, 32); texts that are almost the same agree in most.

    One-permutation minhash: a shingle's hash falls into one of 32 bins, each bin keeps its least. 0 stands for an empty bin; a
    text shorter than a shingle has no other.
    """
    found = np.zeros((len(texts), BINS), np.uint8)
    start = 0
    for part in _portions(texts):
        bytes_of, lengths = all_normalised(part)
        found[start : start + len(part)] = _least(bytes_of, lengths)
        start += len(part)
    return found


def group(signs: np.ndarray, text_of: Callable[[Sequence[int]], Iterable[tuple[int, str]]]) -> Groups:
    """Texts that agree in four bins of a row and are alike, and whatever is alike to those; each group led by its first text.

    Args:
        signs: uint8 (n_texts, 32) from ``signatures``.
        text_of: Gives the texts at some places; called in parts, for candidates only.
    """
    leader = np.arange(signs.shape[0])
    keys = np.ascontiguousarray(signs).view(np.uint32)
    for band in range(BANDS):
        for one, other in _candidates(keys[:, band], signs, leader):
            alike = _alike(one, other, text_of)
            for first, second in zip(one[alike].tolist(), other[alike].tolist(), strict=True):
                low, high = sorted((_root(leader, first), _root(leader, second)))
                leader[high] = low
        while (leader != leader[leader]).any():
            leader = leader[leader]
    return _taken_apart(leader)


def _portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The texts in stretches of about ``_AT_ONCE`` characters."""
    start, size = 0, 0
    for place, text in enumerate(texts):
        size += len(text)
        if size >= _AT_ONCE:
            yield texts[start : place + 1]
            start, size = place + 1, 0
    if start < len(texts):
        yield texts[start:]


def _least(given: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The signatures of texts whose normalised bytes follow one another."""
    hashes = _shingles(given, lengths)
    slot = (hashes >> np.uint64(59)).astype(np.int64)
    slot += np.repeat(np.arange(lengths.size) * BINS, lengths)
    least = np.full(lengths.size * BINS, _NONE, np.uint64)
    np.minimum.at(least, slot, hashes)
    byte = 1 + _mixed(least) % np.uint64(255)
    byte[least == _NONE] = 0
    return byte.astype(np.uint8).reshape(-1, BINS)


def _shingles(given: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """A hash for the shingle that begins at each byte, uint64 (n_bytes,); the largest number where a text ends before it does."""
    window = np.ndarray((given.size,), "<u8", given.tobytes() + b"\0" * WINDOW, strides=(1,))
    with np.errstate(over="ignore"):
        hashes = (window * np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    ends = np.cumsum(lengths)
    for before in range(1, WINDOW):
        hashes[(ends - before)[lengths >= before]] = _NONE
    return hashes


def _mixed(x: np.ndarray) -> np.ndarray:
    """A 64-bit finaliser: every bit of the input moves every bit of the result."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def _candidates(
    keys: np.ndarray, signs: np.ndarray, leader: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of texts with the same key that agree in half of all bins and are not together yet, some at a time.

    Each is compared with the first of its key; those that are unlike it with the first of themselves, and so on.
    """
    there = np.flatnonzero(keys)
    order = there[np.argsort(keys[there], kind="stable")]
    for _ in range(ROUNDS):
        new = np.append(True, keys[order][1:] != keys[order][:-1])[: order.size]
        place = np.flatnonzero(new)
        lengths = np.diff(np.append(place, order.size))
        first = np.repeat(order[place], lengths)[~new]
        order = order[~new]
        like = _agreement(signs, first, order) >= WORTH_READING
        wanted = np.flatnonzero(like & (leader[first] != leader[order]))
        for start in range(0, wanted.size, _PAIRS):
            part = wanted[start : start + _PAIRS]
            yield first[part], order[part]
        order = order[~like]
        if not order.size:
            return


def _agreement(signs: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The share of bins, of those that either text fills, in which both have the same; float64 (n_pairs,)."""
    found = np.zeros(one.size)
    for start in range(0, one.size, 10_000):
        a, b = signs[one[start : start + 10_000]], signs[other[start : start + 10_000]]
        filled = ((a | b) > 0).sum(axis=1)
        found[start : start + 10_000] = ((a == b) & (a > 0)).sum(axis=1) / np.maximum(filled, 1)
    return found


def _alike(
    one: np.ndarray, other: np.ndarray, text_of: Callable[[Sequence[int]], Iterable[tuple[int, str]]]
) -> np.ndarray:
    """Whether the texts of each pair are alike, bool (n_pairs,); every text is read once."""
    places, where = np.unique(np.concatenate([one, other]), return_inverse=True)
    texts = dict(text_of(places.tolist()))
    bytes_of, lengths = all_normalised([texts[p] for p in places.tolist()])
    hashes, ends = _mixed(_shingles(bytes_of, lengths)), np.cumsum(lengths)
    none = _mixed(np.asarray([_NONE]))[0]
    sets = [np.unique(h[h != none]) for h in (hashes[e - n : e] for e, n in zip(ends, lengths, strict=True))]
    pairs = zip(where[: one.size].tolist(), where[one.size :].tolist(), strict=True)
    return np.asarray([_jaccard(sets[a], sets[b]) >= ALIKE for a, b in pairs], bool)


def _jaccard(a: np.ndarray, b: np.ndarray) -> float:
    both = np.sort(np.concatenate([a, b]))
    common = int((both[1:] == both[:-1]).sum())
    either = both.size - common
    return common / either if either else 0.0


def _root(leader: np.ndarray, place: int) -> int:
    while leader[place] != place:
        place = int(leader[place])
    return place


def _taken_apart(leader: np.ndarray) -> Groups:
    size = np.bincount(leader, minlength=leader.size)
    large = size > max(LARGEST, LARGEST_SHARE * leader.size)
    apart = large[leader]
    leader = np.where(apart, np.arange(leader.size), leader)
    return Groups(leader, int(large.sum()))
