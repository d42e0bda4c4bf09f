"""What an influence is: a named property of responses, or of how they were shown, that may sway votes beside their quality."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from app.kit.discover import discover

Measure = Callable[[str, str], float | None]
"""(request, response) to how much of it the response shows; None where the request leaves no room for it."""
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True)
class Influence:
    """One influence, in a file of its own name.

    more: what a response with more of it is, "longer"; it stands in questions to people.  being: the same as a noun, "being
    longer".  definition: one exact sentence.  kind: of the text, or of its presentation, which is read from how a pair was shown.
    measure: of the text; None for presentation.
    """

    name: str
    more: str
    being: str
    definition: str
    kind: Literal["text", "presentation"]
    measure: Measure | None = None


@cache
def influences() -> dict[str, Influence]:
    """Every influence there is, by name."""
    return discover("app.inference.influences", "INFLUENCE")


@cache
def version() -> str:
    """Names the definitions, so that what was measured by others is measured again."""
    import hashlib

    told = "\n".join(f"{one.name}: {one.definition}" for one in influences().values())
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def measured(request: str, response: str) -> dict[str, float | None]:
    """How much of each influence of the text a response shows."""
    return {
        name: one.measure(request, response) for name, one in influences().items() if one.measure is not None
    }


def phrases(words: Iterable[str]) -> re.Pattern[str]:
    """A pattern for any of these phrases as whole words, in any case; an apostrophe stands for either kind."""
    inner = "|".join(
        re.escape(w).replace("'", "['’]").replace(r"\ ", r"\s+") for w in sorted(words, key=len, reverse=True)
    )
    return re.compile(rf"(?<!\w)(?:{inner})(?!\w)", re.IGNORECASE)


def rate(pattern: re.Pattern[str], text: str) -> float:
    """Hits per hundred words; 0 in a text without words."""
    words = sum(1 for _ in WORD.finditer(text))
    return 100 * sum(1 for _ in pattern.finditer(text)) / words if words else 0.0
