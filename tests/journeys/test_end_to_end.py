"""Real model outputs all the way: loaded by page and by command, voted on at once through browser and API, exported, read back."""

from __future__ import annotations

import importlib.util
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from app import cli
from app.db.session import Database
from app.judgments.tables import Judgment
from app.kit.clock import utc_now
from app.main import handlers, readiness
from app.people import writes as people
from app.people.tables import Researcher
from app.studies.tables import Item, Pair, Study
from tests.exports import reading
from tests.journeys.conftest import join

pytestmark = pytest.mark.browser
ROOMS = cli.Rooms("app.main:from_environment", handlers, readiness)
VOTERS, VOTES, BROWSER_VOTES = 6, 12, 4


def sign_in(page, site) -> None:
    page.goto(f"{site.url}/sign-in")
    page.locator("input[name=email]").fill("r@example.org")
    page.locator("input[name=password]").fill("a long password")
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/studies")


def count(database: Database, table, slug: str) -> int:
    with database.read() as session:
        study = session.scalar(sa.select(Study).where(Study.slug == slug))
        return session.scalar(sa.select(sa.func.count()).select_from(table).where(table.study_id == study.id))


def vote_by_api(url: str, token: str, votes: int) -> list[str]:
    """Answer by a rule of its own; every acknowledged judgment's id."""
    given = []
    with httpx.Client(
        base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60
    ) as client:
        for n in range(votes):
            shown = client.get("/studies/advice/next")
            assert shown.status_code == 200, shown.text
            question = shown.json()
            longer = "left" if len(question["left"]["text"]) > len(question["right"]["text"]) else "right"
            choice = "tie" if n % 7 == 3 else longer
            done = client.post(f"/assignments/{question['assignment_id']}/answer", json={"choice": choice})
            assert done.status_code == 201, done.text
            given.append(done.json()["judgment_id"])
    return given


def test_pandalm_from_file_to_dataset(make_site, visit, shared_data: Path, tmp_path: Path, monkeypatch):
    outputs = shared_data / "pandalm" / "items.jsonl"
    lines = [json.loads(line) for line in outputs.read_text(encoding="utf-8").splitlines()]
    site = make_site(collection={"per_pair": {"max": 3}, "budget": 5000})
    database = site.database

    page = visit()
    sign_in(page, site)
    page.goto(f"{site.url}/studies/advice/items/load")
    page.locator("input[type=file]").set_input_files(outputs)
    page.get_by_role("button", name="Look at it first").click()
    page.get_by_role("button", name="Load 170 items").click()
    page.wait_for_url("**/items*")
    assert count(database, Item, "advice") == 20 + len(lines)
    on_page = count(database, Pair, "advice") - 20

    monkeypatch.setenv("SOUNDINGS_DATABASE_URL", str(database.writer.url))
    monkeypatch.setenv("SOUNDINGS_DATA_DIR", str(tmp_path / "commands"))
    file = tmp_path / "second.yaml"
    file.write_text("slug: second\ntitle: Second\nquestion: {}\n")
    assert cli.run(["study", "create", str(file)], ROOMS) == 0
    assert cli.run(["items", "import", "second", str(outputs)], ROOMS) == 0
    assert count(database, Item, "second") == len(lines)
    assert count(database, Pair, "second") == on_page > len(lines)

    with database.write() as session:
        owner = session.scalar(sa.select(Researcher))
        tokens = []
        study = session.scalar(sa.select(Study).where(Study.slug == "advice"))
        for _ in range(VOTERS):
            person = people.join(session, study.id, now=utc_now(), source="api").annotator
            tokens.append(people.issue_token(session, annotator_id=person.id, now=utc_now()))
        assert owner is not None
    with ThreadPoolExecutor(VOTERS) as pool:
        running = [pool.submit(vote_by_api, site.url, token, VOTES) for token in tokens]
        voter = visit()
        join(voter, site)
        for n in range(BROWSER_VOTES):
            before = voter.url
            voter.locator(".opt").nth(n % 2 * 3).click()
            voter.get_by_role("button", name="Save").first.click()
            voter.wait_for_url(lambda url, before=before: url != before)
        acknowledged = {one for future in running for one in future.result()}
    with database.read() as session:
        stored = session.scalars(sa.select(Judgment)).all()
    assert acknowledged <= {j.id for j in stored}
    assert len(stored) == VOTERS * VOTES + BROWSER_VOTES

    out = tmp_path / "dataset"
    assert cli.run(["export", "advice", "--out", str(out), "--format", "preference,judgments"], ROOMS) == 0
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    rows = {c["name"]: sum(c["rows"].values()) for c in manifest["configs"]}
    assert rows["judgments"] == len(stored)
    assert 0 < rows["preference"] <= len(stored)
    assert len(reading.rows(out, "preference")) == rows["preference"]
    if importlib.util.find_spec("datasets"):
        datasets = importlib.import_module("datasets")
        read = datasets.load_dataset(str(out), "preference", cache_dir=str(tmp_path / "cache"))
        assert sum(part.num_rows for part in read.values()) == rows["preference"]
