"""The scripts of a ballot in a real browser: keys, timing, one sending, drafts, holds, settings, focus, and none of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from tests.browser import serving
from tests.web.gallery import LEFT, RIGHT, application

pytestmark = pytest.mark.browser
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def gallery() -> Iterator[tuple[FastAPI, str]]:
    app = application()
    with serving(app) as address:
        yield app, address


@pytest.fixture
def app(gallery: tuple[FastAPI, str]) -> FastAPI:
    made = gallery[0]
    made.state.saved, made.state.holds, made.state.fail, made.state.sent = {}, [], None, 0
    return made


@pytest.fixture
def visit(chromium: Browser, gallery: tuple[FastAPI, str], app: FastAPI) -> Iterator[Open]:
    contexts = []
    noise: list[str] = []

    def go(path: str = "/pair/7", *, quiet: bool = True, **options: Any) -> Page:
        context = chromium.new_context(
            base_url=gallery[1], **{"viewport": {"width": 1280, "height": 832}, **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8000)
        if quiet:
            page.on("console", lambda m: noise.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: noise.append(str(e)))
        page.goto(path)
        return page

    yield go
    for context in contexts:
        context.close()
    assert noise == []


def test_nothing_is_chosen_and_all_options_weigh_the_same(visit: Open) -> None:
    page = visit()
    assert page.locator("form.judge :checked").count() == 0
    looks = page.locator(".opt").evaluate_all(
        "all => all.map(o => { const s = getComputedStyle(o), r = o.getBoundingClientRect();"
        " return [Math.round(r.width), Math.round(r.height), s.fontWeight, s.backgroundColor, s.borderColor].join() })"
    )
    assert len(looks) == 4
    assert len(set(looks)) == 1
    boxes = [page.locator(f"#answer-{side}").bounding_box() for side in "ab"]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert (boxes[0]["y"], boxes[0]["width"], boxes[0]["height"]) == (
        boxes[1]["y"],
        boxes[1]["width"],
        boxes[1]["height"],
    )


def test_choose_and_save_by_keyboard_then_undo(visit: Open, app: FastAPI) -> None:
    page = visit()
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/pair/8$"))
    expect(page.locator("#status")).to_contain_text("Saved. You chose B.")
    expect(page.locator("h1")).to_be_focused()
    expect(page.locator("#top")).to_contain_text("8 of about 15")
    assert app.state.saved[7]["choice"] == "right"
    timing = json.loads(app.state.saved[7]["timing"])
    assert timing["device"] == "laptop"
    assert timing["first_choice_ms"] >= 0
    assert timing["changes"] == 0
    assert int(app.state.saved[7]["elapsed_ms"]) >= timing["first_choice_ms"]
    page.keyboard.press("z")
    expect(page).to_have_url(re.compile(r"/pair/7$"))
    expect(page.locator("[value=right]")).to_be_checked()
    expect(page.locator("#status")).to_contain_text("Undone")


def test_back_shows_the_answered_pair(visit: Open) -> None:
    page = visit()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Saved")
    page.go_back()
    expect(page.locator("[value=left]")).to_be_checked()
    expect(page).to_have_url(re.compile(r"/pair/7$"))


def test_choosing_moves_nothing(visit: Open) -> None:
    page = visit()
    page.mouse.move(300, 400)
    page.mouse.wheel(0, 150)
    expect(page.locator("#answer-a")).to_be_visible()
    page.wait_for_timeout(200)
    before = page.evaluate("[scrollY, document.querySelector('.opt').getBoundingClientRect().top]")
    page.keyboard.press("1")
    expect(page.locator(".why-grid")).to_be_visible()
    assert page.evaluate("[scrollY, document.querySelector('.opt').getBoundingClientRect().top]") == before
    assert before[0] == 150


def test_typing_is_safe_and_reasons_are_announced(visit: Open) -> None:
    page = visit()
    page.keyboard.press("2")
    expect(page.locator("[data-reasons-said]")).to_have_text("Two optional questions added above")
    page.keyboard.press("r")
    expect(page.locator("[name=reason_tags]").first).to_be_focused()
    page.locator("#rationale").click()
    page.keyboard.type("1 2 3 z ? [")
    expect(page.locator("#rationale")).to_have_value("1 2 3 z ? [")
    expect(page.locator("[value=tie]")).to_be_checked()
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_keys_can_be_turned_off(visit: Open) -> None:
    page = visit()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Single keys on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("?")
    expect(dialog).to_be_hidden()
    assert page.locator(":checked[name=choice]").count() == 0
    page.reload()
    page.keyboard.press("1")
    assert page.locator(":checked[name=choice]").count() == 0
    page.locator("[value=left]").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("You chose A")


def test_jumping_to_the_top_of_an_answer(visit: Open) -> None:
    page = visit()
    page.evaluate("scrollTo(0, 400)")
    page.keyboard.press("]")
    expect(page.locator("#heading-b")).to_be_focused()
    expect(page.locator("#heading-b")).to_be_in_viewport()


def test_saving_nothing_says_what_to_do_and_keeps_the_words(visit: Open) -> None:
    page = visit(quiet=False)
    page.get_by_role("button", name="Save and go on").click()
    box = page.locator("#problems")
    expect(box).to_be_focused()
    expect(page).to_have_title("Error: Compare two answers · Soundings")
    box.get_by_role("link").click()
    expect(page.locator("#choice")).to_be_focused()


def test_a_double_click_is_one_sending(visit: Open, app: FastAPI) -> None:
    page = visit()
    page.keyboard.press("3")
    page.get_by_role("button", name="Save and go on").dblclick()
    expect(page).to_have_url(re.compile(r"/pair/8$"))
    assert app.state.sent == 1


def test_a_fault_of_ours_keeps_the_page(visit: Open, app: FastAPI) -> None:
    page = visit(quiet=False)
    page.keyboard.press("3")
    page.locator("#rationale").fill("because")
    app.state.fail = 500
    page.get_by_role("button", name="Save and go on").click()
    expect(page.locator("#notice")).to_contain_text("That didn’t save")
    expect(page.locator("#rationale")).to_have_value("because")
    app.state.fail = None
    page.get_by_role("button", name="Try again").click()
    expect(page).to_have_url(re.compile(r"/pair/8$"))


def test_offline_keeps_the_choice_and_sends_it_once_later(visit: Open, app: FastAPI) -> None:
    page = visit(quiet=False)
    page.keyboard.press("4")
    page.locator("#rationale").fill("the honest one")
    page.context.set_offline(True)
    page.get_by_role("button", name="Save and go on").click()
    expect(page.locator("#notice")).to_contain_text("You’re offline.")
    assert app.state.sent == 0
    page.context.set_offline(False)
    expect(page).to_have_url(re.compile(r"/pair/8$"))
    expect(page.locator("#notice")).to_contain_text("Back on. Your last choice is saved.")
    assert app.state.sent == 1
    assert app.state.saved[7]["rationale"] == "the honest one"
    assert page.locator(":checked[name=choice]").count() == 0


def test_a_draft_survives_a_reload(visit: Open) -> None:
    page = visit()
    page.keyboard.press("2")
    page.get_by_label("Honesty").check(force=True)
    page.locator("#rationale").fill("both say so")
    page.reload()
    expect(page.locator("[value=tie]")).to_be_checked()
    expect(page.get_by_label("Honesty")).to_be_checked()
    expect(page.locator("#rationale")).to_have_value("both say so")
    expect(page.locator("#notice")).to_contain_text("still here")
    page.goto("/pair/9")
    assert page.locator(":checked[name=choice]").count() == 0
    assert page.evaluate("localStorage.length") == 0


def test_the_hold_is_renewed_while_in_use_and_asked_for_otherwise(visit: Open, app: FastAPI) -> None:
    page = visit("/pair/7?hold=8")
    expect(page.locator("#notice")).to_contain_text("Still reading?", timeout=9000)
    page.mouse.move(200, 200)
    page.mouse.wheel(0, 40)
    expect(page.locator("#notice")).to_be_empty()
    assert app.state.holds == [7]


def test_a_phone_switches_by_links_at_the_same_height(visit: Open) -> None:
    page = visit(**PHONE)
    page.evaluate("scrollTo(0, 300)")
    page.evaluate("document.querySelectorAll('[data-switch] a')[1].click()")
    expect(page.locator("[data-switch] a").nth(1)).to_have_attribute("aria-current", "true")
    page.wait_for_timeout(500)
    box = page.locator("#answer-b").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("scrollY") == 300
    vote = page.locator(".vote").bounding_box()
    assert vote is not None
    assert vote["height"] <= 0.22 * 844


def test_a_phone_starts_with_the_other_answer_every_second_time(visit: Open, app: FastAPI) -> None:
    page = visit("/pair/7?first=b", **PHONE)
    expect(page.locator("[data-switch] a").nth(1)).to_have_attribute("aria-current", "true")
    page.locator(".opt").first.tap()
    page.get_by_role("button", name="Save and go on").tap()
    expect(page.locator("#status")).to_contain_text("Saved")
    timing = json.loads(app.state.saved[7]["timing"])
    assert timing["first_panel"] == "b"
    assert timing["device"] == "phone"


@pytest.mark.parametrize("size", [{}, PHONE])
def test_every_step_works_without_a_script(visit: Open, app: FastAPI, size: dict[str, Any]) -> None:
    page = visit(java_script_enabled=False, **size)
    page.locator(".opt").nth(3).click()
    page.locator("#rationale").fill("no script")
    page.get_by_role("button", name="Save and go on").click()
    expect(page.locator("#status")).to_contain_text("Saved. You chose B.")
    assert app.state.saved[7]["rationale"] == "no script"
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#status")).to_contain_text("Undone")


def test_words_are_marked_by_tapping_and_by_selecting(visit: Open, app: FastAPI) -> None:
    page = visit("/pair/7?marks=1")
    expect(page.locator("summary", has_text="Mark the words")).to_be_hidden()
    page.locator("p", has_text="The people with most to lose here are your parents.").click(
        position={"x": 30, "y": 10}
    )
    expect(page.locator("[data-mark-list] mark")).to_have_text(
        "The people with most to lose here are your parents."
    )
    page.get_by_label("Put me off").check(force=True)
    page.evaluate(
        "const n = document.querySelector('[data-answer=left] strong').firstChild; getSelection().setBaseAndExtent(n, 3, n, 9)"
    )
    page.keyboard.press("h")
    expect(page.locator("[data-mark-list] mark")).to_have_count(2)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("Saved")
    start = RIGHT.index("The people with most")
    end = start + len("The people with most to lose here are your parents.")
    first, second = app.state.saved[7]["span"]
    assert first == f"right:{start}:{end}:put_me_off"
    side, begins, ends, tag = second.split(":")
    assert (side, LEFT[int(begins) : int(ends)], tag) == ("left", "starts", "helped")


def test_words_are_marked_without_a_script(visit: Open, app: FastAPI) -> None:
    page = visit("/pair/7?marks=1", java_script_enabled=False)
    page.get_by_text("Mark the words that mattered").first.click()
    page.get_by_label("Could we set aside Sunday to go through the plan?").select_option(label="Helped")
    page.locator(".opt").first.click()
    page.get_by_role("button", name="Save and go on").click()
    expect(page.locator("#status")).to_contain_text("Saved")
    start = LEFT.index("Could we")
    assert f"left:{start}:{start + 49}:helped" in app.state.saved[7]["span"]


def test_settings_show_at_once_and_stay(visit: Open) -> None:
    page = visit("/settings")
    page.get_by_label("Dark", exact=True).check()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_label("Larger").check()
    page.goto("/pair/7")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).fontSize") == "22px"


PLACES = [
    "/pair/7",
    "/pair/7?scale=graded&all=1",
    "/pair/7?lang=ar",
    "/gallery/research",
    "/help",
    "/words",
    "/settings",
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", PLACES)
def test_axe_finds_nothing(visit: Open, path: str, width: int, scheme: str) -> None:
    page = visit(path, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 844})
    if path.startswith("/pair"):
        page.keyboard.press("2")
    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("text", ["normal", "larger"])
def test_no_page_scrolls_sideways_at_320_pixels(visit: Open, path: str, text: str) -> None:
    page = visit(path, viewport={"width": 320, "height": 800})
    page.evaluate(f"document.documentElement.dataset.text = '{text}'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize("path", PLACES)
def test_no_page_scrolls_sideways_at_twice_the_text(visit: Open, path: str) -> None:
    page = visit(path, viewport={"width": 640, "height": 416})
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640


def test_forced_colours_show_what_is_chosen(visit: Open) -> None:
    page = visit(forced_colors="active")
    page.keyboard.press("1")
    grounds = page.locator(".opt").evaluate_all("all => all.map(o => getComputedStyle(o).backgroundColor)")
    assert grounds[0] not in grounds[1:]
