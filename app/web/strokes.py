"""The strokes charts are made of: colours, scales, rules, words, and how figures are written on them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from markupsafe import escape

INK: Final = "#1d1b18"
INK_2: Final = "#545048"
LINE: Final = "#e4dfd5"
CTL: Final = "#857e72"
ACCENT: Final = "#7b3a83"
GREY: Final = "#696257"
WASH: Final = "#f6edf7"
SIDE_A: Final = "#3164a3"
SIDE_B: Final = "#8d5416"


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round figures from at or below ``low`` to at or above ``high``, some ``about`` steps apart."""
    span = max(high - low, 1e-9)
    raw = span / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 10) for i in range(first, last + 1)]


def scale(value: float, low: float, high: float, start: float, end: float) -> float:
    return start + (end - start) * (value - low) / ((high - low) or 1)


def rule(x1: float, y1: float, x2: float, y2: float, *, dashed: bool = False) -> str:
    look = f'class="ref" stroke="{CTL}" stroke-dasharray="3 3"' if dashed else f'class="ax" stroke="{LINE}"'
    return f'<path {look} d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" fill="none"/>'


def text(
    x: float, y: float, words: str, *, anchor: str = "start", strong: bool = False, halo: bool = False
) -> str:
    kinds = " ".join(name for name, on in (("t-ink", strong), ("halo", halo)) if on)
    weight = ' font-weight="600"' if strong else ""
    return (
        f'<text class="{kinds}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{INK if strong else INK_2}"{weight}>'
        f"{escape(words)}</text>"
    )


def hatch(x: float, width: float, height: float = 20) -> str:
    """Slanted lines inside a box: "neither" is told by more than its colour."""
    lines_ = []
    start = -height
    while start < width:
        x1, x2 = max(start, 0.0), min(start + height, width)
        lines_.append(f"M{x + x1:.1f} {height - (x1 - start):.1f}L{x + x2:.1f} {height - (x2 - start):.1f}")
        start += 5
    return f'<path class="hatch" d="{"".join(lines_)}" stroke="{CTL}" stroke-width="1.5" fill="none"/>'


def clear(y: float, taken: list[float]) -> float:
    """``y``, moved down until it does not write over a line already taken."""
    while any(abs(y - other) < 14 for other in taken):
        y += 1
    taken.append(y)
    return y


def points(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def plain(n: float) -> str:
    return f"{n:,.0f}" if abs(n - round(n)) < 1e-9 else f"{n:,.1f}"


def percent(share: float, digits: int = 0) -> str:
    return f"{share * 100:.{digits}f}%"


def short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
