"""The researcher's calls, to the letter of the contract, with three actors."""

from __future__ import annotations

import pytest

from tests import factories

PROBLEM = {"type", "title", "status", "detail", "code"}


def assert_problem(response, status, code=None):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body.keys() >= PROBLEM
    assert body["status"] == status
    if code:
        assert body["code"] == code
    return body


def test_a_study_is_created_as_a_draft(api):
    answer = api.post("/studies", json={"slug": "s1", "title": "One", "question": {"text": "Which?"}})
    assert answer.status_code == 201
    assert (answer.json()["slug"], answer.json()["state"]) == ("s1", "draft")
    assert_problem(
        api.post("/studies", json={"slug": "s1", "title": "Two", "question": {}}), 409, "slug_taken"
    )


def test_a_study_file_with_mistakes_names_each(api):
    body = {"slug": "Bad Slug", "question": {"scal": "choice"}, "querying": {"policy": "best"}}
    errors = assert_problem(api.post("/studies", json=body), 422)["errors"]
    where = {e["where"] for e in errors}
    assert {"slug", "title", "question.scal", "querying.policy"} <= where
    assert any("did you mean 'scale'" in e["message"] for e in errors)
    assert api.get("/studies").json() == {"studies": []}


def test_no_token_and_a_wrong_one(api, study):
    assert_problem(api.get("/studies", who=None), 401)
    assert_problem(api.get("/studies", who="nonsense"), 401)


def test_a_stranger_finds_nothing_and_a_viewer_changes_nothing(api, study):
    assert (
        api.post(f"/studies/{study}/members", json={"email": "bob@example.org", "role": "viewer"}).status_code
        == 200
    )
    reads = [f"/studies/{study}", f"/studies/{study}/members"]
    writes = [
        ("PATCH", f"/studies/{study}", {"json": {"title": "New"}}),
        ("POST", f"/studies/{study}/state", {"json": {"state": "paused"}}),
        ("POST", f"/studies/{study}/items", {"json": factories.items(1)}),
        ("POST", f"/studies/{study}/annotators", {"json": {}}),
        ("POST", f"/studies/{study}/members", {"json": {"email": "charlie@example.org", "role": "editor"}}),
    ]
    for path in reads:
        assert_problem(api.get(path, who="charlie"), 404)
        assert api.get(path, who="bob").status_code == 200
    for method, path, options in writes:
        assert_problem(api.call(method, path, who="charlie", **options), 404)
        assert_problem(api.call(method, path, who="bob", **options), 403)
    assert api.get("/studies", who="charlie").json() == {"studies": []}


def test_an_editor_may_change_and_only_the_owner_shares(api, study):
    api.post(f"/studies/{study}/members", json={"email": "bob@example.org", "role": "editor"})
    assert api.call("PATCH", f"/studies/{study}", who="bob", json={"title": "By Bob"}).status_code == 200
    share = {"email": "charlie@example.org", "role": "viewer"}
    assert_problem(api.post(f"/studies/{study}/members", who="bob", json=share), 403)
    members = api.get(f"/studies/{study}/members").json()["members"]
    assert {(m["email"], m["role"]) for m in members} == {
        ("alice@example.org", "owner"),
        ("bob@example.org", "editor"),
    }


def test_a_change_makes_a_new_version(api, study):
    before = api.get(f"/studies/{study}").json()
    changed = api.call("PATCH", f"/studies/{study}", json={"collection": {"per_pair": {"max": 3}}}).json()
    assert changed["version"] == before["version"] + 1
    assert changed["spec"]["collection"]["per_pair"] == {"min": 1, "max": 3}
    assert changed["spec"]["collection"]["budget"] == before["spec"]["collection"]["budget"]
    assert api.call("PATCH", f"/studies/{study}", json={}).json()["version"] == changed["version"]
    assert_problem(api.call("PATCH", f"/studies/{study}", json={"slug": "other"}), 409)
    assert_problem(api.call("PATCH", f"/studies/{study}", json={"colection": {}}), 422)


def test_states(api):
    api.post("/studies", json={"slug": "s1", "title": "One", "question": {}})
    assert_problem(api.post("/studies/s1/state", json={"state": "open"}), 409, "no_items")
    assert_problem(api.post("/studies/s1/state", json={"state": "paused"}), 409)
    assert_problem(api.post("/studies/s1/state", json={"state": "great"}), 422)
    api.post("/studies/s1/items", json=factories.items(2))
    for state in ("open", "paused", "open", "closed"):
        answer = api.post("/studies/s1/state", json={"state": state})
        assert (answer.status_code, answer.json()["state"]) == (200, state)


