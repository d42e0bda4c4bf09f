"""The rest of a participant's acceptance checks, in a real browser: holds, sides, skips, breaks, phones, pages without a fault."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe

from app import cli
from app.assignments.tables import Assignment, PairLoad
from app.judgments.tables import Judgment
from app.main import handlers, readiness
from app.studies.tables import Response
from tests.journeys.conftest import join
from tests.journeys.test_participant import STATUS, rows, serving_of, wait_for_new_pair

pytestmark = pytest.mark.browser
SAVE = ".vote button[type=submit]"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def answer(page, choice="left"):
    """Choose and save as one would without a script."""
    page.check(f"[name=choice][value={choice}]")
    page.click(SAVE)


def exported(site, folder, monkeypatch):
    """Every judgment as the export command writes it."""
    monkeypatch.setenv("SOUNDINGS_DATABASE_URL", site.settings.database_url)
    monkeypatch.setenv("SOUNDINGS_DATA_DIR", str(site.settings.data_dir))
    words = ["export", site.slug, "--out", str(folder), "--format", "judgments", "--file-type", "jsonl"]
    assert cli.run(words, cli.Rooms("app.main:from_environment", handlers, readiness)) == 0
    lines = [line for part in folder.glob("judgments/*.jsonl") for line in part.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_going_into_the_bar_moves_nothing(site, visit):
    """Item 4: neither Tab into the bar nor choosing there scrolls the page or moves the options."""
    page = visit()
    join(page, site)
    page.evaluate("window.scrollTo(0, 150)")
    before = page.locator(".opt").first.bounding_box()
    page.evaluate("[...document.querySelectorAll('main .page a')].at(-1).focus({preventScroll: true})")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "choice":
            break
    assert page.evaluate("document.activeElement.name") == "choice"
    page.keyboard.press("Space")
    page.locator(".why-grid").wait_for()
    assert page.evaluate("window.scrollY") == 150
    assert page.locator(".opt").first.bounding_box() == pytest.approx(before, abs=1)


def test_single_keys_are_turned_off_in_help(site, visit):
    """Item 6: then 1 does nothing; Tab, arrows and Space still choose, and Enter on a choice saves."""
    page = visit()
    join(page, site)
    first = serving_of(page)
    page.get_by_role("link", name="Help").first.click()
    page.get_by_label("Single keys on").uncheck()
    page.locator("dialog[open] button").click()
    page.locator("h1").first.focus()
    page.keyboard.press("1")
    page.keyboard.press("?")
    assert page.locator("main input:checked").count() == 0
    assert page.locator("dialog[open]").count() == 0
    page.locator("[name=choice]").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    assert page.locator("[name=choice]:checked").get_attribute("value") == "tie"
    page.locator(SAVE).focus()
    page.keyboard.press("Space")
    wait_for_new_pair(page, first)
    assert [r.choice for r in rows(site)] == ["tie"]


def test_undone_and_changed_is_one_current_row_in_the_export(site, visit, tmp_path, monkeypatch):
    """Item 9, to its end."""
    page = visit(java_script_enabled=False)
    join(page, site)
    answer(page, "left")
    page.click(f"{STATUS} button")
    answer(page, "right")
    told = exported(site, tmp_path / "out", monkeypatch)
    assert len(told) == 2
    current = [row for row in told if row["superseded_by"] is None]
    (old,) = [row for row in told if row["superseded_by"] is not None]
    assert len(current) == 1
    assert old["superseded_by"] == current[0]["judgment_id"]
    assert old["choice"] != current[0]["choice"]


@pytest.mark.parametrize("script", [True, False])
def test_the_back_button_shows_the_answered_pair(site, visit, script):
    """Item 11: with and without a script, and no question whether to send again."""
    page = visit(java_script_enabled=script)
    join(page, site)
    first = serving_of(page)
    answer(page, "tie")
    page.locator(f'form[data-ballot]:not([data-ballot="{first}"])').wait_for()
    page.go_back()
    page.locator("h1", has_text="You have answered this one").wait_for()
    assert serving_of(page) == first
    assert [r.choice for r in rows(site)] == ["tie"]


def test_an_unattended_pair_is_passed_on_and_the_work_kept(make_site, visit):
    """Item 12: the hold runs out while nobody is there; choice and words stay, and can be saved as late. No countdown anywhere."""
    site = make_site(collection={"reservation_minutes": 0.05})
    page = visit()
    join(page, site)
    page.keyboard.press("4")
    page.fill("#rationale", "thought about it")
    page.wait_for_timeout(5000)
    assert not re.search(r"\d+\s*(s|sec|seconds|minutes) (left|to go)", page.locator("body").inner_text())
    page.click(SAVE)
    page.get_by_text("This pair went to someone else").first.wait_for()
    assert page.locator("[name=choice]:checked").get_attribute("value") == "right"
    assert page.locator("#rationale").input_value().strip() == "thought about it"
    page.get_by_role("button", name="Save mine anyway").click()
    page.locator(STATUS, has_text="Saved").wait_for()
    (row,) = rows(site)
    assert (row.choice, row.late, row.rationale) == ("right", True, "thought about it")


def test_a_hold_never_ends_for_who_reads_on(make_site, visit):
    """Item 13: with a key now and then the pair stays held for several times its hold."""
    site = make_site(collection={"reservation_minutes": 0.1})
    page = visit()
    join(page, site)
    for _ in range(10):
        page.wait_for_timeout(1300)
        page.keyboard.press("Shift")
    with site.database.read() as session:
        held = session.scalars(sa.select(Assignment)).one()
        assert (held.expires_at - held.shown_at).total_seconds() > 12
    first = serving_of(page)
    page.keyboard.press("1")
    page.click(SAVE)
    wait_for_new_pair(page, first)
    assert [(r.choice, r.late) for r in rows(site)] == [("left", False)]


def test_offline_a_reload_keeps_the_choice(site, visit):
    """Item 14: told so, reloaded without a network, and saved once when it is back."""
    page = visit()
    join(page, site)
    ready = "async () => !!navigator.serviceWorker.controller && await caches.has('soundings-pair')"
    for _ in range(100):
        if page.evaluate(ready):
            break
        page.wait_for_timeout(100)
    page.keyboard.press("4")
    page.fill("#rationale", "on a train")
    page.context.set_offline(offline=True)
    page.click(SAVE)
    page.locator("#notice", has_text="You’re offline.").wait_for()
    page.reload()
    page.locator("[name=choice][value=right]:checked").wait_for()
    assert page.locator("#rationale").input_value().strip() == "on a train"
    page.context.set_offline(offline=False)
    page.locator("#notice", has_text="Your last choice is saved.").wait_for()
    assert [(r.choice, r.rationale) for r in rows(site)] == [("right", "on a train")]


def test_a_phone_keeps_its_height_when_switching(site, visit):
    """Item 15: answer B fills the screen, its link is marked, the place on the page stays."""
    page = visit(390, 844, has_touch=True, is_mobile=True)
    join(page, site)
    page.evaluate("window.scrollTo(0, 400)")
    link = page.locator("[data-switch] a").nth(1).bounding_box()
    page.touchscreen.tap(link["x"] + link["width"] / 2, link["y"] + link["height"] / 2)
    page.locator("[data-switch] a[aria-current]", has_text="B").wait_for()
    page.wait_for_timeout(600)
    assert page.evaluate("window.scrollY") == pytest.approx(400, abs=2)
    box = page.locator("#answer-b").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["width"] > 0.75 * 390


def test_sides_are_balanced_in_the_export(make_site, visit, tmp_path, monkeypatch):
    """Item 16: of each eight pairs the first-listed response stood four times on each side."""
    site = make_site(session={"questions": 40, "break_after": 0})
    page = visit(java_script_enabled=False)
    join(page, site)
    for _ in range(16):
        answer(page)
    told = exported(site, tmp_path / "out", monkeypatch)
    assert len(told) == 16
    assert all({row["left_response_id"], row["right_response_id"]} == {"m0", "m1"} for row in told)
    assert Counter(row["left_response_id"] for row in told) == {"m0": 8, "m1": 8}
    with site.database.read() as session:
        lefts = session.execute(
            sa.select(Response.external_id)
            .join(Assignment, Assignment.left_id == Response.id)
            .where(Assignment.state == "answered")
            .order_by(Assignment.slot)
        )
        left = [name for (name,) in lefts]
    for block in (left[:8], left[8:]):
        assert Counter(block) == {"m0": 4, "m1": 4}


def test_a_skip_with_each_reason_costs_nothing_and_frees_the_pair(site, visit):
    """Item 17: no warning, the count stays, and the pairs go to others."""
    page = visit(java_script_enabled=False)
    join(page, site)
    count = page.locator(".steps").inner_text()
    for reason in (None, "rather_not", "dont_know", "broken", "rather_not_say"):
        page.click("text=Skip this one")
        if reason:
            page.check(f"[name=skip_reason][value={reason}]")
        page.click("main button[type=submit]")
        assert page.locator(".err-box, .tag.alert, #notice .note").count() == 0
    assert page.locator(".steps").inner_text() == count
    assert [r.skip_reason for r in rows(site)] == [
        None,
        "rather_not",
        "dont_know",
        "broken",
        "rather_not_say",
    ]
    with site.database.read() as session:
        skipped = session.scalars(sa.select(Judgment.pair_id)).all()
        loads = session.scalars(sa.select(PairLoad).where(PairLoad.pair_id.in_(skipped))).all()
    assert len(loads) == 5
    assert all((p.counted, p.reserved) == (0, 0) and p.position is not None for p in loads)


def test_one_note_for_quick_answers_and_nothing_is_blocked(site, visit):
    """Item 18."""
    page = visit()
    join(page, site)
    noted = []
    for n in range(7):
        first = serving_of(page)
        noted.append(page.get_by_text("That was quick").count())
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        wait_for_new_pair(page, first)
        assert len(rows(site)) == n + 1
    assert noted == [0, 0, 0, 1, 0, 0, 0]


def test_a_break_after_ten_pairs(site, visit):
    """Item 19, with the defaults: two buttons that weigh the same."""
    page = visit(java_script_enabled=False)
    join(page, site)
    for n in range(10):
        assert "/pair/" in page.url, n
        answer(page)
    assert page.url.endswith("/break")
    look = "b => { const s = getComputedStyle(b); return [s.backgroundColor, s.color, s.fontWeight, s.borderColor, b.offsetHeight].join() }"
    carry_on, stop = (page.locator("main form button").nth(n) for n in range(2))
    assert carry_on.evaluate(look) == stop.evaluate(look)
    carry_on.click()
    assert "/pair/" in page.url


def pages_of_a_person(page, site):
    """Every page and state a participant can meet, one after the other, by name."""
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
        yield path
    page.goto(f"{site.url}/s/{site.slug}")
    page.click("button.main")
    yield "consent with an error"
    page.goto(f"{site.url}/s/{site.slug}/declined")
    yield "declined"
    join(page, site)
    yield "pair"
    page.locator("form[data-ballot]").evaluate("form => form.requestSubmit()")
    page.locator("#problems").wait_for()
    yield "nothing chosen"
    page.check("[name=choice][value=neither]", force=True)
    yield "chosen"
    first = serving_of(page)
    page.click(SAVE)
    page.locator(f'form[data-ballot]:not([data-ballot="{first}"])').wait_for()
    yield "saved"
    page.goto(f"{site.url}/s/{site.slug}/pair/{first}")
    yield "answered"
    page.goto(f"{site.url}/s/{site.slug}/pair/{first}/change")
    yield "change"
    page.goto(f"{site.url}/s/{site.slug}/next")
    page.click("text=Skip this one")
    yield "skip"
    for path in ("guide", "break", "stopped", "done", "answers", "my-data", "practice"):
        page.goto(f"{site.url}/s/{site.slug}/{path}")
        yield path
    with site.database.write() as session:
        session.execute(sa.update(Assignment).values(expires_at=Assignment.shown_at))
    with site.database.read() as session:
        serving = session.scalar(sa.select(Assignment.id).where(Assignment.state == "open"))
    page.goto(f"{site.url}/s/{site.slug}/pair/{serving}")
    yield "passed on"
    page.context.clear_cookies()
    page.goto(f"{site.url}/s/{site.slug}/pair/{serving}")
    yield "come back"


@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark", "width": 390, "height": 844}], ids=["light", "phone-dark"]
)
def test_every_page_of_a_person_is_accessible_and_plain(site, visit, look):
    """Items 29 and 30: no violation on any page or state, nothing sideways at 320 px and twice the text, and plain words."""
    page = visit(reduced_motion="reduce", **look)
    banned = re.compile(
        r"\b(LLMs?|annotators?|labels?|models?|preference pairs?|alpha|active learning|rewards?)\b",
        re.IGNORECASE,
    )
    found = {}
    for name in pages_of_a_person(page, site):
        run = Axe().run(page, options={"runOnly": RULES})
        wrong = [f"{v['id']}: {v['nodes'][0]['html'][:140]}" for v in run.response["violations"]]
        if name != "/words":
            wrong += [f"says {word!r}" for word in banned.findall(page.locator("body").inner_text())]
        size = page.viewport_size
        page.set_viewport_size({"width": 320, "height": 700})
        wide = page.evaluate("document.documentElement.scrollWidth")
        wrong += [f"{wide} px wide at 320"] if wide > 320 else []
        page.set_viewport_size(size)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        wide, room = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        wrong += [f"{wide} px wide of {room} at twice the text"] if wide > room else []
        page.evaluate("document.documentElement.style.fontSize = ''")
        if wrong:
            found[name] = wrong
    assert found == {}
