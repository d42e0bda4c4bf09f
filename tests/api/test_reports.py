"""The report, the list of divided pairs and votes from elsewhere through the API, to the letter, with three actors."""

from __future__ import annotations

import json

from tests.api.test_researchers import assert_problem

REPORT = {
    "study", "as_of", "judgments", "annotators", "items", "pairs", "pairs_judged", "choices", "agreement", "retest", "decomposition",
    "influences", "ranking", "querying", "meta", "people",
}  # fmt: skip
DIVIDED = {
    "item_id", "pair", "votes", "share", "epistemic", "between_groups", "between_people", "within_person", "influence_shift", "next_step",
}  # fmt: skip


def rows(people=12, items=4):
    return [
        {
            "annotator_id": f"p{p}",
            "item_id": f"i{i:05d}",
            "left": "m0",
            "right": "m1",
            "choice": ["left", "right", "tie"][(p * (i + 1)) % 3],
        }
        for p in range(people)
        for i in range(items)
    ]


def ndjson(records):
    return {
        "content": "\n".join(json.dumps(r) for r in records),
        "headers": {"Content-Type": "application/x-ndjson"},
    }


def test_a_report_of_nothing_knows_nothing(api, study):
    found = api.get(f"/studies/{study}/report").json()
    assert found.keys() >= REPORT
    assert found["judgments"] == 0
    assert found["choices"] == {"left": 0, "right": 0, "tie": 0, "neither": 0, "skip": 0}
    assert found["agreement"]["krippendorff_alpha"] is None
    assert found["retest"]["same_choice"] is None
    assert found["decomposition"]["total"] is None
    assert found["decomposition"]["reliable"] is False
    assert found["decomposition"]["intervals"]["between_groups"] is None
    assert found["decomposition"]["null"] == {"between_groups": None}
    assert (found["ranking"], found["people"]) == ([], [])
    assert api.get(f"/studies/{study}/disagreement").json() == {"items": []}


def test_votes_come_in_once_and_are_reported(api, study):
    added = api.post(f"/studies/{study}/judgments/import", **ndjson(rows()))
    assert (added.status_code, added.json()) == (200, {"added": 48, "unchanged": 0})
    again = api.post(f"/studies/{study}/judgments/import", **ndjson(rows()))
    assert again.json() == {"added": 0, "unchanged": 48}
    found = api.get(f"/studies/{study}/report").json()
    assert (found["judgments"], found["annotators"], found["pairs_judged"]) == (48, 12, 4)
    assert sum(found["choices"].values()) == 48
    assert found["agreement"]["units"] == 4
    assert {r["model"] for r in found["ranking"]} == {"m0", "m1"}
    assert found["influences"]
    assert all(
        one["status"] in {"watching", "asking", "endorsed", "corrected", "advisory"}
        for one in found["influences"]
    )
    divided = api.get(f"/studies/{study}/disagreement", params={"limit": 3}).json()["items"]
    assert len(divided) == 3
    assert divided[0].keys() >= DIVIDED
    assert divided[0]["pair"] == ["m0", "m1"]
    assert divided[0]["votes"] == 12


def test_csv_and_bad_rows(api, study):
    head = "annotator_id,item_id,left,right,choice,timestamp,extra\n"
    body = {"content": head + "p1,i00000,m0,m1,left,,\np1,i00000,m0,m1,both,,\np1,nowhere,m0,m1,left,,\n", "headers": {"Content-Type": "text/csv"}}  # fmt: skip
    errors = assert_problem(api.post(f"/studies/{study}/judgments/import", **body), 422)["errors"]
    assert errors[0]["where"] == "line 3"
    assert api.get(f"/studies/{study}/report").json()["judgments"] == 0
    good = {"content": head + "p1,i00000,m0,m1,left,,\n", "headers": {"Content-Type": "text/csv"}}
    assert api.post(f"/studies/{study}/judgments/import", **good).json() == {"added": 1, "unchanged": 0}
    assert_problem(
        api.post(f"/studies/{study}/judgments/import", content="", headers={"Content-Type": "text/csv"}), 422
    )


def test_votes_with_what_is_known_of_their_people(api, study):
    told = [{"annotator_id": f"p{p}", "region": "north" if p % 2 else "south"} for p in range(12)]
    sent = api.post(f"/studies/{study}/judgments/import", json={"judgments": rows(), "annotators": told})
    assert (sent.status_code, sent.json()) == (200, {"added": 48, "unchanged": 0})
    made = api.post(f"/studies/{study}/annotators", json={"external_id": "p1"})
    assert made.status_code == 200  # the same person, known by the file's id
    for bad, where in (
        ({"judgments": [*rows(1, 1), {"annotator_id": "p1"}]}, "judgments.1"),
        ({"judgments": rows(1, 1), "annotators": [{"region": "north"}]}, "annotators.0"),
        ({"judgments": rows(1, 1), "annotators": "p1"}, "annotators"),
    ):
        errors = assert_problem(api.post(f"/studies/{study}/judgments/import", json=bad), 422)["errors"]
        assert errors[0]["where"] == where
    battle = [{"question_id": "i00000", "model_a": "m0", "model_b": "m1", "winner": "tie", "judge": "u1"}]
    assert api.post(f"/studies/{study}/judgments/import", json=battle).json() == {"added": 1, "unchanged": 0}


def test_three_actors(api, study):
    api.post(f"/studies/{study}/members", json={"email": "bob@example.org", "role": "viewer"})
    for path in ("report", "disagreement"):
        assert api.get(f"/studies/{study}/{path}", who="bob").status_code == 200
        assert_problem(api.get(f"/studies/{study}/{path}", who="charlie"), 404)
        assert_problem(api.get(f"/studies/{study}/{path}", who=None), 401)
    assert_problem(api.post(f"/studies/{study}/judgments/import", who="bob", **ndjson(rows(1, 1))), 403)
    assert_problem(api.post(f"/studies/{study}/judgments/import", who="charlie", **ndjson(rows(1, 1))), 404)
