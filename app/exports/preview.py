"""What an export would hold, without writing one: the subtraction, and the first rows as the file would have them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.exports import card, registry, splits
from app.exports.figures import Lengths, figures
from app.exports.options import ExportOptions
from app.exports.protocol import Placed
from app.exports.snapshot import Snapshot
from app.exports.state import take
from app.exports.subtraction import Subtraction
from app.studies.tables import Study

FIRST = 20
_LOOK_AT = 5000
"""Rows that are looked at for the first file's; a study may hold none of them."""


@dataclass(frozen=True)
class Preview:
    """``rows`` are the first of the first format, each with the split it would be in.

    ``could_exclude`` tells for each name of ``options.EXCLUSIONS`` how many counted answers it would take away.
    """

    judgments: Subtraction
    pairs: Subtraction
    could_exclude: dict[str, int]
    format: str
    columns: tuple[str, ...]
    rows: list[Placed]
    card: str

    def as_dict(self) -> dict[str, Any]:
        """For ``--dry-run`` and the API."""
        return {
            "judgments": self.judgments.as_dict(),
            "pairs": self.pairs.as_dict(),
            "could_exclude": self.could_exclude,
            "format": self.format,
            "columns": list(self.columns),
            "rows": [{"split": split, "row": row} for split, row in self.rows],
            "card": self.card,
        }


def preview(
    session: Session, study: Study, options: ExportOptions, *, now: datetime, limit: int = FIRST
) -> Preview:
    """What an export asked for now would hold. Reads only; the session is one read transaction.

    Raises:
        NoGroups, EmptyGroup: A rule needs groups that the study does not have.
    """
    places = splits.with_pending(session, study, scheme=options.split, shares=options.shares, as_of=now)
    state = take(session, study, options, as_of=now, places=places, weigh=True)
    first = registry.named(options.formats)[0]
    view = Snapshot(state)
    with closing(first.rows(view)) as stream:  # type: ignore[type-var]
        rows = _first_rows(stream, limit, options)
    columns = tuple(c.name for c in first.schema(view.facts))
    told = {**figures(state), "lengths": Lengths().as_dict()}
    words = card.preview(state, told)
    return Preview(state.judgments, state.pairs, state.could_exclude, first.name, columns, rows, words)


def _first_rows(rows: Iterator[Placed], limit: int, options: ExportOptions) -> list[Placed]:
    """The first rows of the training file; of whatever comes, where nothing goes there."""
    seen: list[Placed] = []
    wanted: list[Placed] = []
    for number, placed in enumerate(rows):
        if placed[0] == "train":
            wanted.append(placed)
        if len(seen) < limit:
            seen.append(placed)
        if len(wanted) == limit or number >= _LOOK_AT or (not options.shares[0] and len(seen) == limit):
            break
    return wanted or seen
