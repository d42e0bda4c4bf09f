"""What to do next about each pair, and where it stands: from its parts, by thresholds that are written here."""

from __future__ import annotations

from dataclasses import dataclass

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
    moved = np.zeros(parts.share.size) if shift is None else np.nan_to_num(shift)
    return [
        None
        if np.isnan(parts.share[i])
        else _step(parts, i, groups, position, float(moved[i]), settled_influences, facts)
        for i in range(parts.share.size)
    ]


def _step(
    parts: PairParts,
    i: int,
    groups: tuple[str, ...],
    position: float | None,
    shift: float,
    settled: bool,
    facts: NDArray[np.bool_] | None,
) -> Step:
    a, b = float(parts.epistemic[i]), float(np.nan_to_num(parts.between_groups[i]))
    within, between = (
        float(np.nan_to_num(parts.within_person[i])),
        float(np.nan_to_num(parts.between_people[i])),
    )
    wrong = float(parts.wrong[i])
    if wrong > WRONG and a >= max(b, UNCLEAR_MAJORITY):
        group = groups[int(parts.neediest[i])] if groups and parts.neediest[i] >= 0 else None
        return Step(
            "more_votes", group, f"The majority could be on the other side (probability {wrong:.2f})."
        )
    if position is not None and position > POSITION:
        return Step("swap_sides", None, f"The side shown decides much in this study ({position:.3f}).")
    if abs(shift) > SHIFT and not settled:
        return Step("endorsement", None, f"Something other than quality moves the share by {shift:+.2f}.")
    if within > AMBIGUOUS and parts.retests[i] < FEWEST_RETESTS:
        return Step(
            "retest",
            None,
            f"People seem at odds with themselves ({within:.2f}), seen in {parts.retests[i]} repeats.",
        )
    if np.nan_to_num(parts.conflict[i]) >= CONFLICT and parts.votes[i] >= FEWEST_VOTES:
        return Step("resolve", None, f"Groups differ on it (probability {parts.conflict[i]:.2f}).")
    if between > PERSONAL:
        return Step("personal", None, f"Persons differ on it ({between:.2f}), whatever their group.")
    if facts is not None and facts[i] and wrong > WRONG:
        return Step("verify", None, "It is a matter of fact that people do not agree on.")
    return Step("stop", None, "What more answers could change is little.")


def corners(parts: PairParts) -> list[str | None]:
    """Where each pair stands: ``settled``, ``agree_but_unsure``, ``people_differ`` or ``unclear_question``; None with under three votes.

    Split: share(1 - share) less the epistemic part >= EVEN, with the share drawn to that of pairs like it where votes are few.
    Unsure: half or more of the rest is within people, or a third of the answers were ties; where there are no repeats, ties alone.
    """
    found: list[str | None] = []
    for i in range(parts.share.size):
        p = float(parts.share[i])
        if np.isnan(p) or parts.votes[i] < 3:
            found.append(None)
            continue
        within = float(np.nan_to_num(parts.within_person[i]))
        rest = float(np.nan_to_num(parts.between_people[i])) + float(np.nan_to_num(parts.between_groups[i]))
        unsure = (
            within + rest > 0 and within >= SURE * (within + rest) and not np.isnan(parts.within_person[i])
        ) or float(parts.ties[i]) >= 1 / 3
        spread = p * (1 - p) - float(parts.epistemic[i])
        split = spread >= EVEN
        found.append(
            ("unclear_question" if unsure else "people_differ")
            if split
            else ("agree_but_unsure" if unsure and spread >= EVEN / 2 else "settled")
        )
    return found
