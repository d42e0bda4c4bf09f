"""What an answer to a question about choices may hold."""

from __future__ import annotations

import pytest

from app.metapreferences.answering import read_answer
from app.metapreferences.errors import NotOffered

ASKED = {"options": [{"value": "today"}, {"value": "earlier"}], "cases": []}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"choice": "tomorrow"}, "choice"),
        ({"choice": "today", "text": "a\x00b"}, "text"),
        ({"choice": "today", "points": {"today": float("inf")}}, "points.today"),
        ({"choice": "today", "points": {"today": float("nan")}}, "points.today"),
        ({"choice": "today", "stands": {"someone-elses": True}}, "stands.someone-elses"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(given, where):
    with pytest.raises(NotOffered) as refused:
        read_answer(ASKED, given)
    assert [e["where"] for e in refused.value.errors] == [where]
