"""The command `ingestd top`: a look at a running daemon once a second, or one where no one watches."""

import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable

from ingestd.terminal.figures import Daemon, DaemonError, Figures
from ingestd.terminal.screen import Screen
from ingestd.terminal.table import Style, render

LOOK_INTERVAL_S = 1.0


def top(url: str, *, as_json: bool = False) -> None:
    """Show the figures of the daemon at ``url`` on standard output.

    On a terminal once a second until the user ends it, else once. Raises ConfigError for a bad URL,
    DaemonError where the first look fails; after that the daemon may go and come back.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without … gets the rest all the same
    daemon = Daemon(url)
    streams = daemon.look()
    watched = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if as_json:
        _print_json(daemon, streams, watched)
    elif watched:
        _watch(daemon, streams)
    else:
        place = daemon.place.partition("://")[2]
        print(*render(streams, Style(_columns()), place=place), sep="\n")


def _columns() -> int:
    """Of what is no terminal: 80, unless the environment says something else."""
    wanted = os.environ.get("COLUMNS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) >= 20 else 80


def _print_json(daemon: Daemon, streams: list[Figures], watched: bool) -> None:
    """One object a line: a look at the time ``at``, in seconds since 1970."""
    said: dict[str, object] = {"streams": streams}
    while True:
        print(json.dumps({"url": daemon.place, "at": round(time.time(), 3), **said}), flush=True)
        if not watched:
            return
        time.sleep(LOOK_INTERVAL_S)
        try:
            said = {"streams": daemon.look()}
        except DaemonError as error:
            said = {"error": str(error)}


class _Looks:
    """Looks at the daemon from a thread: one that hangs keeps no key and no window waiting."""

    def __init__(self, daemon: Daemon, streams: list[Figures], tell: Callable[[], None]) -> None:
        self.streams = streams
        self.error = ""
        self.answered_at = time.monotonic()
        self._daemon = daemon
        self._tell = tell
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + LOOK_INTERVAL_S, time.monotonic())
            time.sleep(due - time.monotonic())
            try:
                self.streams, self.error = self._daemon.look(), ""
                self.answered_at = time.monotonic()
            except DaemonError as error:
                self.error = str(error).partition("; ")[0]
            self._tell()


def _watch(daemon: Daemon, streams: list[Figures]) -> None:
    place, colour, skip = daemon.place.partition("://")[2], not os.environ.get("NO_COLOR"), 0
    with Screen() as screen:
        looks = _Looks(daemon, streams, screen.wake)
        while True:
            width, height = screen.size
            skip = max(min(skip, len(looks.streams) - 1), 0)
            note = ""
            if looks.error:
                away_s = time.monotonic() - looks.answered_at
                note = f"No figures for {away_s:.0f} s: {looks.error}. Waiting for it; what is below is old."
            right = f"{time.strftime('%H:%M:%S')}  q ends"
            style = Style(width, height, colour)
            screen.draw(render(looks.streams, style, place=place, right=right, note=note, skip=skip))
            page = height // 2
            for key in screen.wait(LOOK_INTERVAL_S):
                if key == "end":
                    return
                skip += {"up": -1, "down": 1, "page up": -page, "page down": page}[key]
