"""Emoji and the like."""

from __future__ import annotations

import math
import re

from app.inference.influence import Influence

_EMOJI = re.compile(
    "[\U0001f300-\U0001faff\U00002600-\U000027bf\U0001f1e6-\U0001f1ff\u2b50\u2b55\u203c\u2049]"
)


def measure(request: str, response: str) -> float:  # noqa: ARG001 - measures are called alike
    """Natural logarithm of one more than the number of pictographs."""
    return math.log1p(sum(1 for _ in _EMOJI.finditer(response)))


INFLUENCE = Influence(
    "emoji",
    "fuller of emoji",
    "emoji",
    "ln(1 + pictographs of the blocks that hold emoji and dingbats).",
    "text",
    measure,
)
