"""From raw votes, patches and a rule to labels that people stand by. Pure: the same three give the same labels, bit by bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from app.aggregation import amending, resolving, wishes
from app.aggregation.amending import Amended, Ids, Said
from app.aggregation.protocol import BAND, Flags, Floats, Pooled, PoolingRule, Votes
from app.aggregation.resolving import Resolution
from app.aggregation.wishes import Wishes
from app.inference.decomposition.lasting import Lasting, lasting
from app.inference.decomposition.votes import read_votes
from app.inference.matched import OwnEffects
from app.metapreferences.rules import Held

ALWAYS_OUT = {"position": 0.0, "first_read": 0.0}
"""How a pair was shown never counts, asked or not, unless the study says otherwise: by settling it in the register."""
LEAST_MOVE = 0.005
"""A label moved where its share is half a point another, or its weight half a hundredth. Less is what any vote does to all labels, by
what the rule draws them to.
"""
SMALLEST = 1e-6
"""Shifts below this many logits are none."""
_STEPS = 12
_SPREADS = (0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Again:
    """Decided answers to pairs that their giver had answered before: person, pair: int64 (n,).  y: float64 (n,).  first_left: bool (n,)."""

    person: NDArray[np.int64]
    pair: NDArray[np.int64]
    y: Floats
    first_left: Flags


@dataclass(frozen=True)
class Raw:
    """What people gave, and what is known of the pairs.

    votes: first answers, each counting once.  judgment: bytes (n_votes,), which answer each vote is.  said: all decided answers.
    people: int64 (n_people,), database keys.  x: float64 (n_pairs, k), what each pair's first response has more of, in standard
    deviations, for a presentation influence averaged over the pair's votes.  effects: of those influences, in the same order.
    topic, kind: (n_pairs,).  affected, experienced: bool (n_people,), as people said of themselves.  again: repeats, None for none.
    """

    votes: Votes
    judgment: Ids
    said: Said
    people: NDArray[np.int64]
    x: Floats
    effects: OwnEffects
    topic: tuple[str | None, ...]
    kind: tuple[str | None, ...]
    affected: Flags
    experienced: Flags
    again: Again | None = field(default=None, repr=False)

    @cached_property
    def lasting(self) -> Lasting:
        """Where people are known to differ by the votes as they were given."""
        return differing(self, self.votes)

    @property
    def group_of(self) -> dict[int, str]:
        """Group of each person who told one, by database key."""
        names, group = self.votes.group_names, self.votes.group.tolist()
        return {p: names[g] for p, g in zip(self.people.tolist(), group, strict=True) if 0 <= g < len(names)}


@dataclass(frozen=True)
class Endorsed:
    """Labels under one rule, before and after what people said.

    p_raw, p_endorsed: float64 (n_pairs,), NaN where nobody voted, or where only guesses are left.  side_raw, side: int8.
    weight_raw, weight: float64, in votes.  logit_shift: float64 (n_pairs, k), what is taken out of the logit; what an advisory
    influence would take out is in ``advised``.  influence_shift: float64 (n_pairs, k), the same as a change of share.
    stable: bool (n_pairs,), the side is the same under every reading.  readings, flips: names, and bool (n_pairs, n_readings).
    resolved: (n_pairs,), the way taken where people disagree, else None.
    """

    rule: str
    p_raw: Floats
    p_endorsed: Floats
    side_raw: NDArray[np.int8]
    side: NDArray[np.int8]
    weight_raw: Floats
    weight: Floats
    names: tuple[str, ...]
    logit_shift: Floats
    influence_shift: Floats
    advised: Floats
    readings: tuple[str, ...]
    flips: Flags
    stable: Flags
    resolved: tuple[str | None, ...]
    wishes: Wishes
    resolutions: Mapping[str, Resolution]
    amended: Amended = field(repr=False)
    classes: tuple[str, ...] = field(repr=False)

    def patches_of(self, pair: int) -> tuple[str, ...]:
        """Ids of the patches behind this pair's label, ascending."""
        found = set(self.amended.touched.get(pair, ()))
        for k, wish in enumerate(self.wishes.wishes):
            if abs(self.logit_shift[pair, k]) > SMALLEST or abs(self.advised[pair, k]) > SMALLEST:
                found.update(wish.patches)
        if self.resolved[pair] is not None:
            found.update(self.resolutions[self.classes[pair]].patches)
        return tuple(sorted(found))

    def shifts_of(self, pair: int) -> dict[str, float]:
        """What each influence moved this pair's share by, those that moved nothing left out."""
        row = self.influence_shift[pair].tolist()
        return {n: s for n, s in zip(self.names, row, strict=True) if abs(s) > SMALLEST}

    def flipped_by(self, pair: int) -> tuple[str, ...]:
        """Readings under which this pair's label would be the other one."""
        return tuple(n for n, flips in zip(self.readings, self.flips[pair].tolist(), strict=True) if flips)

    @property
    def moved(self) -> Flags:
        """Labels that are not what the votes alone would give, as pages, API, console and exports count them: bool (n_pairs,)."""
        return self.differ(self.p_raw, self.weight_raw, self.side_raw)

    def differ(self, p: Floats, weight: Floats, side: NDArray[np.int8]) -> Flags:
        """Labels that differ from others of the same pairs by half a point of share, half a hundredth of weight, or the side:
        bool (n_pairs,).
        """
        share = np.abs(np.nan_to_num(self.p_endorsed, nan=2.0) - np.nan_to_num(p, nan=2.0))
        lighter = np.abs(self.weight - weight) > LEAST_MOVE * np.maximum(weight, 1.0)
        return np.asarray((share >= LEAST_MOVE) | lighter | (self.side != side), np.bool_)

    def moved_by(self, k: int) -> Flags:
        """Labels whose share influence ``k`` moves by half a point or more: bool (n_pairs,)."""
        return np.asarray(np.abs(self.influence_shift[:, k]) >= LEAST_MOVE, np.bool_)

    def lightened_by(self, k: int) -> Flags:
        """Labels that weigh less because of influence ``k``, which is not known to be its own: bool (n_pairs,)."""
        return np.asarray(np.abs(self.advised[:, k]) > SMALLEST, np.bool_)


