"""One stream between an encoder and a track, both played by the test: what one does, and the other gets."""

import asyncio
import json
import math
import socket
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import structlog

from ingestd.config import FeedbackConfig, SourceConfig, StreamConfig
from ingestd.control.messages import RATE_MESSAGE_INTERVAL_S
from ingestd.diagnose.reporter import KEYFRAME_PATIENCE_S, StreamReporter
from ingestd.loop_share import LoopAccount
from ingestd.media.access_unit import FrameMetadata
from ingestd.source.admission import Admission
from ingestd.source.connection import IDLE_TIMEOUT
from ingestd.source.flow_control import SLICE_BYTES, FlowControl
from ingestd.stream import Stream
from ingestd.tasks import Tasks
from ingestd.wiring import build_stream
from tests.media.vectors_h26x import annexb, slice
from tests.support.balance import assert_balanced
from tests.support.encoded import EncodedStream, encode
from tests.support.lkts import sei, trailer, user_data
from tests.support.track import Room, Track
from tests.support.wait import eventually

H264 = encode("h264", frames=8, gop=4, size=(160, 120), seed=1)
LARGER = encode("h264", frames=8, gop=4, size=(320, 240), seed=1)
VP8 = encode("vp8", frames=8, gop=4, size=(160, 120), seed=2)
H265 = encode("h265", frames=8, gop=4, size=(160, 120), seed=3)
LARGER_H265 = encode("h265", frames=8, gop=4, size=(320, 240), seed=3)
# Joined behind the keyframe: the headers come, and pictures that refer to what was not sent.
H264_MID_GOP = H264.access_units[0].split(b"\0\0\1\x65")[0] + b"".join(H264.access_units[1:4])
# Of bytes that show no format, where idle_timeout is off.
DETECTION_TIMEOUT_S = 0.3
# Pictures of one macroblock row each, with what is no NAL unit between: each of them a fault.
NOISE = (b"\0\0\1\x41\x9a\x24\x6c\x41" + b"\0\0\1\xff\xff") * 200


class Transport(asyncio.Transport):
    """An encoder's connection, as far as a session looks."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Any] = []
        self.closing = False
        self._ours, self._theirs = socket.socketpair()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"socket": self._ours, "peername": ("127.0.0.1", 40112)}.get(name, default)

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True
        self._ours.close()
        self._theirs.close()

    def write(self, data: Any) -> None:
        self.lines.append(json.loads(data))

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """Nothing is read that the test does not write."""

    def resume_reading(self) -> None:
        """As above."""


class Encoder:
    """Connects to a stream; what it sends arrives in one read, and is taken in one turn."""

    def __init__(self, stream: Stream) -> None:
        self.transport = Transport()
        self._connection = stream.admission.new_connection()
        self._connection.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        assert len(data) <= SLICE_BYTES, "what is more may have to wait for its turn"
        self._connection.get_buffer(len(data))[: len(data)] = data
        self._connection.buffer_updated(len(data))

    def fall_silent(self, admission: Admission) -> None:
        """What the connection does after idle_timeout."""
        self.transport.abort()
        admission.connection_lost(self._connection, "the encoder sent nothing", IDLE_TIMEOUT)

    def leave(self) -> None:
        self._connection.connection_lost(None)
        self.transport.abort()


async def gone(stream: Stream) -> None:
    """Wait until an encoder that has left is gone: what it sent is read first, in turns."""
    await eventually(lambda: stream.figures().encoder == "", "let the encoder go")


@pytest.fixture(autouse=True)
def one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is taken at once, also by a machine so busy that a stream would be read in turns."""
    monkeypatch.setattr(FlowControl, "yield_loop", lambda *_: None)
    monkeypatch.setattr(LoopAccount, "charge", lambda *_, **__: 0.0)
    monkeypatch.setattr(LoopAccount, "wait_s", lambda *_: 0.0)
    monkeypatch.setattr("ingestd.encoder_reader.MAX_TURN_S", math.inf)


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def idle_timeout() -> str:
    return "10s"


