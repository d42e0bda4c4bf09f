"""The flaw register and the questions behind it: statuses, counts, what each kind moves, and why a label is what it is."""

from __future__ import annotations

import numpy as np
import pytest

from app.aggregation import labels
from app.kit.errors import Malformed, NotFound
from app.metapreferences import acts
from app.metapreferences.errors import PatchRevoked
from app.metapreferences.tables import PatchEvent
from app.people import writes as people
from app.people.tables import Annotator
from app.reports import asked, correcting, discovery, fitting, labelled, models, register
from app.reports.report import Analysis
from app.studies import reads as studies
from app.studies.tables import Study
from tests.reports import swayed


@pytest.fixture
def study(sqlite_database, clock):
    return sqlite_database, swayed.study(
        sqlite_database, clock, meta={"kinds": ["M1", "M4", "M12"], "share": 0.2}
    )


def seen(database, made):
    with database.read() as session:
        found = labels.labels(session, session.get_one(Study, made.study_id))
        return found, {e.name: e for e in register.entries(found)}


def test_before_anyone_has_answered_it_is_being_asked_and_nothing_moves(study):
    found, entries = seen(*study)
    length = entries["length"]
    assert (length.status, length.endorsed, length.moved, length.said.people) == ("asking", None, 0, 0)
    assert length.own and length.would_turn.size > 8 and length.turned.size == 0
    assert entries["emoji"].status == "watching" and entries["emoji"].effect.why
    assert not found.endorsed.moved.any()


def test_most_say_no_and_labels_are_corrected(study, clock):
    database, made = study
    swayed.most_say_no(database, clock, made)
    found, entries = seen(database, made)
    length = entries["length"]
    assert (length.said.counts, length.said.partly, length.said.not_count) == (2, 0, 10)
    assert (length.said.stood, length.said.shown) == (20, 30)
    assert length.endorsed == pytest.approx(
        found.endorsed.wishes.wishes[found.endorsed.names.index("length")].endorsed
    )
    assert length.status == ("corrected" if length.endorsed < 0.5 else "endorsed")
    assert length.moved == 24
    e = found.endorsed
    long_first = found.basis.raw.x[:, e.names.index("length")] > 0
    assert ((e.p_endorsed < e.p_raw) == long_first).all()
    assert next(iter(register.entries(found))).name == "length"


def test_few_answers_leave_it_being_asked_and_a_settlement_decides(study, clock):
    database, made = study
    swayed.most_say_no(database, clock, made, people=4)
    assert seen(database, made)[1]["length"].status == "asking"
    with database.write() as session:
        row = session.get_one(Study, made.study_id)
        first = acts.settle(session, row, "length", 0.0, by=made.owner_id, now=clock.tick())
    settled = seen(database, made)[1]["length"]
    assert (settled.status, settled.settled, settled.endorsed) == ("corrected", True, 0.0)
    with database.write() as session:
        row = session.get_one(Study, made.study_id)
        acts.settle(session, row, "length", 1.0, by=made.owner_id, now=clock.tick())
        with pytest.raises(PatchRevoked):
            acts.revoke(session, row, first.id, by=None, now=clock.tick())
        with pytest.raises(Malformed, match="from 0"):
            acts.settle(session, row, "length", 1.5, by=None, now=clock.now)
        kinds = [e.kind for e in studies.list_events(session, row.id, limit=9)]
    assert kinds[:2] == ["influence_settled", "influence_settled"]
    assert seen(database, made)[1]["length"].status == "endorsed"


def test_too_few_probes_make_it_advisory(sqlite_database, clock, monkeypatch):
    rows = swayed.items()
    for row in rows[1:]:
        for response in row["responses"]:
            response.pop("variant_of", None)
            response.pop("variant", None)
    monkeypatch.setattr(swayed, "items", lambda: rows)
    made = swayed.study(sqlite_database, clock, longer=0.85)
    for person in range(12):
        swayed.say(sqlite_database, clock, made, person, "ignore", stands=(True, True))
    _, entries = seen(sqlite_database, made)
    length = entries["length"]
    assert (length.status, length.own, length.moved) == ("advisory", False, 0)
    assert length.weighed == 24 and length.probes < 50


