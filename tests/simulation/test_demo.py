"""The demo: enough real content, a study to vote in, and one filled by simulated people and labelled so."""

from __future__ import annotations

from collections import Counter

import orjson
import sqlalchemy as sa

from app.judgments.tables import Judgment
from app.people.tables import Annotator
from app.simulation.demo import build as demo
from app.studies.tables import Study


def test_the_content_is_what_people_ask():
    rows = [orjson.loads(line) for line in demo.content().splitlines()]
    assert len(rows) >= 60
    assert {len(row["responses"]) for row in rows} == {2, 3, 4}
    assert len({row["topic"] for row in rows}) >= 8
    assert {"value", "fact"} <= set(Counter(row["kind"] for row in rows)) <= {"value", "fact", "mixed"}
    texts = [one["text"] for row in rows for one in row["responses"]]
    assert len(set(texts)) == len(texts)
    assert {row["id"] for row in rows} == set(demo.traits())


def test_it_is_made_once_and_says_what_is_simulated(sqlite_database, clock, monkeypatch):
    monkeypatch.setattr(demo, "PEOPLE", 4)
    for password in ("the first one", "the second one"):
        made = demo.build(sqlite_database, now=clock.now, password=password, report=lambda _share: None)
    with sqlite_database.read() as session:
        studies = {s.slug: s for s in session.scalars(sa.select(Study))}
        assert studies.keys() == {made.open_slug, made.filled_slug}
        assert (studies[made.open_slug].simulated, studies[made.filled_slug].simulated) == (False, True)
        assert {s.state for s in studies.values()} == {"open"}
        assert "simulated" in studies[made.filled_slug].title
        assert set(session.scalars(sa.select(Annotator.source))) == {"simulated"}
        given = session.scalar(sa.select(sa.func.count()).select_from(Judgment))
        assert given == 4 * demo.ANSWERS_EACH
