"""Votes that existed already, a panel for one session: labels move, the way most of the panel says, and the report adds up."""

from __future__ import annotations

import pytest

from app.aggregation import labels
from app.metapreferences import acts
from app.reports import labelled, overlay, register
from app.studies.tables import Study
from tests.benchmarks.overlay import BEGINS, Size, run


def test_a_panel_corrects_votes_on_real_arguments(sqlite_database, shared_data):
    told = run(
        sqlite_database,
        shared_data / "ukpconvarg_a",
        size=Size(people=24, questions=12, items=2, fit_every=8),
    )
    assert (told["imported_votes"], told["panel_people"]) == (4363, 24)
    assert told["panel_votes"] + told["panel_answers"] == 24 * 12
    length = next(one for one in told["influences"] if one["name"] == "length")
    assert length["status"] == "corrected" and length["answers"] >= 10
    assert length["endorsed"] < 0.5
    assert length["before"] > 0.6 * length["clearly"]
    assert length["now"] / length["clearly_now"] < length["before"] / length["clearly"]
    assert told["moved"] > 0.3 * told["imported_labels"]
    assert told["turned"] > 0
    assert told["seconds_per_moved_label"] == pytest.approx(told["seconds"] / told["moved"])
    assert told["cost_per_turned_label"] == pytest.approx(told["seconds"] / 3600 * 12 / told["turned"])
    settles(sqlite_database, told)


def settles(database, told):
    """A settlement for the study stands in place of the panel's answers, on imported votes too, until it is revoked."""
    with database.write() as session:
        study = session.query(Study).one()
        before = labels.labels(session, study)
        patch = acts.settle(session, study, "length", 1.0, by=None, now=BEGINS)
        kept = labels.labels(session, study)
        entry = next(e for e in register.entries(kept) if e.name == "length")
        assert (entry.status, entry.settled, entry.moved) == ("endorsed", True, 0)
        assert overlay.overlay(session, study, kept).turned == 0
        acts.revoke(session, study, patch.id, by=None, now=BEGINS)
        again = labels.labels(session, study)
        assert (again.endorsed.p_endorsed == before.endorsed.p_endorsed).all()
        assert overlay.overlay(session, study, again).turned == told["turned"]
        turned = labelled.chosen(again, "turned", influence="length")
        why = labelled.why(session, again, int(again.pair_id[turned[0]]))
        assert any(vote["imported"] for vote in why.votes)
        assert {w["name"] for w in why.wishes} >= {"length"}
        assert why.told["stable"] is False and "with:length" in why.told["flipped_by"]
