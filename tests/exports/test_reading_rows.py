"""Rows read in bulk are the rows of the query, and places of requests are found by their hashes."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import insert, select

from app.db.session import Database
from app.exports import rowwise
from app.exports.given_places import GivenPlaces
from app.exports.near_duplicates import all_normalised, normalised
from app.people.tables import Annotator
from tests.exports import builder


@pytest.mark.parametrize("n", [0, 1, rowwise.PART, rowwise.PART + 1])
def test_no_row_is_lost_between_parts(database: Database, n: int):
    """Drivers that stream hand out a first row apart from the rest."""
    with database.write() as session:
        made = builder.study(session)
        people = [
            {"study_id": made.study.id, "pseudonym": f"p{k}", "source": "page", "attributes": {}, "joined_at": made.now, "side_seed": k}
            for k in range(n)
        ]  # fmt: skip
        if people:
            session.execute(insert(Annotator), people)
        study = made.study.id
    query = (
        select(
            Annotator.pseudonym,
            rowwise.unread(Annotator.attributes),
            rowwise.as_number(Annotator.side_seed > 0),
        )
        .where(Annotator.study_id == study)
        .order_by(Annotator.side_seed)
    )
    with database.read() as session:
        found = [row for chunk in rowwise.plain(session, query) for row in chunk]
        assert [row[0] for row in found] == [row[0] for row in rowwise.rows(session, query)]
    assert [(row[0], row[2]) for row in found] == [(f"p{k}", int(k > 0)) for k in range(n)]
    assert all(isinstance(row[1], str) for row in found)


def test_places_are_found_by_hash():
    rng = np.random.default_rng(5)
    hashes = [rng.bytes(32).hex() for _ in range(500)]
    kinds = [("train", 0), ("test", 3), ("validation", 4)]
    given = {h: kinds[n % 3] for n, h in enumerate(hashes[:300])}
    rows = [(h, *place) for h, place in given.items()]
    found = GivenPlaces.gather([rows[:130], rows[130:]])
    more = GivenPlaces.gather([[(h, "pilot", 1) for h in hashes[250:400]]])
    assert [None if c < 0 else found.kinds[c] for c in found.codes(hashes)] == [given.get(h) for h in hashes]
    both = found.joined(more)
    expected = {**dict.fromkeys(hashes[250:400], ("pilot", 1)), **given}
    assert [None if c < 0 else both.kinds[c] for c in both.codes(hashes)] == [expected.get(h) for h in hashes]
    assert GivenPlaces().codes(hashes).tolist() == [-1] * 500


def test_texts_normalised_together_are_what_each_is_alone():
    texts = [
        "  One,  two! ",
        "",
        "...",
        "a",
        " b",
        "c ",
        "x\ty",
        "no\x00thing",
        "ÀÉ ñ",
        "日本 語",
        "last_one 3",
    ]
    for part in (texts, [t for t in texts if t.isascii() and "\x00" not in t], [""], ["a b"], []):
        given, lengths = all_normalised(part)
        ends = np.cumsum(lengths)
        assert [given[e - n : e].tobytes() for e, n in zip(ends, lengths, strict=True)] == [
            normalised(t) for t in part
        ]
