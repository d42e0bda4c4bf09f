"""The view that formats read: the flat arrays of one moment and the streams beside them, in one read transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.exports import (
    answer_stream,
    content_stream,
    delegated_stream,
    group_stream,
    meta_stream,
    pair_stream,
    persons,
    vote_stream,
)
from app.exports.figures import Lengths
from app.exports.protocol import Facts
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
from app.exports.state import State


@dataclass
class Snapshot:
    """What ``app.exports.protocol.View`` promises, over a ``State``."""

    state: State
    left_out: Counter[str] = field(default_factory=Counter)
    """What the format being read has left out so far, by reason."""
    lengths: Lengths | None = None
    """Where the lengths of pairs are noted as they pass by."""

    @property
    def facts(self) -> Facts:
        return self.state.facts

    @property
    def seed(self) -> int:
        return self.state.options.seed

    @property
    def copies(self) -> int:
        return self.state.options.copies

    def leave_out(self, reason: str) -> None:
        self.left_out[reason] += 1

    def pairs(self) -> Iterator[LabelledPair]:
        for pair in pair_stream.pairs(self.state):
            if self.lengths is not None:
                self.lengths.note(pair)
            yield pair

    def voted_pairs(self, *, single: bool = False) -> Iterator[VotedPair]:
        return vote_stream.voted_pairs(self.state, single=single)

    def delegated_pairs(self) -> Iterator[DelegatedPair]:
        return delegated_stream.delegated_pairs(self.state)

    def group_pairs(self) -> Iterator[GroupPair]:
        return group_stream.group_pairs(self.state)

    def judgments(self) -> Iterator[JudgmentRecord]:
        return answer_stream.judgments(self.state)

    def items(self) -> Iterator[ItemRecord]:
        return content_stream.items(self.state)

    def responses(self) -> Iterator[ResponseRecord]:
        return content_stream.responses(self.state)

    def rated_responses(self) -> Iterator[RatedResponse]:
        return pair_stream.rated_responses(self.state)

    def annotators(self) -> Iterator[AnnotatorRecord]:
        return persons.annotators(self.state)

    def crowd(self) -> Mapping[str, AnnotatorRecord]:
        return {p.annotator_id: p for p in self.annotators()}

    def splits(self) -> Iterator[SplitRecord]:
        return content_stream.split_rows(self.state)

    def assignments(self) -> Iterator[AssignmentRecord]:
        return answer_stream.assignments(self.state)

    def meta_questions(self) -> Iterator[MetaQuestionRecord]:
        return meta_stream.questions(self.state)

    def meta_answers(self) -> Iterator[MetaAnswerRecord]:
        return meta_stream.answers(self.state)
