"""The words of a question before any one person's counts and choices are put into them: what a wording's record carries. Pure."""

from __future__ import annotations

import re
from typing import Any

from app.questions import registry
from app.questions.asking import Asks, Words
from app.questions.wording import words

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_COUNTS = {"toward": 12, "of": 12, "fits": 1, "counts": [[0, 0, 0]], "known": True, "first_side": "left", "again_side": "left"}  # fmt: skip
_OWN = re.compile(r"^M\d+\.own\.\d+$")


def blank(language: str) -> Words:
    """Texts in which names are filled in and everything that is one person's own stays a blank, ``{m}`` or ``…``."""
    say = words(language)

    def unfilled(key: str, **values: Any) -> str:
        if key.startswith("M4.side."):
            return "…"
        return say(key, **{k: f"{{{k}}}" if isinstance(v, int) else v for k, v in values.items()})

    return unfilled


def wordings(kind_code: str, template: str, form: str, language: str) -> tuple[tuple[str, str, str], ...]:
    """(which way round, text, lead) of each way this wording reads, without any person's evidence; empty where its kind is not known.
    The lead of M1 is none: which one comes depends on the person's own choices.
    """
    kind = registry.by_code().get(kind_code)
    if kind_code == "M12":
        return (("", words(language)("M12.text"), ""),)
    if not isinstance(kind, Asks) or form not in kind.forms or _OWN.match(template):
        return ()
    name = template.partition(".")[2]
    found: dict[str, tuple[str, str]] = {}
    for way, sign in (("", 1), ("less", -1)):
        about = {**_COUNTS, "influence": name, "sign": sign, "class": name}
        try:
            made = kind.wording(about, form, blank(language))
        except KeyError:
            return ()
        found.setdefault(made.text, (way, "" if kind_code == "M1" else made.lead))
    return tuple((way, text, lead) for text, (way, lead) in found.items())


def of(kind_code: str, template: str, form: str, language: str, put: str) -> tuple[str, str]:
    """(which way round, the text of the wording) for a question as it was put to someone.

    A wording that this version of the software does not know, an earlier one's say, is told with its numbers as blanks; a
    researcher's own question is the same for everybody, and is told as it stands.

    Example:
        >>> of("M1", "M1.length", "plain", "en", "In 7 of your 9 ... Should being longer count?")[0]
        ''
        >>> of("M1", "M1.gone", "plain", "en", "In 7 of your 9 choices. Should it count?")[1]
        'In … of your … choices. Should it count?'
    """
    if _OWN.match(template):
        return "", put
    for way, text, lead in wordings(kind_code, template, form, language):
        if put.endswith(text) or kind_code == "M12":
            return way, f"{lead} {text}".strip()
    return "", NUMBER.sub("…", put)
