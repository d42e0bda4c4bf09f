"""A researcher at work in a real browser: from a file of outputs to a working link, the set-up and its file, exports that add up."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import time
import zipfile
from datetime import timedelta
from urllib.parse import unquote

import httpx2 as httpx
import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe

from app.jobs.tables import Job
from app.judgments.importing.files import read_body
from app.judgments.importing.store import bring_in
from app.kit.clock import utc_now
from app.people import writes as people
from app.people.tables import Annotator
from app.reports import fitting
from app.studies import reading
from app.studies.tables import Item, Study
from app.web.research.sheet import SECTIONS, get
from tests import factories
from tests.journeys.conftest import join

pytestmark = pytest.mark.browser


def sign_in(page, site):
    page.goto(f"{site.url}/sign-in")
    page.locator("input[name=email]").fill("r@example.org")
    page.locator("input[name=password]").fill("a long password")
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/studies")


def items_of(site, slug):
    with site.database.read() as session:
        return session.scalar(
            sa.select(sa.func.count())
            .select_from(Item)
            .join(Study, Study.id == Item.study_id)
            .where(Study.slug == slug)
        )


def chance(person, item):
    """A coin of this person's for this item, the same in every run."""
    return random.Random(f"{person}, {item}")


def shown(in_order, choice):
    """A vote as it was shown: every second time the other way round."""
    if in_order:
        return {"left": "m0", "right": "m1", "choice": choice}
    return {"left": "m1", "right": "m0", "choice": {"left": "right", "right": "left"}.get(choice, choice)}


def voted(
    site,
    *,
    votes=lambda person, item: chance(person, item).choices(["left", "right", "tie"], [5, 3, 1])[0],
    people=24,
    items=20,
):
    """Votes of many people brought in, and the figures worked out."""
    rows = [
        {"annotator_id": f"p{p}", "item_id": f"i{i:05d}", **shown((p + i) % 2 == 0, votes(p, i))}
        for p in range(people)
        for i in range(items)
    ]
    with site.database.write() as session:
        study = session.scalar(sa.select(Study))
        read = read_body("\n".join(map(json.dumps, rows)).encode(), content_type="application/x-ndjson")
        bring_in(session, study, read.all_or_nothing(), by=None, now=utc_now())
        study_id = study.id
    fitting.fit(site.database, study_id, now=utc_now())


@pytest.mark.parametrize("script", [True, False])
def test_from_a_file_to_a_working_link(site, visit, tmp_path, script):
    """Item 23: bad rows are named and nothing is stored; loading the others is a second act."""
    page = visit(java_script_enabled=script)
    sign_in(page, site)
    page.goto(f"{site.url}/studies/new")
    page.locator("input[name=title]").fill("Fresh study")
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url("**/studies/fresh-study/setup")
    rows = [json.dumps(r) for r in factories.items(6)]
    rows[1] = "{broken"
    rows[3] = json.dumps({"id": "x", "prompt": "?", "responses": [{"text": "one"}]})
    rows[4] = json.dumps({"id": "y", "prompt": 7, "responses": [{"text": "a"}, {"text": "b"}]})
    file = tmp_path / "outputs.jsonl"
    file.write_text("\n".join(rows))
    page.goto(f"{site.url}/studies/fresh-study/items/load")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Look at it first").click()
    said = page.locator("main").inner_text()
    for line in ("line 2", "line 4", "line 5"):
        assert line in said
    assert items_of(site, "fresh-study") == 0
    page.get_by_role("button", name="Load the other 3 rows").click()
    page.wait_for_url("**/fresh-study/setup*")
    assert items_of(site, "fresh-study") == 3
    page.goto(f"{site.url}/studies/fresh-study/setup")
    page.get_by_role("button", name="Open the study").click()
    page.wait_for_url("**/fresh-study/overview")
    page.goto(f"{site.url}/studies/fresh-study/invite")
    link = re.search(r"http://\S+/s/fresh-study", page.locator("main").inner_text()).group(0)
    person = visit()
    person.goto(link)
    person.check("#agree")
    person.click("button.main")
    assert "Practice" in person.title() or person.locator("form").count()


