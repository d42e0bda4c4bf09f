"""Words that go with being chosen, beyond what is known to sway choices: proposals for influences nobody has named yet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr

from app.inference.errors import InvalidVotes
from app.inference.intervals import benjamini_hochberg

Floats = NDArray[np.float64]

FEWEST_PAIRS = 12
"""Pairs in which only one of the two responses has a term, from which it is looked at."""
FEWEST_CLUSTERS = 10
MOST_TERMS = 20_000
ALIKE = 0.5
"""A term whose use goes with an already proposed one's this closely is told under that one."""
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
MARKS = (
    (re.compile(r"\?"), "?"),
    (re.compile(r"!"), "!"),
    (re.compile(r":\s*\n"), ":↵"),
    (re.compile(r"[\"“”]"), "“”"),
)


@dataclass(frozen=True)
class Contrast:
    """One proposal. points: how much more often the response with the term was chosen than was to be expected, in 0..1, of ``votes``
    on ``pairs`` in which only one has it; chosen: of those votes.  z, q_value: clustered.  with_it: terms used in the same places.
    """

    term: str
    points: float
    z: float
    q_value: float
    pairs: int
    votes: int
    chosen: int
    with_it: tuple[str, ...]


def contrasts(
    first: Sequence[str],
    second: Sequence[str],
    pair: ArrayLike,
    person: ArrayLike,
    y: ArrayLike,
    expected: ArrayLike,
    *,
    prompt: ArrayLike | None = None,
    most: int = 10,
    level: float = 0.05,
) -> tuple[Contrast, ...]:
    """Terms whose presence goes with being chosen, more than is expected without them.

    Model: with d_ij in {-1, 0, 1} for "only the first / only the second response of pair i has term j" and r = y - expected, the
    score of a term is S_j = sum over votes of r d. Its variance is the larger of those clustered by prompt and by person, so that
    neither one odd prompt nor one odd person makes a finding. Terms are words, two words in a row and a few marks, each once a
    text. False discoveries are held to ``level`` (Benjamini and Hochberg) over all terms looked at; then the strongest is taken
    and those used in the same places are told with it, and so on: a sparse list.

    Args:
        first, second: Texts of each pair's responses, (n_pairs,).
        pair, person: int64 (n,), dense.
        y: float64 (n,), 1 = first preferred, 0 = second, 1/2 = tie.
        expected: float64 (n,), probability of the first, a tie counting half, by what is known already.
        prompt: int64 (n_pairs,), pairs that stand or fall together.
        most: Proposals at most.

    Returns:
        Contrasts, surest first. None where no term passes.

    Raises:
        InvalidVotes: The arrays do not fit together.

    Cost: O(words) once, then O(terms * n).  Randomness: none.

    Assumes ``expected`` was not fitted with the terms in it. A term may stand for something else that comes with it: it is a
    proposal that a person names, and no more.

    Source: score tests with clustered variance (Rao 1948; Cameron and Miller 2015); Benjamini and Hochberg 1995.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> has = rng.random((400, 2)) < 0.5
        >>> texts = [[f"It is so{', certainly' if h else ''}." for h in side] for side in has.T]
        >>> drawn = np.repeat(np.arange(400), 5)
        >>> eta = 1.0 * (has[:, 0].astype(float) - has[:, 1])[drawn]
        >>> y = (rng.random(2000) < 1 / (1 + np.exp(-eta))).astype(float)
        >>> found = contrasts(*texts, drawn, np.arange(2000) % 50, y, np.full(2000, 0.5))
        >>> "certainly" in found[0].term, len(found)
        (True, 1)
    """
    pair_, who = np.asarray(pair, np.int64), np.asarray(person, np.int64)
    y_, expected_ = np.asarray(y, np.float64), np.asarray(expected, np.float64)
    if len(first) != len(second) or not pair_.shape == who.shape == y_.shape == expected_.shape:
        raise InvalidVotes(
            "Texts come in pairs, and each vote has a pair, a person, an outcome and an expectation."
        )
    if pair_.size and (pair_.min() < 0 or pair_.max() >= len(first)):
        raise InvalidVotes("A vote names a pair that has no texts.")
    names, d = _differences(first, second)
    if not names or not y_.size:
        return ()
    prompts = np.arange(len(first)) if prompt is None else np.asarray(prompt, np.int64)
    by_vote = csr_array(d[pair_])
    residual = y_ - expected_
    score = np.asarray(by_vote.T @ residual).ravel()
    weighted = by_vote.multiply(residual[:, None]).tocsr()
    variance, clusters = np.zeros(score.size), np.full(score.size, np.iinfo(np.int64).max)
    for label in (prompts[pair_], who):
        spread, seen = _clustered(weighted, abs(by_vote), label)
        variance, clusters = np.maximum(variance, spread), np.minimum(clusters, seen)
    known = (variance > 0) & (clusters >= FEWEST_CLUSTERS)
    if not known.any():
        return ()
    z = np.where(known, score / np.sqrt(np.where(known, variance, 1.0)), 0.0)
    q = np.ones(score.size)
    q[known] = benjamini_hochberg(2 * ndtr(-np.abs(z[known])))
    order = [j for j in np.argsort(-np.abs(z), kind="stable").tolist() if known[j] and q[j] <= level]
    return _sparse(order, names, d, by_vote, y_, residual, z, q, most)


