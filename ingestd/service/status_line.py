"""Line of status on how the daemon fares, as ``systemctl status`` shows it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

# No more of a problem fits beside the rest in a terminal; log and page have all of it.
MAX_PROBLEM_CHARACTERS = 160


class Figures(Protocol):
    """What the line needs to know of a stream."""

    @property
    def up(self) -> bool:
        """Whether an encoder is connected and the track is published."""
        ...

    @property
    def frame_rate(self) -> float:
        """Pictures per second."""
        ...


def status_line(streams: Iterable[Figures], problems: Sequence[str]) -> str:
    """Return how many of ``streams`` are up, what they carry, and the first of ``problems``."""
    all_figures = list(streams)
    up = [figures for figures in all_figures if figures.up]
    rate_fps = sum(figures.frame_rate for figures in up)
    parts = [f"{len(up)} of {len(all_figures)} streams up, {rate_fps:.0f} pictures/s"]
    if problems:
        first = " ".join(problems[0].split())
        if len(first) > MAX_PROBLEM_CHARACTERS:
            first = f"{first[: MAX_PROBLEM_CHARACTERS - 1]}…"
        parts.append(first)
    if len(problems) > 1:
        parts.append(f"{len(problems) - 1} problems more")
    return "; ".join(parts)
