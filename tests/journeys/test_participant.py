"""A person at work in a real browser: the acceptance checks of their pages."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe

from app.assignments.tables import Assignment
from app.judgments.tables import Judgment
from tests.journeys.conftest import join

pytestmark = pytest.mark.browser
STATUS = "#status"


def rows(site):
    with site.database.read() as session:
        return session.scalars(sa.select(Judgment).order_by(Judgment.id)).all()


def serving_of(page):
    return re.search(r"/pair/(\w+)", page.url).group(1)


def wait_for_new_pair(page, before):
    page.locator(f'form[data-ballot]:not([data-ballot="{before}"])').wait_for()


def test_nothing_is_chosen_and_all_weigh_the_same(site, visit):
    page = visit()
    join(page, site)
    assert page.locator("main input:checked").count() == 0
    sizes = [page.locator(".opt").nth(n).bounding_box() for n in range(4)]
    assert len({(round(s["width"]), round(s["height"])) for s in sizes}) == 1
    a, b = (page.locator(f"#answer-{x}").bounding_box() for x in "ab")
    assert (a["y"], a["width"], a["height"]) == (b["y"], b["width"], b["height"])


def test_choose_and_save_with_the_keyboard_alone(site, visit):
    page = visit()
    join(page, site)
    before = serving_of(page)
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    wait_for_new_pair(page, before)
    assert page.locator(STATUS).inner_text().startswith("Saved. You chose B.")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert [r.choice for r in rows(site)] == ["right"]
    assert rows(site)[0].timing["server_timed"] is False


def test_choosing_moves_nothing(site, visit):
    page = visit()
    join(page, site)
    page.evaluate("window.scrollTo(0, 150)")
    option = page.locator(".opt").first.bounding_box()
    page.keyboard.press("1")
    page.wait_for_timeout(400)
    assert page.evaluate("window.scrollY") == 150
    assert page.locator(".opt").first.bounding_box()["y"] == pytest.approx(option["y"], abs=1)


def test_typing_is_safe_and_keys_can_be_turned_off(site, visit):
    page = visit()
    join(page, site)
    page.keyboard.press("1")
    page.fill("#rationale", "")
    page.locator("#rationale").press_sequentially("1 2 3 z ?")
    assert page.locator("[name=choice]:checked").get_attribute("value") == "left"
    assert not page.locator("dialog[open]").count()
    page.goto(f"{site.url}/settings")
    page.locator("input[name=keys][value=off]").check()
    page.locator("main button[type=submit]").click()
    page.goto(f"{site.url}/s/{site.slug}/next")
    page.keyboard.press("2")
    assert page.locator("[name=choice][value=tie]").is_checked() is False


def test_saving_with_nothing_chosen_keeps_what_was_typed(site, visit):
    page = visit()
    join(page, site)
    page.keyboard.press("1")
    page.fill("#rationale", "my words")
    page.locator("[name=choice]:checked").evaluate("radio => { radio.checked = false; }")
    page.locator(".vote button[type=submit]").click()
    page.locator("#problems").wait_for()
    assert page.evaluate("document.activeElement.id") == "problems"
    assert page.title().startswith("Error:")
    assert page.locator("#rationale").input_value().strip() == "my words"
    assert page.locator("#problems a").get_attribute("href") == "#choice"


def test_everything_without_a_script(site, visit):
    page = visit(java_script_enabled=False)
    join(page, site)
    page.check("[name=choice][value=left]")
    page.fill("#rationale", "without a script")
    page.click(".vote button[type=submit]")
    assert "Saved. You chose A." in page.locator(STATUS).inner_text()
    page.click(f"{STATUS} button")
    assert page.locator("[name=choice][value=left]").is_checked()
    assert page.locator("#rationale").input_value().strip() == "without a script"
    page.check("[name=choice][value=right]")
    page.click(".vote button[type=submit]")
    page.click("text=Skip this one")
    assert page.locator("main input:checked").count() == 0
    page.click("main button[type=submit]")
    page.goto(f"{site.url}/s/{site.slug}/answers")
    assert page.locator("main li").count() == 2
    history = rows(site)
    assert [(r.choice, r.revision) for r in history] == [("left", 1), ("right", 2), ("skip", 1)]
    assert history[0].timing["server_timed"] is True


def test_undo_by_key_brings_the_pair_back_as_it_was(site, visit):
    page = visit()
    join(page, site)
    first = serving_of(page)
    page.keyboard.press("1")
    page.locator(".chip", has_text="Tone").click()
    page.fill("#rationale", "first thought")
    page.click(".vote button[type=submit]")
    wait_for_new_pair(page, first)
    page.locator("h1").first.focus()
    page.keyboard.press("z")
    page.wait_for_url(f"**/pair/{first}/change")
    page.locator("[name=based_on]").wait_for(state="attached")
    assert page.locator("[name=choice]:checked").get_attribute("value") == "left"
    assert page.locator("[name=reason_tags]:checked").get_attribute("value") == "Tone"
    assert page.locator("#rationale").input_value().strip() == "first thought"
    page.locator("[name=choice][value=right]").check()
    page.click(".vote button[type=submit]")
    page.wait_for_url(lambda url: "/change" not in url)
    assert [(r.choice, r.supersedes is None) for r in rows(site)] == [("left", True), ("right", False)]


def test_double_click_and_second_tab_are_one_judgment(site, visit):
    page = visit()
    join(page, site)
    first = serving_of(page)
    tab = page.context.new_page()
    tab.goto(page.url)
    page.keyboard.press("1")
    page.locator(".vote button[type=submit]").dblclick()
    wait_for_new_pair(page, first)
    tab.keyboard.press("4")
    tab.locator(".vote button[type=submit]").click()
    tab.locator("h1", has_text="You have answered this one").wait_for()
    assert tab.get_by_role("link", name="Change it").is_visible()
    assert [r.choice for r in rows(site)] == ["left"]


def test_back_shows_the_answered_pair(site, visit):
    page = visit(java_script_enabled=False)
    join(page, site)
    answered = page.url
    page.check("[name=choice][value=tie]")
    page.click(".vote button[type=submit]")
    page.goto(answered)
    assert "You have answered this one" in page.locator("h1").inner_text()


def test_passed_on_keeps_the_work(site, visit):
    page = visit(java_script_enabled=False)
    join(page, site)
    with site.database.write() as session:
        session.execute(sa.update(Assignment).values(expires_at=Assignment.shown_at))
    page.check("[name=choice][value=right]")
    page.fill("#rationale", "late words")
    page.click(".vote button[type=submit]")
    assert "This pair went to someone else" in page.content()
    assert page.locator("[name=choice][value=right]").is_checked()
    page.click("text=Save mine anyway")
    (row,) = rows(site)
    assert (row.choice, row.late, row.rationale) == ("right", True, "late words")


def test_offline_keeps_the_choice_and_saves_it_once(site, visit):
    page = visit()
    join(page, site)
    page.keyboard.press("1")
    page.context.set_offline(offline=True)
    page.click(".vote button[type=submit]")
    page.locator("#notice", has_text="You’re offline.").wait_for()
    page.context.set_offline(offline=False)
    page.locator("#notice", has_text="Your last choice is saved.").wait_for()
    assert [r.choice for r in rows(site)] == ["left"]


def test_a_break_and_a_resume_code_for_another_device(make_site, visit):
    site = make_site(session={"questions": 15, "break_after": 2})
    page = visit(java_script_enabled=False)
    join(page, site)
    for _ in range(2):
        page.check("[name=choice][value=left]")
        page.click(".vote button[type=submit]")
    assert page.url.endswith("/break")
    sizes = [page.locator("main form button").nth(n).bounding_box()["height"] for n in range(2)]
    assert sizes[0] == sizes[1]
    page.get_by_role("button", name="Stop for today").click()
    code = page.locator("code").inner_text()
    other = visit(java_script_enabled=False)
    other.goto(site.url)
    other.fill("#code", code)
    other.click("main form button")
    assert "/pair/" in other.url


def test_skipping_is_free(site, visit):
    page = visit(java_script_enabled=False)
    join(page, site)
    count = page.locator(".steps").inner_text()
    for _ in range(5):
        page.click("text=Skip this one")
        page.click("main button[type=submit]")
    assert page.locator(".steps").inner_text() == count
    assert {r.choice for r in rows(site)} == {"skip"}


def test_phone_cards_and_switch(site, visit):
    page = visit(390, 844, has_touch=True, is_mobile=True)
    join(page, site)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("[data-switch] a").nth(1).click()
    page.locator("[data-switch] a[aria-current]", has_text="B").wait_for()
    a, b = (page.locator(f"#answer-{x}").bounding_box() for x in "ab")
    assert a["height"] == b["height"]
    assert page.locator(".vote").bounding_box()["height"] <= 0.22 * 844


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_of_a_participant_breaks_an_accessibility_rule(site, visit, scheme, width):
    page = visit(width, 844, color_scheme=scheme, reduced_motion="reduce")
    found = []

    def look(name):
        run = Axe().run(
            page,
            options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
        )
        found.extend(f"{name}: {v['id']}: {v['nodes'][0]['html'][:160]}" for v in run.response["violations"])

    for path in (
        "/",
        f"/s/{site.slug}",
        "/help",
        "/words",
        "/privacy",
        "/accessibility",
        "/settings",
        "/nothing",
    ):
        page.goto(site.url + path)
        look(path)
    join(page, site)
    look("pair")
    page.keyboard.press("1")
    look("chosen")
    for path in ("guide", "break", "stopped", "done", "answers", "my-data", "practice"):
        page.goto(f"{site.url}/s/{site.slug}/{path}")
        look(path)
    assert found == []


def test_plain_words_and_no_names_of_models(site, visit):
    page = visit()
    join(page, site)
    banned = re.compile(r"\b(LLM|annotator|preference pair|active learning|alpha|reward)\b", re.IGNORECASE)
    for path in (
        page.url,
        f"{site.url}/",
        f"{site.url}/help",
        f"{site.url}/privacy",
        f"{site.url}/s/{site.slug}/my-data",
    ):
        page.goto(path)
        assert not banned.search(page.locator("body").inner_text()), path
    page.goto(f"{site.url}/s/{site.slug}/next")
    assert not re.search(r"\bm[01]\b", page.locator("body").inner_text())


def test_right_to_left(make_site, visit):
    site = make_site(display={"language": "ar"})
    page = visit(390, 844)
    join(page, site)
    assert page.evaluate("document.documentElement.dir") == "rtl"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hostile_text_never_runs(make_site, visit):
    site = make_site()
    evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>[x](javascript:window.hit=1)'
    from app.studies.tables import Item, Response

    with site.database.write() as session:
        session.execute(sa.update(Response).values(text=evil))
        session.execute(sa.update(Item).values(prompt=[{"role": "user", "content": evil}], search_text=evil))
    page = visit()
    join(page, site)
    page.keyboard.press("1")
    page.fill("#rationale", evil)
    page.click(".vote button[type=submit]")
    page.goto(f"{site.url}/s/{site.slug}/answers")
    assert page.evaluate("window.hit") is None
