"""Charts as SVG drawn here: a title and a description for screen readers, and the same figures as a table beside each.

Colours are given twice: as attributes, so that a saved file looks right alone, and as classes, so that the page's theme
decides on the page. No inline styles, no script.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from urllib.parse import quote

from markupsafe import Markup, escape

INK: Final = "#1d1b18"
INK_2: Final = "#545048"
LINE: Final = "#e4dfd5"
CTL: Final = "#857e72"
ACCENT: Final = "#7b3a83"
GREY: Final = "#696257"
WASH: Final = "#f6edf7"
SIDE_A: Final = "#3164a3"
SIDE_B: Final = "#8d5416"
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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


@dataclass(frozen=True)
class Series:
    """One line: points (x, y) in order of x, and a band (x, low, high) around it where its uncertainty is known."""

    label: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()
    second: bool = False


@dataclass(frozen=True)
class Effect:
    """One share with its range, and what it is a share of."""

    label: str
    note: str
    value: float
    low: float
    high: float
    chosen: int | None = None
    of: int | None = None
    """How many choices the share is of, and how many of them it counts."""


@dataclass(frozen=True)
class Dot:
    """One item: x and y in 0..1, whether it stands out, whether it is the one looked at."""

    x: float
    y: float
    name: str
    on: bool = False
    here: bool = False


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round figures from at or below ``low`` to at or above ``high``, some ``about`` steps apart."""
    span = max(high - low, 1e-9)
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 10) for i in range(first, last + 1)]


def bars_per_day(
    key: str,
    title: str,
    days: Sequence[tuple[date, float]],
    *,
    ahead: Sequence[tuple[date, float]] = (),
    note: str = "",
    description: str = "",
) -> Chart:
    """Counts of each day as bars; ``ahead`` carries them on in dashes; ``note`` stands at the end of those."""
    width, left, base, top = 540.0, 40.0, 220.0, 30.0
    every = [*days, *ahead]
    most = max([n for _, n in every] + [1.0])
    ticks = nice_ticks(0, most)
    slot = (width - left - 4) / max(len(every), 1)
    marks: list[str] = []
    for tick in ticks:
        y = _scale(tick, 0, ticks[-1], base, top)
        marks += [_rule(left, y, width - 4, y), _text(left - 8, y + 4, _plain(tick), anchor="end")]
    named = {0, len(days) - 1, len(every) - 1}
    for i, (day, n) in enumerate(every):
        y = _scale(n, 0, ticks[-1], base, top)
        x = left + i * slot + slot * 0.13
        look = (
            f'class="bar" fill="{INK_2}"'
            if i < len(days)
            else f'class="bar-ahead" fill="none" stroke="{CTL}" stroke-dasharray="3 3"'
        )
        marks.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{slot * 0.74:.1f}" height="{base - y:.1f}" rx="2" {look}/>'
        )
        if i in named or (len(every) > 12 and i % 7 == 0 and slot * 3 < width):
            marks.append(
                _text(
                    min(x + slot * 0.37, width - 22),
                    240,
                    f"{day.day} {_MONTHS[day.month - 1]}",
                    anchor="middle",
                )
            )
    if note and ahead:
        marks.append(_text(width - 6, 18, note, anchor="end", strong=True))
    said = description or (
        f"{len(days)} days, between {_plain(min([n for _, n in days] or [0]))} and "
        f"{_plain(max([n for _, n in days] or [0]))} a day. {note}".strip()
    )
    rows = [(d.isoformat(), _plain(n), "") for d, n in days] + [
        (d.isoformat(), "", _plain(n)) for d, n in ahead
    ]
    return _chart(
        key, title, said, (width, 250), marks, columns=("Day", "So far", "Carried forward"), rows=rows
    )


