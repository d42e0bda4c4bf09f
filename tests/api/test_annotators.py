"""The annotator's calls: next, answer, retract, one's own data."""

from __future__ import annotations

import sqlalchemy as sa

from app.assignments.tables import Assignment
from app.judgments.tables import Judgment
from tests.api.test_researchers import assert_problem


def ask(api, study, person):
    answer = api.get(f"/studies/{study}/next", who=person)
    return answer.json() if answer.status_code == 200 else None


def test_next_shows_a_comparison_without_names_or_ids(api, study, person):
    shown = ask(api, study, person)
    assert shown.keys() == {
        "assignment_id", "kind", "item_id", "prompt", "left", "right", "choices", "expires_at",
    }  # fmt: skip
    assert shown["kind"] == "comparison"
    assert shown["prompt"][0]["role"] == "user"
    assert shown["left"].keys() == shown["right"].keys() == {"text"}
    assert shown["choices"] == ["left", "right", "tie", "neither", "skip"]
    assert '"m0"' not in str(shown) and '"m1"' not in str(shown)
    assert ask(api, study, person) == shown


def test_an_answer_is_stored_once(api, study, person):
    shown = ask(api, study, person)
    path = f"/assignments/{shown['assignment_id']}/answer"
    body = {"choice": "left", "client_token": "a", "predicted_share": 0.7, "confidence": 2, "strength": 3}
    first = api.post(path, who=person, json=body)
    assert first.status_code == 201
    again = api.post(path, who=person, json=body)
    assert (again.status_code, again.json()) == (200, first.json())
    assert_problem(api.post(path, who=person, json={"choice": "right"}), 409, "already_answered")
    with api.client.app.state.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Judgment)) == 1


def test_bad_answers_are_named_and_nothing_is_stored(api, study, person):
    path = f"/assignments/{ask(api, study, person)['assignment_id']}/answer"
    for body, where in [
        ({"choice": "best"}, "choice"),
        ({}, "choice"),
        ({"choice": "left", "strength": 9}, "strength"),
        ({"choice": "left", "mood": 1}, "mood"),
        ({"choice": "left", "aspects": {"tone": "left"}}, "aspects.tone"),
        ({"choice": "left", "spans": [{"side": "left", "start": 5, "end": 2, "tag": "x"}]}, "spans.0"),
    ]:
        errors = assert_problem(api.post(path, who=person, json=body), 422)["errors"]
        assert where in {e["where"] for e in errors}
    with api.client.app.state.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Judgment)) == 0


def test_somebody_elses_things_are_not_there(api, study, person):
    other = api.post(f"/studies/{study}/annotators", json={}).json()["token"]
    shown = ask(api, study, person)
    path = f"/assignments/{shown['assignment_id']}/answer"
    assert_problem(api.post(path, who=other, json={"choice": "left"}), 404)
    judgment = api.post(path, who=person, json={"choice": "left"}).json()["judgment_id"]
    assert_problem(api.post(f"/judgments/{judgment}/retract", who=other), 404)
    assert_problem(api.post(path, who="alice", json={"choice": "left"}), 401)
    assert_problem(api.get("/studies", who=person), 401)


def test_an_expired_assignment_says_so(api, study, person):
    shown = ask(api, study, person)
    with api.client.app.state.database.write() as session:
        session.execute(sa.update(Assignment).values(expires_at=sa.text("shown_at")))
    path = f"/assignments/{shown['assignment_id']}/answer"
    assert_problem(api.post(path, who=person, json={"choice": "left"}), 409, "assignment_expired")


def test_taking_back(api, study, person):
    shown = ask(api, study, person)
    path = f"/assignments/{shown['assignment_id']}/answer"
    judgment = api.post(path, who=person, json={"choice": "left"}).json()["judgment_id"]
    assert api.post(f"/judgments/{judgment}/retract", who=person).status_code == 200
    assert api.post(f"/judgments/{judgment}/retract", who=person).status_code == 200


def test_a_study_that_is_not_open(api, study, person):
    shown = ask(api, study, person)
    api.post(f"/studies/{study}/state", json={"state": "paused"})
    assert_problem(api.get(f"/studies/{study}/next", who=person), 409, "study_not_open")
    path = f"/assignments/{shown['assignment_id']}/answer"
    assert api.post(path, who=person, json={"choice": "left"}).status_code == 201
    api.post(f"/studies/{study}/state", json={"state": "open"})
    shown = ask(api, study, person)
    api.post(f"/studies/{study}/state", json={"state": "closed"})
    path = f"/assignments/{shown['assignment_id']}/answer"
    assert_problem(api.post(path, who=person, json={"choice": "left"}), 409, "study_closed")
    assert_problem(api.get(f"/studies/{study}/next", who=person), 409, "study_not_open")


def test_when_nothing_is_left(api, study, person):
    given = 0
    while (shown := ask(api, study, person)) is not None:
        api.post(f"/assignments/{shown['assignment_id']}/answer", who=person, json={"choice": "tie"})
        given += 1
    assert given == 12
    assert api.get(f"/studies/{study}/next", who=person).status_code == 204


def test_names_an_answer_gives_itself_are_masked_and_marks_carried_back(api):
    api.post("/studies", json={"slug": "m", "title": "M", "question": {}})
    rows = [
        {
            "id": "i",
            "prompt": "q",
            "responses": [{"model": "a", "text": "one two"}, {"model": "b", "text": "1 2"}],
        }
    ]
    api.post("/studies/m/items", json=rows)
    from app.studies.tables import Response

    with api.client.app.state.database.write() as session:
        session.execute(
            sa.update(Response)
            .where(Response.external_id == "a")
            .values(text="I am ChatGPT and well.", masks=[[5, 12]])
        )
    api.post("/studies/m/state", json={"state": "open"})
    token = api.post("/studies/m/annotators", json={}).json()["token"]
    shown = ask(api, "m", token)
    side = "left" if "[name]" in shown["left"]["text"] else "right"
    text = shown[side]["text"]
    assert text == "I am [name] and well."
    start = text.index("and")
    span = {"side": side, "start": start, "end": start + 3, "tag": "helped"}
    body = {"choice": "left", "spans": [span]}
    assert api.post(f"/assignments/{shown['assignment_id']}/answer", who=token, json=body).status_code == 201
    with api.client.app.state.database.read() as session:
        stored = session.scalars(sa.select(Judgment)).one().spans[0]
        assert "I am ChatGPT and well."[stored["start"] : stored["end"]] == "and"


def test_my_data_and_leaving(api, study, person):
    shown = ask(api, study, person)
    body = {"choice": "left", "rationale": "my own words"}
    api.post(f"/assignments/{shown['assignment_id']}/answer", who=person, json=body)
    data = api.get("/me/data", who=person).json()
    assert data["judgments"][0]["rationale"] == "my own words"
    assert api.get(f"/studies/{study}/me", who=person).json()["statements"] == []
    assert api.call("DELETE", "/me/data", who=person).status_code == 204
    assert_problem(api.get("/me/data", who=person), 401)
    with api.client.app.state.database.read() as session:
        row = session.scalars(sa.select(Judgment)).one()
        assert (row.choice, row.rationale) == ("left", None)
