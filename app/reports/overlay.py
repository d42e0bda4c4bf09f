"""Votes that exist already, read again as a small panel of present people says: what changed, and what it cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.aggregation.labels import Labels
from app.judgments.tables import Judgment
from app.metapreferences.tables import MetaEvent
from app.people.tables import Annotator
from app.reports import register
from app.studies.tables import Study


@dataclass(frozen=True)
class Sway:
    """One influence in the labels of imported pairs. clearly: pairs with a side whose responses clearly differ in it; before and now:
    in how many of them the label goes to the one with more.
    """

    name: str
    status: str
    answers: int
    endorsed: float | None
    clearly: int
    before: int
    clearly_now: int
    now: int
    labels_moved: int
    labels_turned: int
    labels_weigh_less: int


@dataclass(frozen=True)
class Overlay:
    """Imported votes and the panel. ``seconds``: of the panel's time, over answers whose time is known; ``untimed``: those whose is not.
    moved: imported labels whose share or weight changed; turned: whose side did; unsteady: that another reading would turn.
    """

    imported_votes: int
    imported_people: int
    imported_labels: int
    panel_people: int
    panel_votes: int
    panel_answers: int
    seconds: float
    untimed: int
    moved: int
    turned: int
    unsteady: int
    mean_shift: float | None
    influences: tuple[Sway, ...]

    def document(self, *, hourly_rate: float | None = None) -> dict[str, Any]:
        """As JSON, with what each changed label cost in the panel's time, and in money where an hourly rate is given."""
        cost = None if hourly_rate is None else self.seconds / 3600 * hourly_rate
        return {
            **{k: v for k, v in asdict(self).items() if k != "influences"},
            "seconds_per_moved_label": _ratio(self.seconds, self.moved),
            "seconds_per_turned_label": _ratio(self.seconds, self.turned),
            "cost": cost,
            "cost_per_moved_label": None if cost is None else _ratio(cost, self.moved),
            "cost_per_turned_label": None if cost is None else _ratio(cost, self.turned),
            "influences": [asdict(one) for one in self.influences],
        }


def overlay(session: Session, study: Study, found: Labels) -> Overlay:
    """What the patches that hold do to the labels of pairs that have imported votes. Cost: one pass over the study's judgments."""
    ids = session.scalars(
        select(Judgment.pair_id).where(Judgment.study_id == study.id, Judgment.source == "import").distinct()
    ).all()
    e = found.endorsed
    known = np.isin(found.pair_id, np.array(ids, np.int64)) & ~np.isnan(e.p_raw)
    shift = np.abs(np.nan_to_num(e.p_endorsed - e.p_raw, nan=0.0))[known]
    votes, people = _imported(session, study.id)
    panel, panel_votes, answers, seconds, untimed = _panel(session, study.id)
    return Overlay(
        votes, people, int(known.sum()), panel, panel_votes, answers, seconds, untimed, int((e.moved & known).sum()),
        int((register.turned(e) & known).sum()), int((~e.stable & known).sum()),
        float(shift.mean()) if shift.size else None, _sways(found, known),
    )  # fmt: skip


def _sways(found: Labels, known: np.ndarray) -> tuple[Sway, ...]:
    e = found.endorsed
    out = []
    for entry in register.entries(found):
        if entry.kind != "text" or not (entry.wish.patches or register.stands_out(entry.effect)):
            continue
        k = e.names.index(entry.name)
        more = register.clearly_more(found.basis, k)
        was, now = (known & (more != 0) & (side != 0) for side in (e.side_raw, e.side))
        turned = np.zeros(known.size, np.bool_)
        turned[entry.turned] = True
        out.append(
            Sway(
                entry.name, entry.status, entry.said.people, entry.endorsed, int(was.sum()), int((e.side_raw == more)[was].sum()),
                int(now.sum()), int((e.side == more)[now].sum()), int((e.moved_by(k) & known).sum()),
                int((turned & known).sum()), int(((np.abs(e.advised[:, k]) > 1e-6) & known).sum()),
            )
        )  # fmt: skip
    return tuple(out)


def _imported(session: Session, study_id: int) -> tuple[int, int]:
    votes, people = session.execute(
        select(func.count(), func.count(Judgment.annotator_id.distinct())).where(
            Judgment.study_id == study_id, Judgment.source == "import"
        )
    ).one()
    return int(votes), int(people)


def _panel(session: Session, study_id: int) -> tuple[int, int, int, float, int]:
    """People who answered here, their votes and answers about choices, the seconds these took, and how many have no time."""
    here = (Judgment.source != "import", Judgment.supersedes.is_(None))
    votes = _work(session, Judgment, study_id, here)
    asked = (MetaEvent.supersedes.is_(None), MetaEvent.assignment_id.is_not(None))
    answers = _work(session, MetaEvent, study_id, asked)
    people = {row[0] for row in (*votes, *answers)}
    seconds = sum(row[3] for row in (*votes, *answers)) / 1000
    untimed = sum(row[1] - row[2] for row in (*votes, *answers))
    return len(people), sum(r[1] for r in votes), sum(r[1] for r in answers), seconds, untimed


def _work(
    session: Session, table: Any, study_id: int, only: tuple[Any, ...]
) -> list[tuple[int, int, int, float]]:
    """(person, answers, of them timed, milliseconds) of everyone who has not withdrawn."""
    rows = session.execute(
        select(table.annotator_id, func.count(), func.count(table.elapsed_ms), func.coalesce(func.sum(table.elapsed_ms), 0))
        .join(Annotator, Annotator.id == table.annotator_id)
        .where(table.study_id == study_id, Annotator.withdrawn_at.is_(None), *only)
        .group_by(table.annotator_id)
    )  # fmt: skip
    return [(int(who), int(n), int(timed), float(ms)) for who, n, timed, ms in rows]


def _ratio(part: float, of: float) -> float | None:
    return part / of if of else None