def test_items_are_added_once(api):
    api.post("/studies", json={"slug": "s1", "title": "One", "question": {}})
    rows = factories.items(3, responses=3)
    assert api.post("/studies/s1/items", json=rows).json() == {"added": 3, "unchanged": 0, "pairs": 9}
    lines = "\n".join(__import__("json").dumps(r) for r in [*rows, *factories.items(5)[3:]])
    again = api.post("/studies/s1/items", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert again.json() == {"added": 2, "unchanged": 3, "pairs": 2}
    rows[0]["responses"][0]["text"] = "Something else."
    assert_problem(api.post("/studies/s1/items", json=rows), 409, "item_changed")


def test_one_bad_row_and_nothing_is_stored(api):
    api.post("/studies", json={"slug": "s1", "title": "One", "question": {}})
    good = [__import__("json").dumps(r) for r in factories.items(3)]
    lines = "\n".join(
        [
            good[0],
            '{"id": "x", "prompt": "q", "responses": [{"text": "a"}, {"text": true}]}',
            good[1],
            "{oops",
        ]
    )
    answer = api.post("/studies/s1/items", content=lines, headers={"Content-Type": "application/x-ndjson"})
    errors = assert_problem(answer, 422)["errors"]
    assert [e["where"].split(",")[0].split(":")[0] for e in errors] == ["line 2", "line 4"]
    assert api.post("/studies/s1/items", json=factories.items(3)).json()["added"] == 3


def test_people_are_added_and_known_again(api, study):
    first = api.post(
        f"/studies/{study}/annotators", json={"external_id": "p1", "attributes": {"region": "north"}}
    )
    assert first.status_code == 201
    assert first.json().keys() == {"annotator_id", "pseudonym", "token", "join_url"}
    again = api.post(f"/studies/{study}/annotators", json={"external_id": "p1"})
    assert again.status_code == 200
    assert again.json()["annotator_id"] == first.json()["annotator_id"]
    assert again.json()["token"] != first.json()["token"]
    assert_problem(api.post(f"/studies/{study}/annotators", json={"consent": False}), 422)


def test_a_full_study_takes_nobody_more(api, study):
    api.call("PATCH", f"/studies/{study}", json={"people": {"limit": 1}})
    assert api.post(f"/studies/{study}/annotators", json={"external_id": "p1"}).status_code == 201
    assert api.post(f"/studies/{study}/annotators", json={"external_id": "p1"}).status_code == 200
    assert_problem(api.post(f"/studies/{study}/annotators", json={}), 409, "study_full")


@pytest.mark.parametrize("path", ["/nothing", "/studies/none", "/exports/none"])
def test_unknown_addresses(api, path):
    assert_problem(api.get(path), 404)


def test_health(api, client):
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert "soundings_requests_total" in client.get("/metrics").text
    assert client.get("/api/openapi.json").json()["info"]["title"] == "Soundings"


def test_a_write_from_another_site_is_refused(api, client):
    headers = {
        "Sec-Fetch-Site": "cross-site",
        "Cookie": "soundings=x",
        "Authorization": f"Bearer {api.tokens['alice']}",
    }
    answer = client.post(
        "/api/v1/studies", json={"slug": "s1", "title": "x", "question": {}}, headers=headers
    )
    assert_problem(answer, 403, "cross_origin")


def test_security_headers_are_on_every_answer(client):
    for path in ("/healthz", "/api/v1/studies", "/nothing-here"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_commit_that_fails_is_never_a_success(api, client, monkeypatch):
    """With the framework's default the answer would have left before the commit."""
    from sqlalchemy.orm import Session

    def broken(_self):
        raise RuntimeError("disk full")

    quiet = client.__class__(client.app, base_url="http://127.0.0.1", raise_server_exceptions=False)
    monkeypatch.setattr(Session, "flush", Session.flush)
    import sqlalchemy as sa

    database = client.app.state.database
    sa.event.listen(database.writer, "commit", lambda _c: broken(None))
    answer = quiet.post(
        "/api/v1/studies",
        json={"slug": "s9", "title": "x", "question": {}},
        headers={"Authorization": f"Bearer {api.tokens['alice']}"},
    )
    assert_problem(answer, 500)
