"""The facts that questions about a person's choices start from: their own choices beside what the study has worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.special import expit, logit
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, aliased

from app.aggregation import keeping, naming, traits
from app.aggregation.tables import PairFigure
from app.inference.influence_effects import CLEARLY
from app.judgments.tables import Judgment
from app.metapreferences import reads as wishes
from app.metapreferences.tables import MetaEvent
from app.people.tables import Annotator
from app.questions import portrait
from app.questions.asking import Flip, Leaning, OwnChoice, Split, World
from app.questions.chance import of_person
from app.studies.spec import StudySpec
from app.studies.tables import Response

NEWEST = 400
"""Own answers looked at: enough for any statement, and asking costs the same after ten thousand."""
MIRROR = {"left": "right", "right": "left", "tie": "tie"}


@dataclass(frozen=True)
class Own:
    """A person's current decided answers, oldest first; ``row`` has what the database holds of each."""

    rows: tuple[Any, ...]

    def first(self) -> list[Any]:
        """Those that were not repeats and not ties."""
        return [r for r in self.rows if r.retest_of is None and r.choice in {"left", "right"}]


def own_answers(session: Session, annotator_id: int) -> Own:
    """Current answers that chose a side or a tie, the newest few hundred. One query over the person's own rows."""
    rows = session.execute(_own_answers(), {"who": annotator_id}).all()
    return Own(tuple(reversed(rows)))


@cache
def _own_answers() -> Any:
    """Built once: building it costs more than running it, and it runs with most questions."""
    later, left, right = aliased(Judgment), aliased(Response), aliased(Response)
    return (
        select(
            Judgment.id, Judgment.pair_id, Judgment.item_id, Judgment.left_id, Judgment.right_id, Judgment.choice,
            Judgment.retest_of, Judgment.assignment_id, (left.external_id < right.external_id).label("left_first"),
        )
        .join(left, left.id == Judgment.left_id)
        .join(right, right.id == Judgment.right_id)
        .outerjoin(later, later.supersedes == Judgment.id)
        .where(
            Judgment.annotator_id == bindparam("who"),
            Judgment.choice.in_(("left", "right", "tie")),
            Judgment.is_gold.is_(False),
            later.id.is_(None),
        )
        .order_by(Judgment.id.desc())
        .limit(NEWEST)
    )  # fmt: skip


def world(
    session: Session,
    annotator: Annotator,
    spec: StudySpec,
    kept: keeping.Kept | None,
    *,
    session_over: bool = False,
) -> World:
    """Everything the kinds look at, for one person. Cost: their own rows, and the traits of what they compared."""
    own = own_answers(session, annotator.id)
    events = wishes.list_events(session, annotator.study_id, annotator_id=annotator.id)
    told = {
        p.target_id
        for p in (
            listed.patch
            for listed in wishes.list_patches(session, annotator.study_id, annotator_id=annotator.id)
        )
        if p.target_type == "influence" and p.revoked_at is None
    }
    leanings = _leanings(session, own, kept, told) if kept else ()
    rng = of_person(annotator.side_seed, "portrait")
    return World(
        str(annotator.id),
        sum(1 for r in own.rows if r.retest_of is None),
        leanings,
        _flips(session, own, events),
        _splits(own, kept, events) if kept else (),
        portrait.portrait([one for one in leanings if not one.terms], foils=spec.meta.foils, rng=rng),
        session_over,
        frozenset(e.template for e in events),
    )


def _leanings(session: Session, own: Own, kept: keeping.Kept, told: set[str]) -> tuple[Leaning, ...]:
    rows = own.first()
    influences: Mapping[str, Any] = kept.result["influences"]
    names, x = features(session, rows, influences)
    shares = _shares(session, [r.pair_id for r in rows])
    found = []
    for k, name in enumerate(names):
        facts = influences[name]
        toward = (
            x[:, k] * np.array([1.0 if r.choice == "left" else -1.0 for r in rows]) if rows else np.zeros(0)
        )
        clear = np.flatnonzero(np.abs(toward) >= CLEARLY)
        beta = float(facts["beta"] or 0.0)
        choices = [
            OwnChoice(
                rows[i].id, float(toward[i]), _turned(shares.get(rows[i].pair_id), rows[i], beta * x[i, k])
            )
            for i in clear[np.argsort(-np.abs(toward[clear]), kind="stable")].tolist()
        ]
        effect = facts["effect"]
        sign = 0 if effect is None else int(np.sign(effect))
        if not sign and clear.size:
            sign = 1 if (toward[clear] > 0).sum() * 2 >= clear.size else -1
        found.append(
            Leaning(
                name, effect, sign, facts["q_value"], bool(facts["own"]), int((toward[clear] > 0).sum()),
                int(clear.size), tuple(choices), float(facts["endorsed"]), int(facts["answers"]), name in told,
                tuple(facts["moved_by"]), facts.get("undecided", 0), facts.get("confounded", 0), tuple(facts.get("terms", ())),
            )
        )  # fmt: skip
    return tuple(found)


