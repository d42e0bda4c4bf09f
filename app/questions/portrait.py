"""What the study has learned about a person, as statements they can answer; with foils, and pairs of statements that clash. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from app.questions.asking import Leaning, Statement

FROM, SOONER = 25, 4
"""Choices from which the page opens; or the end of a session, where so many statements have evidence."""
EVIDENCE = 4
"""Choices between clearly different responses that a statement needs."""
MOST = 8
TENDS = 0.55
"""Share of choices from which a statement says that the person tends to do so."""
CONTRADICTED = 0.6
"""A foil is a statement whose opposite fits at least this share of the person's own choices."""
CLASHES = 2


@dataclass(frozen=True)
class Clash:
    """Two statements that pulled apart on the person's own choices; ``choices`` are those where the first one won."""

    first: str
    second: str
    choices: tuple[str, ...]


def is_open(answered: int, session_over: bool, statements: int) -> bool:
    """Whether there is enough to say anything."""
    return statements > 0 and (answered >= FROM or (session_over and statements >= SOONER))


def portrait(leanings: Sequence[Leaning], *, foils: int, rng: Random) -> tuple[Statement, ...]:
    """At most eight statements, strongest and weakest evidence mixed, shuffled for this person.

    A statement says which way most of the person's choices went. A foil says the opposite of what they did, about an influence
    that no other statement is about.
    """
    told = [_statement(one) for one in leanings if one.informative >= EVIDENCE]
    told = [s for s in told if s.fits >= TENDS * s.of]
    order = sorted(told, key=lambda s: (-s.fits / s.of, -s.of, s.name))
    against = [s for s in order if s.fits >= CONTRADICTED * s.of]
    spare = rng.sample(against, min(foils, max(0, len(against) - 1)))
    kept = _mixed([s for s in order if s not in spare], MOST - len(spare))
    found = [*kept, *(Statement(s.name, -s.sign, s.of - s.fits, s.of, s.choices, True) for s in spare)]
    rng.shuffle(found)
    return tuple(found)


def _statement(one: Leaning) -> Statement:
    more = 2 * one.chosen >= one.informative
    fits = one.chosen if more else one.informative - one.chosen
    return Statement(
        one.name, 1 if more else -1, fits, one.informative, tuple(c.judgment_id for c in one.choices)
    )


def _mixed(ordered: list[Statement], most: int) -> list[Statement]:
    """The strongest and the weakest by turns, where there are too many."""
    if len(ordered) <= most:
        return ordered
    half = (most + 1) // 2
    return [*ordered[:half], *ordered[len(ordered) - (most - half) :]]


def clashes(leanings: Sequence[Leaning], statements: Sequence[Statement]) -> tuple[Clash, ...]:
    """Pairs of statements that pointed opposite ways on at least two of the person's own choices, most often first."""
    by_name = {one.name: one for one in leanings}
    real = [s for s in statements if not s.foil]
    found = []
    for i, first in enumerate(real):
        for second in real[i + 1 :]:
            one = {c.judgment_id: c.size * first.sign > 0 for c in by_name[first.name].choices}
            two = {c.judgment_id: c.size * second.sign > 0 for c in by_name[second.name].choices}
            apart = tuple(j for j in one if j in two and one[j] != two[j])
            if len(apart) >= CLASHES:
                found.append(Clash(first.name, second.name, apart))
    return tuple(sorted(found, key=lambda c: (-len(c.choices), c.first, c.second)))
