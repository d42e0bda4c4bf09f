"""The dataset card: front matter that readers load by, and a datasheet written from the data, figures included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from app import __version__
from app.aggregation import registry as pooling
from app.exports.front_matter import front_matter
from app.exports.manifest import Written
from app.exports.options import NOTES
from app.exports.people import FEWEST_HOLDERS, FEWEST_IN_GROUP
from app.exports.soft_labels import TRAINER
from app.exports.state import State
from app.exports.subtraction import Subtraction


def card(state: State, written: list[Written], figures: dict[str, Any], folder: Path) -> str:
    """The whole README.md of an export."""
    front = yaml.safe_dump(
        front_matter(state, written, folder), sort_keys=False, allow_unicode=True, width=1000
    )
    parts = [
        _opening(state),
        _note(state, "why"),
        _contents(state, written),
        _counting(state, written),
        _people(state, figures),
        _asked(state),
        _drawn(figures),
        _labels(state, written),
        _agreement(figures),
        _known_biases(state, figures),
        _said(state, figures),
        _splits(state),
        _lengths(figures),
        _privacy(state, figures),
        _use(state),
        _note(state, "other"),
        _loading(state, written),
        _licence(state),
    ]
    return f"---\n{front}---\n\n" + _joined(parts)


def preview(state: State, figures: dict[str, Any]) -> str:
    """The words of the card as far as they are known before any row is written: no sizes, no lengths, no lines to load with."""
    parts = [
        _opening(state),
        _note(state, "why"),
        _counting(state, []),
        _people(state, figures),
        _asked(state),
        _drawn(figures),
        _labels(state, []),
        _agreement(figures),
        _known_biases(state, figures),
        _said(state, figures),
        _splits(state),
        _privacy(state, figures),
        _use(state),
        _note(state, "other"),
        _licence(state),
    ]
    return _joined(parts)


def _joined(parts: list[list[str]]) -> str:
    return "\n\n".join("\n".join(p) for p in parts if p) + "\n"


def _note(state: State, name: str) -> list[str]:
    """A part of its own with the researcher's words, where there are some."""
    return [f"## {NOTES[name]}", "", *_own(state, name)] if state.options.notes.get(name) else []


def _own(state: State, name: str) -> list[str]:
    """The researcher's words as they are; a line of dashes would end the front matter of some readers."""
    text = state.options.notes.get(name, "")
    return [
        line.replace("---", "\\---") if set(line.strip()) == {"-"} else line for line in text.splitlines()
    ]


def _opening(state: State) -> list[str]:
    spec = state.spec
    told = [f"# {_line(state.study.title)}", ""]
    if state.study.simulated:
        told += [
            "> **These judgments come from simulated people.** They show what such data look like, not what anyone prefers.",
            "",
        ]
    told.append(
        "People compared two answers to the same request and said which they prefer. The question was: "
        f"“{_line(spec.question.text)}” This dataset was collected with Soundings {__version__}; "
        "`manifest.json` says what made it, `SHA256SUMS` lets you check it."
    )
    return told


def _contents(state: State, written: list[Written]) -> list[str]:
    told = ["## What is here", "", "| config | rows | what it is | who reads it |", "|---|---|---|---|"]
    for one in written:
        if not one.empty:
            rows = ", ".join(f"{n} {s}" for s, n in one.rows.items())
            told.append(f"| `{one.format.name}` | {rows} | {one.format.title} | {one.format.readers} |")
    empty = [w for w in written if w.empty]
    if empty:
        told += ["", "Asked for and not here, because there would be no row in it:", ""]
        told += [f"- `{w.format.name}`{_why_empty(w)}" for w in empty]
    told += [
        "",
        f"Files are {'Parquet' if state.options.file_type == 'parquet' else 'JSON lines'}; `schema/` describes every column.",
    ]
    return told


def _why_empty(one: Written) -> str:
    reasons = [f"{one.format.leaves_out[r].lower()}: {n}" for r, n in one.left_out.items()]
    return f" ({'; '.join(reasons)})" if reasons else " (nothing was collected for it)"


def _counting(state: State, written: list[Written]) -> list[str]:
    told = ["## From collected to included", ""]
    told += [
        *_subtraction(state.judgments, "answers", "feed labels"),
        "",
        *_subtraction(state.pairs, "pairs", "have a label"),
    ]
    for one in written:
        for reason, n in one.left_out.items():
            told.append(f"- `{one.format.name}` leaves out {n}: {one.format.leaves_out[reason].lower()}")
    told.append("")
    told.append(
        "Answers that feed no label are still in `judgments`, each with its reason, except those of people who took theirs back."
    )
    return told


def _subtraction(one: Subtraction, unit: str, ending: str) -> list[str]:
    return [
        f"- {one.collected} {unit} collected",
        *(f"- minus {s.count}: {s.words}" for s in one.steps),
        f"- **{one.included} {ending}**",
    ]