CHANGES = {
    "title": "Another title", "question.text": "Which would you send?", "guidelines": "Be kind.\n\n- Be brief.", "question.scale": "graded",
    "question.reasons": "Warmth\nTruth", "question.rationale": "required",
    "question.aspects": "- {key: tone, label: Which sounds kinder?, help: Say it aloud}", "question.highlights": "on",
    "question.confidence": "on", "question.stance": "ask", "item_kind": "mixed", "meta.share": "0.1", "meta.kinds": ["M1", "M8"],
    "meta.foils": "0", "meta.own": "- {kind: M8, text: Whose view counts?}", "people.join": "prolific", "people.limit": "40",
    "session.questions": "12", "people.consent": "Ask **R. Okafor** about it.",
    "people.profile": "- {key: region, label: Where do you live?, options: [north, south], required: true}",
    "people.groups": "{key: region, weights: {north: 0.5, south: 0.5}}", "people.opt_out_topics": False, "session.break_after": "6",
    "prolific.completed": "C1K8XQ2M", "prolific.screened_out": "S1", "prolific.returned": "R1", "collection.budget": "900",
    "collection.per_pair.min": "2", "collection.per_pair.max": "9", "collection.per_annotator": "50", "querying.policy": "even",
    "querying.explore": "0.25", "querying.retest": "0.05", "querying.goal": "top_k", "querying.features": "identity",
    "collection.reservation_minutes": "30", "collection.edit_hours": "48", "gold.share": "0.02", "display.language": "ar",
    "display.markdown": False, "display.mask_model_names": False, "display.plain_text_arm": "0.1", "release.licence": "CC0-1.0",
    "release.withdraw_until": "2031-01-31", "panels.enabled": True, "panels.size": "7", "panels.hours": "48",
}  # fmt: skip
"""For every field of set-up, something else than its default."""
IN_LINES = {
    "text": lambda one: CHANGES[one.path].split("\n")[0],
    "lines": lambda one: CHANGES[one.path].split("\n")[0],
    "yaml": lambda one: re.match(r"\W*key: (\w+)|\W*kind: (\w+)", CHANGES[one.path])[0].strip("- {"),
}
"""What a field that takes several lines is known by in the file."""


def fill(page, one):
    """Give one field of set-up its other value, as a person would."""
    value, named = CHANGES[one.path], page.locator(f'[name="{one.path}"]')
    if one.kind == "many":
        for option, _ in one.options:
            page.locator(f'[name="{one.path}.{option}"]').set_checked(option in value, force=True)
    elif one.kind == "flag":
        named.set_checked(value)
    elif one.kind == "choice" and named.first.evaluate("field => field.type === 'radio'"):
        page.locator(f'[name="{one.path}"][value="{value}"]').check(force=True)
    elif one.kind == "choice":
        named.select_option(value)
    else:
        named.fill(value)


def test_page_and_file_are_the_same(site, visit):
    """Item 24: every field changes the file and is marked there; the file loaded again is the same study, field by field."""
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/setup")
    plain = page.locator("[data-yaml]").inner_text().strip()
    assert plain == page.request.get(f"{site.url}/studies/advice/study.yaml").text().strip()
    assert page.locator("[data-yaml] mark").count() == 0
    for section in SECTIONS:
        page.goto(f"{site.url}/studies/advice/setup?open={section.key}")
        page.locator(f"#{section.key} form details > summary").click()
        for one in section.fields:
            fill(page, one)
        for one in section.fields:
            words = {"meta.kinds": "- M8"}.get(one.path) or IN_LINES.get(one.kind, lambda _: None)(one)
            told = words or re.compile(rf"^\s*{one.path.rpartition('.')[2]}:")
            page.locator("[data-yaml] mark", has_text=told).first.wait_for()
        page.locator(f"#{section.key}").get_by_role("button", name="Save this section").click()
        page.wait_for_url(lambda address, key=section.key: f"open={key}" not in address)
        assert page.locator(".err-box").count() == 0, page.locator(".err-box").inner_text()
        assert page.locator("[data-yaml] mark").count() >= len(section.fields)
    with page.expect_download() as caught:
        page.get_by_role("link", name="Download").click()
    text = caught.value.path().read_text()
    before, after = reading.from_yaml(plain).model_dump(), reading.from_yaml(text).model_dump()
    for one in (f for s in SECTIONS for f in s.fields):
        assert get(before, one.path) != get(after, one.path), one.path
    page.goto(f"{site.url}/studies/new")
    page.locator("textarea[name=yaml]").fill(text.replace("slug: advice", "slug: copy"))
    page.locator("form:has(textarea[name=yaml]) button[type=submit]").click()
    page.wait_for_url("**/studies/copy/setup")
    shown = "all => all.map(f => [f.name, f.type === 'checkbox' || f.type === 'radio' ? f.value + f.checked : f.value])"
    again = page.locator("form[data-setup] [name]").evaluate_all(shown)
    page.goto(f"{site.url}/studies/advice/setup")
    assert page.locator("form[data-setup] [name]").evaluate_all(shown) == again
    assert page.request.get(f"{site.url}/studies/copy/study.yaml").text() == text.replace(
        "slug: advice", "slug: copy"
    )


