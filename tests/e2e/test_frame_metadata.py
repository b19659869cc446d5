"""What is known of a picture is found at that picture by a subscriber."""

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.conftest import RunDaemon
from tests.support.daemon import stream
from tests.support.encoded import EncodedStream, encode
from tests.support.lkts import H264_SEI, H265_PREFIX_SEI, frame_id, sei, trailer, user_data, user_timestamp
from tests.support.push import Encoder
from tests.support.viewer import Picture, Viewer
from tests.support.wait import PATIENCE_S

ROUNDING_US = 10  # of two pictures that arrive at once: the clock of the loop is another than the wall's
BEGAN_US = 1_700_000_000_000_000  # µs; what the encoder's clock says of its first picture
VIDEO = encode("h264", frames=90, gop=30, size=(160, 120))
H265 = encode("h265", frames=90, gop=30, size=(160, 120))

Metadata = tuple[int | None, int | None, bytes | None]


@pytest.mark.parametrize(
    ("encoded", "header"),
    [
        pytest.param(VIDEO, H264_SEI, id="h264"),
        pytest.param(H265, H265_PREFIX_SEI, id="h265", marks=pytest.mark.long),
    ],
)
def test_an_encoder_tells_viewers_of_its_pictures_in_sei(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str, encoded: EncodedStream, header: bytes
) -> None:
    told: list[Metadata] = []
    units: list[bytes] = []
    for number, unit in enumerate(encoded.access_units):
        time_of_it, name, data = BEGAN_US + number, 1000 + number, b"%03d" % number
        match number % 3:
            case 0:  # with as much data as fits beside the other two
                elements = [user_timestamp(time_of_it), frame_id(name), user_data(data.ljust(232, b"."))]
                told.append((time_of_it, name, data.ljust(232, b".")))
            case 1:
                elements = [user_timestamp(time_of_it)]
                told.append((time_of_it, None, None))
            case _:  # with as much data as fits
                elements = [user_data(data.ljust(248, b"."))]
                told.append((None, None, data.ljust(248, b".")))
        units.append(b"\0\0\0\1" + sei(trailer(*elements), header) + unit)
    video = replace(encoded, access_units=tuple(units))

    with (
        run_daemon(stream("cam", room)) as daemon,
        Viewer(livekit, room, decodes_h265=encoded is H265) as viewer,
    ):
        seen = push(video, daemon.port(), viewer)
        assert daemon.metrics().total("ingestd_stream_errors_total") == 0
        assert [track.frame_metadata_features for track in viewer.tracks()] == [[0, 1, 2]]
    assert seen == {number: told[number] for number in seen}
    assert {number % 3 for number in seen} == {0, 1, 2}


def test_without_a_word_of_the_encoder_pictures_have_their_number_and_arrival(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    with run_daemon(stream("cam", room)) as daemon, Viewer(livekit, room) as viewer:
        before = time.time_ns() // 1000
        seen = push(VIDEO, daemon.port(), viewer)
        after = time.time_ns() // 1000
    assert {number: name for number, (_, name, _) in seen.items()} == {number: number for number in seen}
    arrivals = [arrived for _, (arrived, _, _) in sorted(seen.items()) if arrived is not None]
    assert len(arrivals) == len(seen)
    assert all(later > sooner - ROUNDING_US for sooner, later in pairwise([before, *arrivals, after]))
    assert {data for _, _, data in seen.values()} == {None}


def test_nothing_is_told_where_the_configuration_says_so(
    run_daemon: RunDaemon, livekit: LiveKitServer, room: str
) -> None:
    told = b"\0\0\0\1" + sei(trailer(frame_id(7)))
    video = replace(VIDEO, access_units=tuple(told + unit for unit in VIDEO.access_units))
    with run_daemon(stream("cam", room, frame_metadata=False)) as daemon, Viewer(livekit, room) as viewer:
        assert set(push(video, daemon.port(), viewer).values()) == {(None, None, None)}
        assert [track.frame_metadata_features for track in viewer.tracks()] == [[]]


def push(video: EncodedStream, port: int, viewer: Viewer) -> dict[int, Metadata]:
    """Push all of it; return what the viewer found at which of its pictures.

    But for the first, which may be seen twice: the SDK may not listen to what comes with it yet.
    """
    with Encoder(port, video) as encoder:
        encoder.wait()
        viewer.wait_for_picture(encoder.last_hash, timeout=PATIENCE_S)
    numbers = {name: number for number, name in enumerate(video.reference_hashes)}
    first, *others = viewer.pictures()
    return {numbers[p.hash]: metadata(p) for p in others if p.hash != first.hash}


def metadata(picture: Picture) -> Metadata:
    return picture.user_timestamp, picture.frame_id, picture.user_data
