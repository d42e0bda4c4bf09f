"""Files of tables say it where they do not hold every row."""

from __future__ import annotations

import orjson
import pytest

from app.reports.tables import Found
from app.web.research.frame import as_file

ROWS = [{"item": f"i{n}", "judgments": n} for n in range(3)]


@pytest.mark.parametrize(("total", "name"), [(3, "s1-items.csv"), (250, "s1-items-first-3.csv")])
def test_a_file_says_whether_it_is_whole(total: int, name: str):
    made = as_file(Found(ROWS, total), "s1-items", "csv")
    assert made.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert bytes(made.body).count(b"\n") == 4
    told = orjson.loads(as_file(Found(ROWS, total), "s1-items", "json").body)
    assert (told["total"], told["complete"], len(told["rows"])) == (total, total == 3, 3)
