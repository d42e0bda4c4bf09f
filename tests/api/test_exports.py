"""Exports through the API: ask, watch, fetch in parts, read the newest in one line, compare."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest

from app.exports import places
from app.jobs.worker import Worker
from tests.api.conftest import Api


@pytest.fixture
def made(api: Api, study: str, person: str, app_settings) -> Api:
    """Twelve judged pairs, and two finished exports of them."""
    for n in range(12):
        asked = api.get(f"/studies/{study}/next", who=person).json()
        choice = "left" if n % 3 else "tie"
        answer = {"choice": choice}
        assert (
            api.post(f"/assignments/{asked['assignment_id']}/answer", who=person, json=answer).status_code
            == 201
        )
    for options in (
        {"format": "preference,items", "file_type": "jsonl"},
        {"format": "preference", "rule": "soft", "file_type": "jsonl"},
    ):
        assert api.post(f"/studies/{study}/exports", json=options).status_code == 202
    handlers = {
        "export": lambda db, payload, report: places.make(
            db, payload["export_id"], app_settings.exports_dir(), report
        )
    }
    with_all = {k: handlers.get(k, lambda *_: None) for k in ("export", "fit", "traits", "guess", "scores")}
    Worker(api.client.app.state.database, Handlers(with_all)).drain()
    return api


class Handlers(dict):
    """Other kinds of work are let pass."""

    def __missing__(self, kind):
        return lambda *_: None


def newest(made: Api) -> dict:
    return made.get("/studies/advice/exports").json()[0]


def test_the_list_is_newest_first_and_only_for_those_who_may(made: Api):
    told = made.get("/studies/advice/exports").json()
    assert [e["number"] for e in told] == [2, 1]
    assert {e["state"] for e in told} == {"done"}
    assert {e["progress"] for e in told} == {1.0}
    assert made.get("/studies/advice/exports", who="charlie").status_code == 404
    assert made.get("/studies/advice/exports", who=None).status_code == 401


def test_the_newest_file_has_an_address_of_its_own(made: Api):
    body = made.get("/studies/advice/exports/latest/files/SHA256SUMS").text
    assert body == made.get("/studies/advice/exports/2/files/SHA256SUMS").text
    assert body != made.get("/studies/advice/exports/1/files/SHA256SUMS").text
    assert made.get("/studies/advice/exports/1/files/nothing").status_code == 404
    assert made.get("/studies/advice/exports/9/files/SHA256SUMS").status_code == 404
    assert made.get("/studies/advice/exports/first/files/SHA256SUMS").status_code == 422
    assert made.get("/studies/advice/exports/latest/files/SHA256SUMS", who="charlie").status_code == 404


def test_a_broken_download_goes_on_where_it_stopped(made: Api):
    """Byte ranges of the archive put together are the archive; another copy is not mixed in."""
    path = f"/exports/{newest(made)['export_id']}/archive.zip"
    whole = made.get(path)
    assert whole.headers["accept-ranges"] == "bytes"
    assert int(whole.headers["content-length"]) == len(whole.content)
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.testzip() is None
        for line in archive.read("advice-2/SHA256SUMS").decode().splitlines():
            digest, name = line.split("  ")
            assert hashlib.sha256(archive.read(f"advice-2/{name}")).hexdigest() == digest
    for start in (0, 1, 777, len(whole.content) // 2, len(whole.content) - 1):
        rest = made.get(path, headers={"Range": f"bytes={start}-"})
        assert rest.status_code == 206
        assert rest.headers["content-range"] == f"bytes {start}-{len(whole.content) - 1}/{len(whole.content)}"
        assert whole.content[:start] + rest.content == whole.content
    tag = whole.headers["etag"]
    assert made.get(path, headers={"Range": "bytes=5-", "If-Range": tag}).status_code == 206
    assert made.get(path, headers={"Range": "bytes=5-", "If-Range": '"other"'}).status_code == 200
    assert made.get(path, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    assert made.get(path, headers={"Range": "bytes=2-9"}).status_code == 200


def test_one_file_comes_in_parts_too(made: Api):
    export = newest(made)
    for file in export["files"]:
        path = f"/exports/{export['export_id']}/files/{file['path']}"
        whole = made.get(path)
        assert hashlib.sha256(whole.content).hexdigest() == file["sha256"]
        rest = made.get(path, headers={"Range": "bytes=10-"})
        assert (rest.status_code, rest.content) == (206, whole.content[10:])


def test_what_changed_between_two_exports(made: Api):
    first, second = (e["export_id"] for e in reversed(made.get("/studies/advice/exports").json()))
    told = made.get(f"/exports/{second}/changes").json()
    assert (told["from"], told["to"], told["same"]) == (1, 2, False)
    assert {s["name"] for s in told["settings"]} == {"formats", "rules"}
    assert {"name": "items", "before": 12, "after": None} in told["configs"]
    assert told["labels"]["flipped"] == 0
    assert told["labels"]["moved"] == told["labels"]["kept"] == 8
    assert told["pairs"][0]["before"] == 1.0
    assert told["pairs"][0]["after"] < 1.0
    assert made.get(f"/exports/{first}/changes").status_code == 404
    assert made.get(f"/exports/{first}/changes?since={second}").status_code == 200
    assert made.get(f"/exports/{second}/changes", who="charlie").status_code == 404


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"copies": 1}, "copies"),
        ({"notes": {"who": "x"}}, "notes"),
        ({"rule": "jury"}, "rule"),
        ({"format": "csv"}, "format"),
        ({"exclude": ["boring"]}, "exclude"),
    ],
)
def test_bad_requests_name_the_field(api: Api, study: str, body: dict, where: str):
    answer = api.post(f"/studies/{study}/exports", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["where"] == where


def test_own_words_stand_in_the_card(api: Api, study: str, app_settings):
    body = {
        "notes": {"why": "To learn *tact*.", "paid": "Nine pounds an hour.\n---\nMore."},
        "file_type": "jsonl",
    }
    assert api.post(f"/studies/{study}/exports", json=body).status_code == 202
    database = api.client.app.state.database
    export_id = newest(api)["export_id"]
    places.make(database, export_id, app_settings.exports_dir(), lambda _: None)
    card = api.get(f"/studies/{study}/exports/latest/files/README.md").text
    assert "## Why this was collected\n\nTo learn *tact*." in card
    assert "Nine pounds an hour.\n\\---\nMore." in card
    assert "What they were paid is not known" not in card
