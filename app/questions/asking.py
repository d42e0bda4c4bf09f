"""When there is a reason to ask a person about their choices, and what asking would be worth. Pure: facts in, occasions out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from app.questions.protocol import MetaKind, Option

Words = Callable[..., str]
"""(key, placeholders by name) to a text in the study's language; see ``app.questions.wording``."""
LAST = ("unsure", "rather_not")
"""Answers that always come last, in this order; neither has any effect."""


@dataclass(frozen=True)
class OwnChoice:
    """A choice of the person's between responses that differ clearly in an influence. ``size``: by how many standard deviations,
    positive where they chose the one with more. ``turned``: without the influence the study would read the pair the other way.
    """

    judgment_id: str
    size: float
    turned: bool = False


@dataclass(frozen=True)
class Leaning:
    """An influence, in the study and in one person's choices.

    effect: average marginal effect, 0..1, None where not known; sign: +1 where more of it is chosen in the study; q_value;
    own: probes show that it is the influence itself; chosen, informative: of the person's choices between responses that clearly
    differ in it, how many went to the one with more; choices: those, largest first; endorsed, answers: what people have said so
    far; undecided: people who were not sure; confounded: who chose for something that comes with it; told: the person has said what they think of it; moved_by: endorsed share to labels moved in all, against raw; terms: what shows an influence that a
    person named.
    """

    name: str
    effect: float | None
    sign: int
    q_value: float | None
    own: bool
    chosen: int
    informative: int
    choices: tuple[OwnChoice, ...] = ()
    endorsed: float = 1.0
    answers: int = 0
    told: bool = False
    moved_by: tuple[float, ...] = ()
    undecided: int = 0
    confounded: int = 0
    terms: tuple[str, ...] = ()

    def moves(self, before: float, after: float) -> float:
        """Labels moved, in all, when the endorsed share goes from one value to another."""
        return abs(self._at(before) - self._at(after))

    def _at(self, share: float) -> float:
        if not self.moved_by:
            return 0.0
        place = min(max(share, 0.0), 1.0) * (len(self.moved_by) - 1)
        low = int(place)
        high = min(low + 1, len(self.moved_by) - 1)
        return self.moved_by[low] + (place - low) * (self.moved_by[high] - self.moved_by[low])


@dataclass(frozen=True)
class Flip:
    """A pair that the person met twice and answered differently. votes: how many first answers the pair has."""

    first_id: str
    again_id: str
    first_side: str
    """left, right or tie, as the pair stood the second time, so that both answers are told of the same picture."""
    again_side: str
    votes: int
    asked: bool = False


@dataclass(frozen=True)
class Split:
    """A class of pairs on which people differ. first, second, people: of one pair of it that this person has answered too.
    pairs: how many pairs of the class are like that. answers: how many people said what should be done. asked: this person was.
    """

    class_id: str
    judgment_ids: tuple[str, ...]
    counts: tuple[tuple[int, int, int], ...]
    """Of each example: people in all, those for the left response as this person saw it, those for the right."""
    pairs: int
    answers: int
    asked: bool = False


@dataclass(frozen=True)
class Statement:
    """Something the study has learned about the person: they choose more (sign +1) or less (-1) of an influence."""

    name: str
    sign: int
    fits: int
    of: int
    choices: tuple[str, ...]
    foil: bool = False


@dataclass(frozen=True)
class World:
    """What the kinds look at. answered: comparisons the person has answered in all. statements: see ``questions.portrait``."""

    annotator_id: str
    answered: int
    leanings: tuple[Leaning, ...] = ()
    flips: tuple[Flip, ...] = ()
    splits: tuple[Split, ...] = ()
    statements: tuple[Statement, ...] = ()
    session_over: bool = False
    asked: frozenset[str] = frozenset()
    """Templates this person has been asked."""


@dataclass(frozen=True)
class Occasion:
    """A question that could be put now. ``outcomes``: (answer, probability, labels it would move). ``triggered``: the kind's trigger
    holds; one that does not can still come up in the random share. ``cases``: choices shown before the effect.
    """

    kind: str
    template: str
    about: Mapping[str, Any]
    trigger: Mapping[str, Any]
    outcomes: tuple[tuple[str, float, float], ...]
    triggered: bool
    evidence: tuple[str, ...] = ()
    cases: tuple[OwnChoice, ...] = ()

    def price(self, seconds: float) -> float:
        """Expected change of labels per second (METHOD 3.0, EVMI)."""
        return sum(p * moved for _, p, moved in self.outcomes) / max(seconds, 1.0)


@dataclass(frozen=True)
class Wording:
    """A question in words. ``options``: values with labels, in stored order. ``texts``: answers that open a text field, with its label.
    ``ranks``: a second choice is asked for too.
    """

    text: str
    options: tuple[Option, ...]
    labels: Mapping[str, str]
    texts: Mapping[str, str] = field(default_factory=dict)
    lead: str = ""
    ranks: bool = False


@runtime_checkable
class Asks(MetaKind, Protocol):
    """A meta-question with a page of its own: when to ask it, and in which words."""

    forms: tuple[str, ...]
    needs_cases: frozenset[str]
    """Answers whose effect the person first sees on their own choices."""

    def occasions(self, world: World) -> list[Occasion]:
        """Everything of this kind that could be asked of this person now."""
        ...

    def wording(self, about: Mapping[str, Any], form: str, words: Words) -> Wording:
        """The question about one thing, in one of the kind's forms."""
        ...

    def agrees(self, choice: str, form: str) -> bool | None:
        """Whether an answer says yes to the question as this form puts it; None where it says neither."""
        ...
