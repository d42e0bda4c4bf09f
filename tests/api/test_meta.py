"""Meta-questions, what a study has learned of a person, and patches, through the API."""

from __future__ import annotations

import pytest

from tests.api.test_researchers import assert_problem

OWN = {
    "kind": "M1",
    "text": "Should answers be funny?",
    "options": ["Yes", {"value": "no", "label": "No, never"}],
    "when": {"after": 3},
}
ABOUT_LENGTH = {
    "kind": "M1",
    "text": "Should a longer answer win?",
    "options": [{"value": "count", "label": "Yes"}, {"value": "ignore", "label": "No"}],
    "when": {"influence": "length"},
}


def items(count=20):
    return [
        {
            "id": f"i{n:02}",
            "prompt": f"Request {n}?",
            "responses": [
                {"id": "a", "model": "secret-model", "text": "Short."},
                {"id": "b", "text": "Longer. " * (n + 2)},
            ],
        }
        for n in range(count)
    ]


@pytest.fixture
def asked(api):
    """A study with two questions of the researcher's own; (slug, its second person, who has answered five pairs)."""
    made = api.post(
        "/studies",
        json={
            "slug": "wishes",
            "title": "Wishes",
            "question": {},
            "querying": {"retest": 0},
            "meta": {"kinds": ["M1", "M3"], "own": [ABOUT_LENGTH, {**OWN, "kind": "M3"}]},
        },
    )
    assert made.status_code == 201, made.text
    assert api.post("/studies/wishes/items", json=items()).status_code == 200
    assert api.post("/studies/wishes/state", json={"state": "open"}).status_code == 200
    tokens = [api.post("/studies/wishes/annotators", json={}).json()["token"] for _ in range(2)]
    for _ in range(5):
        answer_pair(api, tokens[1])
    return "wishes", tokens[1], tokens[0]


def answer_pair(api, person):
    shown = api.get("/studies/wishes/next", who=person).json()
    assert shown["kind"] == "comparison"
    side = max(("left", "right"), key=lambda s: len(shown[s]["text"]))
    assert (
        api.post(
            f"/assignments/{shown['assignment_id']}/answer", who=person, json={"choice": side}
        ).status_code
        == 201
    )


def test_a_meta_question_has_the_shape_of_the_contract(api, asked):
    slug, person, other = asked
    shown = api.get(f"/studies/{slug}/next", who=person).json()
    assert shown.keys() == {"assignment_id", "kind", "text", "evidence", "options", "expires_at"}
    assert shown["kind"] in {"M1", "M3"}
    assert all(o.keys() == {"value", "label"} for o in shown["options"])
    assert [o["value"] for o in shown["options"]][-2:] == ["unsure", "rather_not"]
    assert api.get(f"/studies/{slug}/next", who=person).json() == shown
    path = f"/assignments/{shown['assignment_id']}/answer"
    assert (
        assert_problem(api.post(path, who=person, json={"choice": "left"}), 422, "not_offered")["errors"][0][
            "where"
        ]
        == "choice"
    )
    assert (
        assert_problem(api.post(path, who=person, json={}), 422, "not_offered")["errors"][0]["where"]
        == "choice"
    )
    assert_problem(api.post(path, who=other, json={"choice": "unsure"}), 404, "not_found")
    body = {"choice": "unsure", "text": "Hm.", "client_token": "t"}
    first = api.post(path, who=person, json=body)
    assert first.status_code == 201 and first.json().keys() == {"judgment_id", "patches"}
    assert api.post(path, who=person, json=body).status_code == 200
    assert_problem(api.post(path, who=person, json={"choice": "unsure"}), 409, "already_answered")
    kept = api.get("/me/data", who=person).json()["meta_answers"]
    assert [(k["answer"]["choice"], k["text"]) for k in kept] == [("unsure", "Hm.")]


def say_ignore(api, slug, person):
    """Answer questions until the one about length has been answered with no; the patch that makes."""
    for _ in range(20):
        shown = api.get(f"/studies/{slug}/next", who=person).json()
        if shown["kind"] == "comparison":
            answer_pair(api, person)
            continue
        values = [o["value"] for o in shown["options"]]
        choice = "ignore" if "ignore" in values else "unsure"
        done = api.post(
            f"/assignments/{shown['assignment_id']}/answer", who=person, json={"choice": choice}
        ).json()
        if choice == "ignore":
            return done["patches"][0]
    raise AssertionError("the question did not come")


def test_patches_are_listed_revoked_and_restored(api, asked):
    slug, person, _ = asked
    patch_id = say_ignore(api, slug, person)
    listed = api.get(f"/studies/{slug}/patches").json()
    (one,) = listed["patches"]
    assert (one["patch_id"], one["kind"], one["target_id"], one["value"], one["active"]) == (
        patch_id,
        "M1",
        "length",
        0.0,
        True,
    )
    by_name = {i["name"]: i for i in listed["influences"]}
    assert by_name["length"]["answers"] == 1 and by_name["length"]["endorsed"] < 1
    assert by_name["formatting"]["endorsed"] is None
    me = api.get(f"/studies/{slug}/me", who=person).json()
    assert [(c["patch_id"], c["active"]) for c in me["changes"]] == [(patch_id, True)]
    assert api.post(f"/patches/{patch_id}/revoke").json() == {"patch_id": patch_id, "active": False}
    assert_problem(api.post(f"/patches/{patch_id}/revoke"), 409, "already_revoked")
    assert api.get(f"/studies/{slug}/patches").json()["patches"][0]["active"] is False
    assert api.post(f"/patches/{patch_id}/restore").json() == {"patch_id": patch_id, "active": True}
    assert_problem(api.post(f"/patches/{patch_id}/restore"), 409, "already_active")
    for who in ("charlie", "bob"):
        assert_problem(api.post(f"/patches/{patch_id}/revoke", who=who), 404, "not_found")
        assert_problem(api.get(f"/studies/{slug}/patches", who=who), 404, "not_found")
    assert_problem(api.post(f"/patches/{patch_id}/revoke", who=person), 401, "unauthorized")
    api.post(f"/studies/{slug}/members", json={"email": "bob@example.org", "role": "viewer"})
    assert api.get(f"/studies/{slug}/patches", who="bob").status_code == 200
    assert_problem(api.post(f"/patches/{patch_id}/revoke", who="bob"), 403, "forbidden")


def test_who_withdraws_takes_their_patches_along(api, asked):
    slug, person, _ = asked
    patch_id = say_ignore(api, slug, person)
    assert api.call("DELETE", "/me/data", who=person).status_code == 204
    assert api.get(f"/studies/{slug}/patches").json()["patches"] == []
    assert_problem(api.post(f"/patches/{patch_id}/restore"), 409, "person_withdrew")


def test_me_says_nothing_before_there_is_enough(api, asked):
    slug, person, _ = asked
    me = api.get(f"/studies/{slug}/me", who=person).json()
    assert (me["ready"], me["statements"], me["judgments"]) == (False, [], 5)
    assert me["note"].startswith("Not enough to say anything yet")
