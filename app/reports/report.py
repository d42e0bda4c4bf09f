"""The report of a study: one document with everything that its votes say, and None where they do not say it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.aggregation import labels
from app.aggregation.draws import draws
from app.aggregation.observations import CHOICES, Observations
from app.inference.agreement import Share
from app.inference.opinion_groups import OpinionGroups
from app.kit.clock import iso
from app.reports import asked, coming, discovery, learned
from app.reports.agreement import Agreements, agreements, ordinal_alpha
from app.reports.disagreement import Disagreement, disagreement
from app.reports.influences import Influences, influences
from app.reports.people import Person, people
from app.reports.querying import Querying, querying
from app.reports.ranking import ModelRanking, ranking
from app.studies import reads as studies
from app.studies.spec import StudySpec
from app.studies.tables import Study

SEED = 20_260_101
VERSION = 3


class Analysis:
    """A study's answers with every figure drawn from them, each worked out once."""

    def __init__(self, session: Session, study: Study, *, now: datetime) -> None:
        self.study, self.now = study, now
        self.spec: StudySpec = studies.spec_of(session, study)
        self.state = self.state_of(session, study)
        self.labels = labels.labels(session, study)
        self.seen: Observations = self.labels.basis.seen
        self.agreement: Agreements = agreements(self.seen, seed=SEED)
        self.ordinal = (
            ordinal_alpha(session, study.id, self.seen) if self.spec.question.scale == "graded" else None
        )
        self.influences: Influences = influences(self.labels)
        self.disagreement: Disagreement = disagreement(self.spec, self.seen, self.influences, seed=SEED)
        self.ranking: ModelRanking = ranking(self.seen, seed=SEED)
        self.querying: Querying = querying(
            draws(session, study.id),
            self.seen,
            self.disagreement.rows,
            differ=coming.differences(session, study.id, self.spec),
        )
        self.people: tuple[Person, ...] = people(self.seen)
        self.groups: OpinionGroups = learned.find(session, study.id, self.seen, seed=SEED)
        self.counts = _counts(session, study.id)
        self.meta = asked.by_kind(session, study.id, self.labels)
        self.due = asked.due(session, study)
        self.proposed = discovery.proposals(session, study.id, self.labels.basis)

    @staticmethod
    def state_of(session: Session, study: Study) -> str:
        """Names what a report is drawn from: the judgments, the people, the items, the protocol version, the patches and what
        was asked about choices.
        """
        return f"{labels.state(session, study)}:{studies.count_pairs(session, study.id)}:{asked.state(session, study.id)}"

    def document(self) -> dict[str, Any]:
        """The report as CONTRACT section 4 lays it out."""
        seen, agreement = self.seen, self.agreement
        return {
            "study": self.study.slug,
            "as_of": iso(self.now),
            "judgments": seen.n,
            "annotators": int(seen.people.id.size),
            "items": self.counts[0],
            "pairs": self.counts[1],
            "pairs_judged": int(np.unique(seen.pair[seen.choice != CHOICES.index("skip")]).size),
            "choices": {
                choice: int(n)
                for choice, n in zip(CHOICES, np.bincount(seen.choice, minlength=5), strict=True)
            },
            "agreement": {
                "krippendorff_alpha": agreement.between.alpha,
                "interval": _pair(agreement.intervals.alpha),
                "pairwise": agreement.between.pairwise,
                "pairwise_interval": _pair(agreement.intervals.pairwise),
                "units": agreement.between.units,
                "fleiss_kappa": agreement.fleiss.kappa,
                "fleiss_units": agreement.fleiss.units,
                "fleiss_raters": agreement.fleiss.raters,
                "ordinal_alpha": self.ordinal,
            },
            "retest": _retest(agreement.retest)
            | {"n": agreement.repeats, "comparisons": agreement.retest.n}
            | {
                "same_sides": _retest(agreement.same_sides),
                "swapped_sides": _retest(agreement.swapped_sides),
                "after_review": _retest(agreement.after_review),
            },
            "decomposition": self.disagreement.document(),
            "influences": self.influences.document(),
            "proposed_influences": self.proposed,
            "groups": learned.document(self.groups),
            "ranking": _ranking(self.ranking),
            "ranking_why": self.ranking.why,
            "querying": {
                "policy": self.spec.querying.policy,
                **self.querying.document(),
                "spent": int((seen.choice != CHOICES.index("skip")).sum()),
                "budget": self.spec.collection.budget,
                "questions_due": self.due,
            },
            "meta": self.meta,
            "people": [_person(p) for p in self.people],
        }

    def person_rows(self) -> list[dict[str, Any]]:
        """A row a person who answered, to be stored beside those of the pairs."""
        told = self.influences.fit
        names = [one.name for one in told.effects]
        rows = []
        for i, one in enumerate(self.people):
            counts = told.by_person[i] if i < told.by_person.shape[0] else np.zeros((0, 2), np.int64)
            group = int(self.groups.of[i])
            rows.append(
                {
                    "annotator_id": one.key,
                    "judgments": one.judgments,
                    "median_seconds": one.median_seconds,
                    "left_share": one.left_share,
                    "repeats": one.repeats,
                    "repeats_itself": one.repeats_itself,
                    "agrees": one.agrees,
                    "course": list(one.course),
                    "flags": list(one.flags),
                    "tendencies": {
                        name: [int(c[0]), int(c[1])] for name, c in zip(names, counts, strict=False) if c[1]
                    },
                    "learned": group if group >= 0 else None,
                }
            )
        return rows


def _counts(session: Session, study_id: int) -> tuple[int, int]:
    session_study = session.get_one(Study, study_id)
    return studies.count_items(session, session_study.id), studies.count_pairs(session, session_study.id)


def _retest(found: Share) -> dict[str, Any]:
    return {"n": found.n, "same_choice": found.value, "interval": _pair(found.interval)}


def _ranking(found: ModelRanking) -> list[dict[str, Any]]:
    return [
        {
            "model": row.model,
            "strength": row.strength,
            "interval": _pair(row.interval),
            "rank": _pair(row.rank),
            "judgments": row.judgments,
            "set": row.set,
        }
        for row in found.rows
    ]


def _person(one: Person) -> dict[str, Any]:
    return {
        "pseudonym": one.pseudonym,
        "judgments": one.judgments,
        "median_seconds": one.median_seconds,
        "repeats_itself": one.repeats_itself,
        "flags": list(one.flags),
        "repeats": one.repeats,
        "left_share": one.left_share,
        "agrees_with_others": one.agrees,
        "course": list(one.course),
    }


def _pair(interval: tuple[float, float] | tuple[int, int] | None) -> list[float] | None:
    return None if interval is None else [interval[0], interval[1]]
