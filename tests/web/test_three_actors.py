"""Alice owns a study, Bob may look, Erin may change, Charlie must see nothing: on every page, fragment, file and form there is."""

from __future__ import annotations

import re
import shutil

import pytest
from starlette.testclient import TestClient

from app import api, web
from app.exports import options, places
from app.kit.clock import utc_now
from app.kit.settings import Settings
from app.main import create_app
from app.people import writes as people
from app.studies import writes as studies
from app.studies.tables import Study
from tests import factories

STUDY_PATH = re.compile(r"^/studies/\{slug\}")
VALUES = {
    "external_id": "i00000", "external_id:path": "i00000", "ending": "json", "number": "1", "number:int": "1", "path": "manifest.json",
    "path:path": "manifest.json", "public_id": "nothing", "pair:int": "1",
}  # fmt: skip
OWNER_ONLY = {"lists.identities", "lists.identities_file", "lists.share"}
NOT_MADE_YET = re.compile(r"/exports/\{number\}/")
"""Files of an export that is waiting: 409 for those inside."""
EDITORS_PAGES = {"items.loading"}
ALSO_FOR_VIEWERS = re.compile(r"preview\.yaml$|/exports$|/exports/\{number\}$")
"""Whoever may see every judgment may also have them as a file."""


def routes(prefix=STUDY_PATH):
    return list(_routes(prefix))


def _routes(prefix):
    for router in web.routers():
        for route in router.routes:
            if prefix.match(route.path):
                for method in route.methods - {"HEAD"}:
                    yield pytest.param(method, route.path, route.name, id=f"{method} {route.path}")


@pytest.fixture(scope="module")
def site(sqlite_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("actors")
    shutil.copy(sqlite_template, folder / "site.sqlite3")
    settings = Settings(
        database_url=f"sqlite:///{folder / 'site.sqlite3'}", data_dir=folder, embedded_worker=False, log_level="ERROR", sign_in_per_minute=1000,
        _env_file=None,
    )  # fmt: skip
    app = create_app(settings)
    database = app.state.database
    with database.write() as session:
        for name in ("alice", "bob", "erin", "charlie"):
            people.create_researcher(
                session, f"{name}@example.org", password="a long password", now=utc_now()
            )
    with database.write() as session:
        from app.people import reads

        alice = reads.find_researcher(session, "alice@example.org")
        made = factories.study(session, now=utc_now(), pairs=2, owner_id=alice.id, slug="hers")
        noise = factories.study(session, now=utc_now(), pairs=2, slug="noise")
        study = session.get_one(Study, made.study_id)
        for name, role in (("bob", "viewer"), ("erin", "editor")):
            studies.share(session, study, f"{name}@example.org", role, by=alice.id, now=utc_now())
        person = factories.annotator(session, made.study_id, now=utc_now())
        factories.annotator(session, noise.study_id, now=utc_now())
        pseudonym = person.pseudonym
        places.order(session, study, options.read(), by=alice.id, now=utc_now())
    clients = {}
    for name in ("alice", "bob", "erin", "charlie"):
        client = TestClient(
            app,
            base_url="http://127.0.0.1",
            headers={"Sec-Fetch-Site": "same-origin"},
            follow_redirects=False,
        )
        answer = client.post("/sign-in", data={"email": f"{name}@example.org", "password": "a long password"})
        assert answer.status_code == 303
        clients[name] = client
    clients["nobody"] = TestClient(
        app, base_url="http://127.0.0.1", headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False
    )
    yield clients, pseudonym
    database.dispose()


def filled(path, pseudonym, slug="hers"):
    values = {**VALUES, "slug": slug, "pseudonym": pseudonym}
    return re.sub(r"\{([^}]+)\}", lambda m: values[m.group(1)], path)


def send(client, method, address):
    return client.request(method, address, data={} if method == "POST" else None)


@pytest.mark.parametrize(("method", "path", "name"), routes())
def test_a_stranger_finds_nothing(site, method, path, name):
    clients, pseudonym = site
    answer = send(clients["charlie"], method, filled(path, pseudonym))
    if name == "studies.home":  # a redirection that says nothing
        answer = send(clients["charlie"], "GET", answer.headers["location"])
    assert answer.status_code == 404
    assert "hers" not in answer.text.replace("others", "").replace("/studies/hers", "")
    assert (
        answer.status_code
        == send(clients["charlie"], method, filled(path, pseudonym, "never-made")).status_code
        or name == "studies.home"
    )


@pytest.mark.parametrize(("method", "path", "name"), routes())
def test_who_is_not_signed_in_is_asked_to(site, method, path, name):
    clients, pseudonym = site
    answer = send(clients["nobody"], method, filled(path, pseudonym))
    if name == "studies.home":
        answer = send(clients["nobody"], "GET", answer.headers["location"])
    assert answer.status_code in {303, 401}
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/sign-in")


def expected(role, method, path, name):
    """The statuses this role may get; anything else is a hole or a wall in the wrong place."""
    if name in OWNER_ONLY and role != "owner":
        return {403}
    if role == "viewer" and (
        name in EDITORS_PAGES or (method == "POST" and not ALSO_FOR_VIEWERS.search(path))
    ):
        return {403}
    if NOT_MADE_YET.search(path):
        return {409}
    return {200, 303, 404, 409, 422} if method == "POST" else {200, 303}


@pytest.mark.parametrize(("method", "path", "name"), routes())
def test_a_viewer_looks_and_changes_nothing(site, method, path, name):
    clients, pseudonym = site
    answer = send(clients["bob"], method, filled(path, pseudonym))
    assert answer.status_code in expected("viewer", method, path, name)


@pytest.mark.parametrize(("method", "path", "name"), [r for r in routes() if r.values[0] == "GET"])
def test_an_editor_and_the_owner_see_every_page(site, method, path, name):
    clients, pseudonym = site
    for who, role in (("erin", "editor"), ("alice", "owner")):
        answer = send(clients[who], method, filled(path, pseudonym))
        assert answer.status_code in expected(role, method, path, name)


def test_every_route_of_a_study_is_looked_at():
    """Pages of a study live under /studies/{slug}; the API has tests of its own, by the same three."""
    for router in api.routers():
        for route in router.routes:
            assert route.path.startswith(
                ("/studies", "/assignments", "/judgments", "/exports", "/patches", "/me")
            )
    assert len(list(routes())) > 25
