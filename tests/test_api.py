"""An application with its own access units; the track is played by the test."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

import ingestd
from ingestd import AccessUnit, Codec, ConfigError, Drop, Publication, StreamError
from ingestd.observe.metrics import StreamCollector
from ingestd.publish.track import TrackOptions
from ingestd.publish.track_listener import TrackListener
from ingestd.tasks import Tasks
from tests.support.balance import assert_balanced
from tests.support.encoded import EncodedStream, encode, resized
from tests.support.track import Track
from tests.support.wait import PATIENCE_S, eventually

VIDEO = encode("vp8", frames=8, gop=4, size=(160, 120))
H265 = encode("h265", frames=4, gop=4, size=(160, 120))


class PlayedPublication(Publication):
    """Its track is played by the test."""

    def _make_track(self, options: TrackOptions, listener: TrackListener, tasks: Tasks) -> Track:
        self.track = Track(options, listener, tasks)
        return self.track


ARGUMENTS: dict[str, Any] = {
    "url": "ws://127.0.0.1:1",
    "api_key": "key",
    "api_secret": "secret",
    "room": "lobby",
    "identity": "camera",
    "track": "cam",
    "max_framerate": 25,
}


@pytest.fixture
async def cam() -> AsyncIterator[PlayedPublication]:
    cam = PlayedPublication(**ARGUMENTS)
    yield cam
    await cam.close()
    f = cam.figures()
    assert_balanced(sum(f.frames_received.values()), f.frames_submitted, f.frames_dropped, f.frames_held)


def access_units(video: EncodedStream) -> list[AccessUnit]:
    return [AccessUnit(data, Codec(video.codec)) for data in video.access_units]


async def test_what_viewers_will_not_like_is_among_the_problems(cam: PlayedPublication) -> None:
    for access_unit in access_units(encode("h264", frames=30, gop=30, bframes=2, profile="main")):
        cam.submit(access_unit)
    assert any("B-frames" in problem for problem in cam.figures().problems)


async def test_what_is_submitted_before_there_is_a_track_waits_for_it(cam: PlayedPublication) -> None:
    assert [cam.submit(unit) for unit in access_units(VIDEO)] == 8 * [None]
    figures = cam.figures()
    assert (figures.frames_held, figures.frames_dropped["no_room"]) == (8, 0)
    assert (figures.name, figures.room, figures.codec, figures.size) == ("cam", "lobby", "vp8", "160x120")
    assert figures.bytes_received == sum(map(len, VIDEO.access_units))
    assert figures.problems == ("room 'lobby' is not joined",)
    cam.track.publish()
    await eventually(lambda: cam.track.taken == list(VIDEO.access_units), "hand over what waited")
    assert cam.figures().frames_submitted == 8


async def test_a_picture_is_with_webrtc_when_submit_returns(cam: PlayedPublication) -> None:
    keyframe, delta, *_ = access_units(VIDEO)
    cam.submit(keyframe)
    cam.track.publish()
    await eventually(lambda: cam.track.at_rest, "come to rest")
    assert cam.submit(delta) is None
    assert cam.track.taken[-1] == delta.data


async def test_h265_is_accepted_as_any_other_codec(cam: PlayedPublication) -> None:
    assert [cam.submit(unit) for unit in access_units(H265)] == 4 * [None]
    cam.track.publish()
    await eventually(lambda: not cam.figures().frames_held, "hand over what waited")
    assert cam.track.taken[-1] == H265.access_units[-1]


async def test_what_nobody_could_decode_is_dropped_with_the_reason(cam: PlayedPublication) -> None:
    assert cam.submit(access_units(VIDEO)[1]) is Drop.BEFORE_KEYFRAME
    h264 = encode("h264", frames=4, gop=4, size=(160, 120)).access_units
    slice_alone = b"\0\0\1\x65" + h264[0].partition(b"\0\0\1\x65")[2]
    assert cam.submit(AccessUnit(slice_alone, Codec.H264)) is Drop.NO_PARAMETER_SETS


async def test_after_bad_input_everything_waits_for_a_keyframe(cam: PlayedPublication) -> None:
    keyframe, delta, *_, again, last, _, _ = access_units(VIDEO)
    assert cam.submit(keyframe) is None
    with pytest.raises(StreamError, match="submit what the encoder returns"):
        cam.submit(AccessUnit(b"", Codec.VP8))
    assert cam.submit(delta) is Drop.BEFORE_KEYFRAME
    assert [cam.submit(again), cam.submit(last)] == [None, None]
    assert cam.figures().stream_errors == {"empty": 1}


async def test_a_picture_larger_than_any_viewer_decodes_is_bad_input(cam: PlayedPublication) -> None:
    keyframe, delta, *_, again, _, _, _ = access_units(VIDEO)
    assert cam.submit(keyframe) is None
    for picture in (AccessUnit(resized(again.data, 16000, 16000), Codec.VP8), delta):
        with pytest.raises(StreamError, match="pictures of 16000x16000; expected 8192x4352"):
            cam.submit(picture)
    assert cam.submit(again) is None
    assert cam.figures().stream_errors == {"picture_size": 2}


async def test_a_broken_nal_unit_beside_a_picture_is_counted_and_the_picture_taken(
    cam: PlayedPublication,
) -> None:
    h264 = encode("h264", frames=4, gop=4, size=(160, 120)).access_units
    assert cam.submit(AccessUnit(b"\0\0\1\xff\xff" + h264[0], Codec.H264)) is None
    assert cam.submit(AccessUnit(h264[1], Codec.H264)) is None
    assert cam.figures().stream_errors == {"malformed_nal_header": 1}


async def test_the_application_hears_what_webrtc_wants_and_may_submit_at_once() -> None:
    heard: list[object] = []
    keyframe, delta, *_, again, _, _, _ = access_units(VIDEO)

    def on_keyframe_wanted() -> None:
        heard.append("keyframe")
        camera.submit(again)

    camera = PlayedPublication(
        **ARGUMENTS,
        on_keyframe_wanted=on_keyframe_wanted,
        on_rate_wanted=lambda bitrate, framerate: heard.append((bitrate, framerate)),
    )
    camera.submit(keyframe)
    camera.track.publish()
    await eventually(lambda: camera.track.at_rest, "come to rest")
    camera.track.ask(keyframe=True, bitrate_bps=1_200_000)
    camera.submit(delta)
    await eventually(lambda: camera.track.taken[-1:] == [again.data], "hand over the keyframe it asked for")
    assert heard == ["keyframe", (1_200_000, 25.0)]
    assert delta.data in camera.track.taken, "it came before the request"
    assert camera.figures().feedback_messages["keyframe"] == {"sent": 1, "dropped": 0, "failed": 0}
    await camera.close()


async def test_a_callback_that_would_never_be_awaited_is_refused() -> None:
    async def never_awaited() -> None:
        pass

    with pytest.raises(
        ConfigError, match="on_keyframe_wanted: must be a plain function, as nobody awaits it"
    ):
        PlayedPublication(**ARGUMENTS, on_keyframe_wanted=never_awaited)


async def test_a_callback_that_cannot_be_called_is_refused() -> None:
    not_functions: dict[str, Any] = {"on_keyframe_wanted": 5, "on_rate_wanted": "encode"}
    with pytest.raises(ConfigError) as refused:
        PlayedPublication(**ARGUMENTS, **not_functions)
    assert str(refused.value) == (
        "on_keyframe_wanted: must be a plain function, not int; "
        "on_rate_wanted: must be a plain function, not str"
    )


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_what_resembles_bytes_and_the_name_of_a_codec_will_do(
    cam: PlayedPublication, kind: Any
) -> None:
    keyframe, delta, *_ = VIDEO.access_units
    buffer = bytearray(keyframe)
    named: Any = "vp8"
    assert cam.submit(AccessUnit(kind(buffer), named)) is None
    buffer[:] = bytes(len(buffer))
    assert cam.submit(AccessUnit(kind(delta), named)) is None
    cam.track.publish()
    await eventually(lambda: cam.track.taken[-1:] == [delta], "hand over both")
    assert cam.track.taken[0] == keyframe, "a copy of it was kept"


@pytest.mark.parametrize(
    ("submitted", "said"),
    [
        (VIDEO.access_units[0], "submit takes an ingestd.AccessUnit, not bytes"),
        (None, "submit takes an ingestd.AccessUnit, not NoneType"),
        (("text", Codec.VP8), "AccessUnit.data must be bytes, not str"),
        ((None, Codec.VP8), "AccessUnit.data must be bytes, not NoneType"),
        ((VIDEO.access_units[0], "nonsense"), "AccessUnit.codec must be an ingestd.Codec, not 'nonsense'"),
        ((VIDEO.access_units[0], None), "AccessUnit.codec must be an ingestd.Codec, not None"),
    ],
)
async def test_what_is_no_access_unit_by_type_changes_nothing_and_says_what_is_wanted(
    cam: PlayedPublication, submitted: Any, said: str
) -> None:
    keyframe, delta, *_ = access_units(VIDEO)
    cam.submit(keyframe)
    with pytest.raises(TypeError) as refused:
        cam.submit(AccessUnit(*submitted) if isinstance(submitted, tuple) else submitted)
    assert str(refused.value) == said
    assert cam.submit(delta) is None
    assert cam.figures().stream_errors == {}


async def test_what_comes_faster_than_real_time_is_paced_and_the_application_told_to_wait(
    cam: PlayedPublication,
) -> None:
    keyframe, delta, *_ = access_units(VIDEO)
    assert cam.submit(keyframe) is None
    cam.track.publish()
    submitted = 1
    while not cam.full:
        assert cam.submit(delta) is None
        submitted += 1
    # VP8 declares no rate: 25 pictures/s is what the fixture allows.
    assert submitted > 12 * 25
    assert cam.figures().frames_submitted < 100


async def test_requests_that_no_callback_takes_are_counted_as_dropped(cam: PlayedPublication) -> None:
    cam.submit(access_units(VIDEO)[0])
    cam.track.publish()
    cam.track.ask(keyframe=True)
    await eventually(lambda: cam.figures().feedback_messages["keyframe"]["dropped"] == 1, "drop the request")


async def test_a_defect_of_ours_costs_pictures_up_to_the_next_keyframe_and_not_the_application() -> None:
    camera = PlayedPublication(**ARGUMENTS)
    keyframe, delta, *_, again, _, _, _ = access_units(VIDEO)
    camera.submit(keyframe)
    camera.track.broken = True
    camera.track.publish()
    assert camera.figures().stream_errors == {"internal": 1}
    assert camera.figures().frames_dropped["rejected"] == 1
    assert camera.submit(delta) is Drop.BEFORE_KEYFRAME
    assert camera.submit(again) is None
    await camera.close()


async def test_submitting_from_another_thread_changes_nothing_and_says_so(cam: PlayedPublication) -> None:
    said: list[BaseException] = []

    def submit() -> None:
        try:
            cam.submit(access_units(VIDEO)[0])
        except RuntimeError as error:
            said.append(error)

    thread = threading.Thread(target=submit)
    thread.start()
    thread.join()
    assert [str(error) for error in said] == ["no running event loop"]
    assert cam.figures().bytes_received == 0


async def test_a_publication_that_is_closed_takes_nothing_and_may_be_closed_again(
    cam: PlayedPublication,
) -> None:
    cam.submit(access_units(VIDEO)[0])
    await cam.close()
    await cam.close()
    assert cam.submit(access_units(VIDEO)[4]) is Drop.STOPPED
    assert cam.figures().frames_dropped["stopped"] == 1
    assert cam.track.closed


async def test_a_publication_that_is_closed_joins_no_room() -> None:
    camera = Publication(**ARGUMENTS)
    await camera.close()
    with pytest.raises(RuntimeError, match="is closed; make another one"):
        async with asyncio.timeout(PATIENCE_S):
            await camera.publish()
    assert not any(task.get_name() == "room camera@lobby" for task in asyncio.all_tasks())


async def test_closing_ends_the_wait_for_a_room_that_is_not_there() -> None:
    camera = Publication(**ARGUMENTS)
    loop = asyncio.get_running_loop()
    waiting = [loop.create_task(camera.publish()) for _ in range(2)]
    await eventually(lambda: camera.figures().room_connections["unreachable"], "try to join")
    assert "nothing listens there" in camera.figures().problems[0]
    assert [task.get_name() for task in asyncio.all_tasks()].count("room camera@lobby") == 1
    await camera.close()
    await asyncio.wait(waiting, timeout=PATIENCE_S)
    assert all(task.cancelled() for task in waiting)


async def test_its_figures_are_good_for_prometheus(cam: PlayedPublication) -> None:
    cam.submit(access_units(VIDEO)[0])
    families = {family.name: family for family in StreamCollector(lambda: [cam.figures()], "1").collect()}
    held = families["ingestd_frames_held"].samples
    assert [(sample.labels, sample.value) for sample in held] == [({"stream": "cam"}, 1.0)]


def test_arguments_nobody_could_publish_with_are_named() -> None:
    with pytest.raises(ConfigError) as refused:
        Publication(**{**ARGUMENTS, "url": "lobby.example.com", "max_bitrate": 12, "api_secret": ""})
    assert str(refused.value) == (
        "url: 'lobby.example.com' is not usable; allowed: ws://HOST or wss://HOST or http://HOST or "
        "https://HOST; api_secret: is empty, or has spaces around it or control characters in it; "
        "allowed: one line of text; max_bitrate: 12 is out of range; allowed: 10kbps to 1Gbps"
    )


def test_the_sdk_is_imported_with_the_first_name_that_needs_it() -> None:
    script = (
        "import sys, ingestd, ingestd.cli\n"
        "from ingestd import Codec, Drop, StreamError\n"
        "assert 'livekit' not in sys.modules\n"
        "from ingestd import *\n"
        "assert 'livekit' in sys.modules and Publication is ingestd.Publication\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="'ingestd' has no attribute 'Publisher'"):
        _ = ingestd.Publisher
