"""The catalogues say the same things with the same blanks, every word a template asks for exists, and none is forbidden."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.web.catalogue import languages, load, placeholders

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
ENGLISH = load("en").words
FORBIDDEN = re.compile(
    r"\b(LLM|annotator|preference pair|alpha|active learning|reward|invalid)\b|\blabell?(s|ed|ing)?\b|\bAI model",
    re.IGNORECASE,
)
FORMS = {"en": {"one", "other"}, "ar": {"zero", "one", "two", "few", "many", "other"}}


def _texts(entry: str | Mapping[str, str]) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def _blanks(entry: str | Mapping[str, str]) -> frozenset[str]:
    return frozenset().union(*(placeholders(text) for text in _texts(entry))) - {"n"}


@pytest.mark.parametrize("language", [code for code in languages() if code != "en"])
def test_a_catalogue_has_the_keys_and_blanks_of_the_english_one(language: str) -> None:
    words = load(language).words
    assert set(words) == set(ENGLISH)
    assert {k for k in words if _blanks(words[k]) != _blanks(ENGLISH[k])} == set()
    assert {k for k in words if isinstance(words[k], str) != isinstance(ENGLISH[k], str)} == set()


@pytest.mark.parametrize("language", languages())
def test_a_plural_has_every_form_of_its_language(language: str) -> None:
    short = {
        k
        for k, entry in load(language).words.items()
        if not isinstance(entry, str) and set(entry) != FORMS[language]
    }
    assert short == set()


def test_words_for_people_are_plain() -> None:
    every = [(key, text) for key, entry in ENGLISH.items() for text in _texts(entry)]
    assert [(k, text) for k, text in every if FORBIDDEN.search(text)] == []
    assert [(k, text) for k, text in every if "!" in text] == []
    assert [(k, text) for k, text in every if "'" in text] == [], "a curly apostrophe reads better"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda p: p.name)
def test_every_word_a_template_names_is_in_the_catalogue(template: Path) -> None:
    named = re.findall(r"""\bt(?:\.html)?\(\s*["']([a-z0-9_.]+)["']\s*[,)]""", template.read_text())
    assert [key for key in named if key not in ENGLISH] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda p: p.name)
def test_templates_hold_no_inline_script_or_style(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
