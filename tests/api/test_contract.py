"""CONTRACT.md sections 3 to 5, line by line, where no other file looks: names, shapes and status codes to the letter."""

from __future__ import annotations

import io
import json
import re
import zipfile
from hashlib import sha256

import pytest
import sqlalchemy as sa

from app.exports import places
from app.exports.tables import Export
from app.http.limits import TokenBuckets
from app.judgments.tables import Judgment
from tests import factories
from tests.api.test_annotators import ask
from tests.api.test_researchers import assert_problem

NDJSON = {"Content-Type": "application/x-ndjson"}


def test_a_problem_says_where_json_ends(api):
    body = assert_problem(
        api.post("/studies", content='{"slug": "s",\n  oops}', headers={"Content-Type": "application/json"}),
        422,
    )
    assert body["errors"][0]["where"] == "line 2"
    body = assert_problem(api.post("/studies", json=["slug"]), 422, "study_file")
    assert "mapping of keys" in body["detail"]


def test_a_number_beyond_64_bits_is_refused_and_nothing_stored(api):
    sent = {"slug": "huge", "title": "Huge", "question": {}, "collection": {"budget": 2**70}}
    assert_problem(api.post("/studies", json=sent), 422)
    assert api.get("/studies/huge").status_code == 404


def test_too_large_and_too_many(api, client):
    big = b'{"slug": "' + b"x" * 4_100_000 + b'"}'
    assert_problem(api.post("/studies", content=big, headers={"Content-Type": "application/json"}), 413)
    client.app.state.sign_in_buckets = TokenBuckets(1)
    typed = {"data": {"email": "a@b.c", "password": "x"}, "headers": {"Sec-Fetch-Site": "same-origin"}}
    answers = [client.post("/sign-in", **typed) for _ in range(2)]
    assert answers[0].status_code == 422
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


def test_the_first_twenty_bad_lines_are_named(api, study):
    lines = [json.dumps(r) for r in factories.items(30)]
    lines[2:27] = ["{"] * 25
    errors = assert_problem(
        api.post(f"/studies/{study}/items", content="\n".join(lines), headers=NDJSON), 422
    )["errors"]
    assert [e["where"] for e in errors] == [f"line {n}" for n in range(3, 23)]


def test_annotators_need_no_body_and_attributes_are_plain(api, study):
    assert api.post(f"/studies/{study}/annotators").status_code == 201
    bad = {"attributes": {"region": ["north"]}}
    errors = assert_problem(api.post(f"/studies/{study}/annotators", json=bad), 422)["errors"]
    assert [e["where"] for e in errors] == ["attributes.region"]
    made = api.post(
        f"/studies/{study}/annotators",
        json={"external_id": "x", "attributes": {"region": "north", "age": 40}},
    ).json()
    assert re.fullmatch(r"http://\S+/i/\S+", made["join_url"])
    assert "x" not in {made["pseudonym"], made["annotator_id"]}


def test_members(api, study):
    assert api.post(f"/studies/{study}/members", json={"email": "Bob@Example.org", "role": "viewer"}).json() == {
        "email": "bob@example.org", "role": "viewer",
    }  # fmt: skip
    assert api.get(f"/studies/{study}/members", who="bob").json()["members"] == [
        {"email": "alice@example.org", "role": "owner"},
        {"email": "bob@example.org", "role": "viewer"},
    ]
    assert_problem(
        api.post(f"/studies/{study}/members", json={"email": "bob@example.org", "role": "owner"}), 422
    )
    assert_problem(
        api.post(f"/studies/{study}/members", json={"email": "no@example.org", "role": "editor"}), 404
    )


def test_the_edit_window_closes(api, study, person):
    shown = ask(api, study, person)
    path = f"/assignments/{shown['assignment_id']}/answer"
    judgment = api.post(path, who=person, json={"choice": "right"}).json()["judgment_id"]
    with api.client.app.state.database.write() as session:
        session.execute(
            sa.update(Judgment).values(
                created_at=sa.func.datetime("2020-01-01")
                if api.client.app.state.database.is_sqlite
                else sa.text("'2020-01-01Z'::timestamptz")
            )
        )
    assert_problem(api.post(f"/judgments/{judgment}/retract", who=person), 409, "edit_window_closed")
    assert_problem(api.post("/judgments/unknown/retract", who=person), 404)


def test_every_field_of_an_answer_is_stored(api):
    question = {
        "aspects": [{"key": "tone", "label": "Tone?"}],
        "confidence": "on",
        "stance": "ask",
        "highlights": "on",
    }
    api.post("/studies", json={"slug": "f", "title": "F", "question": question})
    api.post("/studies/f/items", json=factories.items(2))
    api.post("/studies/f/state", json={"state": "open"})
    token = api.post("/studies/f/annotators").json()["token"]
    shown = ask(api, "f", token)
    body = {
        "choice": "neither", "aspects": {"tone": "right"}, "rationale": "why", "reason_tags": ["Honesty"], "better": "be brief",
        "stance": "for_me", "spans": [{"side": "right", "start": 0, "end": 6, "tag": "helped"}], "predicted_share": 0.25,
        "confidence": 2, "client_token": "t1", "elapsed_ms": 4321,
    }  # fmt: skip
    answer = api.post(f"/assignments/{shown['assignment_id']}/answer", who=token, json=body)
    assert answer.status_code == 201, answer.text
    (mine,) = api.get("/me/data", who=token).json()["judgments"]
    assert {k: mine[k] for k in body if k not in {"client_token", "spans"}} == {
        k: v for k, v in body.items() if k not in {"client_token", "spans"}
    }
    assert mine["judgment_id"] == answer.json()["judgment_id"]
    shown = ask(api, "f", token)
    for extra in (
        {"choice": "skip", "skip_reason": "broken"},
        {"choice": "left", "strength": 3},
        {"choice": "tie", "tie_reason": "same_content"},
    ):
        tried = api.post(
            f"/assignments/{shown['assignment_id']}/answer", who=token, json={**extra, "client_token": "t2"}
        )
        assert tried.status_code in {200, 201}


