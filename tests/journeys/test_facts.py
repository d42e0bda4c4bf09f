"""Facts about tools like this one that lost people's work or ran their data: each with a browser on the real site."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from app.kit.clock import utc_now
from app.people import invites
from app.people import writes as people
from app.people.tables import Annotator
from app.studies.tables import Item, Response, Study
from tests.journeys.conftest import join
from tests.journeys.test_acceptance_participant import SAVE
from tests.journeys.test_participant import STATUS, rows, serving_of
from tests.journeys.test_researcher import PAGES, sign_in, voted

pytestmark = pytest.mark.browser
EVIL = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>"\'><svg onload="window.hit=1">[x](javascript:window.hit=1)'


@pytest.mark.parametrize("script", [True, False])
def test_a_session_that_ends_in_the_middle_of_a_pair_keeps_the_draft(site, visit, script):
    """Fact 11: the way back in carries along what was chosen and written; nothing is stored before the person saves it."""
    page = visit(java_script_enabled=script)
    join(page, site)
    serving = serving_of(page)
    with site.database.write() as session:
        code = people.renew_resume_code(session, session.scalars(sa.select(Annotator)).one())
    page.check("[name=choice][value=right]", force=True)
    page.fill("#rationale", "half a thought")
    page.context.clear_cookies()
    page.click(SAVE)
    page.locator("#code").wait_for()
    assert rows(site) == []
    page.fill("#code", "not-a-code")
    page.click("main form button[type=submit]")
    page.locator("#problems").wait_for()
    page.fill("#code", code)
    page.click("main form button[type=submit]")
    page.locator(f'form[data-ballot="{serving}"]').wait_for()
    assert page.locator("[name=choice]:checked").get_attribute("value") == "right"
    assert page.locator("#rationale").input_value().strip() == "half a thought"
    page.click(SAVE)
    page.locator(STATUS, has_text="Saved. You chose B.").wait_for()
    assert [(r.choice, r.rationale) for r in rows(site)] == [("right", "half a thought")]


def test_hostile_text_runs_on_no_page_of_a_researcher(site, visit):
    """Fact 12: in titles, requests, responses, models, topics, words, names and files."""
    person = visit(java_script_enabled=False)
    join(person, site)
    person.check("[name=choice][value=left]")
    person.fill("#rationale", EVIL)
    person.click(SAVE)
    voted(site, people=21)
    with site.database.write() as session:
        session.execute(sa.update(Study).values(title=EVIL))
        session.execute(sa.update(Response).values(text=EVIL, model=EVIL))
        turn = [{"role": "user", "content": EVIL}]
        session.execute(sa.update(Item).values(prompt=turn, search_text=EVIL, topic=EVIL[:200]))
        session.execute(sa.update(Annotator).values(external_id=Annotator.external_id + EVIL))
        invites.create_invite(
            session,
            session.scalars(sa.select(Study.id)).one(),
            kind="personal",
            by=None,
            now=utc_now(),
            label=EVIL,
        )
        name = session.scalars(sa.select(Annotator.pseudonym)).first()
    page = visit()
    sign_in(page, site)
    for path in (*PAGES, "identities", f"people/{name}"):
        page.goto(f"{site.url}/studies/advice/{path}")
        assert page.evaluate("window.hit") is None, path
        assert (
            page.locator("main img[src=x], main script, main svg[onload], a[href^=javascript]").count() == 0
        ), path
    page.goto(f"{site.url}/studies/advice/items/load")
    page.locator("#text").fill('{"id": "<img src=x onerror=window.hit=1>", "prompt": 7}')
    page.get_by_role("button", name="Look at it first").click()
    page.locator(".err-box").wait_for()
    assert page.evaluate("window.hit") is None
    assert page.locator("main img").count() == 0


def test_a_refused_form_of_a_researcher_keeps_what_was_typed(site, visit):
    """Fact 6, on every form that can be refused: never a success, and nothing to type again."""
    page = visit(java_script_enabled=False)
    sign_in(page, site)
    page.goto(f"{site.url}/studies/new")
    page.fill("#title", "A title that I thought about")
    page.fill("#slug", "advice")
    with page.expect_response(lambda r: r.request.method == "POST") as told:
        page.locator("main button[type=submit]").first.click()
    assert told.value.status == 422
    assert page.locator("#title").input_value() == "A title that I thought about"
    page.goto(f"{site.url}/studies/advice/setup?open=picking")
    page.fill('[name="collection.budget"]', "many")
    page.fill('[name="collection.per_annotator"]', "77")
    page.locator("#picking").get_by_role("button", name="Save this section").click()
    assert "collection.budget" in page.locator(".err-box").inner_text()
    assert page.locator('[name="collection.budget"]').input_value() == "many"
    assert page.locator('[name="collection.per_annotator"]').input_value() == "77"
    page.goto(f"{site.url}/studies/advice/members")
    page.fill("#email", "nobody@example.org")
    page.get_by_role("button", name="Share").click()
    assert page.locator("#email").input_value() == "nobody@example.org"
    page.goto(f"{site.url}/studies/advice/items/load")
    page.fill("#text", '{"id": 1')
    page.get_by_role("button", name="Look at it first").click()
    assert re.search(r"line 1", page.locator("main").inner_text())
    assert page.locator("#text").input_value().strip() == '{"id": 1'
