"""Human judgments from the shared data as arrays, and their reference figures."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.inference.comparisons import Floats, Ints


@dataclass(frozen=True)
class RealVotes:
    """Votes in file order. unit: the pair; first_on_left: whether the response whose id sorts first stood left; said: 0 =
    first, 1 = second, 2 = tie; left, right: responses, numbered over the whole set; outcome: of the left one.
    """

    item: Ints
    annotator: Ints
    unit: Ints
    first_on_left: NDArray[np.bool_]
    said: Ints
    left: Ints
    right: Ints
    outcome: Floats
    responses: tuple[tuple[str, str], ...]
    items: tuple[str, ...]
    annotators: tuple[str, ...]
    reference: dict

    def first_of_each(self) -> NDArray[np.bool_]:
        """The first vote of each person on each pair."""
        _, at = np.unique(self.annotator * (self.unit.max() + 1) + self.unit, return_index=True)
        kept = np.zeros(self.unit.size, bool)
        kept[at] = True
        return kept


def load(shared_data: Path, name: str) -> RealVotes:
    numbers = [{}, {}, {}, {}]

    def number(which, key):
        return numbers[which].setdefault(key, len(numbers[which]))

    rows = []
    with (shared_data / name / "judgments.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            item, left, right = row["item_id"], row["left"], row["right"]
            first_on_left = left < right
            outcome = {"left": 1.0, "right": 0.0, "tie": 0.5}[row["choice"]]
            said = 2 if outcome == 0.5 else int((outcome == 1.0) != first_on_left)
            rows.append((
                number(0, item), number(1, row["annotator_id"]), number(2, (item, *sorted((left, right)))), first_on_left,
                said, number(3, (item, left)), number(3, (item, right)), outcome,
            ))  # fmt: skip
    columns = [np.array(c) for c in zip(*rows, strict=True)]
    reference = json.loads((shared_data / name / "reference.json").read_text())
    return RealVotes(*columns, tuple(numbers[3]), tuple(numbers[0]), tuple(numbers[1]), reference)