def endorse(
    raw: Raw,
    patches: Sequence[Held],
    rule: PoolingRule,
    *,
    further: Sequence[PoolingRule] = (),
) -> Endorsed:
    """Labels as people stand by them.

    Model: choices are read as their givers say (``amending``), then the rule gives a share r (where it draws shares to one half,
    that is undone first and done again last). A pair's n votes say logit q = o + theta, o = sum beta_k x_k what the influences alone
    would give, theta ~ N(0, v) the rest, v fitted to the study: so q is never 0 or 1. Taking out s = sum_k (1 - e_k) beta_k x_k over
    the influences whose effect is known to be their own, e_k from ``wishes``, leaves the share that votes with the same theta would
    have had, r* = sigma(o + theta - s) + theta / (n v), within 0..1. An influence that is not known to be its own moves no share:
    the weight falls by twice the share it would move (advisory). Pairs that people disagree about are then treated as the people
    of their class want (``resolving``). With no patches that speak, p* = p, but for the side shown.

    Args:
        raw: Votes and what is known of pairs; built by ``aggregation.labels``.
        patches: Those that hold, oldest first.
        rule: How votes become a label.
        further: Rules under whose labels a pair must agree to be stable, beside the readings.

    Raises:
        NoGroups, EmptyGroup: From a rule that balances groups.

    Cost: O(n_votes + n_pairs k).  Randomness: none.

    Source: METHOD 3.1 M1, 3.4.1, 3.4.13, 3.4.18, 3.4.20.
    """
    is_fact = np.array([k == "fact" for k in raw.kind], np.bool_)
    amended = amending.amend(raw.votes, raw.judgment, raw.said, patches, is_fact=is_fact)
    before, after = rule.pool(raw.votes), rule.pool(amended.votes)
    weights = dict(zip(raw.votes.group_names, raw.votes.group_weights.tolist(), strict=True))
    wish = wishes.wishes(
        patches, raw.effects.names, group_of=raw.group_of, group_weights=weights, standing=ALWAYS_OUT
    )
    out = (1.0 - _kept(wish, raw)) * raw.effects.beta * raw.x
    own = raw.effects.own
    taken, advised = np.where(own, out, 0.0), np.where(own, 0.0, out)
    scale = scale_of(raw, after, amended.votes)
    p = scale.back(taken.sum(axis=1))
    would = scale.back(taken.sum(axis=1) + advised.sum(axis=1))
    weight = after.weight * (1.0 - np.minimum(1.0, 2.0 * np.abs(np.nan_to_num(would - p))))
    p = np.where(amended.votes.total > 0, p, np.nan)
    classes = tuple(class_of(t) for t in raw.topic)
    found = resolving.resolutions(patches, raw.group_of)
    p, weight, resolved = _resolve(raw, amended.votes, rule, p, weight, classes, found)
    side = _side(p)
    readings = _readings(raw, wish, before, scale, taken, rule, further, amended.votes)
    flips = (
        np.stack([(s != side) for s in readings.values()], axis=1)
        if readings
        else np.zeros((side.size, 0), np.bool_)
    )
    return Endorsed(
        rule=rule.name, p_raw=before.p_first, p_endorsed=p, side_raw=before.side, side=side,
        weight_raw=before.weight, weight=weight, names=raw.effects.names, logit_shift=taken,
        influence_shift=scale.each(taken), advised=advised, readings=tuple(readings), flips=flips,
        stable=np.logical_not(flips.any(axis=1)), resolved=resolved, wishes=wish, resolutions=found, amended=amended, classes=classes,
    )  # fmt: skip


