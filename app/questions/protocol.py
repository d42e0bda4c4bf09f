"""What an entry of the two question seams must offer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol, runtime_checkable

from app.questions.answers import ComparisonAnswer


@dataclass(frozen=True)
class Option:
    """One way to answer, as shown: the stored value, the catalogue key of its words, its single key."""

    value: str
    words: str
    key: str


@runtime_checkable
class QuestionKind(Protocol):
    """A way to compare two responses.

    ``name`` is the file's name and the study file's ``question.scale``; ``template`` renders it; ``version`` changes when
    the stored meaning of an answer does, and old versions still parse.
    """

    name: str
    version: int
    template: str

    def options(self) -> list[Option]:
        """The choices in reading order, left to right."""
        ...

    def parse(self, form: Mapping[str, Any]) -> ComparisonAnswer:
        """The answer in a submitted form. Raises Malformed naming the field; never guesses."""
        ...

    def form(self, answer: ComparisonAnswer) -> dict[str, Any]:
        """The form fields that parse to ``answer``, for showing it again."""
        ...

    def observation(self, answer: ComparisonAnswer) -> float | None:
        """Preference for the left response in 0..1 (a tie is a half), None where the answer says nothing about it."""
        ...

    def simulate(self, rng: Random, advantage: float) -> ComparisonAnswer:
        """An answer of a person for whom left is better by ``advantage`` logits."""
        ...


@dataclass(frozen=True)
class PatchDraft:
    """The effect of a meta-answer before it is stored: what it changes for whom, as METHOD 3.0 names it.

    ``shown`` cases that it would turn over were put to the person, who stood by ``stood`` of them (METHOD 3.4.1).
    """

    scope: str
    target_type: str
    target_id: str
    var: str
    value: Any
    sources: tuple[str, ...] = ()
    stood: int = 0
    shown: int = 0


@dataclass(frozen=True)
class MetaAnswer:
    """What a person answered: a choice, words of their own, and what some kinds ask beside it.

    ``ranking`` best first; ``points`` shares by option; ``stands`` says of each case that was shown (by its judgment) whether the
    person stands by its being read the other way.
    """

    choice: str
    text: str | None = None
    ranking: tuple[str, ...] = ()
    points: Mapping[str, float] = field(default_factory=dict)
    stands: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class MetaView:
    """What a meta-question kind may look at when it is answered: the choice it was tapped on, or the question as it was asked.

    ``about`` is what the occasion put into the question (``Occasion.about``), as it was stored with it; ``cases`` are the person's own
    choices that it was to turn over, put before them with it.
    """

    annotator_id: str
    judgment_id: str | None = None
    evidence: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    cases: tuple[str, ...] = ()

    def stood_by(self, answer: MetaAnswer) -> tuple[int, int]:
        """(cases the person stands by, cases put before them). One left open is not stood by: saying it is not standing by it."""
        put = {*self.cases, *answer.stands}
        return sum(bool(stands) for stands in answer.stands.values()), len(put)


@runtime_checkable
class MetaKind(Protocol):
    """A question about how judgments should be read.

    ``code`` is its stored kind, M1 to M16; ``on_ballot`` says whether it is one tap beside a choice rather than a page of
    its own; ``seconds`` is how long people take to answer it, until the study knows. Its effects are pure: the same answer and
    view give the same patches.
    """

    name: str
    code: str
    version: int
    template: str
    on_ballot: bool
    seconds: float

    def options(self) -> list[Option]:
        """The answers in their stored order; pages shuffle where the method says so."""
        ...

    def effects(self, answer: MetaAnswer, view: MetaView) -> list[PatchDraft]:
        """The patches that this answer makes. Raises Malformed for an answer it does not offer."""
        ...

    def simulate(self, rng: Random, truth: float) -> str:
        """An answer of a person whose true position on what is asked is ``truth`` in 0..1."""
        ...