def test_a_wrong_key_is_told_in_the_same_words(site, visit, capsys, tmp_path):
    from app import cli
    from app.main import handlers, readiness

    wrong = "slug: w\ntitle: W\nquestion: {scal: choice}\n"
    (tmp_path / "w.yaml").write_text(wrong)
    assert (
        cli.run(
            ["study", "check", str(tmp_path / "w.yaml")],
            cli.Rooms("app.main:from_environment", handlers, readiness),
        )
        == 1
    )
    told = capsys.readouterr().err
    words = re.search(r"[^\n]*scal[^\n]*", told).group(0).strip()
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/new")
    page.locator("textarea[name=yaml]").evaluate(
        "e => { const d = e.closest('details'); if (d) d.open = true }"
    )
    page.locator("textarea[name=yaml]").fill(wrong)
    page.locator("form:has(textarea[name=yaml]) button[type=submit]").first.click()
    page.locator(".err-box").wait_for()
    assert "did you mean 'scale'" in page.locator(".err-box").inner_text()
    assert "did you mean 'scale'" in words


def rows_behind(page, site, href):
    """How many rows the JSON sibling of a table has, with the same filters; its CSV has as many."""
    path, _, query = href.partition("?")
    query = query.partition("#")[0]
    told = page.request.get(f"{site.url}{path}.json?{query}").json()
    text = page.request.get(f"{site.url}{path}.csv?{query}").text()
    assert len(list(csv.DictReader(io.StringIO(text)))) == told["total"] == len(told["rows"])
    return told["total"]


def mixed(site):
    """Votes of every kind: ties, neither, skips, repeats with the sides alike and swapped, an answer after a skip, and some given here."""
    rows = []
    for p in range(24):
        for i in range(20):
            choice = chance(p, i).choices(["left", "right", "tie", "neither", "skip"], [6, 4, 2, 1, 1])[0]
            rows.append({"annotator_id": f"p{p}", "item_id": f"i{i:05d}", **shown((p + i) % 2 == 0, choice)})
            if chance(i, p).random() < 0.1:
                again = chance(p + 99, i).choice(["left", "right"])
                rows.append({"annotator_id": f"p{p}", "item_id": f"i{i:05d}", **shown(i % 2 == 0, again)})
    with site.database.write() as session:
        study = session.scalar(sa.select(Study))
        read = read_body("\n".join(map(json.dumps, rows)).encode(), content_type="application/x-ndjson")
        bring_in(session, study, read.all_or_nothing(), by=None, now=utc_now())
        token = people.issue_token(
            session, annotator_id=factories.annotator(session, study.id, now=utc_now()).id, now=utc_now()
        )
        study_id = study.id
    headers = {"Authorization": f"Bearer {token}"}
    for n in range(6):
        asked = httpx.get(f"{site.url}/api/v1/studies/advice/next", headers=headers).json()
        body = {"choice": ["left", "right", "tie", "skip", "neither", "left"][n]}
        url = f"{site.url}/api/v1/assignments/{asked['assignment_id']}/answer"
        assert httpx.post(url, headers=headers, json=body).status_code == 201
    fitting.fit(site.database, study_id, now=utc_now())


