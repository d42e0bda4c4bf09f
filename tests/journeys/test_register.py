"""The flaw register in a real browser: without a script, in the dark, on a phone; switched off, seen to move back, and on again."""

from __future__ import annotations

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe

from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.main import create_app
from app.people import writes as people
from app.reports import fitting
from tests.browser import serving
from tests.conftest import Clock
from tests.journeys.conftest import Site
from tests.journeys.test_researcher import sign_in
from tests.reports import swayed

pytestmark = pytest.mark.browser
PAGES = (
    "register", "register?influence=length", "labels", "patches", "questions", "overlay", "items/i03",
)  # fmt: skip
OWN = [{"kind": "M1", "text": "Should a joke count?", "options": ["Yes", "No"]}]


@pytest.fixture
def site(sqlite_template, tmp_path):
    file = tmp_path / "site.sqlite3"
    shutil.copy(sqlite_template, file)
    app = create_app(
        Settings(
            database_url=f"sqlite:///{file}", data_dir=tmp_path, embedded_worker=False, log_level="ERROR", _env_file=None
        )
    )  # fmt: skip
    database, clock = app.state.database, Clock()
    with database.write() as session:
        owner = people.create_researcher(session, "r@example.org", password="a long password", now=utc_now())
        owner_id = owner.id
    made = swayed.study(database, clock, slug="swayed", owner_id=owner_id, meta={"kinds": ["M1"], "own": OWN})
    swayed.most_say_no(database, clock, made)
    fitting.fit(database, made.study_id, now=clock.tick())
    with serving(app) as url:
        yield Site(url, database, "swayed", app.state.settings)
    database.dispose()


@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark", "width": 390, "height": 844}], ids=["light", "dark phone"]
)
def test_pages_of_the_register_are_accessible_and_fit(site, visit, look):
    page = visit(reduced_motion="reduce", **look)
    sign_in(page, site)
    found = {}
    for path in PAGES:
        page.goto(f"{site.url}/studies/swayed/{path}")
        violations = Axe().run(page).response["violations"]
        if violations:
            found[path] = [(v["id"], v["nodes"][0]["html"][:160]) for v in violations]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), path
    assert found == {}


def test_a_stranger_finds_what_happened_and_takes_it_back_without_a_script(site, visit):
    page = visit(java_script_enabled=False)
    sign_in(page, site)
    page.goto(f"{site.url}/studies/swayed/overview")
    page.get_by_role("link", name="Flaw register").click()
    assert "Labels moved 24 of 24" in " ".join(page.locator(".kpis").inner_text().split())
    page.get_by_role("link", name="length", exact=True).click()
    assert "Spot check" in page.locator("#influence").inner_text()
    page.locator("#influence").get_by_role("link", name="i", exact=False).nth(1).click()
    why = page.locator("section[id^=why-]").inner_text()
    assert "As people stand by it" in why and "12 patches" in why
    page.goto(f"{site.url}/studies/swayed/register")
    page.get_by_role("button", name="Switch off M1").click()
    assert "Labels moved 0 of 24" in " ".join(page.locator(".kpis").inner_text().split())
    page.get_by_role("button", name="Switch on M1").click()
    assert "Labels moved 24 of 24" in " ".join(page.locator(".kpis").inner_text().split())
