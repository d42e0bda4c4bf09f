"""People with tastes, habits and slips, who answer comparisons and say how they want to be understood. Pure.

A person is a handful of numbers, so that every estimate and every meta-question can be held against what is true of them:
what they value (``tastes``), what sways them beside that (``sway``), which of those sways they stand by (``endorsed``, within
``scopes``), how they slip, and how they talk about themselves (``nodding``, ``cheap_talk``). ``Population`` draws them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from app.questions.answers import ComparisonAnswer
from app.questions.protocol import QuestionKind

POSITION, FIRST_READ = "position", "first_read"
PRESENTATION = frozenset({POSITION, FIRST_READ})
"""Sways that come from how a pair is shown, not from its texts; nobody stands by them."""
SETTLEMENTS = (
    "majority", "affected", "experience", "particular_user", "both_sides", "stay_out", "talk", "leave",
)  # fmt: skip
"""How a disagreement could be settled (M5): what most chose, what those it affects chose, what those with experience chose,
what the particular user prefers, show both sides, stay out of it, talk it over first, leave it as it is."""
VOICES = ("everyone", "affected", "trained", "local", "asker")
"""Who should count (M6)."""
Habit = Literal["", "random", "left"]


@dataclass(frozen=True)
class Impression:
    """What a response amounts to, to everyone who reads it.

    substance: what there is to like or dislike, by name, about one unit from response to response.  influences: how much of
    each influence it shows, in standard deviations of the differences within pairs of this study.  topic: of its item.
    """

    substance: Mapping[str, float] = field(default_factory=dict)
    influences: Mapping[str, float] = field(default_factory=dict)
    topic: str | None = None


@dataclass(frozen=True)
class SimulatedPerson:
    """One person and all that is true of them. Tastes and sways are logits a unit; the rest are probabilities unless said.

    group: what they would say of themselves.  tastes: by substance.  sway: by influence; ``position`` is logits for whatever
    stands on the left.  endorsed: 0..1 by influence, how much of its sway they want to count; 0 where not named.
    scopes: the topics an endorsement holds in, everywhere where not named.  sharpness: multiplies tastes.  slips: answers the
    other way.  skips: leaves a question out.  floor: utility under which neither answer is good enough, for half of the time.
    habit: answers without reading, at random or always left.
    changes_after, tastes_after: from this many own answers on they value other things.
    settles: how a disagreement should be settled (M5).  voices: points for who should count (M6), summing to 1.
    nodding: agrees with a statement whatever it says.  cheap_talk: says that an influence should not count though they will
    stand by the choices it made.  pace: multiplies the time they take.
    """

    group: str
    tastes: Mapping[str, float] = field(default_factory=dict)
    sway: Mapping[str, float] = field(default_factory=dict)
    endorsed: Mapping[str, float] = field(default_factory=dict)
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sharpness: float = 1.0
    slips: float = 0.0
    skips: float = 0.0
    floor: float = -math.inf
    habit: Habit = ""
    changes_after: int | None = None
    tastes_after: Mapping[str, float] = field(default_factory=dict)
    settles: str = "majority"
    voices: Mapping[str, float] = field(default_factory=lambda: {"everyone": 1.0})
    nodding: float = 0.0
    cheap_talk: float = 0.0
    pace: float = 1.0

    def has_changed(self, answered: int) -> bool:
        """Whether their mind has changed by the time they have given so many answers."""
        return self.changes_after is not None and answered >= self.changes_after

    def worth(self, one: Impression, *, answered: int = 0) -> float:
        """Logits that they make of what a response says, without what sways them."""
        tastes = self.tastes_after if self.has_changed(answered) else self.tastes
        value = sum(weight * one.substance.get(name, 0.0) for name, weight in tastes.items())
        return self.sharpness * value

    def stands_by_share(self, influence: str, topic: str | None) -> float:
        """How much of an influence's sway should count in this topic, by their own lights: 0..1."""
        if influence in PRESENTATION:
            return 0.0
        scope = self.scopes.get(influence)
        if scope is not None and topic not in scope:
            return 0.0
        return self.endorsed.get(influence, 0.0)

    def advantage(
        self, left: Impression, right: Impression, *, answered: int = 0, read_first: int = 0
    ) -> float:
        """Logits by which they are drawn to the left response. ``read_first``: 1 the left one, -1 the right, 0 both at once."""
        drawn = self.worth(left, answered=answered) - self.worth(right, answered=answered)
        for name, weight in self.sway.items():
            if name == POSITION:
                drawn += weight
            elif name == FIRST_READ:
                drawn += weight * read_first
            else:
                drawn += weight * (left.influences.get(name, 0.0) - right.influences.get(name, 0.0))
        return drawn

    def endorsed_advantage(self, left: Impression, right: Impression, *, answered: int = 0) -> float:
        """Logits by which the left response is better by what they stand by: the truth that endorsed labels are after."""
        stood = self.worth(left, answered=answered) - self.worth(right, answered=answered)
        for name, weight in self.sway.items():
            part = weight * (left.influences.get(name, 0.0) - right.influences.get(name, 0.0))
            stood += part * self.stands_by_share(name, left.topic)
        return stood

    def answer(
        self, rng: Random, kind: QuestionKind, left: Impression, right: Impression, *, answered: int = 0
    ) -> ComparisonAnswer:
        """What they answer; now and then a skip, now and then a slip."""
        if rng.random() < self.skips:
            return ComparisonAnswer(choice="skip", skip_reason="dont_know")
        if self.habit:
            return kind.simulate(rng, 0.0 if self.habit == "random" else 12.0)
        drawn = self.advantage(left, right, answered=answered)
        if rng.random() < self.slips:
            drawn = -drawn
        best = max(self.worth(left, answered=answered), self.worth(right, answered=answered))
        if best < self.floor and rng.random() < 0.5:
            return ComparisonAnswer(choice="neither")
        return kind.simulate(rng, drawn)

    def seconds(self, rng: Random, words: int) -> float:
        """How long they take over two answers of so many words; those who do not read are quick."""
        reading = 2.0 if self.habit else 8 + words / 4.2
        return max(1.5 if self.habit else 6.0, self.pace * rng.lognormvariate(0, 0.35) * reading)

    def view(self, rng: Random, left: Impression, right: Impression) -> str:
        """Whether this is their view or a guess (M12): my_view, leaning or guess, by how far they are drawn."""
        sure = math.tanh(abs(self.advantage(left, right)) / 2)
        draw = rng.random()
        if self.habit or draw > sure + (1 - sure) * 0.6:
            return "guess"
        return "my_view" if draw < sure else "leaning"

    def says(self, rng: Random, influence: str, *, topic: str | None = None, reverse: bool = False) -> float:
        """How much an influence should count, as they answer when asked (M1, M9): 0..1, 0 = it should not count.

        ``reverse``: it was put the other way round, "should it be left out?". Nodding agrees with how it was put, cheap talk
        gives the answer that sounds better, else they say what is true.
        """
        if self.habit:
            return rng.random()
        if rng.random() < self.nodding:
            return 0.0 if reverse else 1.0
        if rng.random() < self.cheap_talk:
            return 0.0
        return self.stands_by_share(influence, topic)

    def stands_by(self, rng: Random, influence: str, *, topic: str | None = None) -> bool:
        """Shown one of their own pairs that a correction for ``influence`` would turn over: do they stand by the correction?

        About a case people say what they mean: no nodding and no cheap talk, only slips.
        """
        if self.habit:
            return rng.random() < 0.5
        meant = rng.random() >= self.stands_by_share(influence, topic)
        return meant != (rng.random() < self.slips)

    def explains_flip(
        self, rng: Random, left: Impression, right: Impression, *, earlier: int, later: int
    ) -> str:
        """Why two of their answers to one pair differ (M4): changed, close or slip. ``earlier`` and ``later`` count their answers."""
        if self.habit:
            return rng.choice(("changed", "close", "slip"))
        before = self.endorsed_advantage(left, right, answered=earlier)
        after = self.endorsed_advantage(left, right, answered=later)
        if self.has_changed(later) and not self.has_changed(earlier) and before * after < 0:
            return "changed"
        return "close" if abs(after) < 0.7 else "slip"
