"""The pages about asking: worth, queue and dry run, with what is kept and with nothing there."""

from __future__ import annotations

import shutil

import pytest
from starlette.testclient import TestClient

from app.jobs.tables import Job
from app.jobs.worker import Worker
from app.judgments import writes as judgments
from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.main import create_app, handlers
from app.people import writes as people
from app.people.tables import Annotator
from app.querying import refreshing
from app.querying.writes import issue_next
from app.reports import fitting
from app.studies.tables import Study
from app.web.research import asking
from tests import factories


@pytest.fixture
def site(sqlite_template, tmp_path):
    shutil.copy(sqlite_template, tmp_path / "site.sqlite3")
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'site.sqlite3'}", data_dir=tmp_path, embedded_worker=False, log_level="ERROR",
        _env_file=None,
    )  # fmt: skip
    app = create_app(settings)
    with app.state.database.write() as session:
        owner = people.create_researcher(
            session, "alice@example.org", password="a long password", now=utc_now()
        )
        made = factories.study(
            session,
            now=utc_now(),
            rows=factories.items(10, responses=3),
            owner_id=owner.id,
            querying={"explore": 0.3, "retest": 0},
        )
    with TestClient(app, base_url="http://127.0.0.1", headers={"Sec-Fetch-Site": "same-origin"}) as client:
        client.post("/sign-in", data={"email": "alice@example.org", "password": "a long password"})
        yield client, app.state.database, made, settings
    app.state.database.dispose()


def answer(database, made, people_, each):
    """Votes for whichever response is listed first."""
    with database.write() as session:
        ids = factories.annotators(session, made.study_id, people_, now=utc_now())
    for number, key in enumerate(ids):
        with database.write() as session:
            study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, key)
            for turn in range(each):
                one = issue_next(session, study, person, now=utc_now(), seed=100 * number + turn)
                choice = "left" if one.left_id < one.right_id else "right"
                judgments.record(session, study, person, one.id, factories.answer(choice), now=utc_now())


def test_pages_without_answers_say_what_is_missing(site):
    client, _, made, _ = site
    page = client.get(f"/studies/{made.slug}/overview").text
    assert "No guesses have been compared with choices yet." in page
    assert "Pairs with too few judgments" in page
    assert "Nothing to show yet" in client.get(f"/studies/{made.slug}/next").text
    assert client.get(f"/studies/{made.slug}/next.csv").status_code == 200
    assert client.get(f"/studies/{made.slug}/next.xml").status_code == 404


def test_pages_with_answers_say_what_they_say(site):
    client, database, made, _ = site
    answer(database, made, 12, 8)
    refreshing.refresh(database, made.study_id, now=utc_now())
    kept = fitting.fit(database, made.study_id, now=utc_now())
    told = kept.result["querying"]
    page = client.get(f"/studies/{made.slug}/overview").text
    assert f"Guessed beforehand: {told['prequential']['value']:.0%}" in page
    assert "The next 100 judgments are expected to raise" in page and "Shares over all pairs" in page
    assert "How far groups are expected to differ" in page
    listed = client.get(f"/studies/{made.slug}/next").text
    assert "likeliest to draw" in listed and listed.count("<tr>") > 10
    rows = client.get(f"/studies/{made.slug}/next.json").json()["rows"]
    assert len(rows) == 30 and rows[0]["worth"] == 1.0
    assert [r["worth"] for r in rows] == sorted((r["worth"] for r in rows), reverse=True)
    items = client.get(f"/studies/{made.slug}/items.json").json()["rows"]
    assert {word for row in items for word in row["state"].split()} & {"clear", "open"}
    assert "Clear: m0" in client.get(f"/studies/{made.slug}/items/i00000").text


def test_numbers_larger_than_a_database_holds_are_of_nothing(site):
    client, _, made, _ = site
    huge, base = "9" * 30, f"/studies/{made.slug}"
    for path in (
        "exports/{}",
        "exports/{}/changes",
        "exports/{}/files/README.md",
        "exports/{}/archive.zip",
        "why/{}",
    ):
        assert client.get(f"{base}/{path.format(huge)}").status_code == 404
    for path in ("items", "people", "judgments", "patches", "labels", "disagreement", "next"):
        for page in (huge, "-3"):
            assert client.get(f"{base}/{path}?page={page}").status_code == 200
    assert client.get(f"{base}/disagreement?pair={huge}").status_code == 404
    for odd in (huge, "²", "-1", "one"):
        for path in (
            f"judgments?only=pair:{odd}",
            f"people?only=learned:{odd}",
            f"disagreement?group=learned:{odd}",
        ):
            assert client.get(f"{base}/{path}").status_code == 200
        assert client.post(f"{base}/disagreement", data={"pair": odd, "people": "3"}).status_code == 404
        assert (
            client.post(f"{base}/disagreement/groups", data={"number": odd, "name": "x"}).status_code == 404
        )


def test_a_dry_run_is_asked_for_followed_and_read(site):
    client, database, made, settings = site
    address = f"/studies/{made.slug}/simulate"
    assert "Let simulated people answer" in client.get(address).text
    for bad, words in (
        ("x", "whole number of people"),
        ("0", "annotators lies between"),
        ("9" * 30, "whole number"),
    ):
        refused = client.post(address, data={"annotators": bad, "votes": "16", "seed": "1"})
        assert refused.status_code == 422 and words in refused.text
    many = client.post(address, data={"annotators": "4", "votes": "16", "seed": "1", "repetitions": "99"})
    assert many.status_code == 422 and "repetitions lies between 1 and 20" in many.text
    asked = {"annotators": "4", "votes": "16", "seed": "1", "policy.random": "on", "repetitions": "2"}
    assert client.post(address, data=asked, follow_redirects=False).status_code == 303
    assert "Waiting for its turn" in client.get(address).text
    again = client.post(address, data=asked)
    assert again.status_code == 409 and "on its way" in again.text
    Worker(database, handlers(settings)).drain()
    with database.read() as session:
        assert [j.state for j in session.query(Job).filter(Job.kind == "dry_run")] == ["done"]
    page = client.get(address).text
    assert "With 16 votes from 4 people" in page and "What was assumed" in page
    assert "means of 2 repetitions with their 90% ranges" in page and "About choices" in page
    with database.read() as session:
        assert session.query(Annotator).count() == 0
    assert "What a study of this size" in client.get(f"/studies/{made.slug}/setup").text


def test_words_of_what_choosing_gained():
    where = {
        "measure": "between_groups",
        "chosen": 0.05,
        "random": None,
        "all_pairs": 0.04,
        "difference": 0.01,
    }
    said = {
        (0.002, 0.018): "went where people differ", (-0.01, 0.03): "not chance", (-0.03, -0.01): "went elsewhere",
    }  # fmt: skip
    for interval, words in said.items():
        assert words in asking._gained({**where, "interval": list(interval)})
    assert "no range yet: 3 people" in asking._gained({**where, "interval": None, "why": "3 people"})
    assert asking._gained({**where, "chosen": None}) is None
