"""Charts as SVG drawn here: a title and a description for screen readers, and the same figures as a table beside each.

Colours are given twice: as attributes, so that a saved file looks right alone, and as classes, so that the page's theme
decides on the page. No inline styles, no script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from markupsafe import escape

from app.web.drawing import Chart, drawing
from app.web.strokes import (
    ACCENT,
    CTL,
    GREY,
    INK,
    INK_2,
    WASH,
    clear,
    nice_ticks,
    percent,
    plain,
    points,
    rule,
    scale,
    short,
    text,
)

DATE_WIDTH: Final = 48.0
"""Room for "24 Nov", in the units of a drawing."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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
        y = scale(tick, 0, ticks[-1], base, top)
        marks += [rule(left, y, width - 4, y), text(left - 8, y + 4, plain(tick), anchor="end")]
    named = _named_days(len(days), len(every), slot)
    for i, (day, n) in enumerate(every):
        y = scale(n, 0, ticks[-1], base, top)
        x = left + i * slot + slot * 0.13
        look = (
            f'class="bar" fill="{INK_2}"'
            if i < len(days)
            else f'class="bar-ahead" fill="none" stroke="{CTL}" stroke-dasharray="3 3"'
        )
        marks.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{slot * 0.74:.1f}" height="{base - y:.1f}" rx="2" {look}/>'
        )
        if i in named:
            marks.append(
                text(
                    min(x + slot * 0.37, width - 22),
                    240,
                    f"{day.day} {_MONTHS[day.month - 1]}",
                    anchor="middle",
                )
            )
    if note and ahead:
        marks.append(text(width - 6, 18, note, anchor="end", strong=True))
    said = description or (
        f"{len(days)} days, between {plain(min([n for _, n in days] or [0]))} and "
        f"{plain(max([n for _, n in days] or [0]))} a day. {note}".strip()
    )
    rows = [(d.isoformat(), plain(n), "") for d, n in days] + [
        (d.isoformat(), "", plain(n)) for d, n in ahead
    ]
    return drawing(
        key, title, said, (width, 250), marks, columns=("Day", "So far", "Carried forward"), rows=rows
    )


