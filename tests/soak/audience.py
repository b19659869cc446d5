"""Viewers, held against what was pushed, picture by picture and without keeping them."""

import time
from collections.abc import Callable, Mapping

from tests.soak.ledger import Entry, Ledger
from tests.support.viewer import Picture, Viewer

MOST_GAPS = 10  # in a message


class View:
    """One viewer's view of one published track, from its first picture on.

    - Every picture is, bit for bit, one that was pushed (or spoilt: of a connection that ended in a picture).
    - Order: the number that the daemon gave a picture rises as the encoder's does; a step back is a keyframe.
    - What is missing of the pictures since then has been received by the daemon, and so must be in
      somebody's books.
    """

    def __init__(self, name: str, ledger: Ledger, accounted: int, finding: Callable[[str], None]) -> None:
        self.name = name
        self.seen = self.spoilt = 0
        # The SDK at the viewer shows pictures of a new track without their metadata, and no id where it is 0.
        self.unnumbered = 0
        self.accounted_before = accounted  # what was lost or dropped before it began
        self._ledger = ledger
        self._finding = finding
        self._last: tuple[int, int] | None = None  # the daemon's number, the encoder's
        self._newest: int | None = None
        self._since: float | None = None
        self._missing: dict[int, float] = {}  # when a later one was seen

    @property
    def missing(self) -> int:
        """How many pictures, pushed between the first and the last that were seen, were not."""
        return len(self._missing)

    @property
    def gaps(self) -> str:
        """The numbers of the missing, and how long ago later ones were seen."""
        now = time.monotonic()
        runs: list[list[int]] = []
        for number in sorted(self._missing):
            if runs and runs[-1][1] == number - 1:
                runs[-1][1] = number
            else:
                runs.append([number, number])
        return ", ".join(f"{a}–{b} ({now - self._missing[b]:.1f} s ago)" for a, b in runs[:MOST_GAPS])

    def see(self, picture: Picture) -> int | None:
        """Take in a picture; returns the encoder's number of it."""
        self.seen += 1
        if self._since is None:
            self._since = picture.at
        entry = self._ledger.find(picture.hash, picture.at)
        if picture.frame_id is None:
            self.unnumbered += 1
        else:
            self._seen_id(picture.frame_id, picture.at, entry)
        if entry is None:
            self.spoilt += 1
            if not self._ledger.spoilt(picture.at):
                self._finding(f"{self.name}: a picture that was never pushed, number {picture.frame_id}")
            return None
        if picture.frame_id is None:
            self._last = None  # whether it steps back to the next is not known
            return entry.number
        if self._last is not None:
            id_before, number_before = self._last
            step, pushed_step = picture.frame_id - id_before, entry.number - number_before
            if step > 0 and pushed_step < step and not self._ledger.spoilt(picture.at):
                self._finding(
                    f"{self.name}: picture {number_before} had id {id_before}, "
                    f"picture {entry.number} has {picture.frame_id}"
                )
            if step <= 0 and not entry.keyframe and not self._ledger.spoilt(picture.at):
                self._finding(f"{self.name}: from id {id_before} back to {picture.frame_id}, no keyframe")
        self._last = picture.frame_id, entry.number
        return entry.number

    def _seen_id(self, frame_id: int, at: float, entry: Entry | None) -> None:
        self._missing.pop(frame_id, None)
        if self._newest is not None:
            for missed in range(self._newest + 1, frame_id):
                # Who has just come is shown older pictures first, and a new keyframe ends that.
                if entry is None or not self._before_it_watched(entry.number - (frame_id - missed)):
                    self._missing[missed] = at
        self._newest = frame_id if self._newest is None else max(self._newest, frame_id)

    def _before_it_watched(self, number: int) -> bool:
        pushed_at = self._ledger.pushed_at(number)
        return pushed_at is not None and self._since is not None and pushed_at <= self._since


class Watcher:
    """A viewer and all its views."""

    def __init__(self, viewer: Viewer, ledgers: Mapping[str, Ledger], finding: Callable[[str], None]) -> None:
        self.viewer = viewer
        self.numbers: dict[str, set[int]] = {name: set() for name in ledgers}  # seen since `begin`
        self._ledgers = ledgers
        self._finding = finding
        self._views: dict[tuple[str, str], View] = {}
        self._published: dict[str, list[str]] = {name: [] for name in ledgers}  # SIDs, in order
        self.seen = self.missing = self.spoilt = self.unnumbered = 0  # in the views that were settled

    def begin(self) -> None:
        """Forget which pictures were seen: from here on each is to be."""
        self.numbers = {name: set() for name in self._ledgers}

    def look(self, accounted: Mapping[str, int]) -> None:
        """Take in what was seen since the last look; `accounted`: lost and dropped so far, by stream."""
        for picture in self.viewer.take_pictures():
            key = (picture.track, picture.sid)
            published = self._published[picture.track]
            if picture.sid not in published:
                published.append(picture.sid)
            if picture.frame_id is None and picture.sid != published[-1]:
                continue  # the SDK at the viewer shows those of the next track in the withdrawn one, too
            if key not in self._views:
                name = f"{self.viewer.identity} sees {picture.track} ({picture.sid})"
                ledger = self._ledgers[picture.track]
                self._views[key] = View(name, ledger, accounted[picture.track], self._finding)
            number = self._views[key].see(picture)
            if number is not None:
                self.numbers[picture.track].add(number)

    def settle(self, accounted: Mapping[str, int]) -> None:
        """Hold what is missing in each view against the books, and begin new ones."""
        for (track, sid), view in self._views.items():
            self.seen += view.seen
            self.missing += view.missing
            self.spoilt += view.spoilt
            self.unnumbered += view.unnumbered
            booked = accounted[track] - view.accounted_before + view.unnumbered
            if view.missing > booked and view.missing > booked + (left_out := self.viewer.left_out(sid)):
                self._finding(
                    f"{view.name}: {view.missing} pictures missing of {view.seen + view.missing}, the daemon "
                    f"booked {booked}, the viewer left out {left_out}: {view.gaps}"
                )
        self._views.clear()
