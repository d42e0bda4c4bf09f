"""What a rule is given and what it must give back: flat arrays of votes in, one probability and one side per pair out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from app.kit.errors import Conflict

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BAND = 1e-9
"""Half-width of the band around one half in which a pair counts as undecided."""


class EmptyGroup(Conflict):
    """A group that should count has nobody in it; no share is made up for it."""

    code, title = "empty_group", "A group that should count has nobody in it"


class NoGroups(Conflict):
    """The rule balances groups, and the study defines none or nobody has told one."""

    code, title = "no_groups", "This study has no groups"


class BadVotesError(ValueError):
    """Arrays that do not describe votes: a mistake of the calling code, never of a person."""


@dataclass(frozen=True)
class Retests:
    """Pairs that a person answered twice. ``before`` and ``after`` are preferences for the first response, as in Votes.

    person: int64 (n_retests,).  pair: int64 (n_retests,).  before, after: float64 (n_retests,), each 0, 1/2 or 1.
    swapped: bool (n_retests,), whether the sides stood the other way the second time.
    pull: float64 (n_retests,), logits towards the first response that come from influences the people do not stand by, as
    the corrections in force have them; None where nothing has been taken out. Only rules about reliability look at it.
    """

    person: Ints
    pair: Ints
    before: Floats
    after: Floats
    swapped: Flags
    pull: Floats | None = None


@dataclass(frozen=True)
class Votes:
    """The judgments that feed labels, as flat arrays, keyed by response and never by side.

    pair: int64 (n_votes,), each in [0, n_pairs).  person: int64 (n_votes,), each in [0, n_people).
    y: float64 (n_votes,), 1 for the pair's first response, 0 for its second, 1/2 for a tie.
    first_on_left: bool (n_votes,), where the first response stood; only rules about side habits look at it.
    weight: float64 (n_votes,), >= 0, 1 = one vote.
    group: int64 (n_people,), each in [-1, n_groups); -1 = the person told no group.
    group_names: (n_groups,).  group_weights: float64 (n_groups,), >= 0, sum 1: how much each group should count.
    item: int64 (n_pairs,), which item a pair is of.  first, second: int64 (n_pairs,), its responses, study-wide numbers.

    Raises:
        BadVotesError: An array has another length than the others, or an index or a value outside its range.
    """

    n_pairs: int
    n_people: int
    pair: Ints
    person: Ints
    y: Floats
    first_on_left: Flags
    weight: Floats
    group: Ints
    group_names: tuple[str, ...] = ()
    group_weights: Floats = field(default_factory=lambda: np.zeros(0))
    item: Ints | None = None
    first: Ints | None = None
    second: Ints | None = None
    retests: Retests | None = None

    def __post_init__(self) -> None:
        n = self.pair.size
        if any(a.size != n for a in (self.person, self.y, self.first_on_left, self.weight)):
            raise BadVotesError("pair, person, y, first_on_left and weight need one entry for each vote")
        if self.group.size != self.n_people or self.group_weights.size != len(self.group_names):
            raise BadVotesError("group needs one entry for each person, group_weights one for each group")
        if n and (self.pair.min() < 0 or self.pair.max() >= self.n_pairs):
            raise BadVotesError("a pair is outside its range")
        if n and (self.person.min() < 0 or self.person.max() >= self.n_people):
            raise BadVotesError("a person is outside their range")
        if not np.isin(self.y, (0.0, 0.5, 1.0)).all():
            raise BadVotesError("y is 0, 1/2 or 1")
        if not (np.isfinite(self.weight).all() and (self.weight >= 0).all()):
            raise BadVotesError("a weight is finite and not negative")

    @classmethod
    def of(
        cls,
        pair: Any,
        person: Any,
        y: Any,
        *,
        n_pairs: int | None = None,
        n_people: int | None = None,
        first_on_left: Any = None,
        weight: Any = None,
        group: Any = None,
        group_weights: Mapping[str, float] | None = None,
        item: Any = None,
        first: Any = None,
        second: Any = None,
        retests: Retests | None = None,
    ) -> Votes:
        """Votes from plain sequences, with the defaults of a study without groups: everybody counts once."""
        pairs, people = np.asarray(pair, np.int64), np.asarray(person, np.int64)
        size = n_people if n_people is not None else int(people.max(initial=-1)) + 1
        weights = group_weights or {}
        return cls(
            n_pairs=n_pairs if n_pairs is not None else int(pairs.max(initial=-1)) + 1,
            n_people=size,
            pair=pairs,
            person=people,
            y=np.asarray(y, np.float64),
            first_on_left=np.ones(pairs.size, bool)
            if first_on_left is None
            else np.asarray(first_on_left, bool),
            weight=np.ones(pairs.size) if weight is None else np.asarray(weight, np.float64),
            group=np.full(size, -1, np.int64) if group is None else np.asarray(group, np.int64),
            group_names=tuple(weights),
            group_weights=np.asarray(list(weights.values()), np.float64),
            item=None if item is None else np.asarray(item, np.int64),
            first=None if first is None else np.asarray(first, np.int64),
            second=None if second is None else np.asarray(second, np.int64),
            retests=retests,
        )

    def only(self, kept: Flags | Ints) -> Votes:
        """Some of the votes, of the same pairs and people. kept: bool (n_votes,), or their places, int64."""
        return replace(
            self,
            pair=self.pair[kept],
            person=self.person[kept],
            y=self.y[kept],
            first_on_left=self.first_on_left[kept],
            weight=self.weight[kept],
        )

    def responses(self) -> tuple[Ints, Ints, Ints]:
        """Item, first and second response of each pair; a pair of an item of its own where none were told. Int64 (n_pairs,)."""
        if self.item is None or self.first is None or self.second is None:
            alone = np.arange(self.n_pairs, dtype=np.int64)
            return alone, 2 * alone, 2 * alone + 1
        return self.item, self.first, self.second

    @cached_property
    def n_judgments(self) -> Ints:
        """Votes of each pair, int64 (n_pairs,)."""
        return np.bincount(self.pair, minlength=self.n_pairs).astype(np.int64)

    @cached_property
    def n_annotators(self) -> Ints:
        """Different people behind each pair's votes, int64 (n_pairs,)."""
        key = self.pair * max(1, self.n_people) + self.person
        key.sort()
        again = np.zeros(key.size, bool)
        again[1:] = key[1:] == key[:-1]
        return np.bincount(key[~again] // max(1, self.n_people), minlength=self.n_pairs).astype(np.int64)

    @cached_property
    def n_ties(self) -> Ints:
        """Ties among each pair's votes, int64 (n_pairs,)."""
        return np.bincount(self.pair[self.y == 0.5], minlength=self.n_pairs).astype(np.int64)

    @cached_property
    def total(self) -> Floats:
        """Weight of each pair's votes, float64 (n_pairs,)."""
        return np.bincount(self.pair, weights=self.weight, minlength=self.n_pairs).astype(np.float64)

    @cached_property
    def for_first(self) -> Floats:
        """Weight in favour of each pair's first response, ties counted half, float64 (n_pairs,)."""
        return np.bincount(self.pair, weights=self.weight * self.y, minlength=self.n_pairs).astype(np.float64)


@dataclass(frozen=True)
class Pooled:
    """The label of every pair under one rule.

    p_first: float64 (n_pairs,), probability that the first response is the preferred one; NaN where nobody voted.
    side: int8 (n_pairs,), 1 = first, -1 = second, 0 = undecided (p within ``BAND`` of one half) or no votes.
    weight: float64 (n_pairs,), how much the pair's label rests on, in votes.
    parameters: what was estimated or fixed on the way; goes into the manifest as it is.
    cautions: sentences for the dataset card.
    low, high: float64 (n_pairs,), ends of the 95 % interval of ``p_first``; None for rules without one.
    least: int64 (n_pairs,), the group that agrees least with the chosen response, as an index into the votes' group names, -1
    where no side was chosen; None for rules that do not say.  least_share: float64 (n_pairs,), how much of it agrees.
    """

    rule: str
    p_first: Floats
    side: NDArray[np.int8]
    weight: Floats
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    low: Floats | None = None
    high: Floats | None = None
    least: Ints | None = None
    least_share: Floats | None = None

    @classmethod
    def decided(
        cls,
        rule: str,
        p_first: Floats,
        weight: Floats,
        parameters: Mapping[str, Any] | None = None,
        cautions: tuple[str, ...] = (),
        *,
        low: Floats | None = None,
        high: Floats | None = None,
    ) -> Pooled:
        """Labels whose side follows from ``p_first``: the larger half wins, the band around one half is undecided."""
        lean = np.where(np.isnan(p_first), 0.0, p_first - 0.5)
        side = np.where(np.abs(lean) <= BAND, 0, np.sign(lean)).astype(np.int8)
        told = {"undecided_band": BAND, **(parameters or {})}
        return cls(rule, p_first, side, weight, told, cautions, low, high)


@runtime_checkable
class PoolingRule(Protocol):
    """How the votes of a pair become one label: a pure function of ``Votes``, without randomness.

    ``name`` is the file's name and the word after ``--rule``; ``title`` one line for people; ``formula`` and ``source`` go
    into the card; ``assumes`` says when the rule is right and when it is wrong; ``uses_groups`` whether it looks at groups;
    ``tells`` what it tells beside a probability: ``interval``, ``least_group``.
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def formula(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def assumes(self) -> str: ...

    @property
    def uses_groups(self) -> bool: ...

    @property
    def tells(self) -> frozenset[str]: ...

    def pool(self, votes: Votes) -> Pooled:
        """The label of every pair.

        Raises:
            EmptyGroup: The rule weighs groups and one with a weight above zero has nobody in it.
            NoGroups: The rule weighs groups and none are defined.
        """
        ...
