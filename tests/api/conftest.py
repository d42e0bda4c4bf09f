"""The application on a fresh database, and the three actors of the API: Alice owns, Bob helps, Charlie must see nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.db.session import Database
from app.kit.settings import Settings
from app.main import create_app
from app.people import writes as people
from tests import factories


@dataclass
class Api:
    """A client with the tokens of the actors."""

    client: TestClient
    tokens: dict[str, str]

    def call(self, method: str, path: str, *, who: str | None = "alice", **options):
        headers = dict(options.pop("headers", {}))
        if who is not None:
            headers["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    def get(self, path: str, **options):
        return self.call("GET", path, **options)

    def post(self, path: str, **options):
        return self.call("POST", path, **options)


@pytest.fixture
def app_settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,
        data_dir=tmp_path / "data",
        embedded_worker=False,
        log_level="ERROR",
        _env_file=None,
    )


@pytest.fixture
def client(app_settings: Settings) -> Iterator[TestClient]:
    """The application, as its users meet it, without background jobs."""
    with TestClient(create_app(app_settings), base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.fixture
def api(client: TestClient, clock) -> Api:
    database: Database = client.app.state.database
    tokens = {}
    with database.write() as session:
        for name in ("alice", "bob", "charlie"):
            who = factories.researcher(session, f"{name}@example.org", now=clock.now)
            tokens[name] = people.issue_token(session, researcher_id=who.id, now=clock.now)
    return Api(client, tokens)


@pytest.fixture
def study(api: Api) -> str:
    """An open study of Alice's with twelve pairs."""
    body = {
        "slug": "advice",
        "title": "Advice",
        "question": {},
        "querying": {"policy": "random", "retest": 0},
    }
    assert api.post("/studies", json=body).status_code == 201
    assert api.post("/studies/advice/items", json=factories.items(12)).status_code == 200
    assert api.post("/studies/advice/state", json={"state": "open"}).status_code == 200
    return "advice"


@pytest.fixture
def person(api: Api, study: str) -> str:
    """An annotator's token."""
    return api.post(f"/studies/{study}/annotators", json={"external_id": "p1"}).json()["token"]
