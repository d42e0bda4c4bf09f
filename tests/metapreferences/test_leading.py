"""Whether a wording leads people: yes to a question and yes to its opposite."""

from __future__ import annotations

import pytest

from app.metapreferences import writes
from app.metapreferences.leading import fold, judge, leading
from app.metapreferences.writes import Asked
from app.questions.protocol import MetaAnswer
from tests import factories


@pytest.mark.parametrize(
    ("plain", "mirrored", "acquiescence", "retired"),
    [
        ((30, 100), (70, 100), 0.0, False),
        ((60, 100), (80, 100), 0.4, True),
        ((15, 19), (17, 19), 0.684, False),
        ((20, 100), (40, 100), -0.4, True),
        ((52, 100), (60, 100), 0.12, False),
    ],
)
def test_nodding_shows_and_a_wording_that_leads_is_retired(plain, mirrored, acquiescence, retired):
    found = judge("M1.length", plain, mirrored)
    assert found.acquiescence == pytest.approx(acquiescence, abs=1e-3)
    assert found.retired is retired


def test_one_way_round_alone_says_nothing():
    assert judge("M1.length", (30, 100), (0, 0)).acquiescence is None


def test_a_handful_of_answers_tells_no_figure():
    assert judge("M1.length", (1, 1), (1, 1)).acquiescence is None
    assert judge("M1.length", (4, 4), (90, 100)).acquiescence is None
    assert judge("M1.length", (5, 5), (5, 5)).acquiescence == 1.0


def test_a_changed_answer_counts_once_as_it_is_now(database, clock):
    with database.write() as session:
        made = factories.study(session, now=clock.now)
        person = factories.annotator(session, made.study_id, now=clock.now)
        asked, first = Asked("M1", "M1.length", 1, "Should length count?", ("count", "ignore")), None
        for said in ("count", "ignore"):
            first = writes.record(
                session, made.study_id, person, asked, MetaAnswer(said), [], now=clock.tick(), shown_at=clock.now,
                supersedes=first,
            )  # fmt: skip
        assert leading(session, made.study_id)["M1.length"].plain == (0, 1)


def test_counts_are_gathered_by_wording_and_form():
    rows = [
        ("M1", "M1.length", "plain", "count", 12), ("M1", "M1.length", "plain", "ignore", 8), ("M1", "M1.length", "reversed", "count", 2),
        ("M1", "M1.length", "mirrored", "ignore", 15), ("M1", "M1.length", "mirrored", "count", 5), ("M1", "M1.length", "plain", "unsure", 9),
        ("M4", "M4", "plain", "today", 3), ("M12", "M12", "plain", "guess", 3), ("M1", "M1.length", "plain", None, 1),
    ]  # fmt: skip
    found = fold(rows)
    assert (found["M1.length"].plain, found["M1.length"].mirrored) == ((14, 22), (15, 20))
    assert found["M4"].acquiescence is None and "M12" not in found
