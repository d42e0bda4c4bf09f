"""One consistent moment of a study: who is in it, what counts, every rule's labels. Flat arrays only; texts are streamed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.aggregation import registry as pooling
from app.aggregation.endorsing import Endorsed
from app.aggregation.protocol import NoGroups, Pooled, Retests, Votes
from app.aggregation.registry import EndorsedRule
from app.exports import collecting, duplicates, endorsement, people, reasons, splits
from app.exports.collecting import Collected, PairNumbers, Unreleased
from app.exports.duplicates import Merged
from app.exports.endorsement import Wanted
from app.exports.given_places import GivenPlaces
from app.exports.options import ExportOptions
from app.exports.people import People
from app.exports.protocol import Facts
from app.exports.reasons import REASONS
from app.exports.splits import Placer
from app.exports.subtraction import Subtraction, subtract
from app.exports.survey import Survey, survey
from app.judgments.tables import Judgment
from app.kit.ids import keyed_hash
from app.metapreferences import reads as wishes
from app.people.tables import Annotator, AnnotatorEvent
from app.studies.reads import spec_of, version_at
from app.studies.spec import StudySpec
from app.studies.tables import Item, Study


@dataclass(frozen=True)
class State:
    """What an export is made from, read inside one transaction and used there."""

    session: Session
    study: Study
    spec: StudySpec
    version: int
    options: ExportOptions
    as_of: datetime
    people: People
    collected: Collected
    merged: Merged
    numbers: PairNumbers
    retests: Retests
    votes: Votes
    pooled: tuple[Pooled, ...]
    endorsed: Endorsed | None
    """What made the labels of the first rule that is an endorsed one."""
    has: frozenset[str]
    placer: Placer
    unreleased: Unreleased
    could_exclude: dict[str, int]
    """Answers that each thing named by ``exclude`` would take away on its own; quick ones only where timing was read."""
    survey: Survey
    salt: str
    _persons: dict[int, str] = field(default_factory=dict, repr=False)

    def salted(self, kind: str, number: object) -> str:
        """The id by which this export knows a person or an answer; another export knows them by another."""
        return keyed_hash(self.salt, kind, str(number))[:16]

    def person(self, number: int) -> str:
        """The id of an annotator, worked out once a person."""
        found = self._persons.get(number)
        if found is None:
            found = self._persons[number] = self.salted("annotator", number)
        return found

    @property
    def facts(self) -> Facts:
        rules = pooling.named(self.options.rules)
        tells = tuple(
            r.tells | {"gaps"} if r.uses_groups or isinstance(r, EndorsedRule) else r.tells for r in rules
        )
        return Facts(
            rules=self.options.rules,
            include_text=self.options.include_text,
            has=self.has,
            language=self.spec.display.language,
            names_hidden=self.spec.display.mask_model_names,
            tells=tells,
        )

    @cached_property
    def judgments(self) -> Subtraction:
        """Every stored answer, and why it feeds no label."""
        collected, withdrawn, unreleased = self.unreleased
        counts = np.bincount(self.collected.reason, minlength=len(REASONS) + 1)
        steps = [
            ("withdrawn", "of people who took their answers back", withdrawn),
            ("not_released", "of people who did not agree to release", unreleased),
            *((name, words, int(counts[i])) for i, (name, words) in enumerate(REASONS.items(), start=1)),
        ]
        return subtract("judgments", collected, steps)

    @cached_property
    def pairs(self) -> Subtraction:
        """Every pair of the study, and why it has no label."""
        side = self.pooled[0].side
        judged = int((self.votes.n_judgments > 0).sum())
        undecided = int(((self.votes.n_judgments > 0) & (side == 0)).sum())
        merged = self.merged.count
        steps = [
            ("no_votes", "nobody's vote counts", self.survey.pairs - judged - merged),
            ("merged", "the same request and answers as another pair; votes are counted there", merged),
            ("undecided", "neither answer is ahead", undecided),
        ]
        return subtract("pairs", self.survey.pairs, steps)


def take(
    session: Session,
    study: Study,
    options: ExportOptions,
    *,
    as_of: datetime,
    places: GivenPlaces | None = None,
    weigh: bool = False,
) -> State:
    """Read everything but texts, as of a moment. The session must stay inside one read transaction.

    ``places`` are others than the stored ones, for a preview; ``weigh`` asks what each possible exclusion would take.

    Raises:
        NoGroups, EmptyGroup: A rule needs groups that the study does not have.
    """
    version = version_at(session, study, as_of)
    spec = spec_of(session, study, version)
    crowd = people.load(session, study.id, spec, as_of=as_of)
    there = survey(session, study.id, as_of=as_of)
    unreleased = collecting.count_unreleased(session, study.id, as_of=as_of)
    timing = weigh or "quick" in options.exclude
    collected, numbers, marks = collecting.collect(
        session, study.id, crowd, as_of=as_of, n=unreleased.kept, timing=timing
    )
    merged = duplicates.find(session, study.id, collected.pair_ids)
    marks["retired"] = collecting.retired(session, study.id, collected.pair_ids, as_of=as_of)[collected.pair]
    could = reasons.decide(collected, marks, crowd, merged, options.exclude)
    again = collecting.retests(session, study.id, crowd, collected.pair_ids, as_of=as_of)
    votes = collected.votes(crowd, merged, numbers, again)
    pooled, endorsed = _labels(session, study, spec, options, crowd, collected, merged, votes, as_of=as_of)
    if places is None:
        places = GivenPlaces.load(session, study.id, options.split)
    return State(
        session=session,
        study=study,
        spec=spec,
        version=version,
        options=options,
        as_of=as_of,
        people=crowd,
        collected=collected,
        merged=merged,
        numbers=numbers,
        retests=again,
        votes=votes,
        pooled=pooled,
        endorsed=endorsed,
        has=there.has | _has(crowd, again),
        placer=Placer(splits.salt_of(study), options.shares, places),
        unreleased=unreleased,
        could_exclude=could,
        survey=there,
        salt=_salt(session, study, version, options, unreleased, as_of=as_of),
    )


def pool(
    votes: Votes, names: tuple[str, ...], said: Wanted | None = None
) -> tuple[list[Pooled], list[Endorsed]]:
    """Every rule's labels, in the order asked for, and what made those of endorsed ones."""
    found: list[Pooled] = []
    made: list[Endorsed] = []
    for rule in pooling.named(names):
        if rule.uses_groups and not votes.group_names:
            raise NoGroups(
                f"The rule {rule.name!r} balances groups; this study has none: none are defined (people.groups), or nobody has told one."
            )
        if isinstance(rule, EndorsedRule) and said is not None:
            pooled, how = said.label(rule)
            found.append(pooled)
            made.append(how)
        else:
            found.append(rule.pool(votes))
    return found, made


