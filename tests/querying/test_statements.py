"""How many statements one next and one submit send: a bound, so that they cannot grow unnoticed."""

from __future__ import annotations

from datetime import timedelta

from app.judgments.writes import record
from app.metapreferences import writes as wishes
from app.people.tables import Annotator
from app.querying.writes import issue_next
from app.studies.tables import Study
from tests import factories
from tests.statements import sent_through

MOST = {"sqlite": (7, 6), "postgresql": (5, 3)}
"""Of one next and one submit of a person who answered five before; PostgreSQL adds the lock of the person, and writes in one go."""


def test_a_next_and_a_submit_send_no_more_statements_than_they_did(database, clock):
    now = clock.now
    with database.write() as session:
        made = factories.study(session, now=now, pairs=200, querying={"policy": "even", "retest": 0})
        who = factories.annotator(session, made.study_id, now=now).id
    counts = []
    with sent_through(database) as sent:
        for n in range(8):
            now += timedelta(seconds=20)
            with database.write() as session:
                study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, who)
                sent.clear()
                question = issue_next(session, study, person, now=now)
                asked = len(sent)
            assert question is not None
            with database.write() as session:
                study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, who)
                sent.clear()
                done = record(session, study, person, question.id, factories.answer("left"), now=now)
                wishes.note_view(session, person, done.judgment, now=now)
                counts.append((n, asked, len(sent)))
    wanted = MOST[database.writer.dialect.name]
    assert all(0 < asked <= wanted[0] and 0 < stored <= wanted[1] for n, asked, stored in counts if n > 4), (
        counts
    )


def test_somebody_who_has_seen_most_pairs_is_served_as_soon_as_somebody_new(sqlite_database, clock):
    """Two reads of the pool at most, and never all of it, though seven pairs in ten were seen."""
    with sqlite_database.write() as session:
        made = factories.study(
            session, now=clock.now, pairs=600, querying={"policy": "even", "retest": 0},
            collection={"per_annotator": 10_000, "budget": 100_000},
        )  # fmt: skip
        who = factories.annotator(session, made.study_id, now=clock.now).id
    reads_of_pool = []
    with sent_through(sqlite_database) as sent:
        for _ in range(430):
            now = clock.tick()
            with sqlite_database.write() as session:
                study, person = session.get_one(Study, made.study_id), session.get_one(Annotator, who)
                sent.clear()
                question = issue_next(session, study, person, now=now)
                reads_of_pool.append([s for s in sent if "pair_load.cap" in s and s.startswith("SELECT")])
                record(session, study, person, question.id, factories.answer("left"), now=now)
    late = reads_of_pool[-60:]
    assert 0 < min(map(len, late)) <= max(map(len, late)) <= 2
    assert all("json_each" in s for one in late for s in one)
