"""Statements kept ready for the driver mean the same as SQLAlchemy's own, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateTable, DropTable

from app.db.base import Moment
from app.db.prepared import Prepared
from app.kit.errors import AppError
from tests.statements import sent_through

META = sa.MetaData()
NOTES = sa.Table(
    "prepared_note",
    META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("word", sa.String(20), unique=True),
    sa.Column("share", sa.Float),
    sa.Column("done", sa.Boolean, nullable=False, default=False),
    sa.Column("said", sa.JSON),
    sa.Column("at", Moment),
)
ALL = sa.select(NOTES, (NOTES.c.share * 2).label("twice")).order_by(NOTES.c.id)
NAMED = ALL.where(
    NOTES.c.word.in_(("one", "two")), NOTES.c.done.is_(False), NOTES.c.at <= sa.bindparam("until", type_=Moment)
)  # fmt: skip
ADD = Prepared(
    sa.insert(NOTES).values({c.name: sa.bindparam(f"new_{c.name}", type_=c.type) for c in NOTES.columns})
)
RENAME = Prepared(sa.update(NOTES).where(NOTES.c.id == sa.bindparam("which")).values(word=sa.bindparam("to")))


@pytest.fixture
def notes(database, clock):
    rows = [
        {"id": 1, "word": "one", "share": 0.25, "done": False, "said": {"to": ["é", 1]}, "at": clock.now},
        {"id": 2, "word": "two", "share": None, "done": False, "said": None, "at": None},
        {"id": 3, "word": "three", "share": 1.0, "done": True, "said": [], "at": clock.now},
    ]
    with database.write() as session:
        session.execute(CreateTable(NOTES))
        for row in rows:
            assert ADD.write(session.connection(), {f"new_{name}": value for name, value in row.items()}) == 1
    yield database
    with database.write() as session:
        session.execute(DropTable(NOTES))


@pytest.mark.parametrize("query", [ALL, NAMED])
def test_the_same_rows_come_as_without_it(notes, clock, query):
    ready, given = Prepared(query), {"until": clock.now, "and": "more is ignored"}
    with notes.read() as session:
        wanted = session.execute(query, given).all()
        assert wanted
        for _ in range(2):
            found = ready.rows(session, given)
            assert [tuple(row) for row in found] == [tuple(row) for row in wanted]
            assert found[0].said == {"to": ["é", 1]}
            assert found[0].at == clock.now
            assert found[0].twice == 0.5


def test_it_is_part_of_the_sessions_transaction(notes):
    with pytest.raises(ZeroDivisionError), notes.write() as session:
        assert RENAME.write(session.connection(), {"which": 1, "to": "uno"}) == 1
        assert RENAME.write(session.connection(), {"which": 9, "to": "nobody"}) == 0
        assert Prepared(ALL).one(session, {}).word == "uno"
        raise ZeroDivisionError
    with notes.read() as session:
        assert Prepared(ALL).one(session, {}).word == "one"


def test_what_is_missing_is_said(notes):
    nobody = Prepared(sa.select(NOTES.c.id).where(NOTES.c.id == sa.bindparam("which")))
    with notes.read() as session:
        assert nobody.find(session, {"which": 9}) is None
        with pytest.raises(IndexError):
            nobody.one(session, {"which": 9})
        with pytest.raises(KeyError, match="which"):
            nobody.find(session, {})


def test_refusals_are_those_of_sqlalchemy(notes):
    with pytest.raises(IntegrityError) as refused, notes.write() as session:
        RENAME.write(session.connection(), {"which": 1, "to": "two"})
    assert refused.value.params is None, "what people wrote is not in the message"
    with pytest.raises(AppError), notes.write() as session:
        nothing = dict.fromkeys((f"new_{c.name}" for c in NOTES.columns), None)
        ADD.write(session.connection(), nothing | {"new_said": 1 << 70})


def test_a_connection_that_was_lost_is_replaced(notes):
    if notes.is_sqlite:
        pytest.skip("a connection to a file is not lost")
    with pytest.raises(DBAPIError), notes.write() as session:
        session.connection().connection.dbapi_connection.close()
        RENAME.write(session.connection(), {"which": 1, "to": "uno"})
    with notes.write() as session:
        assert RENAME.write(session.connection(), {"which": 1, "to": "uno"}) == 1


def test_statements_are_counted_either_way(notes):
    with sent_through(notes) as sent:
        with notes.read() as session:
            Prepared(ALL).rows(session, {})
            session.execute(ALL)
        assert len(sent) == 2
    with notes.read() as session:
        Prepared(ALL).rows(session, {})
    assert len(sent) == 2
