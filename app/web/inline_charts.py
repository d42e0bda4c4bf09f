"""Charts the size of a word or a table's cell: a bar of four shares with its key, and the course of a figure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from app.web.strokes import GREY, INK, INK_2, LINE, SIDE_A, SIDE_B, hatch, plain, points, scale


def split_bar(left: float, tie: float, neither: float, right: float, *, label: str = "") -> Markup:
    """One bar of four shares: A, the same, neither (hatched), B. ``label`` replaces the spoken counts."""
    parts = (("a", left, SIDE_A), ("s", tie, GREY), ("n", neither, LINE), ("b", right, SIDE_B))
    total = left + tie + neither + right
    said = label or f"A {plain(left)}, same {plain(tie)}, neither {plain(neither)}, B {plain(right)}"
    drawn, x = [], 0.0
    shown = [p for p in parts if p[1] > 0]
    room = 300.0 - 2 * max(len(shown) - 1, 0)
    for kind, n, colour in shown:
        width = room * n / total
        drawn.append(f'<rect class="{kind}" x="{x:.2f}" width="{width:.2f}" height="20" fill="{colour}"/>')
        if kind == "n":
            drawn.append(hatch(x, width))
        x += width + 2
    return Markup(
        '<svg class="split" viewBox="0 0 300 20" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(said, Markup("".join(drawn)))  # noqa: S704 - numbers and our own names only


def split_key() -> Markup:
    """What the four parts of a split bar are."""
    swatch = '<svg viewBox="0 0 12 12" aria-hidden="true"><rect class="{}" width="12" height="12" rx="3" fill="{}"/>{}</svg>'
    parts = (("A", "a", SIDE_A), ("Same", "s", GREY), ("Neither", "n", LINE), ("B", "b", SIDE_B))
    drawn = "".join(
        f"<span>{swatch.format(kind, colour, hatch(0, 12, 12) if kind == 'n' else '')}{words}</span>"
        for words, kind, colour in parts
    )
    return Markup(f'<p class="key">{drawn}</p>')  # noqa: S704 - nothing in it comes from outside


def sparkline(values: Sequence[float]) -> Markup:
    """The course of a figure in the space of a word; the table beside it says the numbers."""
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    at = [
        (scale(i, 0, len(values) - 1, 2, 90), scale(v, low, high if high > low else low + 1, 23, 3))
        for i, v in enumerate(values)
    ]
    return Markup(  # noqa: S704 - numbers only
        f'<svg width="92" height="26" viewBox="0 0 92 26" aria-hidden="true"><polyline class="spark" points="{points(at)}" '
        f'fill="none" stroke="{INK_2}" stroke-width="1.5"/>'
        f'<circle class="spark-end" cx="{at[-1][0]:.1f}" cy="{at[-1][1]:.1f}" r="2.5" fill="{INK}"/></svg>'
    )