def test_switching_a_kind_off_moves_every_label_back_and_on_again(study, clock):
    database, made = study
    raw = seen(database, made)[0].endorsed.p_endorsed
    swayed.most_say_no(database, clock, made)
    moved = seen(database, made)[0].endorsed.p_endorsed
    assert np.abs(moved - raw).max() > 0.02

    def switch(on):
        with database.write() as session:
            return acts.switch(
                session,
                session.get_one(Study, made.study_id),
                "M1",
                on=on,
                by=made.owner_id,
                now=clock.tick(),
            )

    assert switch(False)
    np.testing.assert_array_equal(seen(database, made)[0].endorsed.p_endorsed, raw)
    assert not switch(False)
    assert switch(True)
    np.testing.assert_array_equal(seen(database, made)[0].endorsed.p_endorsed, moved)
    with database.write() as session:
        row = session.get_one(Study, made.study_id)
        assert [(e.act, e.by_researcher_id) for e in session.query(PatchEvent).filter_by(patch_id=None)] == [
            ("off", made.owner_id), ("on", made.owner_id),
        ]  # fmt: skip
        assert [e.kind for e in studies.list_events(session, row.id, limit=2)] == [
            "kind_switched_on",
            "kind_switched_off",
        ]
        with pytest.raises(Malformed, match="M99"):
            acts.switch(session, row, "M99", on=False, by=None, now=clock.now)


def test_a_patch_of_another_study_cannot_be_touched(study, clock):
    database, made = study
    swayed.most_say_no(database, clock, made, people=3)
    other = swayed.factories
    with database.write() as session:
        strange = other.study(session, now=clock.now)
        patch = labelled.patch_rows(session, made.study_id)[0]["patch"]
        with pytest.raises(NotFound):
            acts.revoke(session, session.get_one(Study, strange.study_id), patch, by=None, now=clock.now)


def test_the_report_says_what_people_say(study, clock):
    database, made = study
    with database.read() as session:
        before = Analysis.state_of(session, session.get_one(Study, made.study_id))
    swayed.most_say_no(database, clock, made)
    made_fit = fitting.fit(database, made.study_id, now=clock.tick())
    length = next(one for one in made_fit.result["influences"] if one["name"] == "length")
    assert (length["endorsements"], length["labels_moved"]) == (12, 24)
    assert 0 < length["endorsed"] < 0.7
    silent = next(one for one in made_fit.result["influences"] if one["name"] == "warmth")
    assert (silent["endorsed"], silent["endorsements"]) == (None, 0)
    kind = next(one for one in made_fit.result["meta"] if one["kind"] == "M1")
    assert (kind["asked"], kind["answered"], kind["labels_moved"], kind["inert"]) == (12, 12, 24, False)
    assert kind["acquiescence"] == pytest.approx(2 / 7 + 5 / 5 - 1)
    with database.read() as session:
        row = session.get_one(Study, made.study_id)
        assert Analysis.state_of(session, row) != before
        assert fitting.current(session, row, now=clock.now) == made_fit.result


def test_questions_are_told_by_wording_with_answers_texts_and_seconds(study, clock):
    database, made = study
    swayed.most_say_no(database, clock, made)
    swayed.say(database, clock, made, 20, "sometimes", text="only about money")
    swayed.say(database, clock, made, 21, "rather_not")
    swayed.say(database, clock, made, 22, "count", influence="formatting")
    with database.read() as session:
        row = session.get_one(Study, made.study_id)
        kinds = asked.kinds(session, row.id, labels.labels(session, row))
        rows = asked.rows(kinds)
        upcoming, due = asked.upcoming(session, row), asked.due(session, row)
    (kind,) = kinds
    formatting, length = kind.templates
    assert (length.name, length.answered, length.declined, length.seconds) == ("M1.length", 14, 1, 20.0)
    assert dict(length.answers) == {"ignore": 10, "count": 2, "sometimes": 1}
    assert length.texts == (("sometimes", "only about money"),)
    assert dict(length.forms) == {"plain": 9, "mirrored": 5}
    assert (formatting.answered, formatting.patches, formatting.acquiescence) == (1, 1, None)
    assert [r["template"] for r in rows] == ["M1.formatting", "M1.length"]
    assert upcoming == () and due == {}


def test_a_kind_that_changes_no_label_is_said_to_have_no_effect(study, clock):
    database, made = study
    for person in range(6):
        swayed.say(database, clock, made, person, "count")
    with database.read() as session:
        row = session.get_one(Study, made.study_id)
        (kind,) = asked.kinds(session, row.id, labels.labels(session, row))
    assert (kind.labels_moved, kind.inert, kind.answered) == (0, True, 6)