def lines(
    key: str,
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    ceiling: tuple[float, str] | None = None,
    description: str = "",
    x_most: float | None = None,
) -> Chart:
    """Shares (0..1) against a count; the first line is solid, those marked ``second`` dashed; ``ceiling`` is a dashed
    reference with its words.
    """
    left, right, base, top = 44.0, 366.0, 210.0, 24.0
    xs = [x for s in series for x, _ in s.points]
    ys = [y for s in series for _, y in s.points] + [
        v for s in series for _, lo, hi in s.band for v in (lo, hi)
    ]
    ys += [ceiling[0]] if ceiling else []
    most = max([*xs, x_most or 1])
    x_ticks = [x for x in nice_ticks(0, most) if x <= most]
    y_ticks = nice_ticks(max(min(ys, default=0) - 0.02, 0), min(max(ys, default=1) + 0.02, 1))

    def at(x: float, y: float) -> tuple[float, float]:
        return _scale(x, 0, most, left, right), _scale(y, y_ticks[0], y_ticks[-1], base, top)

    marks: list[str] = []
    for y in y_ticks:
        marks += [
            _rule(left, at(0, y)[1], right, at(0, y)[1]),
            _text(left - 8, at(0, y)[1] + 4, _percent(y), anchor="end"),
        ]
    marks += [_text(at(x, y_ticks[0])[0], 230, _plain(x), anchor="middle") for x in x_ticks]
    marks.append(_text((left + right) / 2, 248, x_label, anchor="middle"))
    taken: list[float] = []
    if ceiling:
        y = at(0, ceiling[0])[1]
        marks += [
            _rule(left, y, right, y, dashed=True),
            _text(right + 8, _clear(y + 4, taken), ceiling[1], strong=True),
        ]
    for one in series:
        marks += _line(one, at)
    for one in sorted((s for s in series if s.points), key=lambda s: -s.points[-1][1]):
        y = at(*one.points[-1])[1]
        words = f"{_percent(one.points[-1][1])} {one.label}"
        marks.append(_text(right + 8, _clear(y + 4, taken), words, strong=not one.second))
    ends = "; ".join(
        f"{s.label}: {_percent(s.points[-1][1])} after {_plain(s.points[-1][0])}" for s in series if s.points
    )
    said = description or (ends + (f". {ceiling[1]}." if ceiling else "."))
    rows = [(s.label, _plain(x), _percent(y, 1)) for s in series for x, y in s.points]
    return _chart(key, title, said, (540, 250), marks, columns=("Line", x_label, "Share"), rows=rows)


def ranges(
    key: str, title: str, effects: Sequence[Effect], *, null: float = 0.5, description: str = ""
) -> Chart:
    """Shares with their ranges against ``null``; a diamond says that the range leaves ``null`` out."""
    left, right, step = 250.0, 570.0, 46
    height = step * len(effects) + 26
    values = [v for e in effects for v in (e.low, e.high)] + [null]
    ticks = nice_ticks(max(min(values) - 0.01, 0), min(max(values) + 0.01, 1), 5)
    marks: list[str] = []
    for tick in ticks:
        x = _scale(tick, ticks[0], ticks[-1], left, right)
        marks += [_rule(x, 4, x, height - 26), _text(x, height - 8, _percent(tick), anchor="middle")]
    x = _scale(null, ticks[0], ticks[-1], left, right)
    marks.append(_rule(x, 4, x, height - 26, dashed=True))
    for i, effect in enumerate(effects):
        y = 28.0 + step * i
        low, mid, high = (
            _scale(v, ticks[0], ticks[-1], left, right) for v in (effect.low, effect.value, effect.high)
        )
        found = effect.low > null or effect.high < null
        colour, kind = (ACCENT, "found ") if found else (INK_2, "")
        marks += [
            _text(0, y - 2, effect.label, strong=True),
            _text(0, y + 14, effect.note),
            f'<path class="{kind}range" d="M{low:.1f} {y}H{high:.1f}" stroke="{colour}" stroke-width="3" stroke-linecap="round"/>',
            f'<rect class="{kind}mean" x="{mid - 5.5:.1f}" y="{y - 5.5}" width="11" height="11" '
            f'transform="rotate(45 {mid:.1f} {y})" fill="{colour}"/>'
            if found
            else f'<circle class="mean" cx="{mid:.1f}" cy="{y}" r="5.5" fill="{colour}"/>',
            _text(638, y + 4, _percent(effect.value, 1), anchor="end", strong=found),
        ]
    said = description or "; ".join(
        f"{e.label}: {_percent(e.value, 1)}, range {_percent(e.low, 1)} to {_percent(e.high, 1)}"
        for e in effects
    )
    rows = [
        (
            e.label, e.note, *("" if n is None else _plain(n) for n in (e.chosen, e.of)), _percent(e.value, 1),
            _percent(e.low, 1), _percent(e.high, 1),
        )
        for e in effects
    ]  # fmt: skip
    columns = ("What", "Of what", "Choices", "Of", "Share", "From", "To")
    return _chart(key, title, said, (640, height), marks, columns=columns, rows=rows)


