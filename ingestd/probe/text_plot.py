"""Sizes over time, drawn with characters."""

from collections.abc import Sequence

from ingestd.probe.size_series import Column

HEIGHT_LINES = 5  # lines
BARS = " ▁▂▃▄▅▆▇█"
STEPS = len(BARS) - 1  # per line


def plot(columns: Sequence[Column], top: str) -> list[str]:
    """Draw them as lines above an axis that marks keyframes; ``top`` says how large the largest is.

    What is there at all is seen, however small.
    """
    largest = max(column.largest for column in columns)
    heights = [max(1, round(column.largest / largest * HEIGHT_LINES * STEPS)) for column in columns]
    lines: list[str] = []
    for below in range((HEIGHT_LINES - 1) * STEPS, -1, -STEPS):
        bars = "".join(BARS[min(max(height - below, 0), STEPS)] for height in heights)
        label = "" if lines else top
        lines.append(f"{label:>{len(top)}} │{bars}".rstrip())
    axis = "".join("▲" if column.keyframe else "─" for column in columns)
    return [*lines, f"{'0':>{len(top)}} └{axis}"]
