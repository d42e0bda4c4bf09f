"""What is odd about items that can be used all the same: reported to the researcher, never refused."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from app.studies.importing.rows import ItemRow, ResponseRow

VERY_LONG_WORDS = 1500
_KNOWN = (
    "ChatGPT", "GPT-3.5", "GPT-4o", "GPT-4", "GPT-5", "Claude", "Gemini", "Bard", "Llama", "Mistral", "Mixtral", "Qwen",
    "DeepSeek", "Grok", "Copilot", "Vicuna", "Alpaca", "Falcon", "Command R",
)  # fmt: skip
_MAKERS = (
    "OpenAI",
    "Anthropic",
    "Google DeepMind",
    "Google",
    "Meta AI",
    "Mistral AI",
    "Alibaba Cloud",
    "Alibaba",
    "DeepSeek",
    "xAI",
)
_SELF = r"(?:\bI['\u2019]?m\b|\bI am\b|\bas\b|\bmy name is\b|\bcalled\b|\bthis is\b)(?:\s+(?:an?|the))?\s+(?:AI\s+(?:assistant|model)\s+)?"
_BY = r"(?:\b(?:trained|made|built|developed|created)\s+by\s+)"
_TAG = re.compile(r"<(?:/?[a-z][a-z0-9]*\b[^<>]*|!--.*?--)>", re.IGNORECASE)
_SAYS = {
    "empty_response": "an answer is empty",
    "identical_responses": "two answers are the same",
    "names_itself": "an answer names the AI that wrote it",
    "very_long": f"an answer has more than {VERY_LONG_WORDS} words",
    "html": "an answer holds HTML, which is shown as plain text",
}


@dataclass
class Report:
    """Counts of each oddity with the first places, and what was imported."""

    items: int = 0
    pairs: int = 0
    topics: Counter[str] = field(default_factory=Counter)
    found: dict[str, list[str]] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """What to tell the researcher, one line an oddity."""
        lines = []
        for name, places in self.found.items():
            shown = ", ".join(places[:5]) + (f" and {len(places) - 5} more" if len(places) > 5 else "")
            lines.append(f"{len(places)} items in which {_SAYS[name]}: {shown}")
        return lines


def flags_of(row: ResponseRow) -> list[str]:
    """Oddities of one response."""
    flags = []
    if not row.text.strip():
        flags.append("empty_response")
    if masks(row):
        flags.append("names_itself")
    if len(row.text.split()) > VERY_LONG_WORDS:
        flags.append("very_long")
    if _TAG.search(row.text):
        flags.append("html")
    return flags


def flags_of_item(row: ItemRow) -> list[str]:
    """Oddities of an item: those of its responses, and two that are the same."""
    flags = {f for r in row.responses for f in flags_of(r)}
    folded = [" ".join(r.text.split()) for r in row.responses]
    if len(set(folded)) < len(folded):
        flags.add("identical_responses")
    return sorted(flags)


def masks(row: ResponseRow) -> list[list[int]]:
    """Spans, in code points, where the text names its own model or its maker, in order and without overlap."""
    names = list(_KNOWN)
    if row.model:
        bare = re.sub(r"\s*[\[(].*$", "", row.model)
        names += [n for n in {row.model, bare, bare.split("/")[-1]} if len(n) > 2]
    any_name = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))
    any_maker = "|".join(re.escape(n) for n in sorted(_MAKERS, key=len, reverse=True))
    pattern = re.compile(rf"{_SELF}({any_name})(?!\w)|{_BY}({any_maker})(?!\w)", re.IGNORECASE)
    spans = [list(m.span(1) if m.group(1) else m.span(2)) for m in pattern.finditer(row.text)]
    own = row.model and len(row.model) > 3 and re.compile(rf"(?<!\w){re.escape(row.model)}(?!\w)")
    spans += [list(m.span()) for m in own.finditer(row.text)] if own else []
    kept: list[list[int]] = []
    for span in sorted(spans):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def look(rows: list[ItemRow]) -> Report:
    """The report on rows about to be stored."""
    report = Report(items=len(rows))
    for row in rows:
        k = len(row.responses)
        report.pairs += len(row.pairs) if row.pairs is not None else k * (k - 1) // 2
        if row.topic:
            report.topics[row.topic] += 1
        for flag in flags_of_item(row):
            report.found.setdefault(flag, []).append(row.where or row.id)
    return report
