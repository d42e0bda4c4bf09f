"""A real server with an open study, and browsers that visit it: with a script, without one, on a phone, in the dark."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.main import create_app
from app.people import writes as people
from tests import factories
from tests.browser import serving

LONG = "This sentence is here to make the answer long enough to scroll. " * 40


@dataclass
class Site:
    """A running site: its address, its database, and the slug of an open study with twenty pairs."""

    url: str
    database: object
    slug: str
    settings: Settings


@pytest.fixture
def make_site(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Start a site with a study made of these parts."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def make(**parts: object) -> Site:
            file = tmp_path / "site.sqlite3"
            shutil.copy(sqlite_template, file)
            settings = Settings(
                database_url=f"sqlite:///{file}",
                data_dir=tmp_path / "data",
                log_level="ERROR",
                _env_file=None,
            )
            app = create_app(settings)
            rows = parts.pop("rows", None) or factories.items(20, topics=parts.pop("topics", ()))
            for row in rows:
                row["responses"][0]["text"] += "" if row.get("as_is") else "\n\n" + LONG
                row.pop("as_is", None)
            with app.state.database.write() as session:
                owner = people.create_researcher(
                    session, "r@example.org", password="a long password", now=utc_now()
                )
                options = {"slug": "advice", "title": "Advice", "querying": {"retest": 0}, **parts}
                factories.study(session, now=utc_now(), rows=rows, owner_id=owner.id, **options)
            return Site(stack.enter_context(serving(app)), app.state.database, "advice", settings)

        yield make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page in a context of its own: ``visit(width=390, height=844, java_script_enabled=False ...)``."""
    contexts = []

    def open_page(width: int = 1280, height: int = 832, **options: object) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


def join(page: Page, site: Site) -> None:
    """Agree, leave practice, and stand before the first pair."""
    page.goto(f"{site.url}/s/{site.slug}")
    page.check("#agree")
    page.click("button.main")
    page.click("button[name=go][value=skip]")
    page.click("a.main")
    page.locator("form[data-ballot]").wait_for()