def scale_of(raw: Raw, pooled: Pooled, votes: Votes | None = None) -> Scale:
    """The scale on which influences are taken out of a rule's shares."""
    expected = np.where(raw.effects.own, raw.effects.beta * raw.x, 0.0).sum(axis=1)
    return Scale(pooled, raw.votes if votes is None else votes, expected)


def class_of(topic: str | None) -> str:
    """The class of cases a pair belongs to when people are asked how to resolve disagreements: its topic."""
    return topic or "all"


def differing(raw: Raw, votes: Votes) -> Lasting:
    """Where people are known to differ, by these first answers and the repeats as they were given.

    Between groups where twenty people told one; else between people, as far as repeats tell them from people who waver; else
    nowhere (``app.inference.decomposition.lasting``). Groups count as the study says; answers that were taken for guesses do not.
    """
    counted = votes.weight > 0
    first = (votes.person, votes.pair, votes.y, votes.first_on_left)
    columns = [c[counted] for c in first]
    if raw.again is not None:
        later = (raw.again.person, raw.again.pair, raw.again.y, raw.again.first_left)
        columns = [np.concatenate([a, b]) for a, b in zip(columns, later, strict=True)]
    person, pair, y, left = columns
    return lasting(
        read_votes(
            person, pair, y, first_left=left, prompt=np.arange(votes.n_pairs),
            group=votes.group if votes.group_names else None, names=votes.group_names, weights=votes.group_weights,
        )
    )  # fmt: skip


class Scale:
    """A rule's shares on a scale where none is 0 or 1, and back.

    A rule that draws shares to one half says by how much (``prior``, in votes a side); that is undone first, because drawing an
    influenced share to one half and then taking the whole influence out would take out too much. What a pair's votes say beyond
    its influences, theta, is drawn to 0 instead, by as much as the study's pairs lie around it.
    """

    def __init__(self, pooled: Pooled, votes: Votes, expected: Floats) -> None:
        self.p = pooled.p_first
        self.n = np.maximum(votes.total, 1e-9)
        self.drawn = float(pooled.parameters.get("prior", 0.0))
        filled = np.nan_to_num(self.p, nan=0.5)
        share = np.clip(((self.n + 2 * self.drawn) * filled - self.drawn) / self.n, 0.0, 1.0)
        self.spread = _spread_of(share, self.n, expected, votes.n_judgments >= 2)
        self.theta = _beyond(share, self.n, expected, self.spread)
        self.expected, self.logit = expected, expected + self.theta

    def back(self, shift: Floats) -> Floats:
        """The rule's shares with these logits taken out, float64 (n_pairs,); as they were where it is none."""
        share = np.clip(expit(self.logit - shift) + self.theta / (self.n * self.spread), 0.0, 1.0)
        p = (self.n * share + self.drawn) / (self.n + 2 * self.drawn)
        return np.where(np.isnan(self.p) | (np.abs(shift) <= SMALLEST), self.p, p)

    def each(self, shift: Floats) -> Floats:
        """What each column alone moves the share by: float64 (n_pairs, k)."""
        base = expit(self.logit)
        return np.asarray(expit(self.logit[:, None] - shift) - base[:, None], np.float64)


def _beyond(share: Floats, n: Floats, expected: Floats, spread: float) -> Floats:
    """The mode of theta: n (r - sigma(expected + theta)) = theta / spread, by Newton steps from 0."""
    theta = np.zeros(share.size)
    for _ in range(_STEPS):
        mean = expit(expected + theta)
        step = (n * (share - mean) - theta / spread) / (n * mean * (1 - mean) + 1 / spread)
        theta += np.clip(step, -1.0, 1.0)
    return theta


def _spread_of(share: Floats, n: Floats, expected: Floats, informative: Flags) -> float:
    """The variance of theta over pairs that is likeliest, of a grid, by Laplace's approximation; 1 where no pair has two votes."""
    if not informative.any():
        return 1.0
    r, m, o = share[informative], n[informative], expected[informative]

    def gain(spread: float) -> float:
        theta = _beyond(r, m, o, spread)
        eta = o + theta
        mean = expit(eta)
        fit = m * (r * eta - np.logaddexp(0.0, eta)) - theta**2 / (2 * spread)
        return float((fit - 0.5 * np.log(1 + spread * m * mean * (1 - mean))).sum())

    return max(_SPREADS, key=gain)


