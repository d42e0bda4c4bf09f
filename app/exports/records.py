"""What formats are handed, one frozen record at a time: no database row, no secret, no name of a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

Message = dict[str, str]


class Side(NamedTuple):
    """One response of a pair."""

    id: str
    source: str | None
    text: str


class Label(NamedTuple):
    """What one rule says about a pair: probability that the first is preferred, 1, -1 or 0 for the side, weight in votes.

    low, high: ends of the 95 % interval; least: the group that agrees least with the chosen response, where it is large enough to
    be named, and its share. None for rules that do not tell them.
    """

    p_first: float
    side: int
    weight: float
    low: float | None = None
    high: float | None = None
    least: str | None = None
    least_share: float | None = None


class Corrected(NamedTuple):
    """What people's own words did to a pair's label: the first response's probability without them and with them, how many votes
    it weighs, what each influence moved it by, the patches behind it under this export's own numbers, and the readings under which
    it would be the other one.
    """

    p_raw: float
    p_endorsed: float
    weight: float
    shifts: dict[str, float]
    patches: tuple[str, ...]
    flipped_by: tuple[str, ...]


class LabelledPair(NamedTuple):
    """A pair that somebody voted on, with every rule's label in the order asked for."""

    pair_id: str
    prompt_id: str
    item_id: str
    split: str
    prompt: list[Message]
    first: Side
    second: Side
    labels: tuple[Label, ...]
    n_judgments: int
    n_annotators: int
    n_ties: int
    n_first: int
    n_second: int
    strength: float | None
    """Mean signed strength, positive towards the first; a tie is 0; None where nobody gave one."""
    topic: str | None = None
    corrected: Corrected | None = None


class Vote(NamedTuple):
    """One vote on a pair, as counted: 1 for the first response, 0 for the second, a half for a tie.

    Where single votes were asked for: the answer's own id, whether the first response stood on the left, and when it was given.
    ``y`` is None for "neither is good", which is then among them too.
    """

    annotator_id: str
    y: float | None
    strength: int | None
    confidence: int | None
    reason: str | None
    judgment_id: str = ""
    left_first: bool = True
    at: datetime | None = None


class VotedPair(NamedTuple):
    """A labelled pair with its votes."""

    pair: LabelledPair
    votes: list[Vote]


class Delegate(NamedTuple):
    """A person whose picture answers a pair for them: how likely they prefer the first response, what that weighs (0..1), and how many of
    their own repeats it guessed.
    """

    annotator_id: str
    p_first: float
    weight: float
    hits: int
    repeats: int


class DelegatedPair(NamedTuple):
    """A labelled pair with those who let their picture answer it."""

    pair: LabelledPair
    people: list[Delegate]


class JudgmentRecord(NamedTuple):
    """One stored answer, counted or not."""

    judgment_id: str
    item_id: str
    pair_id: str
    annotator_id: str
    choice: str
    first_response_id: str
    second_response_id: str
    left_first: bool
    strength: int | None
    confidence: int | None
    stance: str | None
    view: str | None
    predicted_share: float | None
    skip_reason: str | None
    tie_reason: str | None
    reason_tags: list[str]
    aspects: dict[str, str]
    spans: list[dict[str, Any]]
    response_ms: int | None
    shown_at: datetime | None
    submitted_at: datetime | None
    work_session: int | None
    place: int | None
    policy: str | None
    branch: str | None
    propensity: float | None
    is_gold: bool
    gold_correct: bool | None
    is_repeat: bool
    repeat_of: str | None
    reviewed_before: bool
    late: bool
    source: str
    superseded_by: str | None
    exclusion: str | None
    rationale: str | None
    better: str | None
    study_version: int


class ItemRecord(NamedTuple):
    item_id: str
    prompt_id: str
    prompt_sha256: str
    prompt: list[Message]
    topic: str | None
    kind: str
    gold_response_id: str | None
    flags: list[str]
    retired: bool
    split: str
    details: dict[str, Any]


class ResponseRecord(NamedTuple):
    response_id: str
    item_id: str
    position: int
    text: str
    source: str | None
    variant_of: str | None
    variant: str | None
    flags: list[str]
    details: dict[str, Any]


class RatedResponse(NamedTuple):
    """A response with what the votes on all its pairs say about it alone."""

    response_id: str
    prompt_id: str
    item_id: str
    split: str
    prompt: list[Message]
    text: str
    source: str | None
    p_good: float
    n_judgments: int


class GroupPair(NamedTuple):
    """A pair as one group sees it: its labels are those of the group's own votes, ``everyone`` the study's first label."""

    group: str
    people: int
    pair: LabelledPair
    everyone: Label


class AnnotatorRecord(NamedTuple):
    annotator_id: str
    group: str | None
    attributes: list[dict[str, str]]
    n_judgments: int
    n_counted: int
    n_retests: int
    retests_same: int
    steadiness: float | None
    left_share: float | None
    median_ms: float | None
    consent_scope: str
    source: str
    joined_week: str
    left_out: bool
    fold: int


class SplitRecord(NamedTuple):
    prompt_id: str
    prompt_sha256: str
    split: str
    fold: int


class AssignmentRecord(NamedTuple):
    assignment_id: str
    annotator_id: str
    item_id: str
    pair_id: str
    left_response_id: str
    right_response_id: str
    policy: str
    branch: str | None
    branch_probability: float | None
    explore: float | None
    score: float | None
    propensity: float
    eligible: int | None
    candidates: int | None
    guess_left: float | None
    guess_by: str | None
    is_repeat: bool
    is_gold: bool
    answered: bool
    place: int
    work_session: int
    shown_at: datetime
    study_version: int


class MetaQuestionRecord(NamedTuple):
    """A question about how choices should be read, in one wording and form."""

    question_id: str
    kind: str
    text: str
    version: int
    form: str
    options: list[str]
    n_answers: int


class MetaAnswerRecord(NamedTuple):
    """What one person answered to it."""

    meta_judgment_id: str
    annotator_id: str
    question_id: str
    kind: str
    text: str
    choice: str
    answer: str
    stood: int
    shown: int
    about: list[str]
    reason: str | None
    response_ms: int | None
    at: datetime | None