def _named_days(so_far: int, of: int, slot: float) -> set[int]:
    """Which days are named below: the last so far, the first, the last and each seventh, where words do not meet."""
    named: set[int] = set()
    for day in [so_far - 1, 0, of - 1, *range(0, of, 7)]:
        if 0 <= day < of and all(abs(day - other) * slot >= DATE_WIDTH for other in named):
            named.add(day)
    return named


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
        return scale(x, 0, most, left, right), scale(y, y_ticks[0], y_ticks[-1], base, top)

    marks: list[str] = []
    for y in y_ticks:
        marks += [
            rule(left, at(0, y)[1], right, at(0, y)[1]),
            text(left - 8, at(0, y)[1] + 4, percent(y), anchor="end"),
        ]
    marks += [text(at(x, y_ticks[0])[0], 230, plain(x), anchor="middle") for x in x_ticks]
    marks.append(text((left + right) / 2, 248, x_label, anchor="middle"))
    taken: list[float] = []
    if ceiling:
        y = at(0, ceiling[0])[1]
        marks += [
            rule(left, y, right, y, dashed=True),
            text(right + 8, clear(y + 4, taken), ceiling[1], strong=True),
        ]
    for one in series:
        marks += _line(one, at)
    for one in sorted((s for s in series if s.points), key=lambda s: -s.points[-1][1]):
        y = at(*one.points[-1])[1]
        words = f"{percent(one.points[-1][1])} {one.label}"
        marks.append(text(right + 8, clear(y + 4, taken), words, strong=not one.second))
    ends = "; ".join(
        f"{s.label}: {percent(s.points[-1][1])} after {plain(s.points[-1][0])}" for s in series if s.points
    )
    said = description or (ends + (f". {ceiling[1]}." if ceiling else "."))
    rows = [(s.label, plain(x), percent(y, 1)) for s in series for x, y in s.points]
    return drawing(key, title, said, (540, 250), marks, columns=("Line", x_label, "Share"), rows=rows)


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
        x = scale(tick, ticks[0], ticks[-1], left, right)
        marks += [rule(x, 4, x, height - 26), text(x, height - 8, percent(tick), anchor="middle")]
    x = scale(null, ticks[0], ticks[-1], left, right)
    marks.append(rule(x, 4, x, height - 26, dashed=True))
    for i, effect in enumerate(effects):
        y = 28.0 + step * i
        low, mid, high = (
            scale(v, ticks[0], ticks[-1], left, right) for v in (effect.low, effect.value, effect.high)
        )
        found = effect.low > null or effect.high < null
        colour, kind = (ACCENT, "found ") if found else (INK_2, "")
        marks += [
            text(0, y - 2, effect.label, strong=True),
            text(0, y + 14, effect.note),
            f'<path class="{kind}range" d="M{low:.1f} {y}H{high:.1f}" stroke="{colour}" stroke-width="3" stroke-linecap="round"/>',
            f'<rect class="{kind}mean" x="{mid - 5.5:.1f}" y="{y - 5.5}" width="11" height="11" '
            f'transform="rotate(45 {mid:.1f} {y})" fill="{colour}"/>'
            if found
            else f'<circle class="mean" cx="{mid:.1f}" cy="{y}" r="5.5" fill="{colour}"/>',
            text(638, y + 4, percent(effect.value, 1), anchor="end", strong=found),
        ]
    said = description or "; ".join(
        f"{e.label}: {percent(e.value, 1)}, range {percent(e.low, 1)} to {percent(e.high, 1)}"
        for e in effects
    )
    rows = [
        (
            e.label, e.note, *("" if n is None else plain(n) for n in (e.chosen, e.of)), percent(e.value, 1),
            percent(e.low, 1), percent(e.high, 1),
        )
        for e in effects
    ]  # fmt: skip
    columns = ("What", "Of what", "Choices", "Of", "Share", "From", "To")
    return drawing(key, title, said, (640, height), marks, columns=columns, rows=rows)


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
    x0, y0 = scale(x_cut, 0, 1, left, right), scale(y_cut, 0, 1, base, top)
    marks = [
        f'<rect class="corner" x="{x0:.1f}" y="{top}" width="{right - x0:.1f}" height="{y0 - top:.1f}" rx="6" fill="{WASH}"/>',
        rule(left, base, right, base),
        rule(left, top, left, base),
        rule(x0, top, x0, base, dashed=True),
        rule(left, y0, right, y0, dashed=True),
    ]
    for dot in dots:
        x, y = scale(dot.x, 0, 1, left + 6, right - 6), scale(dot.y, 0, 1, base - 6, top + 6)
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
        text(x, y, words, anchor=anchor, strong=True, halo=True)
        for (x, y, anchor), words in zip(places, corners, strict=True)
    ]
    marks += [
        text(left, 332, x_ends[0]),
        text(right, 332, x_ends[1], anchor="end"),
        f'<text transform="translate(18 {base}) rotate(-90)">{escape(y_ends[0])}</text>',
        f'<text transform="translate(18 {top}) rotate(-90)" text-anchor="end">{escape(y_ends[1])}</text>',
    ]
    said = (
        description or f"{len(dots)} items, {sum(d.on for d in dots)} of them in the corner “{corners[2]}”."
    )
    rows = [(d.name, f"{d.x:.2f}", f"{d.y:.2f}") for d in dots]
    return drawing(key, title, said, (640, 340), marks, columns=("Item", x_ends[1], y_ends[1]), rows=rows)


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
        y, end = 11 + step * i, scale(n, 0, most, left, right)
        marks += [
            text(0, y + 11, short(name, 24), strong=True),
            f'<rect class="bar-ground" x="{left}" y="{y}" width="{right - left}" height="14" rx="3" fill="#f2efe8"/>',
            f'<rect class="bar" x="{left}" y="{y}" width="{max(end - left, 0):.1f}" height="14" rx="3" fill="{INK_2}"/>',
            text(440, y + 11, plain(n), anchor="end"),
        ]
    if minimum:
        x = scale(minimum, 0, most, left, right)
        marks += [rule(x, 4, x, height - 22, dashed=True), text(x, height - 6, "minimum", anchor="middle")]
    of = f" of {plain(minimum)}" if minimum else ""
    said = description or "; ".join(f"{name} {plain(n)}{of}" for name, n in counts)
    return drawing(
        key,
        title,
        said,
        (440, height),
        marks,
        columns=("Topic", "Judgments"),
        rows=[(n, plain(v)) for n, v in counts],
    )


def _line(one: Series, place: Callable[[float, float], tuple[float, float]]) -> list[str]:
    if not one.points:
        return []
    drawn = []
    if one.band:
        edge = [place(x, hi) for x, _, hi in one.band] + [place(x, lo) for x, lo, _ in reversed(one.band)]
        drawn.append(f'<polygon class="band" points="{points(edge)}" fill="{ACCENT}" opacity=".13"/>')
    dots = [place(x, y) for x, y in one.points]
    colour, kind = (GREY, " second") if one.second else (ACCENT, "")
    dash = ' stroke-dasharray="5 4"' if one.second else ""
    drawn.append(
        f'<polyline class="line{kind}" points="{points(dots)}" fill="none" stroke="{colour}" stroke-width="2.5"{dash}/>'
    )
    drawn.append(
        f'<circle class="pin{kind}" cx="{dots[-1][0]:.1f}" cy="{dots[-1][1]:.1f}" r="4" fill="{colour}"/>'
    )
    return drawn