def test_every_number_leads_to_its_rows(make_site, visit):
    """Item 25: the row count behind each number of the overview is the number; each table has its files, with the same filters."""
    site = make_site(topics=["cooking", "work"])
    mixed(site)
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/overview")
    for table in page.locator("figure details").all():
        table.evaluate("one => { one.open = true }")
    links = page.locator("main a").evaluate_all(
        "all => all.map(a => [a.textContent.trim(), a.getAttribute('href')])"
    )
    followed = {}
    for words, href in links:
        number = re.fullmatch(r"[\d,]+", words) or re.search(
            r"on (\d+) pairs|^(\d+) repeats|^(\d+) of \d+$|^of ([\d,]+)$", words
        )
        if not number or not href.startswith("/studies/") or "#pair" in href:
            continue
        n = int(next(g for g in (*number.groups(), number.group(0)) if g).replace(",", ""))
        if "again:" in href:  # "3 of 5": the link is to the five
            n = int(words.split(" of ")[1])
        assert rows_behind(page, site, href) == n, (words, href)
        followed[href.split("?")[-1].split(":")[0]] = n
    wanted = {
        "only=given", "only=active", "only=repeats", "only=shared", "only=usable", "only=skip", "only=judged", "only=model", "only=gave",
        "only=sway", "only=sway_more", "only=day", "only=topic",
    }  # fmt: skip
    assert wanted <= followed.keys()
    assert all(followed.values())
    for href in dict.fromkeys(href for _, href in links if "#pair" in href):
        assert page.request.get(f"{site.url}{href}").ok
    for figure in page.locator("figure").all():
        files = {a.inner_text(): a.get_attribute("href") for a in figure.locator("figcaption > span a").all()}
        shown = figure.locator("tbody tr").count()
        text = unquote(files["CSV"].partition(",")[2])
        assert (
            len(list(csv.reader(io.StringIO(text)))) - 1
            == shown
            == json.loads(unquote(files["JSON"].partition(",")[2]))["total"]
        )
        assert files["SVG"].startswith("data:image/svg+xml")
    for table in ("items", "people", "judgments", "disagreement", "ranking"):
        for ending in ("csv", "json"):
            assert page.request.get(f"{site.url}/studies/advice/{table}.{ending}").ok
    assert page.request.get(f"{site.url}/studies/advice/overview.json").json()["report"]["study"] == "advice"


def test_a_drawing_is_saved_as_a_picture(site, visit):
    voted(site)
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/overview")
    link = page.locator("[data-png]:visible").first
    with page.expect_download() as caught:
        link.click()
    picture = caught.value.path().read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 5_000
    plain = visit(java_script_enabled=False)
    sign_in(plain, site)
    plain.goto(f"{site.url}/studies/advice/overview")
    assert plain.locator("[data-png]:visible").count() == 0


def test_a_pull_to_the_longer_answer_is_the_one_notice(make_site, visit):
    """Item 26: seven in ten choose the longer; its line is a diamond, its range leaves out a half. A fair crowd brings no notice."""
    site = make_site()
    voted(
        site, votes=lambda p, i: "left" if chance(p, i).random() < 0.7 else "right", people=40
    )  # m0 is the longer one
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/overview")
    notices = page.locator("main > .note:has(a)")
    assert notices.count() == 1
    assert "Longer answer chosen" in notices.inner_text()
    assert page.locator("rect.found.mean").count() >= 1
    told = [int(n) for n in re.findall(r"\d+", notices.inner_text())]
    href = notices.get_by_role("link").get_attribute("href")
    assert rows_behind(page, site, href) == told[1]
    assert rows_behind(page, site, href.replace("sway:", "sway_more:")) == told[0]
    assert 0.65 < told[0] / told[1] < 0.75
    notices.get_by_role("link").click()
    assert page.locator("table tbody tr").count() > 0


