"""The export's own votes as people want them read: patches as of the export's moment, for rules named ``endorsed``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.aggregation import labels
from app.aggregation.amending import Said
from app.aggregation.endorsing import Again, Endorsed, Raw, endorse
from app.aggregation.pooling.majority import POOL as MAJORITY
from app.aggregation.protocol import Pooled, Retests, Votes
from app.aggregation.registry import EndorsedRule
from app.exports import collecting
from app.exports.collecting import Collected
from app.exports.duplicates import Merged
from app.exports.people import People
from app.exports.rowwise import plain
from app.judgments.tables import Judgment
from app.metapreferences import reads as wishes
from app.metapreferences.rules import Held
from app.people import reads as people
from app.people.tables import Annotator
from app.studies.tables import Study


@dataclass(frozen=True)
class Wanted:
    """What people said of their choices, over the same pairs and votes as the rest of the export."""

    raw: Raw = field(repr=False)
    held: tuple[Held, ...]

    def label(self, rule: EndorsedRule) -> tuple[Pooled, Endorsed]:
        """The labels of one endorsed rule, and what made them."""
        found = endorse(self.raw, self.held, rule.base)
        by_kind = {k: sum(p.kind == k for p in self.held) for k in sorted({p.kind for p in self.held})}
        told = {
            "rule": rule.base.name,
            "patches": len(self.held),
            "patches_by_kind": by_kind,
            "pairs_moved": int(found.moved.sum()),
        }
        words = (
            ()
            if self.held
            else ("Nobody has said how their choices should be read: labels are those of the votes.",)
        )
        return Pooled(rule.name, found.p_endorsed, found.side, found.weight, told, words), found

    def corrected(self, votes: Votes) -> Votes:
        """The votes with what un-endorsed influences pull at each repeat, so that a steady follower is not thereby reliable."""
        if not self.held or votes.retests is None:
            return votes
        shift = endorse(self.raw, self.held, MAJORITY).logit_shift.sum(axis=1)
        return replace(votes, retests=replace(votes.retests, pull=shift[votes.retests.pair]))


def wanted(
    session: Session,
    study: Study,
    crowd: People,
    collected: Collected,
    merged: Merged,
    votes: Votes,
    *,
    in_text_order: np.ndarray,
    kind: str,
    as_of: datetime,
) -> Wanted:
    """Read patches, influences and the answers they are about, as of a moment.

    Only patches and answers of people who may be released are used, for the effects of influences too.
    """
    released = set(crowd.ids.tolist())
    held = tuple(
        p
        for p in wishes.active_patches(session, study.id, as_of=as_of)
        if p.annotator_id is None or p.annotator_id in released
    )
    basis = labels.basis(session, study, as_of=as_of, released=True)
    theirs = basis.seen.pairs.id
    place = np.searchsorted(theirs, collected.pair_ids)
    known = place < theirs.size
    known[known] = theirs[place[known]] == collected.pair_ids[known]
    x = np.zeros((collected.pair_ids.size, basis.raw.x.shape[1]))
    x[known] = basis.raw.x[place[known]] * np.where(in_text_order[known], 1.0, -1.0)[:, None]
    topic: list[str | None] = [None] * collected.pair_ids.size
    kinds: list[str | None] = [kind] * collected.pair_ids.size
    for here, there in zip(np.flatnonzero(known).tolist(), place[known].tolist(), strict=True):
        topic[here], kinds[here] = basis.raw.topic[there], basis.raw.kind[there]
    ids, y, counted = _answers(session, study.id, collected, merged, as_of=as_of)
    order = np.argsort(ids, kind="stable")
    order = order[~np.isnan(y[order])]
    told = people.attributes(session, study.id, as_of=as_of)
    affected, experienced = labels.of_themselves(told, crowd.ids)
    raw = Raw(
        votes=votes,
        judgment=ids[counted],
        said=Said(ids[order], y[order]),
        people=crowd.ids,
        x=x,
        effects=basis.raw.effects,
        topic=tuple(topic),
        kind=tuple(kinds),
        affected=affected,
        experienced=experienced,
        again=None if votes.retests is None else _again(votes, votes.retests),
    )
    return Wanted(raw, held)


def _again(votes: Votes, repeats: Retests) -> Again:
    """Repeats as labels read them: which side the first response stood on follows from the first answer's and whether sides were
    swapped; where the first answer feeds no label it is taken to have stood left.
    """
    key = votes.person * max(votes.n_pairs, 1) + votes.pair
    order = np.argsort(key, kind="stable")
    wanted = repeats.person * max(votes.n_pairs, 1) + repeats.pair
    place = np.minimum(np.searchsorted(key[order], wanted), max(order.size - 1, 0))
    left = np.ones(wanted.size, np.bool_)
    if order.size:
        there = key[order][place] == wanted
        left[there] = votes.first_on_left[order][place][there]
    return Again(repeats.person, repeats.pair, repeats.after, left ^ repeats.swapped)


def _answers(
    session: Session, study_id: int, collected: Collected, merged: Merged, *, as_of: datetime
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Id of each answer in the order of the stream, what it says for the first response of the pair it counts for, and whether
    it counts.
    """
    query = collecting.in_order(
        select(Judgment.id)
        .join(Annotator, Annotator.id == Judgment.annotator_id)
        .where(collecting.in_scope(study_id, as_of))
    )
    ids = [row[0] for chunk in plain(session, query) for row in chunk]
    y = collected.chosen_first.astype(np.float64)
    y = np.where(merged.flipped[collected.pair], 1.0 - y, y)
    return np.asarray(ids, np.bytes_), y, collected.counted()