class HurriedReporter(StreamReporter):
    """Each picture comes to it as long after the one before as it waits for a keyframe."""

    _pictures = 0

    def waits_for_keyframe(self, waits: bool, now: float, *, asked: bool) -> None:
        self._pictures += 1
        super().waits_for_keyframe(waits, now + self._pictures * KEYFRAME_PATIENCE_S, asked=asked)


@pytest.fixture
def make_reporter() -> type[StreamReporter]:
    return StreamReporter


@pytest.fixture
def h265_refusal() -> str | None:
    return None


refuses_h265 = pytest.mark.parametrize("h265_refusal", ["it is off: send H.264"])


@pytest.fixture
async def stream(
    tasks: Tasks,
    room: Room,
    idle_timeout: str,
    make_reporter: type[StreamReporter],
    h265_refusal: str | None,
) -> AsyncIterator[Stream]:
    source = SourceConfig.model_validate({"listen": "tcp://127.0.0.1:0", "idle_timeout": idle_timeout})
    config = StreamConfig(name="cam", room="lobby", source=source, feedback=FeedbackConfig(inline=True))
    stream = build_stream(
        config,
        room,
        tasks,
        h265_refusal=h265_refusal,
        make_track=Track,
        make_reporter=make_reporter,
        detection_timeout_s=DETECTION_TIMEOUT_S,
    )
    await stream.start()
    yield stream
    assert_books_balance(stream)
    await stream.stop("the test is over")


def nal_units(units: Sequence[bytes]) -> list[bytes]:
    """Without the start codes, which come in two lengths."""
    return b"".join(units).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")


def assert_books_balance(stream: Stream) -> None:
    f = stream.figures()
    assert_balanced(sum(f.frames_received.values()), f.frames_submitted, f.frames_dropped, f.frames_held)


async def test_pictures_that_waited_for_a_track_do_not_wait_for_one_of_another_codec(
    stream: Stream, room: Room
) -> None:
    first = Encoder(stream)
    first.send(VP8.container)
    first.leave()
    assert stream.figures().frames_held == 8
    second = Encoder(stream)
    second.send(H264_MID_GOP)
    room.track.publish()
    assert stream.figures().frames_held == 0
    assert stream.figures().frames_dropped["no_room"] == 8
    assert room.track.taken == [], "a VP8 keyframe for an H.264 track"
    second.send(H264.container)
    await eventually(
        lambda: room.track.taken[-1:] == [H264.access_units[6]],
        "hand over all that is whole",
    )
    second.leave()


async def test_a_codec_may_change_within_a_connection(stream: Stream, room: Room) -> None:
    vp9 = encode("vp9", frames=4, gop=4, size=(160, 120))
    encoder = Encoder(stream)
    encoder.send(VP8.container)
    room.track.publish()
    await eventually(lambda: room.track.taken[-1:] == [VP8.access_units[-1]], "hand over all")
    old = len(room.track.taken)
    encoder.send(vp9.container)
    assert not room.track.open
    room.track.publish()
    await eventually(lambda: room.track.taken[-1:] == [vp9.access_units[-1]], "hand over all")
    assert room.track.taken[old:] == list(vp9.access_units)
    encoder.leave()


