"""A person who is asked how their choices should be read, and who reads what the study has learned about them."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe

from app.aggregation import labels
from app.assignments.tables import Assignment
from app.kit.clock import utc_now
from app.metapreferences import reads
from app.people.tables import Annotator
from app.querying import about_me
from app.querying.writes import issue_next
from app.reports import fitting
from app.studies import reads as studies
from app.studies.tables import Response, Study
from tests import factories
from tests.journeys.conftest import join
from tests.querying.test_issue_next import ask, reply
from tests.querying.test_meta import OTHER

pytestmark = pytest.mark.browser

EXTRAS = [
    "",
    "\n\n- one thing\n- another thing\n\n## A heading\n\n**Bold**",
    " Perhaps, maybe, it might possibly be so. It seems that it could depend.",
    " Great question! I am so glad you asked, my dear friend, and I hope you feel better.",
]


def rows(count=64):
    """A short answer, and a longer one with something else that varies; a third say the same at two lengths."""
    return [
        {
            "id": f"i{n:03}",
            "as_is": True,
            "prompt": f"Request number {n}, what should I do?",
            "responses": [
                {"id": "a", "text": f"Do this first, number {n}." + EXTRAS[n % 4]},
                {
                    "id": "b",
                    "text": f"Do this first, number {n}."
                    + " And then a good deal more of it all." * (n % 5 + 2)
                    + EXTRAS[(n // 4) % 4],
                    **({"variant_of": "a", "variant": "length"} if n % 4 == 0 and n // 4 % 4 == 0 else {}),
                },
            ],
        }
        for n in range(count)
    ]


def answer(site, person, count):
    """Let a person answer so many pairs, nearly always for the longer answer."""
    made = made_of(site)
    for n in range(count):
        got = ask(site.database, made, person, utc_now())
        if got is None or got[1] is None:
            return
        with site.database.read() as session:
            row = session.get_one(Assignment, got[0])
            longer = "left" if session.get_one(Response, row.left_id).external_id == "b" else "right"
        reply(site.database, made, person, got[0], utc_now(), OTHER[longer] if n % 6 == 5 else longer)


def made_of(site):
    with site.database.read() as session:
        study = session.scalar(sa.select(Study).where(Study.slug == site.slug))
        return factories.Made(study.id, study.slug, study.owner_id)


def taste(response):
    """How much someone likes a response who goes by several things at once: length, and no lists, hedging or praise."""
    return len(response.text) / 60 - sum(10 * (extra in response.text) for extra in EXTRAS if extra)


def answer_by_taste(site, person, count):
    """Let a person with several leanings answer so many pairs."""
    made = made_of(site)
    for _ in range(count):
        asked = ask(site.database, made, person, utc_now())
        with site.database.read() as session:
            row = session.get_one(Assignment, asked[0])
            left, right = (session.get_one(Response, one) for one in (row.left_id, row.right_id))
            choice = "left" if taste(left) >= taste(right) else "right"
        reply(site.database, made, person, asked[0], utc_now(), choice)


def with_a_foil_about_something_else(site, person, name):
    """Which statement is a foil is drawn for each person; make it another than the one the test answers."""
    for seed in range(20):
        with site.database.write() as session:
            annotator = session.get_one(Annotator, person)
            annotator.side_seed = seed
            study = session.get_one(Study, annotator.study_id)
            statements = about_me.read(session, annotator, studies.spec_of(session, study)).statements
        if any(s.name == name and not s.foil for s in statements) and any(s.foil for s in statements):
            return
    raise AssertionError(f"no portrait with {name} and a foil")


def crowd(site, people=10, each=12):
    """Other people who answered, and the figures worked out."""
    made = made_of(site)
    with site.database.write() as session:
        ids = factories.annotators(session, made.study_id, people, now=utc_now())
    for person in ids:
        answer(site, person, each)
    fitting.fit(site.database, made.study_id, now=utc_now())
    return ids


def newest(site):
    with site.database.read() as session:
        return session.scalar(sa.select(sa.func.max(Annotator.id)))


@pytest.fixture
def asking(make_site):
    """A site whose next question for someone with five answers is about their choices."""
    return make_site(
        rows=rows(), querying={"retest": 0},
        meta={"share": 0.2, "kinds": ["M1"], "own": [{"kind": "M1", "text": "Should an answer be funny?", "options": ["Yes", "Rarely", "Never", "It depends", "Only for me"]}]},
    )  # fmt: skip


@pytest.fixture
def reviewing(make_site):
    """A site that asks about pairs alone, whose other people have answered: what it learned of a person comes on a page of its own."""
    site = make_site(
        rows=rows(),
        querying={"retest": 0},
        meta={"share": 0.0, "kinds": ["M9"]},
        collection={"per_annotator": 60},
    )
    crowd(site)
    return site


def to_question(page, site):
    join(page, site)
    person = newest(site)
    answer(site, person, 5)
    page.goto(f"{site.url}/s/{site.slug}/next")
    page.wait_for_url(re.compile(r"/question/|/pair/"))
    if "/pair/" in page.url:
        answer(site, person, 1)
        page.goto(f"{site.url}/s/{site.slug}/next")
    page.wait_for_url(re.compile("/question/"))
    return person


def put_about_length(site, person):
    """Draw until the question is the one about length: others come up at random too."""

    class Another(Exception):
        pass

    made = made_of(site)
    for seed in range(200):
        try:
            with site.database.write() as session:
                study, annotator = session.get_one(Study, made.study_id), session.get_one(Annotator, person)
                found = issue_next(session, study, annotator, now=utc_now(), seed=seed)
                if found.kind == "comparison" or found.payload["template"] != "M1.length":
                    raise Another
                return found.id
        except Another:
            continue
    return None


def by_length(session, study):
    """How many labels length has moved, or made to weigh less."""
    found = labels.labels(session, study).endorsed
    k = found.names.index("length")
    return int((found.logit_shift[:, k] + found.advised[:, k] != 0).sum())


def order(page):
    return [e.get_attribute("value") for e in page.locator("main input[name=choice]").all()]


def test_options_differ_between_people_keep_their_place_and_nothing_is_an_error(asking, visit):
    """Acceptance 20."""
    orders = []
    for _ in range(4):
        page = visit()
        to_question(page, asking)
        first = order(page)
        page.reload()
        assert order(page) == first
        assert first[-2:] == ["unsure", "rather_not"]
        orders.append(tuple(first))
    assert len(set(orders)) > 1
    page.get_by_role("button", name="Continue").click()
    assert page.locator("#problems").inner_text().startswith("There is a problem")
    assert page.title().startswith("Error")
    page.locator("#problems a").click()
    assert page.evaluate("document.activeElement.name") == "choice"
    assert Axe().run(page).violations_count == 0
    page.get_by_text("Rarely").click()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(re.compile("/pair/"))
    page.locator("#status", has_text=re.compile("^Saved\\.")).wait_for()


def test_consequences_come_before_the_effect_also_without_a_script(make_site, visit):
    site = make_site(rows=rows(), querying={"retest": 0}, meta={"share": 0.2, "kinds": ["M1"]})
    crowd(site)
    page = visit(java_script_enabled=False, width=390)
    join(page, site)
    person = newest(site)
    answer(site, person, 5)
    assert put_about_length(site, person)
    page.goto(f"{site.url}/s/{site.slug}/next")
    assert "/question/" in page.url
    page.locator("input[value=ignore]").check()
    page.get_by_role("button", name="Continue").click()
    made = made_of(site)
    with site.database.read() as session:
        assert not reads.active_patches(session, made.study_id)
    cases = page.locator("article.card")
    shown = cases.count()
    assert 1 <= shown <= 3
    assert page.locator("main input[type=radio]:checked").count() == 0
    for n in range(shown):
        cases.nth(n).locator("input[value=change]").check(force=True)
    page.get_by_role("button", name="Save").click()
    with site.database.read() as session:
        (patch,) = reads.active_patches(session, made.study_id)
        assert (patch.value, patch.stood, patch.shown) == (0.0, patch.shown, shown)
        study = session.get_one(Study, made.study_id)
        assert by_length(session, study) > 0
    page.goto(f"{site.url}/s/{site.slug}/about-me")
    assert "should not count" in page.locator("main").inner_text()
    page.locator("main .card").get_by_role("button", name=re.compile("^Undo")).first.click()
    with site.database.read() as session:
        assert not reads.active_patches(session, made.study_id)
        assert by_length(session, session.get_one(Study, made.study_id)) == 0


def test_what_the_study_has_learned(reviewing, visit):
    """Acceptance 21, without a script, on a phone, in the dark."""
    site = reviewing
    page = visit(java_script_enabled=False, width=390, color_scheme="dark")
    join(page, site)
    person = newest(site)
    about = f"{site.url}/s/{site.slug}/about-me"
    page.goto(about)
    assert "Not enough to say anything yet" in page.locator("main").inner_text()
    answer_by_taste(site, person, 40)
    fitting.fit(site.database, made_of(site).study_id, now=utc_now())
    with_a_foil_about_something_else(site, person, "length")
    page.goto(about)
    beliefs = page.locator("article.belief")
    assert beliefs.count() >= 2
    assert page.get_by_role("button", name=re.compile("all", re.IGNORECASE)).count() == 0
    assert "taken from someone else" in page.locator("main").inner_text()
    assert page.locator("main input:checked").count() == 0
    for n in range(beliefs.count()):
        link = beliefs.nth(n).get_by_role("link")
        page.goto(
            f"{site.url}{link.get_attribute('href')}"
            if link.get_attribute("href").startswith("/")
            else link.get_attribute("href")
        )
        assert page.locator(".history li").count() >= 4
        page.goto(about)
    card = page.locator("article.belief", has=page.locator("input[name=s_length]"))
    card.locator("input[value=dont_copy]").check(force=True)
    assert card.locator("textarea").is_visible()
    card.locator("textarea").fill("Go by what is said.")
    page.get_by_role("button", name="Save and see what changed").click()
    for box in page.locator("input[value=change]").all():
        box.check(force=True)
    page.get_by_role("button", name="Save").click()
    text = page.locator("main").inner_text()
    assert "This was not about you" in text
    assert "should not count" in text
    made = made_of(site)
    with site.database.read() as session:
        (event,) = reads.list_events(session, made.study_id, kind="M9")
        assert (event.answer["choice"], event.answer_text) == ("dont_copy", "Go by what is said.")
        assert event.answer["stands"] and all(event.answer["stands"].values())
    before, after = guesses(site, person)
    assert after < before


def guesses(site, person):
    """How sure the study is that the person picks the longer one of an unanswered pair: before the correction, and now."""
    from app.aggregation import keeping
    from app.metapreferences import writes
    from app.querying import own_guess
    from app.studies.tables import Pair

    class Undo(Exception):
        pass

    found = []
    made = made_of(site)
    with site.database.read() as session:
        pair = session.scalars(
            sa.select(Pair).where(Pair.study_id == made.study_id).order_by(Pair.id.desc())
        ).first()
        longer_first = session.get_one(Response, pair.first_id).external_id == "b"
    try:
        with site.database.write() as session:
            kept, annotator = keeping.latest(session, made.study_id), session.get_one(Annotator, person)
            found.append(own_guess.guess(session, annotator, kept, pair, first_left=longer_first))
            for patch in reads.list_patches(session, made.study_id, annotator_id=person):
                writes.revoke(session, patch.patch, by=writes.By(annotator_id=person), now=utc_now())
            found.append(own_guess.guess(session, annotator, kept, pair, first_left=longer_first))
            raise Undo
    except Undo:
        return found[1], found[0]


def test_pages_about_a_person_pass_axe_and_fit_a_phone(reviewing, visit):
    site = reviewing
    for width, scheme in ((1280, "light"), (390, "dark")):
        page = visit(width=width, color_scheme=scheme)
        join(page, site)
        answer_by_taste(site, newest(site), 40)
        page.goto(f"{site.url}/s/{site.slug}/about-me")
        there = page.locator("article.belief").count()
        assert there >= 2
        assert Axe().run(page).violations_count == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.get_by_role("button", name="Don’t use my choices to guess about me").click()
        assert "We’ve stopped" in page.locator("main").inner_text()
        assert page.locator("article.belief").count() == 0
        page.get_by_role("button", name="You may guess about me again").click()
        assert page.locator("article.belief").count() == there


def test_whoever_wants_a_sample_sees_what_their_picture_said_of_pairs_they_judged(reviewing, visit):
    site = reviewing
    page = visit(width=390)
    join(page, site)
    person = newest(site)
    answer_by_taste(site, person, 30)
    page.goto(f"{site.url}/s/{site.slug}/about-me")
    assert page.locator("#sample").count() == 0
    page.locator("input[name=delegation][value=sample]").check(force=True)
    page.get_by_role("button", name="Save and see what changed").click()
    page.goto(f"{site.url}/s/{site.slug}/about-me")
    assert "nothing to show yet" in page.locator("#sample").inner_text()
    fitting.fit(site.database, made_of(site).study_id, now=utc_now())
    answer_by_taste(site, person, 6)
    page.goto(f"{site.url}/s/{site.slug}/about-me")
    assert Axe().run(page).violations_count == 0
    shown = page.locator("#sample li")
    with site.database.read() as session:
        rows_ = session.scalars(
            sa.select(Assignment)
            .where(Assignment.annotator_id == person, Assignment.state == "answered")
            .order_by(Assignment.id.desc())
        ).all()
        told = [r.draw["own_guess"] for r in rows_ if "own_guess" in r.draw and r.draw["own_guess"] != 0.5]
    assert shown.count() == min(3, len(told)) > 0
    for n in range(shown.count()):
        assert f"Your picture said {'A' if told[n] > 0.5 else 'B'}." in shown.nth(n).inner_text()
