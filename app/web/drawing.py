"""A drawing and its figures: as SVG with a title and a description for screen readers, as a table, and as files of both."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from markupsafe import Markup


@dataclass(frozen=True)
class Chart:
    """A drawing and its figures: ``columns`` and ``rows`` are what "See as a table" shows."""

    svg: Markup
    title: str
    description: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    links: tuple[tuple[str, ...] | None, ...] = ()
    """For each column of the table the address that each row's cell leads to, None where it leads nowhere."""

    def linked(self, links: Mapping[int, Sequence[str]]) -> Chart:
        """The same with these addresses in its table, by column."""
        return replace(
            self, links=tuple(tuple(links[n]) if n in links else None for n in range(len(self.columns)))
        )

    def csv_url(self) -> str:
        """The figures as a file to download, without another request."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return f"data:text/csv;charset=utf-8,{quote(text.getvalue())}"

    def json_url(self) -> str:
        """The figures as JSON to download."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return f"data:application/json;charset=utf-8,{quote(json.dumps({'total': len(rows), 'rows': rows}))}"

    def svg_url(self) -> str:
        """The drawing as a file to download."""
        return f"data:image/svg+xml;charset=utf-8,{quote(str(self.svg))}"


def drawing(
    key: str,
    title: str,
    said: str,
    size: tuple[float, float],
    marks: Iterable[str],
    *,
    columns: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
) -> Chart:
    """Marks, already escaped, as a drawing of a size, with its title, its description and its figures. ``key`` names its parts."""
    svg = Markup(
        '<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d" '
        'font-family="system-ui, sans-serif" font-size="12"><title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}</svg>'
    ).format(f"{size[0]:g}", f"{size[1]:g}", key, key, key, title, key, said, Markup("".join(marks)))  # noqa: S704 - every text in marks went through escape
    return Chart(svg, title, said, columns, tuple(rows), (None,) * len(columns))
