"""Matched probes made from what a study holds: the same content shown twice with one thing varied, so that what that thing does by
itself can be told from what usually comes with it. Pure: texts in, rows of items out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from app.studies.importing.rows import ItemRow, one

Change = Callable[[str], str]
_HEADING = re.compile(r"^#{1,6}[ \t]+", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_SENTENCE = re.compile(r"[^.!?\n]*[.!?]+[\"'”’)]*\s*")
_COMPLIMENT = re.compile(
    r"\b(?:great|good|excellent|wonderful|fantastic|interesting|thoughtful|lovely|brilliant|amazing) "
    r"(?:question|point|idea|thinking|observation)\b|\b(?:thank you|thanks) for (?:asking|sharing|reaching out)\b",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"\b(?:let me know|feel free to|don['’]t hesitate|happy to help|if you(?:['’]d| would) like|would you like me to|"
    r"i hope this helps|hope that helps)\b",
    re.IGNORECASE,
)
LONGEST_TURN = 30
"""Words of an opening or closing sentence that may be taken off: a longer one says something else too."""


def without_formatting(text: str) -> str:
    """The same words without headings, list marks and bold."""
    plain = _STRONG.sub(r"\2", _BULLET.sub("", _HEADING.sub("", text)))
    return plain.strip()


def without_compliment(text: str) -> str:
    """Without an opening sentence that praises the question or gives thanks for it."""
    first = _SENTENCE.match(text.lstrip())
    if first is None or not _COMPLIMENT.search(first[0]) or len(first[0].split()) > LONGEST_TURN:
        return text
    rest = text.lstrip()[first.end() :].lstrip()
    return rest or text


def without_offer(text: str) -> str:
    """Without a closing sentence that offers more help."""
    body = text.rstrip()
    sentences = list(_SENTENCE.finditer(body))
    if len(sentences) < 2 or sentences[-1].end() != len(body):
        return text
    last = sentences[-1]
    if not _OFFER.search(last[0]) or len(last[0].split()) > LONGEST_TURN:
        return text
    return body[: last.start()].rstrip()


def without_padding(sentences: Sequence[str]) -> Change:
    """Without these sentences, which the researcher says add nothing."""
    wanted = [s.strip() for s in sentences if s.strip()]

    def change(text: str) -> str:
        for sentence in wanted:
            text = text.replace(sentence, " ")
        return re.sub(r"[ \t]{2,}", " ", text).strip()

    return change


BUILT_IN: Mapping[str, Change] = {
    "formatting": without_formatting,
    "flattery": without_compliment,
    "closing_offer": without_offer,
}


@dataclass(frozen=True)
class Source:
    """A response that a probe may be made from."""

    item_id: str
    prompt: list[Any]
    response_id: str
    text: str
    topic: str | None
    kind: str | None


def probes(sources: Sequence[Source], count: int, *, seed: int, padding: Sequence[str] = ()) -> list[ItemRow]:
    """Up to ``count`` items of a response and the same response with one thing taken out, each thing alike often.

    Args:
        sources: Responses to choose from, each used once at most.
        seed: Of the choice.
        padding: Sentences that add nothing; a response that holds some is shown without them too (variant ``length``).

    A probe names no source model: it says nothing about any. Responses that a change leaves as they are make none.
    """
    changes = {**BUILT_IN, **({"length": without_padding(padding)} if padding else {})}
    rng = Random(seed)  # noqa: S311 - a choice of texts, no secret
    order = sorted(sources, key=lambda s: (s.item_id, s.response_id))
    rng.shuffle(order)
    fitting = {
        name: [s for s in order if _differs(change(s.text), s.text)] for name, change in changes.items()
    }
    used: set[tuple[str, str]] = set()
    made: list[ItemRow] = []
    while len(made) < count:
        before = len(made)
        for name, change in changes.items():
            found = next((s for s in fitting[name] if (s.item_id, s.response_id) not in used), None)
            if found is not None and len(made) < count:
                used.add((found.item_id, found.response_id))
                made.append(_row(found, name, change(found.text)))
        if len(made) == before:
            break
    return made


def _differs(changed: str, text: str) -> bool:
    return bool(changed.strip()) and " ".join(changed.split()) != " ".join(text.split())


def _row(source: Source, variant: str, changed: str) -> ItemRow:
    whole, part = source.response_id, f"{source.response_id}~{variant}"
    record = {
        "id": f"{source.item_id}~{source.response_id}~{variant}",
        "prompt": source.prompt,
        "responses": [
            {"id": whole, "text": source.text},
            {"id": part, "text": changed, "variant_of": whole, "variant": variant},
        ],
        "metadata": {"probe_of": source.item_id},
        **({"topic": source.topic} if source.topic else {}),
        **({"kind": source.kind} if source.kind else {}),
    }
    return one(record)
