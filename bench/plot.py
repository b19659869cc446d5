"""Line plots as SVG, for benches: panels in rows and columns, without a library."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, MARGIN, HEAD = 440, 180, 40, 30


@dataclass(frozen=True, slots=True)
class Line:
    """Points of seconds and values; a value that is nan leaves a gap."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over the same seconds; values above ``most`` are drawn there."""

    title: str
    most: float
    lines: Sequence[Line]


def page(title: str, columns: Sequence[Sequence[Panel]]) -> str:
    """Return an SVG of panels, column by column."""
    rows = max(len(column) for column in columns)
    width, height = WIDTH * len(columns), HEAD + HEIGHT * rows
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="system-ui, sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{MARGIN}" y="20" font-size="14" font-weight="600">{escape(title)}</text>',
    ]
    for x, column in enumerate(columns):
        for y, panel in enumerate(column):
            parts.append(f'<g transform="translate({x * WIDTH} {HEAD + y * HEIGHT})">{_panel(panel)}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(panel: Panel) -> str:
    times = [at for line in panel.lines for at, _ in line.points]
    first, last = min(times), max(times)
    left, top, wide, high = MARGIN, 32, WIDTH - MARGIN - 10, HEIGHT - 56

    def place(at: float, value: float) -> str:
        x = left + wide * (at - first) / (last - first)
        y = top + high * (1 - min(max(value, 0.0), panel.most) / panel.most)
        return f"{x:.1f} {y:.1f}"

    parts = [f'<text x="{left}" y="12" font-weight="600">{escape(panel.title)}</text>']
    for step in range(math.floor(panel.most) + 1):
        parts.append(f'<path d="M{place(first, step)}h{wide}" stroke="#e8eaed"/>')
        level = top + high * (1 - step / panel.most) + 4
        parts.append(f'<text x="{left - 6}" y="{level:.1f}" text-anchor="end">{step}</text>')
    for second in range(math.ceil(first / 10) * 10, math.floor(last) + 1, 10):
        parts.append(f'<path d="M{place(second, panel.most)}v{high}" stroke="#f1f3f4"/>')
        x = left + wide * (second - first) / (last - first)
        parts.append(f'<text x="{x:.1f}" y="{top + high + 15}" text-anchor="middle">{second} s</text>')
    name_at = left
    for line in panel.lines:
        path, gap = "", True
        for at, value in line.points:
            gap = gap or math.isnan(value)
            if not math.isnan(value):
                path += f"{'M' if gap else 'L'}{place(at, value)}"
                gap = False
        parts.append(f'<path d="{path}" fill="none" stroke="{line.colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{name_at}" y="26" fill="{line.colour}">{escape(line.name)}</text>')
        name_at += 16 + 6 * len(line.name)
    return "".join(parts)