def _labels(
    session: Session,
    study: Study,
    spec: StudySpec,
    options: ExportOptions,
    crowd: People,
    collected: Collected,
    merged: Merged,
    votes: Votes,
    *,
    as_of: datetime,
) -> tuple[tuple[Pooled, ...], Endorsed | None]:
    """Labels; patches are read only for rules that look at them: endorsed ones, and reliability, which takes influences out."""
    rules = pooling.named(options.rules)
    said = None
    if any(isinstance(r, EndorsedRule) or r.name == "reliability_weighted" for r in rules):
        said = endorsement.wanted(
            session, study, crowd, collected, merged, votes,
            in_text_order=collecting.in_text_order(session, study.id, collected.pair_ids), kind=spec.item_kind, as_of=as_of,
        )  # fmt: skip
        votes = said.corrected(votes)
        said = replace(said, raw=replace(said.raw, votes=votes))
    pooled, made = pool(votes, options.rules, said)
    return tuple(pooled), made[0] if made else None


def _salt(
    session: Session,
    study: Study,
    version: int,
    options: ExportOptions,
    unreleased: Unreleased,
    *,
    as_of: datetime,
) -> str:
    """Salts ids: the study's secret, the options, and the last event, so that the same state gives the same ids again."""
    last_judgment = session.scalar(
        select(func.max(Judgment.id)).where(Judgment.study_id == study.id, Judgment.created_at <= as_of)
    )
    last_event = session.scalar(
        select(func.max(AnnotatorEvent.id))
        .join(Annotator, Annotator.id == AnnotatorEvent.annotator_id)
        .where(Annotator.study_id == study.id, AnnotatorEvent.at <= as_of)
    )
    last_item = session.scalar(
        select(func.max(Item.id)).where(Item.study_id == study.id, Item.added_at <= as_of)
    )
    said = wishes.state(session, study.id, as_of=as_of)
    state = (last_judgment, last_event, last_item, version, *unreleased, said)
    return keyed_hash(study.secret, "ids", options.model_dump_json(), *(str(s) for s in state))


def _has(crowd: People, again: Retests) -> set[str]:
    """Optional fields of people that at least one of them bears."""
    found = set()
    if any(crowd.attributes):
        found.add("attributes")
    if any(crowd.shown_group(i) is not None for i in range(crowd.ids.size)):
        found.add("groups")
    if again.person.size:
        found.add("retest_pairs")
    return found
