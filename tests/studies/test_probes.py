"""Matched probes made from a study's own answers: the same words, one thing less."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.assignments import intake
from app.studies.importing import probes, sourcing
from app.studies.importing.probes import Source
from app.studies.tables import Pair, Response, Study
from tests import factories

RICH = "Great question! # Not a heading\n\n## Plan\n\n- **First** do this.\n- Then do 2.5 of that.\n\nLet me know if you need more."


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (probes.without_formatting, "## Plan\n\n- **First** this\n1. that", "Plan\n\nFirst this\nthat"),
        (probes.without_formatting, "5 * 3 = 15 and a_b_c stays", "5 * 3 = 15 and a_b_c stays"),
        (probes.without_compliment, "Great question! Eat less salt.", "Eat less salt."),
        (probes.without_compliment, "A great question is a rare thing to be asked", "A great question is a rare thing to be asked"),
        (probes.without_compliment, "Great question!", "Great question!"),
        (probes.without_offer, "Eat less salt. Let me know if you want more.", "Eat less salt."),
        (probes.without_offer, "Let me know if you want more.", "Let me know if you want more."),
        (probes.without_padding(["It depends."]), "Go. It depends. Stop.", "Go. Stop."),
    ],
)  # fmt: skip
def test_a_change_takes_out_one_thing_and_keeps_the_words(change, before, after):
    assert change(before) == after


def source(n, text):
    return Source(f"i{n}", [{"role": "user", "content": "What now?"}], "a", text, None, None)


def test_each_thing_is_varied_alike_often_and_each_answer_used_once():
    made = probes.probes([source(n, RICH) for n in range(40)], 12, seed=1)
    kinds = [r.responses[1].variant for r in made]
    assert {k: kinds.count(k) for k in set(kinds)} == {"formatting": 4, "flattery": 4, "closing_offer": 4}
    assert len({r.id.split("~")[0] for r in made}) == 12
    assert all(r.responses[0].text == RICH and r.responses[1].variant_of == r.responses[0].id for r in made)
    assert all(r.responses[0].model is None for r in made)
    assert made == probes.probes([source(n, RICH) for n in reversed(range(40))], 12, seed=1)
    assert made != probes.probes([source(n, RICH) for n in range(40)], 12, seed=2)


def test_answers_with_nothing_to_vary_make_none():
    assert probes.probes([source(n, "Eat less salt.") for n in range(5)], 12, seed=1) == []
    padded = probes.probes([source(0, "Eat less salt. As I said.")], 12, seed=1, padding=["As I said."])
    assert [(r.responses[1].variant, r.responses[1].text) for r in padded] == [("length", "Eat less salt.")]


def test_they_are_added_once_and_make_no_probes_of_their_own(database, clock):
    rows = [
        {
            "id": f"i{n}",
            "prompt": "What now?",
            "responses": [{"id": "a", "text": RICH}, {"id": "b", "text": "Rest."}],
        }
        for n in range(4)
    ]
    with database.write() as session:
        made = factories.study(session, now=clock.now, rows=rows)
        study = session.get_one(Study, made.study_id)
        for expected in (3, 0):
            found = probes.probes(sourcing.probe_sources(session, study.id), 3, seed=1)
            added = intake.add_items(session, study, found, by=None, now=clock.tick())
            assert (added.added, added.unchanged) == (expected, 3 - expected)
        assert session.scalar(sa.select(sa.func.count()).select_from(Pair)) == 7
        variants = session.scalars(sa.select(Response.variant).where(Response.variant.is_not(None))).all()
        assert sorted(variants) == ["closing_offer", "flattery", "formatting"]