@refuses_h265
async def test_refused_h265_after_h264_takes_the_track_out_of_the_room(stream: Stream, room: Room) -> None:
    encoder = Encoder(stream)
    encoder.send(H264.container)
    old = room.track
    old.publish()
    assert stream.figures().up
    await eventually(lambda: len(old.taken) > 3, "hand over")
    encoder.leave()
    await gone(stream)
    sent = stream.figures().frames_sent
    for _ in range(2):
        encoder = Encoder(stream)
        encoder.send(H265.container)
        assert not stream.figures().up
        assert stream.figures().problems == ("cam: H.265 cannot be published: it is off: send H.264",)
        encoder.leave()
        await gone(stream)
    await eventually(lambda: old.closed, "close the old track")
    await eventually(lambda: stream.figures().frames_dropped["unsupported"] == 16, "drop all of both")
    assert stream.figures().stream_errors["h265_not_published"] == 2
    assert stream.figures().frames_sent == sent, "a counter never falls"

    encoder = Encoder(stream)
    encoder.send(H264.container)
    room.track.publish()
    assert stream.figures().up
    await eventually(
        lambda: room.track.taken[-1:] == [H264.access_units[6]],
        "hand over all that is whole",
    )
    assert len(room.tracks) == 1
    assert room.track is not old
    encoder.leave()


async def test_h265_is_published_as_any_other_codec(stream: Stream, room: Room) -> None:
    encoder = Encoder(stream)
    encoder.send(H265.container)
    room.track.publish()
    await eventually(lambda: not stream.figures().frames_held, "hand over what waited")
    assert nal_units(room.track.taken[-7:]) == nal_units(H265.access_units[:7])
    assert stream.figures().up
    assert stream.figures().problems == ()
    assert stream.figures().stream_errors["h265_not_published"] == 0
    encoder.leave()


@refuses_h265
async def test_a_torn_h265_picture_is_received_once(stream: Stream) -> None:
    encoder = Encoder(stream)
    first, second, third, *_ = H265.access_units
    encoder.send(first + second[:-20])
    await eventually(lambda: stream.figures().frames_received["delta"] == 1, "take the piece for the whole")
    encoder.send(second[-20:] + third)
    assert stream.figures().stream_errors["torn_picture"] == 1
    encoder.leave()
    assert stream.figures().frames_received == {"key": 1, "delta": 2}
    assert stream.figures().frames_dropped["unsupported"] == 3


async def test_a_picture_of_parameter_sets_that_never_came_costs_pictures_and_not_the_encoder(
    stream: Stream, room: Room
) -> None:
    first, second, third, *_ = H264.access_units
    stray = annexb(slice(frame_num=1, pps_id=7))
    encoder = Encoder(stream)
    encoder.send(first + second + stray + third + first + second)
    room.track.publish()
    encoder.send(third + first)
    await eventually(lambda: not stream.figures().frames_held, "hand over what waited")
    assert not encoder.transport.closing
    figures = stream.figures()
    assert figures.stream_errors["internal"] == 0
    assert figures.frames_dropped["no_parameter_sets"] == 1
    assert figures.frames_dropped["after_loss"] == 1
    assert sum(figures.frames_received.values()) == figures.frames_submitted + 2
    encoder.leave()


async def test_what_came_before_a_fault_is_handed_over(stream: Stream, room: Room) -> None:
    healthy = Encoder(stream)
    healthy.send(H264.container)
    room.track.publish()
    await eventually(lambda: not stream.figures().frames_held, "hand over what waited")
    healthy.leave()
    await eventually(lambda: room.track.at_rest, "come to rest")
    room.track.taken.clear()

    faulty = Encoder(stream)
    faulty.send(H264.container + NOISE)
    await eventually(lambda: stream.figures().stream_errors["too_many_faults"] == 1)
    assert faulty.transport.closing
    assert room.track.taken, "at once, as ever"
    await eventually(lambda: not stream.figures().frames_held, "hand over what came before the fault")
    assert nal_units(room.track.taken[:8]) == nal_units(H264.access_units)
    faulty.leave()


@pytest.mark.parametrize(
    ("one", "other", "h265_refusal"),
    [(H264, LARGER, None), (H265, LARGER_H265, None), (H265, LARGER_H265, "it is off")],
    ids=["h264", "h265", "h265-refused"],
)
async def test_a_stream_that_changes_with_every_picture_does_not_fill_the_log(
    stream: Stream, one: EncodedStream, other: EncodedStream, h265_refusal: str | None
) -> None:
    with structlog.testing.capture_logs() as lines:
        encoder = Encoder(stream)
        for _ in range(5):
            encoder.send(one.access_units[0] + other.access_units[0])
        encoder.leave()
    events = [line["event"] for line in lines]
    assert events.count("stream recognised") == 1
    assert events.count("stream changed") == 1
    assert len(events) <= 6
    assert stream.figures().stream_errors["h265_not_published"] == (h265_refusal is not None)


