"""What differs between two exports: settings, counts, and the labels of single pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from app.kit.errors import Malformed

LOOKED_AT = ("preference", "preference_text", "preference_explicit", "preference_margin")
"""Configs from which labels of pairs are read, in this order."""
MOVED = 0.05
"""A probability that differs by more than this has moved."""
SHOWN = 200


class NotAnExport(Malformed):
    code, title = "not_an_export", "This folder holds no export"


class Figure(NamedTuple):
    """A count before and after."""

    name: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class PairChange:
    """A pair whose label is not what it was: which answer was chosen, and how sure the rule was, before and after."""

    pair_id: str
    what: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Changes:
    """``same``: every file that is summed is the same. ``labels`` tells how many pairs came, went, flipped or moved; None where
    the two share no config with labels of pairs. ``pairs``: the first of them, flipped ones first.
    """

    same: bool
    settings: tuple[tuple[str, Any, Any], ...]
    counts: tuple[Figure, ...]
    configs: tuple[Figure, ...]
    config: str | None
    labels: dict[str, int] | None
    pairs: tuple[PairChange, ...]

    def as_dict(self) -> dict[str, Any]:
        """For the command and the API."""
        return {
            "same": self.same,
            "settings": [{"name": n, "before": b, "after": a} for n, b, a in self.settings],
            "counts": [c._asdict() for c in self.counts],
            "configs": [c._asdict() for c in self.configs],
            "config": self.config,
            "labels": self.labels,
            "pairs": [asdict(p) for p in self.pairs],
        }


def between(before: Path, after: Path) -> Changes:
    """Compare two export directories.

    Raises:
        NotAnExport: A folder has no manifest of an export.
    """
    one, other = _manifest(before), _manifest(after)
    sums = [(folder / "SHA256SUMS").read_bytes() for folder in (before, after)]
    config = next((c for c in LOOKED_AT if _rows(one).get(c) and _rows(other).get(c)), None)
    labels, pairs = _labels(before, after, config) if config else (None, ())
    return Changes(
        same=sums[0] == sums[1],
        settings=tuple(_settings(one["options"], other["options"])),
        counts=tuple(_figures(_steps(one), _steps(other))),
        configs=tuple(_figures(_rows(one), _rows(other))),
        config=config,
        labels=labels,
        pairs=pairs,
    )


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        found = orjson.loads((folder / "manifest.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        found = None
    if not isinstance(found, dict) or found.get("format") != "soundings-export":
        raise NotAnExport(f"{folder} holds no export; its manifest.json is missing or another program's.")
    return found


def _settings(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)


def _steps(manifest: dict[str, Any]) -> dict[str, int]:
    """Collected, each reason and included, of judgments and of pairs."""
    found = {}
    for unit, told in manifest["subtraction"].items():
        found[f"{unit} collected"] = told["collected"]
        found |= {f"{unit}: {s['words']}": s["count"] for s in told["steps"]}
        found[f"{unit} included"] = told["included"]
    return found


def _rows(manifest: dict[str, Any]) -> dict[str, int]:
    return {c["name"]: sum(c["rows"].values()) for c in manifest["configs"]}


def _figures(before: dict[str, int], after: dict[str, int]) -> Iterator[Figure]:
    for name in [*before, *(n for n in after if n not in before)]:
        yield Figure(name, before.get(name), after.get(name))


def _labels(before: Path, after: Path, config: str) -> tuple[dict[str, int], tuple[PairChange, ...]]:
    ids, chosen, p = _table(before, config)
    other_ids, other_chosen, other_p = _table(after, config)
    both, here, there = np.intersect1d(ids, other_ids, assume_unique=True, return_indices=True)
    flipped = chosen[here] != other_chosen[there]
    moved = ~flipped & (np.abs(p[here] - other_p[there]) > MOVED)
    came, went = (
        np.setdiff1d(other_ids, ids, assume_unique=True),
        np.setdiff1d(ids, other_ids, assume_unique=True),
    )
    counts = {
        "came": came.size,
        "went": went.size,
        "flipped": int(flipped.sum()),
        "moved": int(moved.sum()),
        "kept": both.size,
    }
    told = [
        PairChange(
            both[i].decode(),
            what,
            float(p[here[i]]),
            float(1 - other_p[there[i]] if what == "flipped" else other_p[there[i]]),
        )
        for what, which in (("flipped", flipped), ("moved", moved))
        for i in np.flatnonzero(which)[:SHOWN]
    ]
    told += [PairChange(i.decode(), "came", None, None) for i in came[:SHOWN]]
    told += [PairChange(i.decode(), "went", None, None) for i in went[:SHOWN]]
    return counts, tuple(told[:SHOWN])


def _table(folder: Path, config: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair, a number for the chosen answer, and its probability, in the order of pairs; 20, 8 and 8 bytes a row."""
    parts = [_columns(path) for path in sorted((folder / config).iterdir())]
    ids, chosen, p = (np.concatenate(c) for c in zip(*parts, strict=True))
    order = np.argsort(ids)
    return ids[order], chosen[order], p[order]


def _columns(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    names = ("pair_id", "chosen_response_id", "p_chosen")
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        told = pq.read_table(path, columns=list(names))
        ids, chosen, p = (told.column(n).to_pylist() for n in names)
    else:
        with path.open("rb") as lines:
            ids, chosen, p = (
                list(c) for c in zip(*(map(orjson.loads(line).get, names) for line in lines), strict=True)
            )
    numbers = [int.from_bytes(hashlib.blake2b(c.encode(), digest_size=8).digest()) for c in chosen]
    return np.asarray(ids, "S20"), np.asarray(numbers, np.uint64), np.asarray(p, np.float64)