def _kept(wish: Wishes, raw: Raw) -> Floats:
    """How much of each influence counts on each pair: float64 (n_pairs, k); over the groups of those who voted where they differ."""
    n = raw.votes.n_pairs
    if not wish.topics and not wish.groups:
        return np.broadcast_to(wish.of(None), (n, len(raw.effects.names)))
    topics = (None, *wish.topics)
    place = {t: i for i, t in enumerate(topics)}
    row = np.array([place.get(t, 0) for t in raw.topic], np.int64)
    if not wish.groups:
        return np.stack([wish.of(t) for t in topics])[row]
    groups = (None, *wish.groups)
    names = raw.votes.group_names
    of = np.array(
        [groups.index(names[g]) if g >= 0 and names[g] in wish.groups else 0 for g in raw.votes.group],
        np.int64,
    )
    count = np.bincount(
        raw.votes.pair * len(groups) + of[raw.votes.person], minlength=n * len(groups)
    ).reshape(n, -1)
    share = count / np.maximum(count.sum(axis=1, keepdims=True), 1)
    table = np.stack([[wish.of(t, g) for g in groups] for t in topics])
    return np.asarray(np.einsum("pg,pgk->pk", share, table[row]), np.float64)


def _side(p: Floats) -> NDArray[np.int8]:
    lean = np.where(np.isnan(p), 0.0, p - 0.5)
    return np.where(np.abs(lean) <= BAND, 0, np.sign(lean)).astype(np.int8)


def _readings(
    raw: Raw,
    wish: Wishes,
    before: Pooled,
    scale: Scale,
    taken: Floats,
    rule: PoolingRule,
    further: Sequence[PoolingRule],
    amended: Votes,
) -> dict[str, NDArray[np.int8]]:
    """The side of every pair under each other reading: as people vote, with and without each influence, by each further rule."""
    found = {"predictive": before.side}
    whole = taken.sum(axis=1)
    effect = raw.effects.beta * raw.x
    for k, name in enumerate(wish.wishes):
        if not np.abs(effect[:, k]).max(initial=0.0) > SMALLEST:
            continue
        found[f"with:{name.name}"] = _side(scale.back(whole - taken[:, k]))
        left = effect[:, k] - taken[:, k]
        found[f"without:{name.name}"] = _side(scale.back(whole + left))
    for other in further:
        if other.name != rule.name:
            moved = Scale(other.pool(amended), amended, scale.expected)
            found[f"rule:{other.name}"] = _side(moved.back(whole))
    return found


def _resolve(
    raw: Raw,
    votes: Votes,
    rule: PoolingRule,
    p: Floats,
    weight: Floats,
    classes: tuple[str, ...],
    found: Mapping[str, Resolution],
) -> tuple[Floats, Floats, tuple[str | None, ...]]:
    """Treat pairs that people disagree about as the people of their class want."""
    ways = {name: one.way for name, one in found.items() if one.way not in {None, "leave"}}
    resolved: list[str | None] = [None] * len(classes)
    if not ways:
        return p, weight, tuple(resolved)
    open_to_it = (raw.lasting if votes is raw.votes else differing(raw, votes)).known
    p, weight = p.copy(), weight.copy()
    juries = {"affected": raw.affected, "experience": raw.experienced}
    asked = {way: _jury(votes, rule, juries[way]) for way in set(ways.values()) & set(juries)}
    for pair in np.flatnonzero(open_to_it).tolist():
        way = ways.get(classes[pair])
        if way is None:
            continue
        if way in asked:
            heard = asked[way][pair]
            resolved[pair] = way if not np.isnan(heard) else f"{way}: nobody known"
            p[pair] = p[pair] if np.isnan(heard) else heard
            continue
        resolved[pair] = way
        if way in {"particular_user", "both_sides", "stay_out", "talk"}:
            weight[pair] = 0.0
    return p, weight, tuple(resolved)


def _jury(votes: Votes, rule: PoolingRule, members: Flags) -> Floats:
    """The rule's share among these people alone; NaN on pairs that none of them answered."""
    only = votes.only(np.flatnonzero(members[votes.person]))
    if rule.uses_groups:
        total = only.total
        none = np.full(votes.n_pairs, np.nan)
        return np.asarray(np.divide(only.for_first, total, out=none, where=total > 0), np.float64)
    return np.asarray(rule.pool(only).p_first, np.float64)
