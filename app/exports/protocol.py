"""What a format must offer, and what it may look at: a view of one moment of a study, without database or web."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from app.exports.records import (
    AnnotatorRecord,
    AssignmentRecord,
    DelegatedPair,
    GroupPair,
    ItemRecord,
    JudgmentRecord,
    LabelledPair,
    MetaAnswerRecord,
    MetaQuestionRecord,
    RatedResponse,
    ResponseRecord,
    SplitRecord,
    VotedPair,
)
from app.exports.schema import Schema

Row = dict[str, Any]
Placed = tuple[str, Row]
"""A split's name and the row that goes there; formats that are not split put everything in ``train``."""

WHOLE = "train"
"""Where the rows of a format go that is not split: the name that readers expect of an only part."""


@dataclass(frozen=True)
class Facts:
    """What is known of a study before its rows are read; a schema may depend on it, so that no column is always null.

    ``has`` names optional fields that at least one row bears: strength, confidence, rationale, better, stance, view,
    predicted_share, reason_tags, aspects, spans, skip_reason, tie_reason, source, retests, groups, attributes, assignments.
    """

    rules: tuple[str, ...]
    include_text: bool
    has: frozenset[str]
    language: str = "en"
    """The study's language, as its settings name it."""
    names_hidden: bool = True
    """Whether people saw no names of models."""
    tells: tuple[frozenset[str], ...] = ()
    """What each rule tells beside a probability, in the order of ``rules``: ``interval``, ``least_group``; ``gaps`` where it may
    have no figure for a pair that was voted on."""

    def told_by(self, rule: int) -> frozenset[str]:
        """What the rule at this place tells beside a probability."""
        return self.tells[rule] if rule < len(self.tells) else frozenset()


class View(Protocol):
    """One consistent moment of a study. Every iterator can be asked for again and then gives the same."""

    @property
    def facts(self) -> Facts: ...

    @property
    def seed(self) -> int: ...

    @property
    def copies(self) -> int:
        """Rows that a pair of full weight becomes where pairs are multiplied."""
        ...

    def pairs(self) -> Iterator[LabelledPair]: ...

    def voted_pairs(self, *, single: bool = False) -> Iterator[VotedPair]:
        """Pairs with their counted votes; ``single``: each with its id, its side and its time, and "neither" among them."""
        ...

    def delegated_pairs(self) -> Iterator[DelegatedPair]:
        """Pairs with those who have not answered them and let the study's picture of them do so."""
        ...

    def group_pairs(self) -> Iterator[GroupPair]:
        """Pairs as each group sees them that is large enough to be named."""
        ...

    def judgments(self) -> Iterator[JudgmentRecord]: ...

    def items(self) -> Iterator[ItemRecord]: ...

    def responses(self) -> Iterator[ResponseRecord]: ...

    def rated_responses(self) -> Iterator[RatedResponse]: ...

    def annotators(self) -> Iterator[AnnotatorRecord]: ...

    def crowd(self) -> Mapping[str, AnnotatorRecord]:
        """The same people by their ids: as many as there are people, however many rows."""
        ...

    def splits(self) -> Iterator[SplitRecord]: ...

    def assignments(self) -> Iterator[AssignmentRecord]: ...

    def meta_questions(self) -> Iterator[MetaQuestionRecord]: ...

    def meta_answers(self) -> Iterator[MetaAnswerRecord]: ...

    def leave_out(self, reason: str) -> None:
        """Count something that the format being written does not hold."""
        ...


@runtime_checkable
class Format(Protocol):
    """One shape of dataset.

    ``name`` is the file's name, the folder and the card's config; ``title`` one line for people; ``readers`` who reads it;
    ``leaves_out`` what it does not hold, each reason with its sentence; ``about_people`` whether its rows are about single
    people (so that a withdrawal concerns it even where the person gave no counted vote).
    """

    name: str
    title: str
    readers: str
    leaves_out: Mapping[str, str]
    about_people: bool

    def schema(self, facts: Facts) -> Schema:
        """The columns of every row, in order."""
        ...

    def rows(self, view: View) -> Iterator[Placed]:
        """Every row with its split, streaming, in a fixed order. What is left out is counted with ``view.leave_out``."""
        ...
