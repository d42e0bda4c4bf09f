"""A dry run leaves the study alone, follows from its seed, and tells what a study of the size would find."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa
from scipy import stats

from app import cli, main
from app.db.base import Base
from app.kit.errors import Malformed
from app.kit.rng import generator
from app.kit.settings import Settings
from app.people.tables import Researcher
from app.simulation import dry_run as dry_run_room
from app.simulation import outlook, repeating, scratch, world
from app.simulation.dry_run import dry_run
from app.simulation.measures import average_precision, named_rightly
from app.simulation.plan import Plan
from app.simulation.population import divided
from app.studies.tables import Study, StudyVersion
from tests import factories

PROFILE = {
    "profile": [{"key": "place", "label": "Where?", "options": ["north", "south"]}],
    "groups": {"key": "place"},
}


@pytest.fixture(autouse=True)
def few_looks(monkeypatch):
    """Two looks at the figures instead of eight: each is a whole fit."""
    monkeypatch.setattr(dry_run_room, "STAGES", 2)


def rows(database):
    """Every row of every table."""
    with database.read() as session:
        return {
            table.name: sorted(map(repr, session.execute(sa.select(table)).all()))
            for table in Base.metadata.sorted_tables
        }


def run(database, made, plan, now, **more):
    return dry_run(database, made.study_id, plan, handlers=main.handlers(Settings()), now=now, **more)


def texts(count):
    words = "river stone lamp quiet market early honest paper winter field copper garden".split()
    rng = np.random.default_rng(4)
    return [
        {
            "id": f"i{n}",
            "prompt": f"Request {n}?",
            "responses": [
                {"model": f"m{r}", "text": " ".join(rng.choice(words, 6 + 4 * r))} for r in range(3)
            ],
        }
        for n in range(count)
    ]


def test_not_one_row_of_the_study_changes(database, make_study, clock):
    made = make_study(rows=texts(6), people=PROFILE, state="draft")
    before = rows(database)
    told = run(database, made, Plan(6, 24, 5, ("even",)), clock.now)
    assert rows(database) == before
    assert told["policies"]["even"]["votes"] == 24 and told["pairs"] == 18
    with database.read() as session:
        study = session.get_one(Study, made.study_id)
        spec = session.get_one(StudyVersion, (study.id, study.version)).spec
        assert (study.state, spec["querying"]["policy"]) == ("draft", "contested")


def test_the_same_seed_tells_the_same_and_another_one_something_else(sqlite_database, clock):
    with sqlite_database.write() as session:
        made = factories.study(session, now=clock.now, rows=texts(8), people=PROFILE)
    plan = Plan(6, 16, 5, ("even", "random"))
    one, two = (run(sqlite_database, made, plan, clock.now) for _ in range(2))
    assert one == two
    assert run(sqlite_database, made, replace(plan, seed=6), clock.now) != one
    even, random = one["policies"]["even"], one["policies"]["random"]
    assert even["curve"] != random["curve"]
    assert [at["votes"] for at in even["curve"]] == [8, 16]
    assert even["cost"] == pytest.approx(even["minutes"] / 60 * 12)
    assert one["cannot_say"] and one["assumed"]["groups"] == {"north": 0.5, "south": 0.5}
    assert one["compared"] and "drawn evenly" in one["compared"][0]
    json.dumps(one)


def test_repetitions_give_ranges_and_the_first_is_the_run_alone(sqlite_database, clock):
    with sqlite_database.write() as session:
        made = factories.study(session, now=clock.now, rows=texts(6), people=PROFILE)
    plan = Plan(5, 15, 5, ("even", "random"))
    alone = run(sqlite_database, made, plan, clock.now)
    told = run(sqlite_database, made, replace(plan, repetitions=3), clock.now)
    assert alone["policies"]["even"]["intervals"]["accuracy"] is None
    assert (told["repetitions"], told["policies"]["even"]["votes"]) == (3, 15)
    for name, one in told["policies"].items():
        each = [r["accuracy"] for r in one["repetitions"]]
        assert each[0] == alone["policies"][name]["accuracy"] and len(set(each)) > 1
        assert one["accuracy"] == pytest.approx(np.mean(each))
        reach = stats.t.ppf(0.95, 2) * np.std(each, ddof=1) / 3**0.5
        assert one["intervals"]["accuracy"] == pytest.approx([np.mean(each) - reach, np.mean(each) + reach])
        assert one["curve"][-1]["accuracy"] == pytest.approx(one["accuracy"])
    assert "points)" in told["compared"][0] and any(
        " to " in said for said in told["can_say"] + told["cannot_say"]
    )


def test_questions_about_choices_are_asked_and_cost_time(sqlite_database, clock):
    own = {"kind": "M1", "text": "Should answers be funny?", "options": ["Yes", "No"]}
    with sqlite_database.write() as session:
        made, without = (
            factories.study(
                session, now=clock.now, rows=texts(8), session={"questions": 10},
                querying={"policy": "even", "retest": 0}, meta=meta,
            )
            for meta in ({"share": 0.2, "own": [own]}, {"share": 0.0})
        )  # fmt: skip
    plan = Plan(6, 60, 3, ("even",))
    asked = run(sqlite_database, made, plan, clock.now)["policies"]["even"]
    silent = run(sqlite_database, without, plan, clock.now)["policies"]["even"]
    assert (asked["votes"], silent["votes"]) == (60, 60)
    assert silent["meta_questions"] == 0 and silent["questions"] == pytest.approx(60, abs=4)
    assert asked["meta_questions"] >= 5
    assert asked["questions"] >= 60 + asked["meta_questions"]
    assert asked["minutes"] > silent["minutes"] and asked["cost"] == pytest.approx(asked["minutes"] / 5)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [([], None), ([None, 0.4], None), ([0.4], None), ([0.5, 0.5], [0.5, 0.5]), ([None, 0.6, 0.7, 0.8], [0.531, 0.869])],
)  # fmt: skip
def test_a_range_is_of_two_repetitions_at_least(values, wanted):
    found = repeating.interval(values)
    assert found == (None if wanted is None else pytest.approx(wanted, abs=5e-4))


def test_more_votes_of_people_who_agree_name_more_pairs_rightly(sqlite_database, clock):
    with sqlite_database.write() as session:
        made = factories.study(
            session, now=clock.now, rows=texts(12), querying={"policy": "even", "retest": 0}
        )
    clear = replace(
        divided({"all": 1.0}, common=4.0, apart=0.0, length=0.0), personal=0.0, slips=(0.0, 0.0), skips=0.0
    )
    told = run(sqlite_database, made, Plan(15, 180, 2, ("even",)), clock.now, population=clear)
    curve = told["policies"]["even"]["curve"]
    assert curve[0]["accuracy"] <= curve[-1]["accuracy"] and curve[-1]["accuracy"] > 0.9
    assert curve[-1]["interval_width"] < curve[0]["interval_width"]
    assert told["contested_pairs"] == 0 and curve[-1]["contested_ap"] is None
    assert told["policies"]["even"]["votes_needed"]["0.90"] <= 180
    assert curve[-1]["model_accuracy"] > 0.8


def test_limits_of_the_design_are_met_and_told(sqlite_database, clock):
    with sqlite_database.write() as session:
        made = factories.study(
            session,
            now=clock.now,
            pairs=4,
            collection={"per_pair": {"min": 1, "max": 2}},
            querying={"retest": 0},
        )
    told = run(sqlite_database, made, Plan(5, 50, 1, ("random",)), clock.now)
    assert told["policies"]["random"]["votes"] == 8 and "nobody" in told["policies"]["random"]["ended"]
    assert any("8 votes can be spent" in line for line in told["cannot_say"])


@pytest.mark.parametrize(
    ("plan", "where"),
    [
        (Plan(0, 10), "annotators"),
        (Plan(5, 0), "votes"),
        (Plan(5, 10**7), "votes"),
        (Plan(5, 5, 1, ("clever",)), "policies"),
        (Plan(5, 5, repetitions=0), "repetitions"),
    ],
)
def test_a_plan_out_of_range_is_refused(plan, where):
    with pytest.raises(Malformed) as refused:
        plan.checked()
    assert refused.value.errors[0]["where"] == where


def test_a_study_without_pairs_is_refused(sqlite_database, clock):
    with sqlite_database.write() as session:
        made = factories.study(session, now=clock.now, rows=[], state="draft")
    with pytest.raises(scratch.NothingToCopy):
        run(sqlite_database, made, Plan(5, 10), clock.now)


def test_accounts_and_answers_stay_behind(sqlite_database, tmp_path, clock):
    with sqlite_database.write() as session:
        made = factories.study(session, now=clock.now, pairs=3)
        factories.annotators(session, made.study_id, 2, now=clock.now)
    with scratch.opened(tmp_path / "copy.sqlite3") as copy:
        assert scratch.copy(sqlite_database, copy, made.study_id, rng=generator(1), now=clock.now) == 3
        found = rows(copy)
        with copy.read() as session:
            assert session.scalar(sa.select(Researcher.email)) == "scratch@example.invalid"
        with sqlite_database.read() as session:
            secret = session.get_one(Study, made.study_id).secret
    assert secret not in str(found["study"]) and not found["annotator"] and not found["judgment"]


def test_large_studies_are_sampled_by_whole_items(sqlite_database, tmp_path, clock, monkeypatch):
    monkeypatch.setattr(scratch, "MOST_PAIRS", 10)
    with sqlite_database.write() as session:
        made = factories.study(session, now=clock.now, rows=factories.items(9, responses=3))
    with scratch.opened(tmp_path / "copy.sqlite3") as copy:
        assert scratch.copy(sqlite_database, copy, made.study_id, rng=generator(1), now=clock.now) == 9


def test_average_precision_over_ties_is_its_mean_over_their_orders():
    import itertools

    score, wanted = np.array([2.0, 1.0, 1.0, 1.0, np.nan]), np.array([False, True, False, True, True])

    def plain(order):
        hits = np.cumsum(wanted[list(order)])
        return np.mean([hits[i] / (i + 1) for i in range(5) if wanted[order[i]]])

    orders = [(0, *middle, 4) for middle in itertools.permutations((1, 2, 3))]
    assert average_precision(score, wanted) == pytest.approx(np.mean([plain(o) for o in orders]))
    assert average_precision(score, np.zeros(5, bool)) is None
    assert named_rightly(np.array([0.7, 0.4, np.nan, 0.5]), np.array([0.6, 0.6, 0.9, 0.9])).tolist() == [
        1,
        0,
        0.5,
        0.5,
    ]


def test_what_a_size_lets_one_say_before_anyone_is_simulated():
    small = outlook.readiness(factories.spec(collection={"budget": 100}), pairs=1000)
    large = outlook.readiness(factories.spec(collection={"budget": 20_000}), pairs=500)
    assert any("each single pair" in line for line in small.cannot) and len(small.can) < len(large.can)
    assert not any("split it off" in line for line in large.cannot)


def test_the_world_is_made_of_the_texts_and_of_what_is_invented(sqlite_database, clock):
    with sqlite_database.write() as session:
        made = factories.study(session, now=clock.now, rows=texts(40))
    with sqlite_database.read() as session:
        seen = world.of_study(session, made.study_id, seed=3, substances=2)
        again = world.of_study(session, made.study_id, seed=3, substances=2)
    assert seen.impressions == again.impressions and len(seen.pairs) == 120
    quality = np.array([one.substance["quality"] for one in seen.impressions.values()])
    assert abs(quality.mean()) < 0.3 and quality.std() == pytest.approx(1, abs=0.25)
    apart = [
        seen.impressions[b].influences["length"] - seen.impressions[a].influences["length"]
        for _, a, b in seen.pairs.tolist()
    ]
    assert np.mean(np.square(apart)) == pytest.approx(1.0)


def test_the_command_prints_one_document_or_words(sqlite_template, tmp_path, monkeypatch, capsys, clock):
    import shutil

    from app.db.session import connect

    shutil.copy(sqlite_template, tmp_path / "soundings.sqlite3")
    monkeypatch.setenv("SOUNDINGS_DATA_DIR", str(tmp_path))
    opened = connect(f"sqlite:///{tmp_path}/soundings.sqlite3")
    with opened.write() as session:
        made = factories.study(session, now=clock.now, rows=texts(4))
    opened.dispose()
    rooms = cli.Rooms("app.main:from_environment", main.handlers, main.readiness)
    asked = [
        "simulate",
        made.slug,
        "--annotators",
        "4",
        "--votes",
        "16",
        "--seed",
        "2",
        "--policy",
        "random",
        "--repetitions",
        "2",
    ]
    assert cli.run([*asked, "--json"], rooms) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 2 and told["policies"]["random"]["curve"][-1]["votes"] == 16
    assert cli.run(asked, rooms) == 0
    said = capsys.readouterr().out
    assert "You will be able to say:" in said and "means of 2 repetitions" in said
    assert cli.run(["simulate", made.slug, "--annotators", "0", "--votes", "16"], rooms) == 1
    assert "annotators lies between" in capsys.readouterr().err
    assert cli.run(["simulate", "nowhere", "--annotators", "4", "--votes", "16"], rooms) == 1