def test_a_fair_crowd_brings_no_notice(site, visit):
    voted(site, votes=lambda p, i: "left" if chance(p, i).random() < 0.5 else "right", people=40)
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/overview")
    assert page.locator("main > .note:has(a)").count() == 0


def test_who_differs_is_not_warned_about(site, visit):
    """Item 27: always against the others and never a note; groups are hidden under 20 people on a pair."""
    voted(
        site,
        votes=lambda p, i: ("right" if p else "left") if i % 2 else ("left" if p else "right"),
        people=12,
    )
    page = visit()
    sign_in(page, site)
    rows = page.request.get(f"{site.url}/studies/advice/people.json").json()["rows"]
    assert len(rows) == 12
    page.goto(f"{site.url}/studies/advice/overview")
    assert page.locator("table .tag.alert").count() == 0
    page.goto(f"{site.url}/studies/advice/disagreement")
    assert page.locator("#pair tbody").first.locator("tr").count() == 1
    assert "%" not in page.locator("#pair table").first.inner_text()


def made_export(page, site, number):
    """Press the button and wait for export ``number``; returns its SHA256SUMS."""
    page.get_by_role("button", name="Make export").first.click()
    page.wait_for_url(f"**/exports/{number}")
    sums = f"{site.url}/studies/advice/exports/{number}/files/SHA256SUMS"
    for _ in range(300):
        if page.request.get(sums).ok:
            return page.request.get(sums).text()
        page.wait_for_timeout(100)
    raise AssertionError(page.locator("main").inner_text())


def timed_votes(site, *, people_=3, items=20, seconds=lambda person, n: 30.0):
    """Votes with the time each took."""
    rows = [
        {"annotator_id": f"p{p}", "item_id": f"i{i:05d}", **shown(i % 2 == 0, chance(p, i).choice(["left", "right"])),
         "timestamp": f"2026-01-01T10:{i:02d}:00Z", "extra": {"elapsed_ms": int(1000 * seconds(p, i))}}
        for p in range(people_) for i in range(items)
    ]  # fmt: skip
    with site.database.write() as session:
        study = session.scalar(sa.select(Study))
        read = read_body("\n".join(map(json.dumps, rows)).encode(), content_type="application/x-ndjson")
        bring_in(session, study, read.all_or_nothing(), by=None, now=utc_now())
        study_id = study.id
    fitting.fit(site.database, study_id, now=utc_now())


def test_whose_time_falls_by_three_quarters_is_noted(site, visit):
    """Item 27, the other half: a note on the one who speeds up, on the overview, in the table and on the person's page."""
    timed_votes(site, seconds=lambda person, n: 30.0 if person or n < 12 else 6.0)
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/overview")
    assert page.locator("table .tag.alert").count() == 1
    assert "answers now take 6 seconds, at first 30" in page.locator("table .tag.alert").inner_text()
    page.goto(f"{site.url}/studies/advice/people?only=noted")
    assert page.locator("tbody tr").count() == 1
    page.locator("tbody tr a").first.click()
    assert "answers now take 6 seconds" in page.locator("main .note").inner_text().lower()
    assert page.get_by_role("heading", name="What happened when").count() == 1
    assert page.get_by_text("20 judgments, the last at").count() == 1