def scatter(
    key: str,
    title: str,
    dots: Sequence[Dot],
    *,
    x_cut: float,
    y_cut: float,
    corners: tuple[str, str, str, str],
    x_ends: tuple[str, str],
    y_ends: tuple[str, str],
    description: str = "",
) -> Chart:
    """One dot an item over two dashed cuts; ``corners`` names top left, bottom left, top right, bottom right."""
    left, right, base, top = 30.0, 626.0, 300.0, 30.0
    x0, y0 = _scale(x_cut, 0, 1, left, right), _scale(y_cut, 0, 1, base, top)
    marks = [
        f'<rect class="corner" x="{x0:.1f}" y="{top}" width="{right - x0:.1f}" height="{y0 - top:.1f}" rx="6" fill="{WASH}"/>',
        _rule(left, base, right, base),
        _rule(left, top, left, base),
        _rule(x0, top, x0, base, dashed=True),
        _rule(left, y0, right, y0, dashed=True),
    ]
    for dot in dots:
        x, y = _scale(dot.x, 0, 1, left + 6, right - 6), _scale(dot.y, 0, 1, base - 6, top + 6)
        look = (
            f'class="dot on" r="3.8" fill="{ACCENT}" opacity=".8"'
            if dot.on
            else f'class="dot" r="3.2" fill="{CTL}" opacity=".5"'
        )
        marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" {look}/>')
        if dot.here:
            marks.append(
                f'<circle class="dot here" cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="{INK}" stroke-width="2"/>'
            )
    places = (
        (left, 20.0, "start"), (left + 7, base - 11, "start"), (right, 20.0, "end"), (right - 7, base - 11, "end"),
    )  # fmt: skip
    marks += [
        _text(x, y, words, anchor=anchor, strong=True, halo=True)
        for (x, y, anchor), words in zip(places, corners, strict=True)
    ]
    marks += [
        _text(left, 332, x_ends[0]),
        _text(right, 332, x_ends[1], anchor="end"),
        f'<text transform="translate(18 {base}) rotate(-90)">{escape(y_ends[0])}</text>',
        f'<text transform="translate(18 {top}) rotate(-90)" text-anchor="end">{escape(y_ends[1])}</text>',
    ]
    said = (
        description or f"{len(dots)} items, {sum(d.on for d in dots)} of them in the corner “{corners[2]}”."
    )
    rows = [(d.name, f"{d.x:.2f}", f"{d.y:.2f}") for d in dots]
    return _chart(key, title, said, (640, 340), marks, columns=("Item", x_ends[1], y_ends[1]), rows=rows)


def coverage(
    key: str,
    title: str,
    counts: Sequence[tuple[str, float]],
    *,
    minimum: float | None = None,
    description: str = "",
) -> Chart:
    """Bars of counts against a minimum."""
    left, right, step = 170.0, 400.0, 40
    height = step * len(counts) + 26
    most = max([n for _, n in counts] + [minimum or 0, 1]) * 1.05
    marks: list[str] = []
    for i, (name, n) in enumerate(counts):
        y, end = 11 + step * i, _scale(n, 0, most, left, right)
        marks += [
            _text(0, y + 11, _short(name, 24), strong=True),
            f'<rect class="bar-ground" x="{left}" y="{y}" width="{right - left}" height="14" rx="3" fill="#f2efe8"/>',
            f'<rect class="bar" x="{left}" y="{y}" width="{max(end - left, 0):.1f}" height="14" rx="3" fill="{INK_2}"/>',
            _text(440, y + 11, _plain(n), anchor="end"),
        ]
    if minimum:
        x = _scale(minimum, 0, most, left, right)
        marks += [_rule(x, 4, x, height - 22, dashed=True), _text(x, height - 6, "minimum", anchor="middle")]
    of = f" of {_plain(minimum)}" if minimum else ""
    said = description or "; ".join(f"{name} {_plain(n)}{of}" for name, n in counts)
    return _chart(
        key,
        title,
        said,
        (440, height),
        marks,
        columns=("Topic", "Judgments"),
        rows=[(n, _plain(v)) for n, v in counts],
    )


