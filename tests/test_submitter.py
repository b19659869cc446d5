"""What is due of a delivery is given to the track, and comes back by a timer."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ingestd import submitter
from ingestd.delivery.accounting import Drop
from ingestd.delivery.delivery import Delivery
from ingestd.media.access_unit import FrameMetadata
from ingestd.submitter import Submitter
from tests.delivery.transcript import access_unit
from tests.support.wait import eventually


class Track:
    """What was given to it, by name; it may refuse, or break."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.metadata: list[FrameMetadata] = []
        self.accepts = True
        self.broken = False

    def submit(self, data: bytes, _info: object, *, metadata: FrameMetadata, **_: object) -> bool:
        assert not self.broken, "a defect of ours"
        self.taken.append(data.decode())
        self.metadata.append(metadata)
        return self.accepts


class Feedback:
    """Counts what the feedback is told of."""

    def __init__(self) -> None:
        self.taken = self.rounds = 0
        self.replayed_bytes: list[int] = []

    def take(self) -> None:
        self.taken += 1

    def submitted(self) -> None:
        self.rounds += 1

    def replayed(self, size_bytes: int, _now: float) -> None:
        self.replayed_bytes.append(size_bytes)


class Scene:
    """A submitter, and all that is around it; its clock stands still until a timer runs out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, live: bool | None = None) -> None:
        self.now = 1000.0
        monkeypatch.setattr(submitter, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.delivery = Delivery(0.5, live=live)
        self.track = Track()
        self.feedback = Feedback()
        self.played: list[int] = []
        self.submitter = Submitter(
            self.delivery, cast("Any", self.track), cast("Any", self.feedback), self._pump, self.played.append
        )

    def _pump(self) -> None:
        self.now = max(self.now, self.delivery.due_at() or 0.0)
        self.submitter.submit_due()

    def receive(self, *names: str) -> None:
        for name in names:
            self.delivery.receive(access_unit(name), self.now, 7)

    def run(self) -> None:
        """The track is published, and WebRTC encodes the keyframe."""
        self.delivery.opened(self.now)
        self.submitter.submit_due()
        self.delivery.running(self.now)


async def test_what_is_not_due_yet_is_submitted_when_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.receive("K1")
    scene.run()
    scene.receive("d2", "d3")
    scene.submitter.submit_due()
    assert scene.track.taken == ["K1"], "so soon WebRTC would lose it"
    await eventually(lambda: scene.track.taken == ["K1", "d2", "d3"], "come back for both")
    assert scene.delivery.accounting.submitted == 3
    assert scene.submitter.delay.count == 3
    assert scene.feedback.rounds == 3


async def test_feedback_is_taken_at_once_while_webrtc_has_yet_to_encode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch)
    scene.receive("K1")
    scene.delivery.opened(scene.now)
    scene.submitter.submit_due()
    await eventually(lambda: len(scene.track.taken) >= 2, "try the keyframe again")
    assert scene.feedback.taken == len(scene.track.taken)
    scene.delivery.running(scene.now)
    scene.submitter.submit_due()
    taken = scene.feedback.taken
    scene.receive("d2")
    scene.submitter.submit_due()
    await eventually(lambda: "d2" in scene.track.taken, "submit it")
    assert scene.feedback.taken == taken
    assert scene.feedback.replayed_bytes == [2] * (len(scene.track.taken) - 2)
    assert scene.submitter.delay.count == 2, "what is submitted again is not late"


async def test_a_picture_is_told_by_its_number_and_its_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.receive("K1")
    scene.run()
    assert scene.track.metadata == [FrameMetadata(user_timestamp=7, frame_id=0)]


async def test_a_picture_that_is_refused_or_breaks_the_track_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(monkeypatch)
    scene.receive("K1")
    scene.track.accepts = False
    scene.run()
    assert scene.delivery.accounting.dropped[Drop.REJECTED] == 1
    scene = Scene(monkeypatch)
    scene.receive("K1")
    scene.track.broken = True
    with pytest.raises(AssertionError, match="a defect of ours"):
        scene.run()
    assert scene.delivery.accounting.dropped[Drop.REJECTED] == 1


@pytest.mark.parametrize(("live", "played"), [(False, [2]), (True, [])])
async def test_the_bytes_of_a_file_are_told_of_when_they_are_played(
    live: bool, played: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(monkeypatch, live=live)
    scene.receive("K1")
    scene.run()
    assert scene.played == played


async def test_nothing_is_submitted_once_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    scene.receive("K1")
    scene.run()
    scene.receive("d2")
    scene.submitter.submit_due()
    scene.submitter.close()
    await asyncio.sleep(0.1)
    assert scene.track.taken == ["K1"]
