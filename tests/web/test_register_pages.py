"""The flaw register, its switches, the labels and the questions, as researchers use them on pages; and the same from the command line."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil

import numpy as np
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from app.__main__ import main as command
from app.aggregation import labels
from app.db.session import connect
from app.kit.settings import Settings
from app.main import create_app
from app.metapreferences import writes
from app.metapreferences.writes import Asked
from app.people import reads as people_reads
from app.people import writes as people
from app.people.tables import Annotator
from app.questions import registry
from app.questions.protocol import MetaAnswer, MetaView
from app.studies import writes as studies
from app.studies.tables import Study
from tests.conftest import Clock
from tests.reports import swayed

OWN = [{"kind": "M1", "text": "Should a joke count?", "options": ["Yes, always", {"value": "no", "label": "Not here"}], "when": {"after": 8}}]  # fmt: skip


@pytest.fixture(scope="module")
def prepared(sqlite_template, tmp_path_factory):
    """The study with its people and answers, made once; each test gets a copy."""
    file = tmp_path_factory.mktemp("swayed") / "site.sqlite3"
    shutil.copy(sqlite_template, file)
    database, clock = connect(f"sqlite:///{file}"), Clock()
    with database.write() as session:
        for name in ("alice", "bob"):
            people.create_researcher(
                session, f"{name}@example.org", password="a long password", now=clock.now
            )
        alice = people_reads.find_researcher(session, "alice@example.org").id
    made = swayed.study(
        database,
        clock,
        slug="swayed",
        owner_id=alice,
        meta={"kinds": ["M1", "M12"], "share": 0.2, "own": OWN},
    )
    swayed.most_say_no(database, clock, made)
    with database.write() as session:
        studies.share(
            session,
            session.get_one(Study, made.study_id),
            "bob@example.org",
            "viewer",
            by=alice,
            now=clock.now,
        )
    database.dispose()
    return file, made


@pytest.fixture
def site(prepared, tmp_path):
    file, made = prepared
    shutil.copy(file, tmp_path / "site.sqlite3")
    settings = Settings(
        database_url=f"sqlite:///{tmp_path / 'site.sqlite3'}", data_dir=tmp_path, embedded_worker=False, log_level="ERROR",
        _env_file=None,
    )  # fmt: skip
    app = create_app(settings)
    yield app.state.database, made, {name: client(app, name) for name in ("alice", "bob")}
    app.state.database.dispose()


def client(app, name):
    made = TestClient(
        app, base_url="http://127.0.0.1", headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False
    )
    answer = made.post("/sign-in", data={"email": f"{name}@example.org", "password": "a long password"})
    assert answer.status_code == 303
    return made


def shares(database, made):
    with database.read() as session:
        return labels.labels(session, session.get_one(Study, made.study_id)).endorsed


def test_a_stranger_to_it_sees_what_happened_switches_it_off_and_sees_labels_move_back(site):
    database, made, who = site
    page = who["alice"].get("/studies/swayed/register?influence=length").text
    for words in (
        "length",
        "2, 0, 10",
        "20 of 30",
        "Spot check",
        "Switch off",
        "Which guess about people is right?",
    ):
        assert words in page
    moved = who["alice"].get("/studies/swayed/labels.json").json()
    assert moved["total"] == 24 and all("length" in row["moved_by"] for row in moved["rows"])
    off = who["alice"].post(
        "/studies/swayed/patches/switch", data={"kind": "M1", "do": "off", "back": "register"}
    )
    assert (off.status_code, off.headers["location"]) == (303, "/studies/swayed/register#switches")
    assert who["alice"].get("/studies/swayed/labels.json").json()["total"] == 0
    e = shares(database, made)
    np.testing.assert_array_equal(e.p_endorsed, e.p_raw)
    page = who["alice"].get("/studies/swayed/register").text
    assert "Switch on" in page
    who["alice"].post("/studies/swayed/patches/switch", data={"kind": "M1", "do": "on"})
    assert who["alice"].get("/studies/swayed/labels.json").json() == moved
    assert "kind switched off" in who["alice"].get("/studies/swayed/log").text


def test_one_patch_is_taken_away_and_put_back_and_twice_is_a_conflict(site):
    _, _, who = site
    rows = who["alice"].get("/studies/swayed/patches.json?about=length&active=yes").json()["rows"]
    assert len(rows) == 12 and rows[0]["stood"] == 2
    form = {"patch": rows[0]["patch"], "do": "revoke"}
    assert who["alice"].post("/studies/swayed/patches/switch", data=form).status_code == 303
    left = who["alice"].get("/studies/swayed/patches.json?active=yes").json()
    assert left["total"] == 11
    again = who["alice"].post("/studies/swayed/patches/switch", data=form)
    assert again.status_code == 409 and "no effect already" in again.text
    form["do"] = "restore"
    assert who["alice"].post("/studies/swayed/patches/switch", data=form).status_code == 303
    assert who["alice"].get("/studies/swayed/patches.json?active=yes").json()["rows"] == rows
    for bad, status in (({"do": "explode"}, 422), ({"do": "off", "kind": "M99"}, 422), ({"do": "revoke", "patch": "none"}, 404)):  # fmt: skip
        assert who["alice"].post("/studies/swayed/patches/switch", data=bad).status_code == status


def test_a_viewer_sees_everything_and_switches_nothing(site):
    database, made, who = site
    before = shares(database, made).p_endorsed
    page = who["bob"].get("/studies/swayed/register?influence=length").text
    assert "20 of 30" in page and "Switch off" not in page and "Settle" not in page
    assert "Take away" not in who["bob"].get("/studies/swayed/patches").text
    for address, form in (
        ("patches/switch", {"kind": "M1", "do": "off"}),
        ("register/settle", {"influence": "length", "endorsed": "0"}),
        ("register/name", {"name": "x", "terms": "y"}),
    ):
        assert who["bob"].post(f"/studies/swayed/{address}", data=form).status_code == 403
    np.testing.assert_array_equal(shares(database, made).p_endorsed, before)


def test_settling_and_naming_say_what_is_wrong(site):
    database, made, who = site
    for form, words in (
        ({"influence": "length", "endorsed": "plenty"}, "is not a share"),
        ({"influence": "length", "endorsed": "3"}, "a share from 0"),
        ({"influence": "nothing", "endorsed": "0"}, "no influence"),
        ({"influence": "length", "endorsed": "0", "group": "nowhere"}, "no group"),
    ):
        answer = who["alice"].post("/studies/swayed/register/settle", data=form)
        assert answer.status_code == 422 and words in answer.text
    settled = who["alice"].post(
        "/studies/swayed/register/settle", data={"influence": "length", "endorsed": "100%"}
    )
    assert settled.status_code == 303
    e = shares(database, made)
    np.testing.assert_array_equal(e.p_endorsed, e.p_raw)
    assert (
        who["alice"].post("/studies/swayed/register/name", data={"name": "", "terms": "more"}).status_code
        == 422
    )
    named = who["alice"].post(
        "/studies/swayed/register/name", data={"name": "More of it", "terms": "more, deal"}
    )
    assert named.status_code == 303
    assert "More of it" in who["alice"].get("/studies/swayed/register").text
    drop = {"do": "drop", "number": "x"}
    assert who["alice"].post("/studies/swayed/register/name", data=drop).status_code == 422


def test_why_is_told_on_the_item_page_and_as_json_alike(site):
    _, _, who = site
    rows = who["alice"].get("/studies/swayed/labels.json?only=all").json()["rows"]
    told = who["alice"].get(f"/studies/swayed/why/{rows[0]['pair_id']}").json()
    assert told["p_endorsed"] == rows[0]["p_endorsed"] and len(told["votes"]) == swayed.PEOPLE
    assert len(told["patches"]) == rows[0]["patches"] == 12
    page = who["alice"].get(f"/studies/swayed/items/{rows[0]['item']}").text
    assert f'id="why-{rows[0]["pair_id"]}"' in page and "12 patches" in page and "30 votes" in page
    assert who["alice"].get("/studies/swayed/why/999999").status_code == 404


def test_the_questions_page_its_files_and_a_preview_of_own_questions(site):
    _, _, who = site
    page = who["alice"].get("/studies/swayed/questions").text
    for words in (
        "Should a joke count?",
        "Not here",
        "after 8 answers",
        "M1.length",
        "No, that alone should not count: 10",
    ):
        assert words in page
    rows = list(csv.DictReader(io.StringIO(who["alice"].get("/studies/swayed/questions.csv").text)))
    assert [(r["template"], r["answered"]) for r in rows] == [("M1.length", "12")]
    told = who["alice"].get("/studies/swayed/questions.json").json()
    assert told["kinds"][0]["templates"][0]["answers"] == [["ignore", 10], ["count", 2]]
    assert told["own"][0]["options"][:2] == ["Yes, always", "Not here"]
    assert who["alice"].get("/studies/swayed/questions.xml").status_code == 404


def test_researchers_see_what_people_want_done_where_they_differ(site):
    database, made, who = site
    kind, clock = registry.by_code()["M5"], Clock()
    asked = Asked("M5", "M5.all", 1, "What should it do?", tuple(o.value for o in kind.options()))
    said = MetaAnswer("both_sides", ranking=("both_sides", "stay_out"))
    with database.write() as session:
        for person in session.scalars(
            sa.select(Annotator).where(Annotator.study_id == made.study_id).limit(6)
        ):
            drafts = kind.effects(said, MetaView(str(person.id), about={"class": "all"}))
            writes.record(
                session, made.study_id, person, asked, said, drafts, now=clock.tick(), shown_at=clock.now
            )
    page = who["alice"].get("/studies/swayed/questions").text
    assert "What people want done where they differ" in page
    assert re.search(r"<td>both sides (\d+)[^,]*%, stay out \1[^,]*%, ", page)
    (told,) = who["alice"].get("/studies/swayed/questions.json").json()["settled"]
    assert (told["class_id"], told["way"], told["answers"], told["pairs"]) == ("all", "both_sides", 6, 0)
    listed = who["alice"].get("/studies/swayed/labels?only=settled")
    assert listed.status_code == 200 and "People differ, and said what to do" in listed.text


def test_the_person_page_keeps_models_side_by_side(site):
    database, made, who = site
    with database.read() as session:
        from app.people.tables import Annotator

        one = session.query(Annotator).filter_by(study_id=made.study_id, external_id="p05").one().pseudonym
    page = who["alice"].get(f"/studies/swayed/people/{one}").text
    for words in (
        "What they usually choose",
        "What they stand by",
        "second looks",
        "What they said about their choices",
    ):
        assert words in page


def test_the_command_line_does_the_same(site, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SOUNDINGS_DATABASE_URL", f"sqlite:///{tmp_path / 'site.sqlite3'}")

    def run(*words):
        assert command([*words]) == 0
        return capsys.readouterr().out

    told = json.loads(run("register", "swayed", "--json"))
    assert (told["moved"], told["influences"][0]["name"], told["influences"][0]["answers"]) == (
        24,
        "length",
        12,
    )
    assert "length: +" in run("register", "swayed")
    off = json.loads(run("patches", "swayed", "--off", "M1", "--json"))
    assert (off["kinds_off"], off["moved"]) == (["M1"], 0)
    assert "12 of 12 patches have effect. 24 labels moved" in run("patches", "swayed", "--on", "M1")
    patch = off["patches"][0]["patch"]
    assert "11 of 12" in run("patches", "swayed", "--revoke", patch)
    assert "12 of 12" in run("patches", "swayed", "--restore", patch)
    assert run("patches", "swayed").count("length endorsed") == 12
    assert "720 votes of 30 people on 24 pairs" in run("overlay", "swayed")
    assert command(["patches", "swayed", "--revoke", "nothing"]) == 1


def token_of(database, email):
    with database.write() as session:
        who = people_reads.find_researcher(session, email)
        return people.issue_token(session, researcher_id=who.id, now=Clock().now)


def test_a_moved_label_is_the_same_thing_on_pages_in_the_api_on_the_console_and_in_exports(
    site, tmp_path, monkeypatch, capsys
):
    database, made, who = site
    monkeypatch.setenv("SOUNDINGS_DATABASE_URL", f"sqlite:///{tmp_path / 'site.sqlite3'}")
    entries = {r["name"]: r for r in who["alice"].get("/studies/swayed/register.json").json()["rows"]}
    api = who["alice"].get(
        "/api/v1/studies/swayed/patches", headers={"Authorization": f"Bearer {token_of(database, 'alice@example.org')}"}
    ).json()  # fmt: skip
    assert {i["name"]: (i["moved"], i["weigh_less"]) for i in api["influences"]} == {
        name: (row["labels_moved"], row["labels_weigh_less"]) for name, row in entries.items()
    }
    assert entries["length"]["labels_moved"] == 24
    assert command(["register", "swayed", "--json"]) == 0
    console = json.loads(capsys.readouterr().out)
    assert command(["export", "swayed", "--out", str(tmp_path / "x"), "--rule", "endorsed"]) == 0
    manifest = json.loads((tmp_path / "x" / "manifest.json").read_text())
    (rule,) = _found(manifest, "pairs_moved")
    total = who["alice"].get("/studies/swayed/labels.json").json()["total"]
    assert shares(database, made).moved.sum() == console["moved"] == rule == total


def _found(node, key):
    """Every value under a key, anywhere in a document."""
    if isinstance(node, dict):
        return [v for k, v in node.items() if k == key] + [f for v in node.values() for f in _found(v, key)]
    return [f for v in node for f in _found(v, key)] if isinstance(node, list) else []


@pytest.mark.parametrize(("address", "most"), [("patches?kind=M1", 1), ("patches", 1), ("questions.csv", 1)])
def test_a_page_reads_every_patch_once(site, address, most):
    database, _, who = site
    who["alice"].get("/studies/swayed/labels.json")
    sent = []

    def listen(*a):
        sent.append(a[2])

    sa.event.listen(database.reader, "before_cursor_execute", listen)
    try:
        assert who["alice"].get(f"/studies/swayed/{address}").status_code == 200
    finally:
        sa.event.remove(database.reader, "before_cursor_execute", listen)
    whole = [s for s in sent if "FROM patch " in s and "patch.value" in s]
    assert 0 < len(whole) <= most


def test_the_story_through_the_api_and_the_console_from_the_raw_label_to_both_exports(
    site, tmp_path, monkeypatch, capsys
):
    """People choose longer answers, most do not stand by it: which labels that moved and why; off, back on; both exported."""
    database, _, who = site
    monkeypatch.setenv("SOUNDINGS_DATABASE_URL", f"sqlite:///{tmp_path / 'site.sqlite3'}")
    headers = {"Authorization": f"Bearer {token_of(database, 'alice@example.org')}"}

    def get(path):
        return who["alice"].get(f"/api/v1/studies/swayed/{path}", headers=headers).json()

    def run(*words):
        assert command([*words]) == 0
        return capsys.readouterr().out

    def switch(on):
        return who["alice"].post("/api/v1/studies/swayed/patches/kinds/M1", json={"on": on}, headers=headers)

    length = next(i for i in get("report")["influences"] if i["name"] == "length")
    assert length["effect"] > 0.1 and length["endorsed"] < 0.6 and length["endorsements"] == 12
    moved = get("labels?limit=100")
    assert moved["total"] == len(moved["labels"]) == 24
    assert all(row["moved_by"].startswith("length +") for row in moved["labels"])
    pair = moved["labels"][0]["pair_id"]
    label = get(f"labels/{pair}")
    assert label["first"] == "brief" and label["p_endorsed"] > label["p_raw"]
    assert set(label["influence_shift"]) == {"length"} and len(label["patches"]) == 12
    assert len(label["votes"]) == swayed.PEOPLE
    assert label["influences"][0]["name"] == "length" and label["influences"][0]["taken_out"] < 0
    assert who["alice"].get("/api/v1/studies/swayed/labels/99999", headers=headers).status_code == 404
    run("export", "swayed", "--out", str(tmp_path / "raw"), "--rule", "soft")
    run("export", "swayed", "--out", str(tmp_path / "endorsed"), "--rule", "endorsed")
    changed = json.loads(run("compare", str(tmp_path / "raw"), str(tmp_path / "endorsed"), "--json"))
    assert changed
    assert switch(False).json() == {"kind": "M1", "on": False, "changed": True}
    assert switch(False).json()["changed"] is False
    assert json.loads(run("patches", "swayed", "--json"))["moved"] == get("labels")["total"] == 0
    off = get(f"labels/{pair}")
    assert off["p_endorsed"] == off["p_raw"] == label["p_raw"] and off["patches"] == []
    run("export", "swayed", "--out", str(tmp_path / "off"), "--rule", "endorsed")
    assert switch(True).json()["changed"] is True
    for patch in label["patches"]:
        assert who["alice"].post(f"/api/v1/patches/{patch}/revoke", headers=headers).json()["active"] is False
    gone = get(f"labels/{pair}")
    assert gone["p_endorsed"] == label["p_raw"]
    for patch in label["patches"]:
        assert who["alice"].post(f"/api/v1/patches/{patch}/restore", headers=headers).json()["active"] is True
    assert get(f"labels/{pair}") == label and get("labels?limit=100") == moved
    run("export", "swayed", "--out", str(tmp_path / "again"), "--rule", "endorsed")
    shares_of = {name: _p(tmp_path / name) for name in ("raw", "endorsed", "off", "again")}
    assert shares_of["off"] == shares_of["raw"] != shares_of["endorsed"] == shares_of["again"]


def _p(directory):
    """(pair, chosen text, p of the chosen) of every row."""
    from tests.exports import reading

    return sorted(
        (r["pair_id"], r["chosen"][-1]["content"], round(r["p_chosen"], 9)) for r in reading.rows(directory, "preference")
    )  # fmt: skip
