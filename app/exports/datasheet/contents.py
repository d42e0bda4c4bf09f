"""What the files are, how they came about from what was collected, how they are read, and under which licence."""

from __future__ import annotations

from typing import Any

from app import __version__
from app.exports.datasheet.words import line
from app.exports.manifest import Written
from app.exports.soft_labels import TRAINER
from app.exports.state import State
from app.exports.subtraction import Subtraction


def opening(state: State) -> list[str]:
    """Title, what this is, and who made it."""
    spec = state.spec
    told = [f"# {line(state.study.title)}", ""]
    if state.study.simulated:
        told += [
            "> **These judgments come from simulated people.** They show what such data look like, not what anyone prefers.",
            "",
        ]
    told.append(
        "People compared two answers to the same request and said which they prefer. The question was: "
        f"“{line(spec.question.text)}” This dataset was collected with Soundings {__version__}; "
        "`manifest.json` says what made it, `SHA256SUMS` lets you check it."
    )
    return told


def contents(state: State, written: list[Written]) -> list[str]:
    """The configs with their rows and readers."""
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


def counting(state: State, written: list[Written]) -> list[str]:
    """From collected to included, with every reason."""
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


def splits(state: State) -> list[str]:
    """Parts and how requests came into them."""
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


def lengths(figures: dict[str, Any]) -> list[str]:
    """How long conversations are."""
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


def loading(state: State, written: list[Written]) -> list[str]:
    """How it is read and trained on."""
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


def licence(state: State) -> list[str]:
    """Licence and citation."""
    return [
        "## Licence and citation",
        "",
        (
            f"Judgments: {line(state.spec.release.licence)}. Requests and answers may have licences of their own; see `licence` in "
            "`items` and `responses`."
        ),
        "",
        (
            f"Cite as: {line(state.study.title)} ({state.study.slug}), protocol version {state.version}, collected with Soundings "
            f"{__version__}, with the fingerprint of `SHA256SUMS`."
        ),
    ]