def headless(stream: EncodedStream) -> bytes:
    """Its keyframes only refer to parameter sets."""
    return b"".join(b"\0\0\1\x65" + unit.split(b"\0\0\1\x65")[-1] for unit in stream.access_units[::4])


async def test_b_frames_are_a_problem_until_a_gop_has_none(stream: Stream, room: Room) -> None:
    with_b_frames = encode("h264", frames=8, gop=8, bframes=2, profile="main", size=(160, 120), seed=4)
    encoder = Encoder(stream)
    encoder.send(with_b_frames.container)
    room.track.publish()
    (problem,) = stream.figures().problems
    assert problem.startswith("cam: the stream has B-frames")
    assert "ffmpeg: -bf 0" in problem
    assert stream.figures().up
    assert stream.problems == [], "which is what /readyz counts"
    encoder.send(H264.access_units[0])
    encoder.send(b"".join(H264.access_units[1:4]))
    assert len(stream.figures().problems) == 1
    encoder.send(b"".join(H264.access_units[4:]))
    assert stream.figures().problems == ()
    encoder.send(with_b_frames.container + H264.container[:4])
    assert len(stream.figures().problems) == 1
    encoder.leave()
    assert stream.figures().problems == (), "nobody sends them"


async def test_keyframes_without_parameter_sets_are_a_problem(stream: Stream, room: Room) -> None:
    encoder = Encoder(stream)
    encoder.send(headless(H264) * 3)
    problem = stream.figures().problems[0]
    assert problem.startswith("cam: no parameter sets came: keyframes are dropped"), (
        "before what follows from it"
    )
    assert "config-interval=-1" in problem
    encoder.send(H264.container)
    room.track.publish()
    assert stream.figures().problems == ()
    encoder.leave()


@pytest.mark.parametrize("make_reporter", [HurriedReporter])
async def test_an_encoder_that_sends_no_keyframe_is_a_problem_until_one_comes_and_is_asked_for_it(
    stream: Stream, room: Room
) -> None:
    encoder = Encoder(stream)
    encoder.send(H264_MID_GOP)
    assert [line["type"] for line in encoder.transport.lines] == ["hello", "keyframe"]
    room.track.publish()
    (problem,) = stream.figures().problems
    assert problem.startswith("cam: no keyframe came")
    assert "though the encoder is asked for one (feedback); make the encoder send one" in problem
    assert stream.problems == []
    encoder.send(H264.container)
    room.track.publish()
    assert stream.figures().problems == ()
    encoder.leave()


async def test_what_viewers_cannot_decode_is_a_problem_until_it_changes(stream: Stream, room: Room) -> None:
    # Its bytes 4 to 6 are the profile: Extended.
    extended = H264.access_units[0].replace(b"\x67\x42", b"\x67\x58")
    assert extended != H264.access_units[0]
    encoder = Encoder(stream)
    encoder.send(extended + b"".join(H264.access_units[1:4]))
    room.track.publish()
    (problem,) = stream.figures().problems
    assert problem.startswith("cam: H.264 Extended: a profile that viewers do not decode")
    assert "ffmpeg: add `-pix_fmt yuv420p -profile:v high`" in problem
    assert stream.problems == []
    encoder.send(H264.container)
    await eventually(lambda: stream.figures().problems == (), "read what has come")
    assert not stream.figures().fault
    encoder.leave()