@pytest.mark.parametrize("script", [True, False])
def test_more_people_are_asked_and_groups_named(make_site, visit, script):
    site = make_site(collection={"per_pair": {"min": 1, "max": 3}})
    voted(
        site,
        people=40,
        votes=lambda p, i: "left" if (p < 20) == (i % 2 == 0) or chance(p, i).random() < 0.15 else "right",
    )
    page = visit(java_script_enabled=script)
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/disagreement")
    rows = page.locator("#pair table").first.locator("tbody tr")
    assert rows.count() == 3  # everyone, and two groups that were found
    assert "Group 1" in rows.nth(1).inner_text()
    page.get_by_label("How many more people").fill("6")
    page.get_by_role("button", name="Ask more people").click()
    page.get_by_text("6 more people can be asked about this pair").wait_for()
    page.get_by_label("How many more people").fill("400")
    page.locator("form:has([name=people])").evaluate("form => { form.noValidate = true }") if script else None
    if script:
        page.get_by_role("button", name="Ask more people").click()
        page.locator(".err-box").wait_for()
        assert "from 1 to 40" in page.locator(".err-box").inner_text()
        page.goto(f"{site.url}/studies/advice/disagreement")
    page.get_by_label("Name of group 1").fill("Likes them short")
    page.locator("#groups form").first.get_by_role("button", name="Name").click()
    page.locator("#groups").wait_for()
    assert page.get_by_label("Name of group 1").input_value() == "Likes them short"
    page.locator("select[name=group]").select_option(label="Likes them short")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**group=learned*")
    assert "20 people" in page.locator(".items a").first.inner_text()
    assert "Likes them short" in page.locator("#pair table").first.inner_text()
    page.goto(f"{site.url}/studies/advice/people?only=learned:1")
    assert page.locator("tbody tr").count() == 20
    page.goto(f"{site.url}/studies/advice/log")
    assert "more people asked" in page.locator("main").inner_text().lower()


def wait_for_idle_worker(site):
    """Until no job is due or in hand, a minute at most."""
    waiting = sa.select(sa.func.count()).where(
        Job.state.in_(("queued", "running")), Job.run_at <= utc_now() + timedelta(seconds=15)
    )
    for _ in range(240):
        with site.database.read() as session:
            if not session.scalar(waiting):
                return
        time.sleep(0.25)


def test_the_overview_asks_no_more_queries_for_more_judgments(site, visit):
    """Under three a panel, and the same number for five people and for sixty."""
    page = visit()
    sign_in(page, site)
    counts = []
    for people_ in (5, 60):
        voted(site, people=people_)
        each = []
        for _ in range(4):  # the least of them, once no worker is at the database beside the page
            wait_for_idle_worker(site)
            asked = []
            listen = lambda *given, into=asked: into.append(given[2])
            sa.event.listen(site.database.reader, "before_cursor_execute", listen)
            assert page.request.get(f"{site.url}/studies/advice/overview").ok
            sa.event.remove(site.database.reader, "before_cursor_execute", listen)
            each.append(sum(q.lstrip().upper().startswith("SELECT") for q in asked))
        counts.append(min(each))
    page.goto(f"{site.url}/studies/advice/overview")
    panels = page.locator("section.panel, .kpis").count()
    assert counts[0] == counts[1]
    assert counts[0] < 3 * panels, (counts, panels)


def test_an_export_adds_up(site, visit):
    """Item 28: collected less each reason is what is included; ties are counted and explained; the preview is the file's first
    twenty rows; the same export again has the same checksums; who deletes their data is marked in the old one and gone from the new.
    """
    voted(
        site,
        votes=lambda p, i: "tie" if i == 3 else chance(p, i).choices(["left", "right", "tie"], [5, 3, 1])[0],
    )
    person = visit()
    join(person, site)
    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/exports")
    for table in page.locator("table:has(caption:has-text('From collected to included'))").all():
        numbers = [int(re.sub(r"\D", "", cell)) for cell in table.locator("td.r").all_inner_texts()]
        assert numbers[0] - sum(numbers[1:-1]) == numbers[-1]
        assert numbers[0] > 0
    ties = page.locator("#ties").inner_text()
    assert re.search(r"\d+ pairs? ha(ve|s) neither answer ahead", ties)
    assert "“Shares” keeps" in ties
    assert "## Who judged" in page.get_by_role("region", name="Dataset card").inner_text()
    marks = []
    for number in (1, 2):
        page.goto(f"{site.url}/studies/advice/exports?format=preference_text&file_type=jsonl&rows=raw")
        preview = page.locator("table:has(caption:has-text('First rows')) tbody code").all_inner_texts()
        marks.append(made_export(page, site, number))
        file = page.request.get(
            f"{site.url}/studies/advice/exports/{number}/files/preference_text/train.jsonl"
        ).text()
        rows = [json.loads(line) for line in file.splitlines()]
        assert [json.loads(row) for row in preview] == rows[:20]
    assert marks[0] == marks[1]
    body = page.request.get(f"{site.url}/studies/advice/exports/1/archive.zip").body()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        told = json.loads(archive.read("advice-1/manifest.json"))
    before = told["figures"]["people"]
    page.goto(f"{site.url}/studies/advice/exports/2")
    page.get_by_role("link", name="What differs from export 1").click()
    assert "They are the same, byte for byte." in page.locator("main").inner_text()

    with site.database.write() as session:
        gone = session.scalar(sa.select(Annotator).where(Annotator.external_id == "p3"))
        token = people.issue_token(session, annotator_id=gone.id, now=utc_now())
    done = httpx.delete(f"{site.url}/api/v1/me/data", headers={"Authorization": f"Bearer {token}"})
    assert done.status_code == 204
    page.goto(f"{site.url}/studies/advice/exports")
    assert page.get_by_text("Holds withdrawn answers").count() == 2
    page.get_by_role("button", name="Remake export 2").click()
    page.wait_for_url("**/exports/3")
    manifest = f"{site.url}/studies/advice/exports/3/files/manifest.json"
    for _ in range(300):
        if page.request.get(manifest).ok:
            break
        page.wait_for_timeout(100)
    new = page.request.get(manifest).json()
    assert new["figures"]["people"] == before - 1
    assert new["subtraction"]["judgments"]["steps"][0]["reason"] == "withdrawn"
    page.goto(f"{site.url}/studies/advice/exports")
    assert page.get_by_text("Holds withdrawn answers").count() == 2


