"""Every word a participant reads, one catalogue per language, and how that language writes numbers, dates and plurals."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from markupsafe import Markup, escape

FALLBACK = "en"
_HERE = Path(__file__).resolve().parent
_PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})
_SETTINGS = "language"


class MissingWordError(LookupError):
    """A key that is not even in the English catalogue, or a placeholder that was not given."""


def plural_form(language: str, n: float) -> str:
    """The plural category of ``n`` in ``language``, as gettext and CLDR name them (English rule where unknown)."""
    if language.split("-", maxsplit=1)[0] == "ar":
        whole = int(n)
        if n != whole:
            return "other"
        if whole in {0, 1, 2}:
            return ("zero", "one", "two")[whole]
        tail = whole % 100
        return "few" if 3 <= tail <= 10 else "many" if tail >= 11 else "other"
    return "one" if n == 1 else "other"


@dataclass(frozen=True)
class Catalogue:
    """The words of one language: dotted key to text, or to its plural forms."""

    language: str
    settings: Mapping[str, Any]
    words: Mapping[str, str | Mapping[str, str]]

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``, for the page's dir attribute."""
        return str(self.settings["dir"])

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return str(self.settings["name"])


def _flatten(prefix: str, table: Mapping[str, Any], out: dict[str, str | Mapping[str, str]]) -> None:
    for key, value in table.items():
        dotted = f"{prefix}.{key}" if prefix else key
        if isinstance(value, str) or ("other" in value and set(value) <= _PLURALS):
            out[dotted] = value
        else:
            _flatten(dotted, value, out)


@cache
def load(language: str) -> Catalogue:
    """The catalogue of ``language``, read once. Raises KeyError for a language there is no file for."""
    path = _HERE / f"{language}.toml"
    if language not in languages():
        raise KeyError(language)
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    settings = table.pop(_SETTINGS)
    words: dict[str, str | Mapping[str, str]] = {}
    _flatten("", table, words)
    return Catalogue(language, settings, words)


@cache
def languages() -> tuple[str, ...]:
    """The languages there is a catalogue for, English first."""
    found = sorted(p.stem for p in _HERE.glob("*.toml"))
    return (FALLBACK, *(code for code in found if code != FALLBACK))


def best_language(wanted: str | None) -> str:
    """The catalogue to use for ``wanted``, a language tag or a browser's Accept-Language list."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate((wanted or "").split(",")):
        tag, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            quality = 0.0
        ranked.append((-quality, place, tag.strip().lower()))
    for minus_quality, _, tag in sorted(ranked):
        for candidate in (tag, tag.split("-")[0]):
            if minus_quality < 0 and candidate in languages():
                return candidate
    return FALLBACK


def placeholders(text: str) -> frozenset[str]:
    """The names in braces in ``text``."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


class Translator:
    """The words of one language with English behind it; called as ``t("ballot.save")`` in templates.

    A number given by name is written as the language writes numbers; ``n`` also picks the plural form. A key that is
    missing here is read in English; one that is missing there too raises MissingWordError.
    """

    def __init__(self, language: str) -> None:
        self.catalogue = load(best_language(language))
        self.language = self.catalogue.language

    def __call__(self, key: str, /, **values: Any) -> str:
        """The words for ``key`` with ``values`` filled in. Raises MissingWordError."""
        text, language = self._pattern(key, values.get("n"))
        spelled = {name: self._spell(value) for name, value in values.items()}
        try:
            return text.format_map(spelled) if "{" in text else text
        except KeyError as missing:
            raise MissingWordError(f"{key} ({language}) needs {missing}") from missing

    def html(self, key: str, /, **values: Any) -> Markup:
        """Like calling, for the few texts with markup of their own; the values are escaped, the text is not."""
        text, language = self._pattern(key, values.get("n"))
        spelled = {name: escape(self._spell(value)) for name, value in values.items()}
        try:
            return Markup(text.format_map(spelled))  # noqa: S704 - our own text, values escaped above
        except KeyError as missing:
            raise MissingWordError(f"{key} ({language}) needs {missing}") from missing

    def has(self, key: str, /) -> bool:
        """Whether there are words for ``key``, here or in English."""
        return key in self.catalogue.words or key in load(FALLBACK).words

    def number(self, value: float, digits: int | None = None) -> str:
        """``value`` as the language writes it, with ``digits`` after the point where given."""
        text = f"{value:,.{digits}f}" if digits is not None else f"{value:,}"
        settings = self.catalogue.settings
        swap = {",": settings["group"], ".": settings["point"]}
        return "".join(swap.get(mark, mark) for mark in text)

    def percent(self, share: float, digits: int = 0) -> str:
        """``share`` of 0 to 1 as a percentage."""
        return str(self.catalogue.settings["percent"]).format(n=self.number(share * 100, digits))

    def date(self, moment: datetime, *, year: bool = False) -> str:
        """The day of ``moment``, in words."""
        settings = self.catalogue.settings
        pattern = settings["date_year"] if year else settings["date"]
        return str(pattern).format(
            day=moment.day, month=settings["months"][moment.month - 1], year=moment.year
        )

    def time(self, moment: datetime) -> str:
        """The clock time of ``moment``."""
        return f"{moment.hour:02d}:{moment.minute:02d}"

    def exact(self, moment: datetime) -> str:
        """Day, year and clock time, for a hover or a log."""
        return f"{self.date(moment, year=True)}, {self.time(moment)}"

    def ago(self, moment: datetime, now: datetime) -> str:
        """How long before ``now`` it was, in words; a date once it is more than a week back."""
        seconds = max(0.0, (now - moment).total_seconds())
        if seconds < 60:
            return self("time.just_now")
        if seconds < 3600:
            return self("time.minutes_ago", n=int(seconds // 60))
        if seconds < 86400:
            return self("time.hours_ago", n=int(seconds // 3600))
        days = (now.date() - moment.astimezone(now.tzinfo).date()).days
        if days <= 1:
            return self("time.yesterday")
        if days <= 7:
            return self("time.days_ago", n=days)
        return self.date(moment, year=moment.year != now.year)

    def _pattern(self, key: str, n: float | None) -> tuple[str, str]:
        language, entry = self.language, self.catalogue.words.get(key)
        if entry is None:
            language, entry = FALLBACK, load(FALLBACK).words.get(key)
        if entry is None:
            raise MissingWordError(f"no words for {key!r}")
        if isinstance(entry, str):
            return entry, language
        if n is None:
            raise MissingWordError(f"{key} has plural forms and needs n")
        return entry.get(plural_form(language, n), entry["other"]), language

    def _spell(self, value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return str(value)
        return self.number(value)
