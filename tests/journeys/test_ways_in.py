"""The ways into a study and out of it: links with a limit and an end, personal links, Prolific with its codes; and small tables."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from app.kit.clock import utc_now
from app.people.tables import Annotator, Invite
from app.studies import reads as studies
from app.studies.tables import Study
from tests.journeys.test_acceptance_participant import answer
from tests.journeys.test_researcher import sign_in

pytestmark = pytest.mark.browser


def take_part(page):
    page.check("#agree")
    page.click("button.main")
    page.click("button[name=go][value=skip]")
    page.click("a.main")


def test_the_invite_page_shows_what_people_will_see(make_site, visit):
    site = make_site(people={"consent": "Your answers **stay here**."})
    page = visit(390, 844, java_script_enabled=False)
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/invite")
    seen = page.locator("#preview")
    assert seen.locator("strong").inner_text() == "stay here"
    with site.database.read() as session:
        pair = studies.find_first_pair(session, session.scalars(sa.select(Study.id)).first())
        shown = studies.shown_pair(session, pair.item_id, pair.first_id, pair.second_id)
    told = seen.inner_text()
    assert shown.left.text.split("\n")[0][:30] in told
    assert shown.right.text.split("\n")[0][:30] in told
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_prolific_from_its_three_parameters_to_one_button_back(make_site, visit):
    site = make_site(people={"join": "prolific"}, session={"questions": 2}, prolific={"completed": "C1K8 XQ"})
    stranger = visit(java_script_enabled=False)
    stranger.goto(f"{site.url}/s/advice")
    assert stranger.locator("#agree").count() == 0
    page = visit(java_script_enabled=False)
    page.goto(f"{site.url}/s/advice?PROLIFIC_PID=5f00aa&STUDY_ID=st1&SESSION_ID=se1")
    assert page.url == f"{site.url}/s/advice"
    take_part(page)
    for _ in range(2):
        answer(page)
    assert page.url.endswith("/done")
    links = page.locator("main a[href*='prolific.com']")
    assert links.count() == 1
    assert links.get_attribute("href") == "https://app.prolific.com/submissions/complete?cc=C1K8%20XQ"
    assert "C1K8 XQ" in page.locator("main").inner_text()
    again = visit(java_script_enabled=False)
    again.goto(f"{site.url}/s/advice?PROLIFIC_PID=5f00aa&STUDY_ID=st1&SESSION_ID=se2")
    again.check("#agree")
    again.click("button.main")
    assert "/s/advice/" in again.url
    with site.database.read() as session:
        (person,) = session.scalars(sa.select(Annotator)).all()
        assert (person.external_id, person.panel_session) == ("5f00aa", "se1")
        assert person.pseudonym not in {"5f00aa", "se1"}


def test_codes_of_prolific_are_keys_of_the_study_file(site, visit):
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/invite")
    page.get_by_label("Code for who finished").fill("DONE1")
    page.get_by_label("Code for who stops").fill("STOP1")
    page.get_by_role("button", name="Save the codes").click()
    page.wait_for_url("**/invite#prolific")
    text = page.request.get(f"{site.url}/studies/advice/study.yaml").text()
    assert "completed: DONE1\n  screened_out: null\n  returned: STOP1" in text


def test_a_link_with_a_limit_and_an_end(site, visit):
    page = visit(java_script_enabled=False)
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/invite")
    page.get_by_label("Most people").fill("a few")
    page.get_by_role("button", name="Make a link").click()
    assert page.locator(".err-box").count() == 1
    assert page.get_by_label("Most people").input_value() == "a few"
    page.get_by_label("Most people").fill("1")
    page.get_by_label("Last day").fill("2099-01-31")
    page.get_by_role("button", name="Make a link").click()
    (link,) = page.locator("#made code").all_inner_texts()
    assert link.startswith(site.url)
    first, second = visit(java_script_enabled=False), visit(java_script_enabled=False)
    first.goto(link)
    take_part(first)
    second.goto(link)
    assert second.locator("#agree").count() == 0
    assert "Ask the person who sent it" in second.locator("main").inner_text()
    with site.database.write() as session:
        invite = session.scalars(sa.select(Invite)).one()
        invite.max_uses, invite.expires_at = 9, utc_now() - timedelta(seconds=1)
    second.goto(link)
    assert second.locator("#agree").count() == 0


def test_personal_links_lead_each_person_to_their_own_place(site, visit):
    page = visit(java_script_enabled=False)
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/invite")
    page.get_by_label("Ids or e-mail addresses").fill("ann\n\nbo@example.org\n")
    with page.expect_download() as caught:
        page.get_by_role("button", name="Make links as CSV").click()
    rows = list(csv.DictReader(io.StringIO(caught.value.path().read_text())))
    assert [row["id"] for row in rows] == ["ann", "bo@example.org"]
    ann = visit(java_script_enabled=False)
    ann.goto(rows[0]["link"])
    take_part(ann)
    answer(ann)
    elsewhere = visit(java_script_enabled=False)
    elsewhere.goto(rows[0]["link"])
    elsewhere.check("#agree")
    elsewhere.click("button.main")
    elsewhere.goto(f"{site.url}/s/advice/answers")
    assert elsewhere.locator("main li").count() == 1


def test_small_tables_are_searched_sorted_and_files(site, visit):
    page = visit()
    sign_in(page, site)
    page.request.post(f"{site.url}/studies/advice/state", form={"state": "paused"})
    for path in ("overview", "setup", "items/i00003"):
        assert page.request.get(f"{site.url}/studies/advice/{path}.json").json(), path
    assert page.request.get(f"{site.url}/studies/advice/items/nothing.json").status == 404
    for path, column, words in (
        ("/studies", "study", "adv"),
        ("/studies/advice/log", "what", "state"),
        ("/studies/advice/members", "email", "r@"),
    ):
        rows = page.request.get(f"{site.url}{path}.json?q={words}&sort={column}").json()["rows"]
        assert rows, path
        assert [r[column] for r in rows] == sorted(r[column] for r in rows)
        assert page.request.get(f"{site.url}{path}.json?q=nothing-like-it").json() == {
            "total": 0,
            "complete": True,
            "rows": [],
        }
        table = list(
            csv.DictReader(
                io.StringIO(page.request.get(f"{site.url}{path}.csv?q={words}&sort={column}").text())
            )
        )
        assert [r[column] for r in table] == [r[column] for r in rows]
        page.goto(f"{site.url}{path}?q={words}&sort={column}")
        assert page.locator("tbody tr").count() == len(rows)
        page.locator("thead a").first.click()
        assert "sort=" in page.url
        assert f"q={quote(words)}" in page.url