def test_why_a_label_is_what_it_is_and_it_adds_up(study, clock):
    database, made = study
    swayed.most_say_no(database, clock, made)
    with database.read() as session:
        row = session.get_one(Study, made.study_id)
        found = labels.labels(session, row)
        places = labelled.chosen(found, "moved", influence="length")
        told = labelled.rows(session, found, places.tolist())
        why = labelled.why(session, found, int(found.pair_id[places[0]]))
        assert labelled.why(session, found, 10**9) is None
        document = labelled.document(why)
    assert len(told) == 24 and told[0]["moved_by"].startswith("length")
    shifts = [abs(r["p_endorsed"] - r["p_raw"]) for r in told]
    assert shifts == sorted(shifts, reverse=True)
    assert {why.first, why.second} == {"brief", "long"}
    assert len(why.votes) == swayed.PEOPLE
    given = np.mean([v["given_for_first"] for v in why.votes])
    a = found.endorsed
    assert abs(given - why.told["p_raw"]) < 0.1
    assert document["p_endorsed"] == why.told["p_endorsed"] == told[0]["p_endorsed"]
    (wish,) = [w for w in why.wishes if w["name"] == "length"]
    assert wish["answers"] == 12 and wish["taken_out"] != 0
    assert wish["share_moved"] == pytest.approx(why.told["influence_shift"]["length"])
    assert {p["patch"] for p in why.patches} == set(why.told["patches"]) and len(why.patches) == 12
    assert a.rule == "soft"


def test_the_patches_of_someone_who_withdrew_are_gone(study, clock):
    database, made = study
    swayed.most_say_no(database, clock, made)
    with database.write() as session:
        person = session.query(Annotator).filter_by(study_id=made.study_id, external_id="p05").one()
        people.withdraw(session, person, now=clock.tick())
    _, entries = seen(database, made)
    assert (entries["length"].said.people, entries["length"].said.not_count) == (11, 9)


def test_new_votes_are_held_against_those_before_the_correction(study, clock):
    database, made = study
    swayed.most_say_no(database, clock, made)
    found, _ = seen(database, made)
    assert correcting.since(found, "length").value == 0.0
    before = correcting.check(found, "length")
    assert before.carried is None and "since" in before.why
    assert correcting.check(found, "formatting") is None


def test_models_of_a_person_are_scored_where_they_can_be(study, clock):
    database, made = study
    swayed.most_say_no(database, clock, made)
    with database.read() as session:
        row = session.get_one(Study, made.study_id)
        found = models.models(session, row, labels.labels(session, row))
        someone = session.query(Annotator).filter_by(study_id=row.id, external_id="p04").one().id
    mine, everyone = found.of(someone), found.together()
    assert found.of(10**9) is None
    assert mine["endorsed"]["stood_by"].n <= 3 and everyone["predictive"]["repeats"].n == 0
    assert everyone["predictive"]["probes"].hits / everyone["predictive"]["probes"].n > 0.6
    assert everyone["predictive"]["stood_by"].n == 30
    assert sum(found.score[:, 0, 2, 1]) == everyone["predictive"]["probes"].n == swayed.PEOPLE * swayed.ITEMS