def split_bar(left: float, tie: float, neither: float, right: float, *, label: str = "") -> Markup:
    """One bar of four shares: A, the same, neither (hatched), B. ``label`` replaces the spoken counts."""
    parts = (("a", left, SIDE_A), ("s", tie, GREY), ("n", neither, LINE), ("b", right, SIDE_B))
    total = left + tie + neither + right
    said = label or f"A {_plain(left)}, same {_plain(tie)}, neither {_plain(neither)}, B {_plain(right)}"
    drawn, x = [], 0.0
    shown = [p for p in parts if p[1] > 0]
    room = 300.0 - 2 * max(len(shown) - 1, 0)
    for kind, n, colour in shown:
        width = room * n / total
        drawn.append(f'<rect class="{kind}" x="{x:.2f}" width="{width:.2f}" height="20" fill="{colour}"/>')
        if kind == "n":
            drawn.append(_hatch(x, width))
        x += width + 2
    return Markup(
        '<svg class="split" viewBox="0 0 300 20" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(said, Markup("".join(drawn)))  # noqa: S704 - numbers and our own names only


def split_key() -> Markup:
    """What the four parts of a split bar are."""
    swatch = '<svg viewBox="0 0 12 12" aria-hidden="true"><rect class="{}" width="12" height="12" rx="3" fill="{}"/>{}</svg>'
    parts = (("A", "a", SIDE_A), ("Same", "s", GREY), ("Neither", "n", LINE), ("B", "b", SIDE_B))
    drawn = "".join(
        f"<span>{swatch.format(kind, colour, _hatch(0, 12, 12) if kind == 'n' else '')}{words}</span>"
        for words, kind, colour in parts
    )
    return Markup(f'<p class="key">{drawn}</p>')  # noqa: S704 - nothing in it comes from outside


def sparkline(values: Sequence[float]) -> Markup:
    """The course of a figure in the space of a word; the table beside it says the numbers."""
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    points = [
        (_scale(i, 0, len(values) - 1, 2, 90), _scale(v, low, high if high > low else low + 1, 23, 3))
        for i, v in enumerate(values)
    ]
    return Markup(  # noqa: S704 - numbers only
        f'<svg width="92" height="26" viewBox="0 0 92 26" aria-hidden="true"><polyline class="spark" points="{_points(points)}" '
        f'fill="none" stroke="{INK_2}" stroke-width="1.5"/>'
        f'<circle class="spark-end" cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="2.5" fill="{INK}"/></svg>'
    )


def _chart(
    key: str,
    title: str,
    said: str,
    size: tuple[float, float],
    marks: Iterable[str],
    *,
    columns: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
) -> Chart:
    svg = Markup(
        '<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d" '
        'font-family="system-ui, sans-serif" font-size="12"><title id="{}-t">{}</title><desc id="{}-d">{}</desc>{}</svg>'
    ).format(f"{size[0]:g}", f"{size[1]:g}", key, key, key, title, key, said, Markup("".join(marks)))  # noqa: S704 - every text in marks went through escape
    return Chart(svg, title, said, columns, tuple(rows), (None,) * len(columns))


def _line(one: Series, place: Callable[[float, float], tuple[float, float]]) -> list[str]:
    if not one.points:
        return []
    drawn = []
    if one.band:
        edge = [place(x, hi) for x, _, hi in one.band] + [place(x, lo) for x, lo, _ in reversed(one.band)]
        drawn.append(f'<polygon class="band" points="{_points(edge)}" fill="{ACCENT}" opacity=".13"/>')
    dots = [place(x, y) for x, y in one.points]
    colour, kind = (GREY, " second") if one.second else (ACCENT, "")
    dash = ' stroke-dasharray="5 4"' if one.second else ""
    drawn.append(
        f'<polyline class="line{kind}" points="{_points(dots)}" fill="none" stroke="{colour}" stroke-width="2.5"{dash}/>'
    )
    drawn.append(
        f'<circle class="pin{kind}" cx="{dots[-1][0]:.1f}" cy="{dots[-1][1]:.1f}" r="4" fill="{colour}"/>'
    )
    return drawn


def _scale(value: float, low: float, high: float, start: float, end: float) -> float:
    return start + (end - start) * (value - low) / ((high - low) or 1)


def _rule(x1: float, y1: float, x2: float, y2: float, *, dashed: bool = False) -> str:
    look = f'class="ref" stroke="{CTL}" stroke-dasharray="3 3"' if dashed else f'class="ax" stroke="{LINE}"'
    return f'<path {look} d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" fill="none"/>'


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", strong: bool = False, halo: bool = False
) -> str:
    kinds = " ".join(name for name, on in (("t-ink", strong), ("halo", halo)) if on)
    weight = ' font-weight="600"' if strong else ""
    return (
        f'<text class="{kinds}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK if strong else INK_2}"{weight}>'
        f"{escape(words)}</text>"
    )


def _hatch(x: float, width: float, height: float = 20) -> str:
    """Slanted lines inside a box: "neither" is told by more than its colour."""
    lines_ = []
    start = -height
    while start < width:
        x1, x2 = max(start, 0.0), min(start + height, width)
        lines_.append(f"M{x + x1:.1f} {height - (x1 - start):.1f}L{x + x2:.1f} {height - (x2 - start):.1f}")
        start += 5
    return f'<path class="hatch" d="{"".join(lines_)}" stroke="{CTL}" stroke-width="1.5" fill="none"/>'


def _clear(y: float, taken: list[float]) -> float:
    """``y``, moved down until it does not write over a line already taken."""
    while any(abs(y - other) < 14 for other in taken):
        y += 1
    taken.append(y)
    return y


def _points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _plain(n: float) -> str:
    return f"{n:,.0f}" if abs(n - round(n)) < 1e-9 else f"{n:,.1f}"


def _percent(share: float, digits: int = 0) -> str:
    return f"{share * 100:.{digits}f}%"


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