def features(
    session: Session, rows: Sequence[Any], influences: Mapping[str, Any]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Influences of the text, and float64 (n_rows, k): the left response's value less the right's, in standard deviations."""
    ids = sorted({r.left_id for r in rows} | {r.right_id for r in rows})
    known, values = traits.of(session, ids)
    named = {n: frozenset(f["terms"]) for n, f in influences.items() if f.get("terms")}
    names = (*known, *named)
    values = np.concatenate([values, naming.table(session, ids, list(named.values()))], axis=1)
    place = {key: i for i, key in enumerate(ids)}
    keep = [k for k, n in enumerate(names) if n in influences]
    scale = np.array([influences[names[k]]["scale"] or np.inf for k in keep])
    left = values[[place[r.left_id] for r in rows]][:, keep] if rows else np.zeros((0, len(keep)))
    right = values[[place[r.right_id] for r in rows]][:, keep] if rows else np.zeros((0, len(keep)))
    return tuple(names[k] for k in keep), np.nan_to_num(left - right) / scale


def _shares(session: Session, pair_ids: Sequence[int]) -> dict[int, tuple[float, int]]:
    """Of each pair (the share that prefers the first as text, votes), from the last fit."""
    wanted = sorted(set(pair_ids))
    rows = session.execute(
        select(PairFigure.pair_id, PairFigure.first, PairFigure.second, PairFigure.ties).where(
            PairFigure.pair_id.in_(wanted)
        )
    )
    return {
        r.pair_id: (
            (r.first + r.ties / 2 + 0.5) / (r.first + r.second + r.ties + 1),
            r.first + r.second + r.ties,
        )
        for r in rows
    }


def _turned(share: tuple[float, int] | None, row: Any, shift: float) -> bool:
    """Whether the pair's label goes this person's way now, and would go the other way without ``shift`` logits to the left.

    Before the pair has figures, their own answer is taken for all there is.
    """
    toward = shift if row.choice == "left" else -shift
    mine = (
        0.75
        if share is None
        else share[0]
        if (row.choice == "left") == bool(row.left_first)
        else 1 - share[0]
    )
    return bool(mine > 0.5 and expit(logit(mine) - toward) < 0.5)


def _flips(session: Session, own: Own, events: Sequence[MetaEvent]) -> tuple[Flip, ...]:
    again = [r for r in own.rows if r.retest_of is not None]
    if not again:
        return ()
    by_assignment = {r.assignment_id: r for r in own.rows}
    asked = {j for e in events if e.kind == "M4" for j in e.evidence}
    asked_before = select(Judgment.id, Judgment.assignment_id).where(
        Judgment.id.in_([r.retest_of for r in again])
    )
    original = {r.id: r.assignment_id for r in session.execute(asked_before)}
    found = []
    for row in again:
        before = by_assignment.get(original.get(row.retest_of))
        if before is None or before.pair_id != row.pair_id:
            continue
        first = before.choice if before.left_id == row.left_id else MIRROR[before.choice]
        if first != row.choice:
            known = {before.id, row.id} & asked
            found.append(
                Flip(before.id, row.id, first, row.choice, _votes(session, row.pair_id), bool(known))
            )
    return tuple(found)


def _votes(session: Session, pair_id: int) -> int:
    figure = session.get(PairFigure, pair_id)
    return figure.votes if figure is not None else 1


def _splits(own: Own, kept: keeping.Kept, events: Sequence[MetaEvent]) -> tuple[Split, ...]:
    mine = {r.pair_id: r for r in own.first()}
    asked = {e.template for e in events if e.kind == "M5"}
    found = []
    for class_id, pairs in sorted(kept.result["splits"].items()):
        known = [row for row in pairs if row[0] in mine][:2]
        counts = []
        for pair_id, people, first, second in known:
            row = mine[pair_id]
            counts.append((people, first, second) if row.left_first else (people, second, first))
        ids = tuple(mine[row[0]].id for row in known)
        answers = int(kept.result.get("resolutions", {}).get(class_id, 0))
        found.append(Split(class_id, ids, tuple(counts), len(pairs), answers, f"M5.{class_id}"[:64] in asked))
    return tuple(found)
