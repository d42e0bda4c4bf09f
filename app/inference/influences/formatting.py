"""Formatting: lists, headings, bold, tables and code blocks."""

from __future__ import annotations

import math
import re

from app.inference.influence import Influence

_MARKS = re.compile(
    r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S|^#{1,6}[ \t]+\S|\*\*[^*\n]+\*\*|__[^_\n]+__|^[ \t]*\|.+\|[ \t]*$|^[ \t]*```",
    re.MULTILINE,
)


def measure(request: str, response: str) -> float:  # noqa: ARG001 - measures are called alike
    """Natural logarithm of one more than the number of marks."""
    return math.log1p(sum(1 for _ in _MARKS.finditer(response)))


INFLUENCE = Influence(
    "formatting",
    "more formatted",
    "lists, headings and bold",
    "ln(1 + marks): list lines, headings, bold spans, table rows and code fences of the response's Markdown.",
    "text",
    measure,
)
