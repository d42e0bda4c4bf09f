"""Pages and their parts: escaped, never cached, whole on a visit, one block for htmx, in the right language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import ChoiceLoader, DictLoader, UndefinedError
from starlette.testclient import TestClient

from app.web import help as help_pages
from app.web.assets import Assets
from app.web.catalogue import MissingWordError, Translator, best_language, plural_form
from app.web.display import COOKIE, Display
from app.web.render import FLASH, Problem, StatusLine, environment, flash, render

PAGES = {
    "test/page.html": (
        "{% extends 'base.html' %}{% from 'shared/icons.html' import icon %}{% block title %}A page{% endblock %}"
        "{% block content %}<h1>{{ words }}</h1>{% block list %}<ul id=list>{{ icon('check') }}{{ words }}</ul>{% endblock %}"
        "{{ url_for('place', n=3, query={'q': 'a b', 'empty': ''}) }} {{ time_ago(when) }}{% endblock %}"
    ),
    "test/missing.html": "{{ nowhere }}",
    "research/test.html": "{{ lang }}",
}
WHEN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Page:
    words: str = "<b>&"
    when: datetime = WHEN
    problems: tuple[Problem, ...] = ()
    language: str | None = None
    status_line: StatusLine | None = None


@pytest.fixture
def client() -> Iterator[TestClient]:
    env = environment()
    before = env.loader
    assert before is not None
    env.loader = ChoiceLoader([DictLoader(PAGES), before])
    app = FastAPI()
    app.include_router(help_pages.router)

    @app.get("/page")
    def page(request: Request, language: str | None = None, problem: str = "", said: str = "") -> Response:
        problems = (Problem(problem),) if problem else ()
        line = StatusLine(said, "/undo") if said else None
        return render(
            request,
            "test/page.html",
            Page(problems=problems, language=language, status_line=line),
            block="list",
        )

    @app.get("/missing")
    def missing(request: Request) -> Response:
        return render(request, "test/missing.html")

    @app.get("/research")
    def research(request: Request) -> Response:
        return render(request, "research/test.html", {"language": "ar"})

    @app.get("/place/{n}", name="place")
    def place(n: int) -> int:
        return n

    @app.post("/save")
    def save() -> Response:
        response = RedirectResponse("/page", 303)
        flash(response, "status.saved_right", undo_url="/undo/1")
        return response

    yield TestClient(app)
    env.loader = before


def test_a_visit_gets_the_whole_page(client: TestClient) -> None:
    answer = client.get("/page")
    assert answer.text.startswith("<!doctype html>")
    assert "<title>A page · Soundings</title>" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "&lt;b&gt;&amp;" in answer.text
    assert "<b>&" not in answer.text


def test_htmx_gets_the_named_block_with_what_the_page_imports(client: TestClient) -> None:
    part = client.get("/page", headers={"HX-Request": "true", "HX-Request-Type": "partial"}).text
    assert part.startswith("<ul id=list><svg")
    assert part.endswith("&lt;b&gt;&amp;</ul>")


@pytest.mark.parametrize("headers", [{"HX-Request-Type": "full"}, {"HX-History-Restore-Request": "true"}])
def test_htmx_gets_the_whole_page_where_it_asks_for_one(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/page", headers={"HX-Request": "true", **headers}).text.startswith("<!doctype html>")


def test_an_undefined_name_raises(client: TestClient) -> None:
    with pytest.raises(UndefinedError):
        client.get("/missing")


def test_addresses_leave_out_empty_filters(client: TestClient) -> None:
    assert "/place/3?q=a+b " in client.get("/page").text


def test_a_problem_is_told_in_the_title(client: TestClient) -> None:
    assert "<title>Error: A page · Soundings</title>" in client.get("/page", params={"problem": "x"}).text


def test_the_study_decides_the_language_and_else_the_browser(client: TestClient) -> None:
    arabic = client.get("/page", params={"language": "ar"})
    assert '<html lang="ar" dir="rtl"' in arabic.text
    assert arabic.headers["content-language"] == "ar"
    assert (
        '<html lang="ar" dir="rtl"' in client.get("/page", headers={"Accept-Language": "ar-EG,en;q=0.5"}).text
    )
    assert (
        '<html lang="en"'
        in client.get("/page", params={"language": "en"}, headers={"Accept-Language": "ar"}).text
    )
    assert client.get("/research", headers={"Accept-Language": "ar"}).text == "en"


def test_what_happened_is_said_once_after_a_redirect(client: TestClient) -> None:
    answer = client.post("/save")
    assert "Saved. You chose B." in answer.text
    assert 'action="/undo/1"' in answer.text
    assert "Saved. You chose B." not in client.get("/page").text


@pytest.mark.parametrize(
    "forged", ["x", "e30=", "eyJrZXkiOiJjb25zZW50LmxlYWQiLCJ1bmRvIjpudWxsLCJ2YWx1ZXMiOnt9fQ=="]
)
def test_a_forged_status_is_ignored(client: TestClient, forged: str) -> None:
    client.cookies.set(FLASH, forged)
    answer = client.get("/page")
    assert answer.status_code == 200
    assert '<div id="status" class="status" role="status"></div>' in answer.text


def test_a_status_of_the_page_itself_comes_first(client: TestClient) -> None:
    answer = client.post("/save", follow_redirects=False)
    assert FLASH in answer.cookies
    text = client.get("/page", params={"said": "Taken back."}).text
    assert "Taken back." in text
    assert "You chose B" not in text


def test_settings_are_kept_in_the_browser_and_shown_from_the_first_byte(client: TestClient) -> None:
    client.post("/settings", data={"theme": "dark", "text": "larger", "layout": "stacked", "keys": "off"})
    html = client.get("/page").text
    assert 'data-theme="dark"' in html
    assert 'data-text="larger" data-layout="stacked" data-keys="off"' in html
    client.cookies.clear()
    client.cookies.set(COOKIE, 'theme="><script>&text=huge')
    assert 'data-text="normal"' in client.get("/page").text


def test_unknown_settings_take_their_default() -> None:
    assert Display.of({"theme": "pink", "keys": ["off"]}) == Display()


@pytest.mark.parametrize("path", ["/help", "/words", "/accessibility", "/privacy", "/settings"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_help_is_there_in_each_language(client: TestClient, path: str, language: str) -> None:
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert f'lang="{language}"' in answer.text
    assert answer.text.count("<h1") == 1


@pytest.mark.parametrize(
    ("n", "form"),
    [(0, "zero"), (1, "one"), (2, "two"), (3, "few"), (10, "few"), (11, "many"), (99, "many"), (100, "other"), (103, "few"),
     (111, "many"), (1.5, "other")],
)  # fmt: skip
def test_arabic_plurals(n: float, form: str) -> None:
    assert plural_form("ar", n) == form


def test_words_fill_their_blanks() -> None:
    t = Translator("en")
    assert t("time.minutes_ago", n=1) == "1 minute ago"
    assert t("time.minutes_ago", n=1200) == "1,200 minutes ago"
    assert t("error.choose_aspect", aspect="{x}") == "Choose an answer for “{x}”"
    assert Translator("ar")("time.days_ago", n=2) == "قبل يومين"
    with pytest.raises(MissingWordError):
        t("ballot.no_such_word")
    with pytest.raises(MissingWordError):
        t("ballot.progress", n=1)


def test_markup_in_values_is_escaped() -> None:
    assert "<b>" not in Translator("en").html("error.choose_aspect", aspect="<b>")


@pytest.mark.parametrize(
    ("wanted", "found"), [("ar-EG,en;q=0.8", "ar"), ("fr, ar;q=0.2", "ar"), ("fr", "en"), (None, "en"), ("ar;q=x", "en"), ("en;q=0.1,ar;q=0.9", "ar")]
)  # fmt: skip
def test_the_best_language_that_there_is(wanted: str | None, found: str) -> None:
    assert best_language(wanted) == found


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=12), "12 minutes ago"),
        (timedelta(hours=3), "3 hours ago"),
        (timedelta(days=1, hours=2), "yesterday"),
        (timedelta(days=5), "5 days ago"),
        (timedelta(days=20), "10 February"),
        (timedelta(days=400), "26 January 2025"),
    ],
)
def test_times_in_words(before: timedelta, words: str) -> None:
    assert Translator("en").ago(WHEN - before, WHEN) == words


def test_static_files_are_compressed_and_last(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("body { color: red; }\n" * 200)
    app = FastAPI()
    app.mount("/static", Assets(directory=tmp_path))
    client = TestClient(app)
    answer = client.get("/static/a.css?v=1")
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text.startswith("body")
    assert client.get("/static/a.css").headers["cache-control"] == "no-cache"
    assert (
        "content-encoding" not in client.get("/static/a.css", headers={"Accept-Encoding": "identity"}).headers
    )
    assert (
        client.get("/static/a.css?v=1", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    )
    assert client.get("/static/../secret").status_code == 404