@pytest.mark.parametrize("script", [True, False])
def test_what_each_way_would_teach_is_shown_by_its_outcome(site, visit, script):
    """Rules stand behind numbers; each pair says which ways teach which answer; own words reach the card."""
    voted(site, votes=lambda p, i: "left" if (p * 7 + i) % 5 < 2 + i % 2 else "right")
    page = visit(java_script_enabled=script)
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/exports")
    page.get_by_role("link", name="See what each would teach").click()
    page.wait_for_url("**/exports/ways")
    told = page.locator("main").inner_text()
    assert re.search(r"On \d+ of 20 pairs it matters|teaches the same on all 20 pairs", told)
    assert "majority" not in page.locator("article").all_inner_texts()
    if not script:
        return
    page.goto(f"{site.url}/studies/advice/exports?file_type=jsonl")
    page.get_by_text("Edit the words").click()
    page.get_by_label("Why this was collected").fill("To learn tact.")
    made_export(page, site, 1)
    page.goto(f"{site.url}/studies/advice/exports/1")
    assert (
        "## Why this was collected\n\nTo learn tact."
        in page.get_by_role("region", name="Dataset card").inner_text()
    )
    page.goto(f"{site.url}/studies/advice/exports")
    assert page.get_by_label("Why this was collected").input_value() == "To learn tact."


PAGES = (
    "overview", "items", "items/load", "items/i00003", "people", "judgments?only=first", "disagreement?model=m0", "judgments", "disagreement", "invite", "exports", "exports/ways", "setup", "members",
    "log", "next", "simulate", "questions", "register", "patches",
)  # fmt: skip


@pytest.mark.parametrize(
    "look", [{}, {"color_scheme": "dark"}, {"width": 390, "height": 844}], ids=["light", "dark", "phone"]
)
def test_researchers_pages_are_accessible(site, visit, look):
    voted(site)
    page = visit(reduced_motion="reduce", **look)
    sign_in(page, site)
    found = {}
    for path in (*PAGES, "/studies", "/studies/new", "/api/docs"):
        page.goto(f"{site.url}{path}" if path.startswith("/") else f"{site.url}/studies/advice/{path}")
        violations = Axe().run(page).response["violations"]
        if violations:
            found[path] = [(v["id"], v["nodes"][0]["html"][:160]) for v in violations]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), path
    assert found == {}


def test_the_api_page_names_every_call(site, visit):
    page = visit()
    page.goto(f"{site.url}/api/docs")
    document = page.request.get(f"{site.url}/api/openapi.json").json()
    text = page.locator("main").inner_text()
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in text
