"""Why this person got this question: what the row keeps of a draw, and the same in words, from the row alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.assignments.tables import Assignment
from app.querying.draw import Drawn
from app.querying.favoured import KNOWS, PROBE
from app.querying.protocol import Acquisition
from app.querying.selection import Selection

AIMS = {
    "contested": "what tells most about where people differ",
    "information": "what tells most about what people prefer on the whole",
    "reward_model": "what would improve a reward model most",
    "ranking": "what tells most about the ranking",
}

FAVOURED = {
    PROBE: "It is a matched probe, of which a share is asked until there are enough.",
    KNOWS: "It is a matter of fact to be checked, likelier for someone whose answers hang together.",
}


def of_draw(
    kept: Selection | None, policy: Acquisition, drawn: Drawn, pair_id: int, group: str | None, person: int
) -> dict[str, Any]:
    """What is kept of a draw by a model: the refresh it went by, its settings, and what was expected of the pair."""
    if kept is None or drawn.note is not None:
        return {}
    told = kept.told(pair_id)
    return {
        "epoch": kept.epoch,
        "model": kept.result.get("hash"),
        "votes": kept.result["votes"],
        "temperature": policy.temperature,
        **({"goal": kept.result["goal"]} if kept.result.get("goal") else {}),
        **({"group": group} if group and group in kept.groups else {}),
        **({"ahead_of": round(drawn.ahead_of, 3)} if drawn.ahead_of is not None else {}),
        **({"expected": told} if told is not None else {}),
        **({"favoured": PROBE} if pair_id in kept.probes else {}),
        **({"favoured": KNOWS} if person in kept.experts and pair_id in kept.verify else {}),
    }


def sentence(assignment: Assignment) -> str:
    """Why this person got this question, in words."""
    draw: Mapping[str, Any] = assignment.draw or {}
    words = _branch(assignment, draw)
    if "epoch" in draw and draw.get("branch") == "policy":
        words = " ".join(w for w in (words, FAVOURED.get(draw.get("favoured", "")), _expected(draw)) if w)
    note = draw.get("note")
    return f"{words} {note}." if note else words


def _branch(assignment: Assignment, draw: Mapping[str, Any]) -> str:
    eligible, branch = draw.get("eligible"), draw.get("branch")
    if branch == "retest":
        favoured = draw.get("reason")
        how = f"likelier because {favoured}" if favoured else "drawn evenly"
        return f"Asked again to see whether the answer holds; one of {eligible} earlier answers, {how}."
    if branch == "check":
        return f"A check with an expected answer; one of {eligible} not met yet."
    if branch == "explore":
        return f"Drawn evenly from {eligible} pairs, as the study's share of random draws."
    if assignment.policy == "even":
        return f"Among those with the fewest judgments ({draw.get('load', 0)}), of {eligible} that could be asked."
    if "epoch" in draw:
        return _by_model(assignment, draw)
    return f"Drawn evenly from {eligible} pairs that could be asked."


def _by_model(assignment: Assignment, draw: Mapping[str, Any]) -> str:
    aim = AIMS.get(assignment.policy, f"what {assignment.policy} looks for")
    among = f"{draw.get('candidates')} of {draw.get('eligible')} pairs that could be asked"
    whom = f", for someone of the group {draw['group']}" if draw.get("group") else ""
    place = f"; it came before {100 * draw['ahead_of']:.0f} % of them" if "ahead_of" in draw else ""
    return f"Chosen for {aim}{whom}, by chance among {among}{place}."


def _expected(draw: Mapping[str, Any]) -> str:
    """What the model of so many judgments expected."""
    told = draw.get("expected")
    base = f"From {draw.get('votes', 0)} judgments"
    if not told:
        return ""
    total = sum(told[name] for name in ("epistemic", "groups", "people", "noise"))
    if total <= 0:
        return f"{base} it was expected to be settled."
    parts = (
        ("too few votes", told["epistemic"]),
        ("groups that differ", told["groups"]),
        ("people who differ", told["people"]),
        ("chance", told["noise"]),
    )
    shares = ", ".join(f"{100 * bits / total:.0f} % {label}" for label, bits in parts)
    return f"{base} {100 * told['share']:.0f} % were expected to prefer the response listed first; what is open about it: {shares}."
