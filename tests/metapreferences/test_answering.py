"""What an answer to a question about choices may hold."""

from __future__ import annotations

import pytest

from app.metapreferences.answering import effects, read_answer
from app.metapreferences.errors import NotOffered
from app.questions.protocol import MetaAnswer

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


@pytest.mark.parametrize(
    ("kind", "choice", "cases", "stands", "counts"),
    [
        ("M1", "ignore", "abc", {"a": True, "b": True, "c": False}, (2, 3)),
        ("M1", "ignore", "abc", {"a": True}, (1, 3)),
        ("M1", "ignore", "abc", {}, (0, 3)),
        ("M1", "ignore", "", {}, (0, 0)),
        ("M1", "count", "abc", {}, (0, 0)),
        ("M9", "dont_copy", "abc", {}, (0, 3)),
        ("M9", "partly", "ab", {"b": True}, (1, 2)),
        ("M9", "fits", "ab", {}, (0, 0)),
    ],
)
def test_the_strength_of_a_patch_is_the_share_stood_by_of_the_cases_put(kind, choice, cases, stands, counts):
    """A case that was left open is not stood by; who has no choice that would be turned over is shown none."""
    about = {"influence": "length", "sign": 1}
    put = {"about": about, "cases": [{"judgment_id": c, "turned": True} for c in cases]}
    (draft,) = (d for d in effects(put, kind, MetaAnswer(choice, stands=stands), 1) if d.var == "endorsed")
    assert (draft.stood, draft.shown) == counts