def terms(text: str) -> frozenset[str]:
    """Words, pairs of words in a row and marks of a text, each once, in lower case."""
    words = [w.casefold().replace("’", "'") for w in WORD.findall(text)]
    marks = [name for pattern, name in MARKS if pattern.search(text)]
    return frozenset([*words, *(f"{a} {b}" for a, b in pairwise(words)), *marks])


def _differences(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], csr_array]:
    """Terms that tell enough pairs apart, and int8-like (n_pairs, n_terms): 1 only the first has it, -1 only the second."""
    read = {text: terms(text) for text in {*first, *second}}
    count: Counter[str] = Counter()
    for a, b in zip(first, second, strict=True):
        count.update(read[a] ^ read[b])
    names = sorted((t for t, n in count.items() if n >= FEWEST_PAIRS), key=lambda t: (-count[t], t))[
        :MOST_TERMS
    ]
    place = {t: j for j, t in enumerate(names)}
    rows, columns, values = [], [], []
    for i, (a, b) in enumerate(zip(first, second, strict=True)):
        for term in read[a] ^ read[b]:
            j = place.get(term)
            if j is not None:
                rows.append(i)
                columns.append(j)
                values.append(1.0 if term in read[a] else -1.0)
    shape = (len(first), len(names))
    return names, csr_array((np.array(values, np.float64), (rows, columns)), shape=shape)


def _clustered(
    weighted: csr_array, used: csr_array, label: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64]]:
    """Sum of squared scores over clusters, and in how many of them each term occurs."""
    _, dense = np.unique(label, return_inverse=True)
    n = int(dense.max()) + 1
    gather = csr_array((np.ones(dense.size), (dense, np.arange(dense.size))), shape=(n, dense.size))
    summed, present = csr_array(gather @ weighted), csr_array(gather @ used)
    grown = n / max(n - 1, 1)
    squares = np.asarray(summed.multiply(summed).sum(axis=0)).ravel() * grown
    return squares, np.asarray((present > 0).sum(axis=0)).ravel().astype(np.int64)


def _sparse(
    order: list[int], names: list[str], d: csr_array, by_vote: csr_array, y: Floats, residual: Floats, z: Floats,
    q: Floats, most: int,
) -> tuple[Contrast, ...]:  # fmt: skip
    columns, votes = d.tocsc(), by_vote.tocsc()
    taken: list[int] = []
    under: dict[int, list[str]] = {}
    for j in order:
        mine = np.asarray(columns[:, [j]].todense()).ravel()
        twin = next((t for t in taken if _alike(mine, np.asarray(columns[:, [t]].todense()).ravel())), None)
        if twin is not None:
            under[twin].append(names[j])
        elif len(taken) < most:
            taken.append(j)
            under[j] = []
    found = []
    for j in taken:
        sign = np.asarray(votes[:, [j]].todense()).ravel()
        used = sign != 0
        more = np.where(sign > 0, y, 1 - y)[used]
        found.append(
            Contrast(
                names[j], float((residual * sign)[used].mean()), float(z[j]), float(q[j]), int((columns[:, [j]] != 0).sum()),
                int(used.sum()), int((more == 1).sum()), tuple(under[j][:6]),
            )
        )  # fmt: skip
    return tuple(found)


def _alike(a: Floats, b: Floats) -> bool:
    """Whether two terms are used in mostly the same places (or in opposite ones): cosine over pairs."""
    size = np.sqrt((a != 0).sum() * (b != 0).sum())
    return bool(size and abs(a @ b) / size >= ALIKE)