async def test_the_fault_that_ended_a_connection_is_a_problem_until_an_encoder_is_understood(
    stream: Stream, room: Room
) -> None:
    stray = Encoder(stream)
    with structlog.testing.capture_logs() as lines:
        stray.send(b"GET / HTTP/1.1\r\n")
        stray.leave()
    (problem,) = stream.figures().problems
    assert problem.startswith("cam: the last connection ended with a fault: http: this is an HTTP message")
    assert stream.figures().fault
    assert stream.figures().source.startswith("tcp://127.0.0.1:")
    assert "ffmpeg: -f h264 tcp://HOST:PORT" in problem
    assert stream.problems == []
    gone = next(line for line in lines if line["event"] == "encoder gone")
    assert gone["reason"].startswith("http: this is an HTTP message"), "its own words"
    assert "ffmpeg: -f h264 tcp://HOST:PORT" in gone["reason"]

    encoder = Encoder(stream)
    encoder.send(H264.access_units[0][:4])
    assert problem in stream.figures().problems
    encoder.send(H264.container[4:])
    room.track.publish()
    assert stream.figures().problems == ()
    encoder.leave()
    assert stream.figures().problems == ()


async def test_the_pause_between_two_encoders_is_no_keyframe_interval(stream: Stream) -> None:
    first = Encoder(stream)
    first.send(H264.container)
    first.leave()
    assert stream.figures().keyframe_interval is not None
    second = Encoder(stream)
    second.send(b"".join(H264.access_units[:4]))
    assert stream.figures().frames_received["key"] == 3
    assert stream.figures().keyframe_interval is None
    second.send(H264.container)
    assert stream.figures().keyframe_interval is not None
    second.leave()


@pytest.mark.parametrize("idle_timeout", ["300ms", "0"])
async def test_noise_that_trickles_does_not_hold_the_line_for_ever(stream: Stream) -> None:
    noise = Encoder(stream)
    noise.send(b"\x55" * 50)

    def trickled() -> bool:
        if not noise.transport.closing:
            noise.send(b"\x55")
        return noise.transport.closing

    await eventually(trickled, "part with it")
    noise.leave()
    assert stream.figures().stream_errors["not_video"] == 1
    (problem,) = stream.figures().problems
    assert "hold no video that is known here; they begin 55 55" in problem

    encoder = Encoder(stream)
    encoder.send(H264.access_units[0][:4])
    encoder.send(H264.container[4:])
    encoder.leave()
    assert stream.figures().stream_errors["not_video"] == 1, "it is understood"


async def test_an_encoder_that_is_dropped_for_its_silence_has_not_closed_the_connection(
    stream: Stream,
) -> None:
    encoder = Encoder(stream)
    encoder.send(b"\x55")
    with structlog.testing.capture_logs() as lines:
        encoder.fall_silent(stream.admission)
    assert stream.figures().stream_errors == {"not_video": 1, "idle_timeout": 1}
    assert lines[-1]["reason"] == "the encoder sent nothing"
    assert not [line for line in lines if "closed without" in str(line)]


async def test_viewers_are_told_what_the_encoder_says_of_a_picture_or_its_number_and_arrival(
    stream: Stream, room: Room
) -> None:
    encoder = Encoder(stream)
    units = list(H264.access_units)
    units[5] = b"\0\0\0\1" + sei(trailer(user_data(b"goal"))) + units[5]
    before = time.time_ns() // 1000
    encoder.send(b"".join(units))
    after = time.time_ns() // 1000
    room.track.publish()
    await eventually(lambda: len(room.track.taken) == 7, "hand over all that is whole")
    first, second, third = room.track.metadata[4:]
    assert second == FrameMetadata(user_data=b"goal")
    assert room.track.taken[5] == units[5]
    for counted, number in ((first, 4), (third, 6)):
        assert counted.user_timestamp is not None
        assert before <= counted.user_timestamp <= after
        assert counted == FrameMetadata(counted.user_timestamp, number)
    encoder.leave()


