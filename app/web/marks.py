"""Sentences of an answer with their places in its stored text, so that people can mark words with or without a script."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

_END: Final = re.compile(r"(?<=[.!?…。！？؟])[\"'”’»)\]]*\s+|\n+|(?<=[。！？])(?=\S)")
_DRESS: Final = re.compile(r"^(?:\s|[#>*+\-|`~=]|\d+[.)]\s)+|(?:\s|[*|`~#])+$")
_INSIDE: Final = re.compile(r"(\*\*|__|~~|`|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w))")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class Sentence:
    """One sentence of one answer: ``start`` and ``end`` in code points of the stored text, ``stored`` what stands there, and
    ``text`` the same as people read it.
    """

    side: Literal["left", "right"]
    start: int
    end: int
    text: str
    stored: str


def sentences(side: Literal["left", "right"], stored: str) -> list[Sentence]:
    """The sentences of ``stored``, in order, without the marks of its layout; lines without a letter or figure are left out."""
    found: list[Sentence] = []
    start = 0
    cuts = [*(m.span() for m in _END.finditer(stored)), (len(stored), len(stored))]
    for cut, following in cuts:
        piece = stored[start:cut]
        ahead = _DRESS.match(piece)
        begins = ahead.end() if ahead else 0
        bare = piece[begins:].rstrip()
        words = _INSIDE.sub("", _LINK.sub(r"\1", _DRESS.sub("", bare)))
        if any(c.isalnum() for c in words):
            found.append(
                Sentence(side, start + begins, start + begins + len(bare), " ".join(words.split()), bare)
            )
        start = following
    return found
