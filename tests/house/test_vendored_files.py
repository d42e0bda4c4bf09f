"""What others wrote and we ship is exactly what they published, listed with its licence; what we wrote stays small."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

STATIC = Path(__file__).resolve().parents[2] / "static"
VENDOR = STATIC / "vendor"
LISTED = json.loads((VENDOR / "VENDORED.json").read_text())
OWN = sorted((STATIC / "js").glob("*.js"))
ON_A_BALLOT = ("focus", "settings", "keys", "draft", "ballot", "hold")


@pytest.mark.parametrize("entry", LISTED, ids=lambda e: e["name"])
def test_a_vendored_file_is_what_its_authors_published(entry: dict[str, str]) -> None:
    assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert (VENDOR / entry["licence_file"]).read_text().strip()
    assert entry["version"]
    assert entry["licence"]


def test_nothing_is_vendored_without_being_listed() -> None:
    listed = {name for e in LISTED for name in (e["file"], e["licence_file"])} | {"VENDORED.json"}
    assert {p.name for p in VENDOR.iterdir()} == listed


@pytest.mark.parametrize("file", OWN, ids=lambda p: p.name)
def test_a_behaviour_is_one_short_file_that_says_what_it_hooks_on(file: Path) -> None:
    text = file.read_text()
    assert text.startswith("/* "), "each file begins with a comment that lists its data- attributes"
    assert len(text.splitlines()) <= 80
    assert not re.search(r"\beval\(|new Function|innerHTML|https?://", text)


def test_scripts_of_a_ballot_stay_within_their_budget() -> None:
    code = b"".join((STATIC / "js" / f"{name}.js").read_bytes() for name in ON_A_BALLOT)
    assert len(gzip.compress(code, 9)) < 6000


def test_a_ballot_page_transfers_under_60_kilobytes() -> None:
    files = [STATIC / "app.css", VENDOR / "htmx.min.js", *(STATIC / "js" / f"{n}.js" for n in ON_A_BALLOT)]
    assert sum(len(gzip.compress(f.read_bytes(), 9)) for f in files) < 45_000


def test_the_stylesheet_loads_nothing_and_uses_no_physical_sides() -> None:
    css = (STATIC / "app.css").read_text()
    assert "@import" not in css
    assert "url(" not in css
    physical = re.findall(
        r"[{;\s]((?:margin|padding|border)-(?:left|right)|left|right|text-align: (?:left|right)|float: (?:left|right))\s*:",
        css,
    )
    assert physical == []