async def test_an_encoder_hears_what_webrtc_wants_and_so_does_the_next(stream: Stream, room: Room) -> None:
    first = Encoder(stream)
    first.send(H264.container)
    room.track.publish()
    room.track.ask(keyframe=True, bitrate_bps=1_200_000)
    await eventually(lambda: len(first.transport.lines) == 3, "tell the encoder")
    hello, keyframe, rate = first.transport.lines
    assert hello == {"type": "hello", "version": 1, "stream": "cam"}
    assert keyframe == {"type": "keyframe", "at_us": keyframe["at_us"]}
    assert rate == {**rate, "type": "rate", "bitrate_bps": 1_200_000, "framerate_fps": 60.0}
    first.leave()

    second = Encoder(stream)
    await asyncio.sleep(RATE_MESSAGE_INTERVAL_S)
    second.send(H264.container)
    await eventually(lambda: len(second.transport.lines) == 2, "tell the next")
    _hello, rate = second.transport.lines
    assert rate == {**rate, "type": "rate", "bitrate_bps": 1_200_000, "framerate_fps": 60.0}
    second.leave()
    none = {"sent": 0, "dropped": 0, "failed": 0}
    assert stream.figures().feedback_messages == {"keyframe": none | {"sent": 1}, "rate": none | {"sent": 2}}


async def test_what_the_link_of_a_lost_track_carried_is_told_to_nobody(stream: Stream, room: Room) -> None:
    first = Encoder(stream)
    first.send(H264.container)
    room.track.publish()
    room.track.ask(bitrate_bps=1_200_000)
    await eventually(lambda: len(first.transport.lines) == 2, "tell the encoder")
    first.leave()

    room.track.lose()
    room.track.taken.clear()
    second = Encoder(stream)
    await asyncio.sleep(RATE_MESSAGE_INTERVAL_S)
    second.send(H264.container)
    room.track.publish()
    await eventually(lambda: not stream.figures().frames_held, "hand over all")
    assert [line["type"] for line in second.transport.lines] == ["hello"]
    second.leave()


async def test_encoders_that_take_the_line_from_each_other_do_not_cost_a_track_each(
    stream: Stream, room: Room
) -> None:
    for number in range(12):
        encoder = Encoder(stream)
        encoder.send((H264, VP8)[number % 2].container)
        encoder.leave()
    assert stream.figures().stream_errors["codec_flips"] == 4
    assert room.track.info is not None
    assert room.track.info.codec == "h264", "what it was when the line became a quarrel"


@pytest.mark.parametrize("join", ["always", "with-encoder"])
async def test_the_room_is_needed_always_or_while_an_encoder_sends_pictures(
    tasks: Tasks, room: Room, join: str
) -> None:
    config = StreamConfig.model_validate(
        {"name": "cam", "room": "lobby", "join": join, "source": {"listen": "tcp://127.0.0.1:0"}}
    )
    always = join == "always"
    stream = build_stream(config, room, tasks, make_track=Track)
    await stream.start()
    assert bool(room.needed_by) is always
    room.problem = "room 'lobby' is not joined"
    encoder = Encoder(stream)
    encoder.send(b"\0\0\0\1\x09\x10")  # an access unit delimiter
    assert bool(room.needed_by) is always
    assert bool(stream.problems) is always, "what has sent no picture needs no room"
    encoder.send(H264.container)
    assert room.needed_by
    assert stream.problems == ["cam: room 'lobby' is not joined"]
    encoder.leave()
    assert bool(room.needed_by) is always
    assert stream.problems == []
    await stream.stop("end")
    assert not room.needed_by


async def test_a_room_that_cannot_be_joined_is_a_problem_before_an_encoder_comes(
    stream: Stream, room: Room
) -> None:
    assert (stream.problems, stream.figures().fault) == ([], False)
    room.barred = room.notice = "the token expired"
    assert stream.problems == ["cam: the token expired"]
    assert (stream.figures().problems, stream.figures().fault) == (("cam: the token expired",), True)
    Encoder(stream).send(H264.container)
    assert stream.problems == [], "whether it is joined is what counts now"
