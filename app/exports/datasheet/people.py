"""Who answered, what they were shown and asked, what they agreed to, and what their answers are meant for."""

from __future__ import annotations

from typing import Any

from app.exports.datasheet.words import after, cell, line, quoted
from app.exports.people import FEWEST_HOLDERS, FEWEST_IN_GROUP
from app.exports.state import State


def people(state: State, figures: dict[str, Any]) -> list[str]:
    """Who judged."""
    told = ["## Who judged", ""]
    told.append(
        f"{figures['people']} people gave answers that may be released; answers of {figures['people_counted']} feed labels. "
        f"{figures['people_left_out']} were left out by the researcher."
    )
    if figures["groups"]:
        told += ["", "| group | people | weight aimed at |", "|---|---|---|"]
        for group in figures["groups"]:
            name = "not told, or too small to name" if group["group"] is None else cell(group["group"])
            weight = "" if group["weight"] is None else f"{group['weight']:.3g}"
            told.append(f"| {name} | {group['people']} | {weight} |")
    told += [
        "",
        "They are those who took part, not a sample of any population"
        + (", and they joined by invitation only." if state.spec.people.join == "invited" else ".")
        + ("" if state.options.notes.get("paid") else " What they were paid is not known to this software."),
        *after(state, "people"),
        *after(state, "paid"),
    ]
    return told


def asked(state: State) -> list[str]:
    """The question, the guidelines and the interface."""
    spec = state.spec
    scale = {
        "choice": "the left answer, about the same, neither is good, the right answer",
        "graded": "seven steps from much better on the left to much better on the right, and neither is good",
    }[spec.question.scale]
    told = [
        "## What they were asked",
        "",
        f"“{line(spec.question.text)}” Answers: {scale}; or skip. {_shown(state)} Protocol version {state.version}.",
    ]
    if spec.guidelines.strip():
        told += ["", "The guidelines, word for word:", "", *quoted(spec.guidelines)]
    return told


def _shown(state: State) -> str:
    """How the answers stood on the page, as far as this software put them there."""
    if "assignments" not in state.has:
        return "The answers were given elsewhere; how they were shown is not known here."
    names = "hidden" if state.spec.display.mask_model_names else "not removed from the texts"
    return f"Sides were shuffled and balanced for each person; names of models were {names}."


def drawn(figures: dict[str, Any]) -> list[str]:
    """How pairs were chosen, with probabilities."""
    told = ["## How pairs were chosen", ""]
    if not figures["drawn_by"]:
        told.append(
            "The judgments were brought in from elsewhere; how their pairs were chosen is not known here."
        )
        return told
    told += ["| policy | questions put | probability of a question |", "|---|---|---|"]
    for row in figures["drawn_by"]:
        low, high = row["least_propensity"], row["most_propensity"]
        told.append(f"| {row['policy']} | {row['asked']} | {low:.3g} to {high:.3g} |")
    told += [
        "",
        (
            "Every question's probability stands beside its answer (`propensity` in `judgments`); weigh by its inverse where a "
            "figure shall speak for all pairs rather than for those that were asked."
        ),
    ]
    return told


def said(state: State, figures: dict[str, Any]) -> list[str]:
    """What people said of their own choices, and what was made of it."""
    told = ["## What people said about how their choices should be read", ""]
    if not figures["said"]:
        return [*told, "Nobody was asked, or nobody answered: every label here rests on choices alone."]
    told += ["| kind of question | answers | people |", "|---|---|---|"]
    told += [f"| {s['kind']} | {s['answers']} | {s['people']} |" for s in figures["said"]]
    used = [p for p in state.pooled if p.rule.startswith("endorsed")]
    told += [
        "",
        "`meta_preferences` has the questions, `meta_judgments` the answers, where they are part of this export.",
    ]
    if used:
        moved = used[0].parameters
        told.append(
            f"Labels under `{used[0].rule}` take in {moved['patches']} corrections that follow from them; they change {moved['pairs_moved']} pairs."
        )
    else:
        told.append("No label here takes them in; rules named `endorsed` would.")
    return told


def privacy(state: State, figures: dict[str, Any]) -> list[str]:
    """Consent, privacy and removal."""
    text = (
        "What people wrote is included; e-mail addresses, links and long numbers were replaced by a pattern, names cannot be found that way."
        if state.options.include_text
        else "What people wrote in their own words is not included."
    )
    return [
        "## Consent, privacy and removal",
        "",
        (
            "Everybody here agreed to release, or their researcher vouched for it. There is no name, address, handle or device in "
            "these files. People and answers bear ids of this export alone, so two exports cannot be joined by them. Times are to "
            f"the minute. An attribute shared by fewer than {FEWEST_HOLDERS} people is left out, a group of fewer than {FEWEST_IN_GROUP} is not "
            f"named ({figures['suppressed_values']} values held back); several attributes together may still point to one person. {text} "
            "Who takes their answers back is in no later export; please use the newest one."
        ),
    ]


def use(state: State) -> list[str]:
    """What it is meant for and what not."""
    fact = {
        "value": "They are questions of preference: there is no right answer to score people against.",
        "fact": "They are questions of fact: a majority can be wrong.",
        "mixed": "Some are questions of fact, where a majority can be wrong; `items` says which (`kind`).",
    }[state.spec.item_kind]
    return [
        "## Meant for, and not meant for",
        "",
        (
            "Meant for training and testing reward models and for studying agreement and disagreement. "
            f"{fact} Not meant for judging the people who answered, for learning who they are, or for claims about people who were not asked."
        ),
        *after(state, "use"),
    ]
