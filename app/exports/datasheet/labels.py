"""How votes became labels, how far people agree, and which habits the votes show."""

from __future__ import annotations

from typing import Any

from app.aggregation import registry as pooling
from app.exports.datasheet.words import after
from app.exports.manifest import Written
from app.exports.state import State


def labels(state: State, written: list[Written]) -> list[str]:
    """Every rule, with its formula and its limits."""
    told = ["## How labels were made", ""]
    for index, pooled in enumerate(state.pooled):
        rule = pooling.find(pooled.rule)
        use = "decides chosen and rejected" if index == 0 else f"adds `p_{rule.name}`"
        told.append(
            f"- **{rule.name}** ({use}): {rule.title.lower()}. {rule.formula}. Source: {rule.source}. {rule.assumes}"
        )
        told += [f"  {caution}" for caution in pooled.cautions]
        shown = {k: v for k, v in pooled.parameters.items() if isinstance(v, int | float | str)}
        if shown:
            told.append("  Settings: " + ", ".join(f"{k} = {v}" for k, v in shown.items()) + ".")
    if any(w.format.name.startswith("preference") for w in written):
        told += [
            "",
            "Pairs on which neither answer is ahead are in no file of chosen and rejected; `comparisons` keeps them.",
        ]
    return told


def agreement(figures: dict[str, Any]) -> list[str]:
    """Agreement, repeats and ties."""
    told = ["## Agreement", ""]
    alpha, again = figures["krippendorff_alpha"], figures["retests"]
    told.append(
        "Krippendorff's alpha (first answer preferred, second, tie; one answer a person and pair): "
        + (
            "not known, because no pair has two differing answers to compare."
            if alpha is None
            else f"{alpha:.3f}."
        )
    )
    if again["n"]:
        told.append(
            f"People met {again['n']} pairs a second time and gave the same answer in {again['same_choice']:.0%} of them. "
            "Disagreement beyond that is between people, and may be a difference in values rather than an error."
        )
    else:
        told.append(
            "No pair was answered twice by one person, so error and honest difference cannot be told apart here."
        )
    votes = figures["votes_per_pair"]
    if votes:
        told.append(
            f"Votes a pair: {votes['least']} to {votes['most']}, median {votes['median']:g}. Ties: {figures['ties']}."
        )
    return told


def known_biases(state: State, figures: dict[str, Any]) -> list[str]:
    """Habits seen in the votes."""
    told = ["## Habits seen in the votes", ""]
    left, longer = figures["left_share"], figures["lengths"]["longer_chosen"]
    if left is not None:
        told.append(
            f"- The left answer was chosen in {left:.1%} of choices; where sides are shuffled, a half is expected."
        )
    if longer is not None:
        told.append(
            f"- The longer answer was chosen in {longer:.1%} of decided pairs whose answers differ in length."
        )
    if len(told) == 2:
        told.append("Too little was collected to tell.")
    told.append("")
    told.append(
        "Other habits (confident tone, formatting, agreeing with the asker) were not measured in this export."
    )
    return [*told, *after(state, "bias")]
