"""Writes that stand or fall together, on both databases."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable

from app.db.chain import Chain

META = sa.MetaData()
THINGS = sa.Table(
    "chained_thing",
    META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("room", sa.Integer, nullable=False),
    sa.Column("note", sa.JSON),
    sa.Column("done", sa.Boolean, nullable=False, default=False),
)
TAKE = (
    sa.update(THINGS)
    .where(THINGS.c.id == sa.bindparam("which"), THINGS.c.room > 0)
    .values(room=THINGS.c.room - 1)
)
FINISH = sa.update(THINGS).where(THINGS.c.id == sa.bindparam("other")).values(done=True)
CHAIN = Chain(TAKE, (THINGS, ("id", "room", "note")), FINISH)


@pytest.fixture
def things(database):
    with database.write() as session:
        session.execute(CreateTable(THINGS))
        session.execute(sa.insert(THINGS), [{"id": 1, "room": 1}, {"id": 2, "room": 0}])
    yield database
    with database.write() as session:
        session.execute(DropTable(THINGS))


def run(database, which, new, other):
    with database.write() as session:
        values = {"which": which, "new_id": new, "new_room": 5, "new_note": {"of": which}, "other": other}
        return CHAIN.run(session, values)


def rows(database):
    with database.read() as session:
        return session.execute(sa.select(THINGS).order_by(THINGS.c.id)).all()


def test_all_is_done_in_order(things):
    assert run(things, 1, 3, 2)
    assert rows(things) == [(1, 0, None, False), (2, 0, None, True), (3, 5, {"of": 1}, False)]


def test_nothing_is_done_after_a_write_that_found_no_row(things):
    before = rows(things)
    assert not run(things, 2, 3, 1)
    assert rows(things) == before


def test_a_last_write_that_finds_no_row_is_told(things):
    assert not run(things, 1, 3, 99)


def test_a_default_that_is_worked_out_cannot_be_left_out():
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("made", sa.JSON, default=dict)
    )
    with pytest.raises(ValueError, match="made"):
        Chain((table, ("id",)))