def test_a_proposed_influence_is_named_measured_and_taken_out_again(sqlite_database, clock, monkeypatch):
    rows = [
        {
            "id": f"i{n:02}", "prompt": f"Request {n}?",
            "responses": [{"id": "brief", "text": f"Simply path {n} over the hill"}, {"id": "long", "text": f"Kindly path {n} over the hill"}],
        }
        for n in range(swayed.ITEMS)
    ]  # fmt: skip
    monkeypatch.setattr(swayed, "items", lambda: rows)
    made = swayed.study(sqlite_database, clock, longer=0.75)
    fit = fitting.fit(sqlite_database, made.study_id, now=clock.tick())
    (one,) = fit.result["proposed_influences"]
    assert {one["term"], *one["with_it"]} >= {"kindly", "simply"} and abs(one["points"]) > 0.15
    with sqlite_database.write() as session:
        row = session.get_one(Study, made.study_id)
        kept = discovery.give_name(
            session, row, " Kind opening ", ["Kindly"], by=made.owner_id, now=clock.tick()
        )
        with pytest.raises(Malformed, match="already"):
            discovery.give_name(session, row, "kind opening", ["kindly"], by=None, now=clock.now)
        with pytest.raises(Malformed, match="terms"):
            discovery.give_name(session, row, "Another", [], by=None, now=clock.now)
        before = clock.now
        (named,) = discovery.named(labels.labels(session, row).basis)
        assert (named.name, named.terms) == ("Kind opening", ("kindly",))
        assert named.effect.points > 0.15 and named.effect.informative == swayed.PEOPLE * swayed.ITEMS
        discovery.take_name(session, row, kept.id, by=made.owner_id, now=clock.tick())
        assert discovery.named(labels.labels(session, row).basis) == ()
        (then,) = discovery.named(labels.labels(session, row, as_of=before).basis)
        assert then.name == named.name
        again = discovery.give_name(session, row, "Kind opening", ["kindly"], by=None, now=clock.tick())
        assert again.id != kept.id
        discovery.take_name(session, row, again.id, by=None, now=clock.tick())
        with pytest.raises(NotFound):
            discovery.take_name(session, row, kept.id, by=None, now=clock.now)


def kindly(*, probes):
    """Every pair says one thing, with another opening word; the last so many as matched probes."""
    return [
        {
            "id": f"i{n:02}", "prompt": f"Request {n}?",
            "responses": [
                {"id": "brief", "text": f"Simply path {n} over the hill"},
                {
                    "id": "long", "text": f"Kindly path {n} over the hill",
                    **({"variant_of": "brief", "variant": "formatting"} if n >= swayed.ITEMS - probes else {}),
                },
            ],
        }
        for n in range(swayed.ITEMS)
    ]  # fmt: skip


@pytest.mark.parametrize("probes", [0, 6])
def test_people_are_asked_about_a_named_influence_and_their_answers_have_effect(
    sqlite_database, clock, monkeypatch, probes
):
    """With fifty votes on matched probes their wishes move the share; without, the label only weighs less."""
    from app.aggregation import keeping
    from app.querying import worlds
    from app.questions.registry import by_code
    from app.questions.wording import words
    from app.studies import reads as studies

    monkeypatch.setattr(swayed, "items", lambda: kindly(probes=probes))
    made = swayed.study(sqlite_database, clock, longer=0.75)
    with sqlite_database.write() as session:
        row = session.get_one(Study, made.study_id)
        discovery.give_name(session, row, "Kind opening", ["kindly"], by=None, now=clock.tick())
    kept = keeping.keep(sqlite_database, made.study_id, now=clock.tick())
    assert kept.result["influences"]["Kind opening"]["terms"] == ["kindly"]
    with sqlite_database.read() as session:
        row = session.get_one(Study, made.study_id)
        someone = session.query(Annotator).filter_by(study_id=row.id, external_id="p04").one()
        facts = worlds.world(session, someone, studies.spec_of(session, row), kept)
        kind = by_code()["M1"]
        occasion = next(o for o in kind.occasions(facts) if o.about["influence"] == "Kind opening")
        assert occasion.triggered and occasion.cases and occasion.about["of"] == swayed.ITEMS
        put = kind.wording(occasion.about, "plain", words("en"))
        assert "saying “kindly”" in put.text and "the one that says “kindly”" in put.lead
        assert not any(s.name == "Kind opening" for s in facts.statements)
        before = labels.labels(session, row).endorsed
    for person in range(12):
        swayed.say(
            sqlite_database,
            clock,
            made,
            person,
            "ignore",
            stands=(True, True, True),
            influence="Kind opening",
        )
    with sqlite_database.read() as session:
        row = session.get_one(Study, made.study_id)
        found = labels.labels(session, row)
        k = found.endorsed.names.index("Kind opening")
        entry = next(e for e in register.entries(found) if e.name == "Kind opening")
        assert (entry.own, entry.status) == ((True, "corrected") if probes else (False, "advisory"))
        assert found.endorsed.moved_by(k).all() == bool(probes)
        assert found.endorsed.lightened_by(k).all() != bool(probes)
        assert not before.moved_by(k).any() and not before.lightened_by(k).any()
        assert len(found.endorsed.patches_of(0)) == 12
        facts = worlds.world(session, someone, studies.spec_of(session, row), kept)
        assert not any(o.about["influence"] == "Kind opening" for o in kind.occasions(facts))
