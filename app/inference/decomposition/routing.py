"""What to do next about each pair, and where it stands: from its parts, by thresholds that are written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.inference.decomposition.items import PairParts

Floats = NDArray[np.float64]

WRONG, UNCLEAR_MAJORITY = 0.1, 0.005
POSITION, SHIFT, AMBIGUOUS, FEWEST_RETESTS = 0.03, 0.15, 0.18, 2
CONFLICT, PERSONAL, FEWEST_VOTES = 0.8, 0.08, 8
EVEN, SURE = 0.16, 0.5
"""A pair is split where share(1 - share), less what is only not yet known, is at least EVEN (20 to 80); people are unsure where SURE
or more of that is within people."""


@dataclass(frozen=True)
class Step:
    """What would help next: ``more_votes``, ``swap_sides``, ``endorsement``, ``retest``, ``resolve``, ``personal``, ``verify`` or ``stop``;
    of which group (more_votes), and the condition that held in words.
    """

    name: str
    group: str | None
    why: str


def next_steps(
    parts: PairParts,
    *,
    groups: tuple[str, ...] = (),
    position: float | None = None,
    shift: Floats | None = None,
    settled_influences: bool = False,
    facts: NDArray[np.bool_] | None = None,
) -> list[Step | None]:
    """The first condition that holds for each pair; None where nobody decided it.

    Args:
        parts: From ``pair_parts``.
        groups: Names, in the order of the votes' groups.
        position: The dataset's position part, None where it is not known.
        shift: float64 (n_pairs,), how far influences that people do not stand by move the share; None where not known.
        settled_influences: Whether people have already said what they think of them.
        facts: bool (n_pairs,), pairs that are matters of fact.

    Source: METHOD 4.5, first match.
    """
    size = parts.share.size
    none = np.zeros(size)
    columns = zip(
        np.isnan(parts.share).tolist(),
        parts.wrong.tolist(),
        *(
            np.nan_to_num(v).tolist()
            for v in (
                parts.epistemic,
                parts.between_groups,
                parts.within_person,
                parts.between_people,
                parts.conflict,
                none if shift is None else shift,
            )
        ),
        parts.retests.tolist(),
        parts.votes.tolist(),
        parts.neediest.tolist(),
        (none > 0 if facts is None else facts).tolist(),
        strict=True,
    )
    return [
        None if unknown else _step(_Pair(*rest), groups, position, settled_influences)
        for unknown, *rest in columns
    ]


class _Pair(NamedTuple):
    """A pair's parts as plain numbers, 0 where one is not known."""

    wrong: float
    epistemic: float
    groups: float
    within: float
    between: float
    conflict: float
    shift: float
    retests: int
    votes: int
    neediest: int
    fact: bool


def _step(one: _Pair, groups: tuple[str, ...], position: float | None, settled: bool) -> Step:
    if one.wrong > WRONG and one.epistemic >= max(one.groups, UNCLEAR_MAJORITY):
        group = groups[one.neediest] if groups and one.neediest >= 0 else None
        return Step(
            "more_votes", group, f"The majority could be on the other side (probability {one.wrong:.2f})."
        )
    if position is not None and position > POSITION:
        return Step("swap_sides", None, f"The side shown decides much in this study ({position:.3f}).")
    if abs(one.shift) > SHIFT and not settled:
        return Step("endorsement", None, f"Something other than quality moves the share by {one.shift:+.2f}.")
    if one.within > AMBIGUOUS and one.retests < FEWEST_RETESTS:
        return Step(
            "retest",
            None,
            f"People seem at odds with themselves ({one.within:.2f}), seen in {one.retests} repeats.",
        )
    if one.conflict >= CONFLICT and one.votes >= FEWEST_VOTES:
        return Step("resolve", None, f"Groups differ on it (probability {one.conflict:.2f}).")
    if one.between > PERSONAL:
        return Step("personal", None, f"Persons differ on it ({one.between:.2f}), whatever their group.")
    if one.fact and one.wrong > WRONG:
        return Step("verify", None, "It is a matter of fact that people do not agree on.")
    return _STOP


_STOP = Step("stop", None, "What more answers could change is little.")


def corners(parts: PairParts) -> list[str | None]:
    """Where each pair stands: ``settled``, ``agree_but_unsure``, ``people_differ`` or ``unclear_question``; None with under three votes.

    Split: share(1 - share) less the epistemic part >= EVEN, with the share drawn to that of pairs like it where votes are few.
    Unsure: half or more of the rest is within people, or a third of the answers were ties; where there are no repeats, ties alone.
    """
    share, within = parts.share, np.nan_to_num(parts.within_person)
    rest = np.nan_to_num(parts.between_people) + np.nan_to_num(parts.between_groups)
    repeated = ~np.isnan(parts.within_person)
    with np.errstate(invalid="ignore"):
        unsure = (repeated & (within + rest > 0) & (within >= SURE * (within + rest))) | (parts.ties >= 1 / 3)
        spread = share * (1 - share) - parts.epistemic
        split = spread >= EVEN
        leaning = unsure & (spread >= EVEN / 2)
    known = ~np.isnan(share) & (parts.votes >= 3)
    names = np.select(
        [~known, split & unsure, split, leaning],
        ["", "unclear_question", "people_differ", "agree_but_unsure"],
        "settled",
    )
    return [name or None for name in names.tolist()]
