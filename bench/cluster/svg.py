"""Labelled values → an SVG with horizontal bars, three colours, logarithmic where the values are far apart."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, ROW, GAP, TOP = 720, 210, 110, 20, 8, 40
COLOURS = ("#2563eb", "#9ca3af", "#16a34a")
FONT = 'font-family="sans-serif" font-size="12"'
FAR_APART = 20


@dataclass(frozen=True)
class Bar:
    """One bar: `series`, 0 to 2, chooses the colour."""

    label: str
    value: float
    text: str
    series: int


def bars(title: str, groups: Sequence[Sequence[Bar]]) -> str:
    """The document; each group's bars stand together."""
    values = [bar.value for group in groups for bar in group if bar.value > 0]
    scale = _scale(values)
    height = TOP + sum(len(group) * ROW + GAP for group in groups) + 8
    note = " (logarithmic)" if _is_far_apart(values) else ""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="22" font-size="14" font-weight="bold" fill="#111827">{escape(title)}{note}</text>',
    ]
    y = TOP
    for group in groups:
        for bar in group:
            length = scale(bar.value) * (WIDTH - LEFT - RIGHT)
            middle, colour = round(y + ROW * 0.68), COLOURS[bar.series]
            lines += [
                f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end" fill="#374151">{escape(bar.label)}</text>',
                f'<rect x="{LEFT}" y="{y + 2}" width="{length:.1f}" height="{ROW - 4}" rx="2" fill="{colour}"/>',
                f'<text x="{LEFT + length + 6:.0f}" y="{middle}" fill="#111827">{escape(bar.text)}</text>',
            ]
            y += ROW
        y += GAP
    return "\n".join([*lines, "</svg>\n"])


def _is_far_apart(values: Sequence[float]) -> bool:
    return bool(values) and max(values) / min(values) > FAR_APART


def _scale(values: Sequence[float]) -> Callable[[float], float]:
    """A function from a value to its share of the full length."""
    if not values:
        return lambda _: 0.0
    low, high = min(values) / 2, max(values)
    if _is_far_apart(values):
        return lambda value: math.log(value / low) / math.log(high / low) if value > 0 else 0.0
    return lambda value: value / high