def _people(state: State, figures: dict[str, Any]) -> list[str]:
    told = ["## Who judged", ""]
    told.append(
        f"{figures['people']} people gave answers that may be released; answers of {figures['people_counted']} feed labels. "
        f"{figures['people_left_out']} were left out by the researcher."
    )
    if figures["groups"]:
        told += ["", "| group | people | weight aimed at |", "|---|---|---|"]
        for group in figures["groups"]:
            name = "not told, or too small to name" if group["group"] is None else _cell(group["group"])
            weight = "" if group["weight"] is None else f"{group['weight']:.3g}"
            told.append(f"| {name} | {group['people']} | {weight} |")
    told += [
        "",
        "They are those who took part, not a sample of any population"
        + (", and they joined by invitation only." if state.spec.people.join == "invited" else ".")
        + ("" if state.options.notes.get("paid") else " What they were paid is not known to this software."),
        *_after(state, "people"),
        *_after(state, "paid"),
    ]
    return told


def _after(state: State, name: str) -> list[str]:
    """The researcher's words, after what is written from the data."""
    return ["", *_own(state, name)] if state.options.notes.get(name) else []


def _asked(state: State) -> list[str]:
    spec = state.spec
    scale = {
        "choice": "the left answer, about the same, neither is good, the right answer",
        "graded": "seven steps from much better on the left to much better on the right, and neither is good",
    }[spec.question.scale]
    told = [
        "## What they were asked",
        "",
        f"“{_line(spec.question.text)}” Answers: {scale}; or skip. {_shown(state)} Protocol version {state.version}.",
    ]
    if spec.guidelines.strip():
        told += ["", "The guidelines, word for word:", "", *_quoted(spec.guidelines)]
    return told


def _shown(state: State) -> str:
    """How the answers stood on the page, as far as this software put them there."""
    if "assignments" not in state.has:
        return "The answers were given elsewhere; how they were shown is not known here."
    names = "hidden" if state.spec.display.mask_model_names else "not removed from the texts"
    return f"Sides were shuffled and balanced for each person; names of models were {names}."


def _drawn(figures: dict[str, Any]) -> list[str]:
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


def _labels(state: State, written: list[Written]) -> list[str]:
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


def _agreement(figures: dict[str, Any]) -> list[str]:
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


def _known_biases(state: State, figures: dict[str, Any]) -> list[str]:
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
    return [*told, *_after(state, "bias")]


def _said(state: State, figures: dict[str, Any]) -> list[str]:
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


def _splits(state: State) -> list[str]:
    told = [
        "## Parts",
        "",
        (
            f"Train, validation and test were aimed at {state.options.split} percent of the requests, by a hash of the normalised "
            "request. All pairs of a request are in one part, requests that are almost the same text are kept together as far as "
            "they were found (shared eight-byte shingles, Jaccard .8), and a request keeps its part in every later export."
        ),
    ]
    if "given_splits" in state.has:
        told.append("Items that came with a part of their own kept it.")
    return told


def _lengths(figures: dict[str, Any]) -> list[str]:
    lengths = figures["lengths"]
    if lengths["characters"] is None:
        return ["## Lengths", "", "Not measured: no file of pairs was written."]
    c = lengths["characters"]
    return [
        "## Lengths",
        "",
        (
            f"Characters of request and longer answer: 5 % {c['p5']}, median {c['median']}, 95 % {c['p95']}, most {c['most']}. "
            f"About {lengths['over_1024_tokens']} pairs exceed 1,024 tokens (at four characters a token; scripts differ). "
            "TRL's reward trainer drops longer ones without a word unless `max_length` is raised."
        ),
    ]


def _privacy(state: State, figures: dict[str, Any]) -> list[str]:
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


def _use(state: State) -> list[str]:
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
        *_after(state, "use"),
    ]


def _loading(state: State, written: list[Written]) -> list[str]:
    names = [w.format.name for w in written if not w.empty]
    if not names:
        return ["## Loading", "", "There is nothing to load yet."]
    told = [
        "## Loading and training",
        "",
        "```python",
        "from datasets import load_dataset",
        f'data = load_dataset("PATH/TO/THIS/FOLDER", "{names[0]}")',
        "```",
    ]
    if "preference" in names:
        probability = "p_soft" if "soft" in state.options.rules[1:] else "p_chosen"
        told += [
            "",
            "```sh",
            "trl reward --model_name_or_path MODEL --dataset_name PATH/TO/THIS/FOLDER --dataset_config preference --output_dir OUT",
            "```",
            "",
            f"TRL's reward trainer does not read shares. This subclass does (column `{probability}`):",
            "",
            "```python",
            TRAINER.format(probability=probability).strip(),
            "```",
        ]
    return told


def _licence(state: State) -> list[str]:
    return [
        "## Licence and citation",
        "",
        (
            f"Judgments: {_line(state.spec.release.licence)}. Requests and answers may have licences of their own; see `licence` in "
            "`items` and `responses`."
        ),
        "",
        (
            f"Cite as: {_line(state.study.title)} ({state.study.slug}), protocol version {state.version}, collected with Soundings "
            f"{__version__}, with the fingerprint of `SHA256SUMS`."
        ),
    ]


def _quoted(text: str) -> Iterator[str]:
    return (f"> {line}".rstrip() for line in text.strip().splitlines())


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
