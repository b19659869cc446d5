"""The state of a stream in one word, and why: what figures and what counters did of late make of it."""

from typing import Any

import pytest

from ingestd.observe.stream_state import Recent, State, state_of
from tests.observe.support import figures

WELL = {"encoder_s": 60.0, "up_ago_s": 0.0, "received_ago_s": 0.0, "sent_ago_s": 0.0, "interval_s": 1 / 30}
NO_ENCODER: dict[str, Any] = {"encoder": "", "up": False, "source": "tcp://0.0.0.0:5004"}
B_FRAMES = ("front-door: the stream has B-frames; expected none; ffmpeg: -bf 0",)
ROOM = ("front-door: room 'lobby' is not joined: nothing listens there; check the URL",)

TABLE: list[tuple[str, dict[str, Any], dict[str, Any], State, str]] = [
    ("well", {}, {}, State.LIVE, "every picture is on its way to viewers"),
    ("no encoder yet", {**NO_ENCODER, "encoder_connections": {"accepted": 0}}, {},
     State.WAITING, "no encoder at tcp://0.0.0.0:5004; none has come yet"),
    ("the encoder has left", NO_ENCODER, {},
     State.WAITING, "no encoder at tcp://0.0.0.0:5004; the last one has left"),
    ("dialling", {**NO_ENCODER, "dials": True, "encoder_connections": {}}, {},
     State.WAITING, "dialling the encoder at tcp://0.0.0.0:5004; none has come yet"),
    ("the encoder's connection was lost",
     {**NO_ENCODER, "problems": ("front-door: the last connection ended with a fault: it was reset",)}, {},
     State.WAITING, "no encoder at tcp://0.0.0.0:5004; the last connection ended with a fault: it was reset"),
    ("what came was no stream",
     {**NO_ENCODER, "fault": True, "problems": ("the last connection ended with a fault: HTTP",)}, {},
     State.FAILED, "the last connection ended with a fault: HTTP"),
    ("the port is not open",
     {**NO_ENCODER, "fault": True, "problems": ("front-door: tcp://0.0.0.0:5004 is not open",)}, {},
     State.FAILED, "tcp://0.0.0.0:5004 is not open"),
    ("connected", {"up": False}, {"encoder_s": 1.0, "received_ago_s": None, "up_ago_s": None},
     State.STARTING, "the encoder is connected and has not sent a picture yet"),
    ("on its way", {"up": False}, {"encoder_s": 1.0, "up_ago_s": None},
     State.STARTING, "the first picture is on its way to the room"),
    ("joining", {"up": False, "problems": ROOM}, {"encoder_s": 2.0, "up_ago_s": None},
     State.STARTING, "room 'lobby' is not joined: nothing listens there"),
    ("joining for too long", {"up": False, "problems": ROOM}, {"encoder_s": 12.0, "up_ago_s": None},
     State.FAILED, "room 'lobby' is not joined: nothing listens there"),
    ("silent from the first", {"up": False}, {"encoder_s": 12.0, "received_ago_s": None, "up_ago_s": None},
     State.FAILED, "no picture within 12 s of the connection"),
    ("the server went away", {"up": False, "problems": ROOM}, {"up_ago_s": 3.0},
     State.FROZEN, "room 'lobby' is not joined: nothing listens there"),
    ("the server stays away", {"up": False, "problems": ROOM}, {"up_ago_s": 30.0},
     State.FAILED, "room 'lobby' is not joined: nothing listens there"),
    ("up before the first picture", {}, {"received_ago_s": None, "sent_ago_s": None, "encoder_s": 0.1},
     State.STARTING, "the encoder is connected and has not sent a picture yet"),
    ("the encoder is silent", {}, {"received_ago_s": 48.0, "sent_ago_s": 48.0},
     State.LIVE, "the encoder has sent nothing for 48 s"),
    ("the encoder is silent for minutes", {}, {"received_ago_s": 179.0, "sent_ago_s": 179.0},
     State.LIVE, "the encoder has sent nothing for 2 min"),
    ("WebRTC is stuck for hours", {}, {"sent_ago_s": 7200.0},
     State.FROZEN, "no picture has left for viewers for 2 h: WebRTC sends none of the pictures"),
    ("silent from the first, for days",
     {"up": False}, {"encoder_s": 2.9 * 86400, "received_ago_s": None, "up_ago_s": None},
     State.FAILED, "no picture within 2 days of the connection"),
    ("the last picture before a silence has not left", {}, {"received_ago_s": 48.0, "sent_ago_s": 55.0},
     State.FROZEN, "no picture has left for viewers for 55 s: WebRTC sends none of the pictures"),
    ("a picture every five seconds", {}, {"received_ago_s": 7.0, "sent_ago_s": 7.0, "interval_s": 5.0},
     State.LIVE, "every picture is on its way to viewers"),
    ("all is dropped",
     {}, {"sent_ago_s": 5.0, "lost_pictures": 150, "received_pictures": 300, "lost_why": "congested"},
     State.FROZEN, "no picture has left for viewers for 5 s: viewers missed 150 of 300 pictures in the last "
     "10 s: the link is slower than the stream"),
    ("WebRTC is stuck", {}, {"sent_ago_s": 5.0},
     State.FROZEN, "no picture has left for viewers for 5 s: WebRTC sends none of the pictures"),
    ("the first picture waits", {}, {"encoder_s": 4.0, "sent_ago_s": None},
     State.STARTING, "the first picture is on its way to viewers"),
    ("losses", {}, {"lost_pictures": 3, "received_pictures": 300, "lost_why": "after_loss"},
     State.DEGRADED,
     "viewers missed 3 of 300 pictures in the last 10 s: no keyframe has come since one was lost"),
    ("late in WebRTC", {"send_delay_s": 0.412}, {"slow_s": 2.0},
     State.DEGRADED, "pictures wait 412 ms in WebRTC: the link is slower than the stream"),
    ("late in WebRTC for a moment", {"send_delay_s": 0.412}, {"slow_s": 1.0},
     State.LIVE, "every picture is on its way to viewers"),
    ("late here", {"backlog": 0.3}, {},
     State.DEGRADED,
     "pictures wait 300 ms before WebRTC gets them: they came in a burst, or the room was away"),
    ("a file", {"backlog": 14.0, "paced": True}, {}, State.LIVE, "every picture is on its way to viewers"),
    ("viewers see it badly", {"problems": B_FRAMES}, {}, State.DEGRADED, "the stream has B-frames"),
    ("viewers see nothing", {"problems": B_FRAMES, "unwatchable": True}, {},
     State.FAILED, "viewers see nothing: the stream has B-frames"),
    ("a codec that is not published", {"up": False}, {"encoder_s": 1.0, "refused_pictures": 30},
     State.FAILED, "viewers see nothing: they cannot decode what the encoder sends"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "late", "state", "reason"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_state_and_reason(changes: dict[str, Any], late: dict[str, Any], state: State, reason: str) -> None:
    assert state_of(figures(**changes), Recent(**(WELL | late))) == (state, reason)
