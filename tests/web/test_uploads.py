"""A file that was looked at can be loaded without being chosen again, by whoever sent it, for a day."""

from __future__ import annotations

import io
import re
import shutil
from datetime import timedelta

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.main import create_app
from app.people import writes as people
from app.studies import reads
from app.studies import writes as studies
from app.studies.spec import StudySpec
from app.web.research import uploads

NAMES = ("alice", "bob")


@pytest.fixture
def site(sqlite_template, tmp_path):
    shutil.copy(sqlite_template, tmp_path / "site.sqlite3")
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'site.sqlite3'}", data_dir=tmp_path, embedded_worker=False, log_level="ERROR", _env_file=None
    )  # fmt: skip
    app = create_app(settings)
    with app.state.database.write() as session:
        owner, _ = (
            people.create_researcher(
                session, f"{name}@example.org", password="a long password", now=utc_now()
            )
            for name in NAMES
        )
        spec = StudySpec.model_validate(
            {"slug": "s1", "title": "S", "question": {"text": "Better?", "scale": "choice"}}
        )
        study = studies.create_study(session, spec, owner_id=owner.id, now=utc_now())
        studies.share(session, study, "bob@example.org", "editor", by=owner.id, now=utc_now())
    clients = {}
    for name in NAMES:
        clients[name] = TestClient(
            app,
            base_url="http://127.0.0.1",
            headers={"Sec-Fetch-Site": "same-origin"},
            follow_redirects=False,
        )
        clients[name].post("/sign-in", data={"email": f"{name}@example.org", "password": "a long password"})
    yield app, clients, settings.uploads_dir()
    app.state.database.dispose()


def items_of(app):
    with app.state.database.read() as session:
        study = reads.find_study(session, "s1")
        return reads.count_items(session, study.id)


def parquet(n=3):
    out = io.BytesIO()
    columns = {
        "prompt": [f"p{i}" for i in range(n)],
        "chosen": [f"yes {i}" for i in range(n)],
        "rejected": [f"no {i}" for i in range(n)],
    }
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def look(client, data, name="items.parquet"):
    return client.post("/studies/s1/items/look", files={"file": (name, data)}, data={"format": "auto"})


def kept(answer):
    found = re.search(r'name="kept" value="([^"]+)"', answer.text)
    return found and found.group(1)


def test_a_binary_file_is_loaded_as_it_was_looked_at(site):
    app, clients, folder = site
    answer = look(clients["alice"], parquet())
    assert answer.status_code == 200 and items_of(app) == 0
    form = {"kept": kept(answer), "name": "items.parquet", "format": "auto", "text": ""}
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o077 == 0
    again = clients["alice"].post("/studies/s1/items/look", data=form)
    assert kept(again) == form["kept"]
    assert clients["alice"].post("/studies/s1/items/load", data=form).status_code == 303
    assert items_of(app) == 3


def test_a_long_file_is_kept_and_a_short_one_stands_on_the_page(site):
    app, clients, _ = site
    rows = [
        orjson.dumps({"id": f"i{n}", "prompt": "p", "responses": [{"id": "1", "text": "x" * 50_000}, {"id": "2", "text": "y"}]})
        for n in range(uploads.SHOWN_AGAIN // 50_000 + 1)
    ]  # fmt: skip
    long = kept(look(clients["alice"], b"\n".join(rows), "items.jsonl"))
    assert long
    assert kept(look(clients["alice"], rows[0], "items.jsonl")) is None
    form = {"kept": long, "name": "items.jsonl", "format": "auto", "text": ""}
    assert clients["alice"].post("/studies/s1/items/load", data=form).status_code == 303
    assert items_of(app) == len(rows)


@pytest.mark.parametrize("key", ["other", "../1-1-x", "", "gone"])
def test_nobody_else_loads_it_and_nothing_else_is_read(site, key):
    """A colleague's file, a way out of the folder, and a file that is gone are one refusal that says what to do."""
    app, clients, folder = site
    own = kept(look(clients["alice"], parquet()))
    if key == "gone":
        for path in folder.iterdir():
            path.unlink()
    who = clients["bob"] if key == "other" else clients["alice"]
    form = {
        "kept": own if key in {"other", "gone"} else key,
        "name": "items.parquet",
        "format": "auto",
        "text": "",
    }
    answer = who.post("/studies/s1/items/load", data=form)
    assert 400 <= answer.status_code < 500
    assert key == "" or "Choose it again" in answer.text
    assert items_of(app) == 0


def test_few_are_kept_and_none_for_long(site):
    _, clients, folder = site
    first = [kept(look(clients["alice"], parquet(n))) for n in range(1, uploads.MOST_KEPT + 2)]
    left = {path.name.split("-", 2)[2] for path in folder.iterdir()}
    assert len(left) == uploads.MOST_KEPT and left < set(first)
    assert kept(look(clients["bob"], parquet())) and len(list(folder.iterdir())) == uploads.MOST_KEPT + 1
    uploads.sweep(folder, now=utc_now() + timedelta(days=1, minutes=1))
    assert not list(folder.iterdir())