@pytest.mark.parametrize("field", ["strength", "confidence", "predicted_share", "elapsed_ms"])
def test_true_is_no_number_in_an_answer(api, study, person, field):
    path = f"/assignments/{ask(api, study, person)['assignment_id']}/answer"
    refused = assert_problem(api.post(path, who=person, json={"choice": "left", field: True}), 422)
    assert [one["where"] for one in refused["errors"]] == [field]
    assert api.post(path, who=person, json={"choice": "left", field: 1}).status_code == 201


@pytest.mark.parametrize("field", ["rationale", "better", "client_token", "reason_tags"])
def test_a_nul_in_an_answer_is_refused(api, study, person, field):
    path = f"/assignments/{ask(api, study, person)['assignment_id']}/answer"
    value = ["a\0b"] if field == "reason_tags" else "a\0b"
    refused = assert_problem(api.post(path, who=person, json={"choice": "neither", field: value}), 422)
    assert refused["errors"][0]["where"].startswith(field)


def test_a_nul_is_refused_wherever_a_text_is_sent(api, study):
    nul = "a\0b"
    for path, body, where in (
        ("/annotators", {"external_id": nul}, "external_id"),
        ("/annotators", {"attributes": {"region": nul}}, "attributes"),
        ("/members", {"email": nul, "role": "viewer"}, "email"),
        ("/exports", {"notes": {"why": nul}}, "notes"),
    ):
        refused = assert_problem(api.post(f"/studies/{study}{path}", json=body), 422)
        assert [one["where"] for one in refused["errors"]] == [where]
    assert_problem(api.call("PATCH", f"/studies/{study}", json={"guidelines": nul}), 422)
    for path in ("/studies/%00", "/exports/%00", f"/studies/{study}/members?q=%00"):
        assert_problem(api.get(path), 404)


def test_an_export_from_the_api_to_its_bytes(api, study, person, app_settings):
    for choice in ("left", "right", "left"):
        api.post(
            f"/assignments/{ask(api, study, person)['assignment_id']}/answer",
            who=person,
            json={"choice": choice},
        )
    asked = api.post(f"/studies/{study}/exports")
    assert asked.status_code == 202
    assert asked.json() == {"export_id": asked.json()["export_id"], "number": 1, "state": "queued"}
    export = asked.json()["export_id"]
    before = api.get(f"/exports/{export}").json()
    assert (before["state"], before["files"]) == ("queued", [])
    assert_problem(api.get(f"/exports/{export}/archive.zip"), 409)
    places.make(api.client.app.state.database, export, app_settings.exports_dir(), lambda _share: None)
    told = api.get(f"/exports/{export}").json()
    assert told["state"] == "done"
    assert told["progress"] == 1
    assert told["counts"]
    for one in told["files"]:
        assert one.keys() == {"path", "bytes", "sha256"}
        content = api.get(f"/exports/{export}/files/{one['path']}").content
        assert (len(content), sha256(content).hexdigest()) == (one["bytes"], one["sha256"])
    archive = zipfile.ZipFile(io.BytesIO(api.get(f"/exports/{export}/archive.zip").content))
    assert {n.partition("/")[2] for n in archive.namelist()} >= {one["path"] for one in told["files"]}
    for who in ("bob", "charlie"):
        for path in ("", "/archive.zip", "/files/manifest.json"):
            assert_problem(api.get(f"/exports/{export}{path}", who=who), 404)
    assert_problem(api.get(f"/exports/{export}/files/../../../etc/passwd"), 404)
    refused = assert_problem(api.post(f"/studies/{study}/exports", json={"format": "nice"}), 422)
    assert "judgments" in refused["errors"][0]["message"]
    for wrong in (None, 3):
        refused = assert_problem(api.post(f"/studies/{study}/exports", json={"format": wrong}), 422)
        assert refused["errors"] == [{"where": "format", "message": "expected a text or a list of texts"}]
    refused = assert_problem(api.post(f"/studies/{study}/exports", json={"rule": ["soft", 3]}), 422)
    assert "rule.1" in {one["where"] for one in refused["errors"]}
    with api.client.app.state.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Export)) == 1


def test_health_metrics_and_documents_need_no_other_host(client):
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")
    for path in ("/api/docs", "/"):
        page = client.get(path)
        assert page.status_code == 200
        assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!127\.0\.0\.1)[^"]*"', page.text)
    document = client.get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.")


def test_readiness_says_what_is_the_matter(client):
    with client.app.state.database.write() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "migrate" in answer.text


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_a_held_question_while_the_study_is_not_open(api, study, person, state):
    shown = ask(api, study, person)
    assert api.post(f"/studies/{study}/state", json={"state": state}).json()["state"] == state
    assert_problem(api.get(f"/studies/{study}/next", who=person), 409, "study_not_open")
    answer = api.post(f"/assignments/{shown['assignment_id']}/answer", who=person, json={"choice": "left"})
    if state == "paused":
        assert answer.status_code == 201
    else:
        assert_problem(answer, 409, "study_closed")
