from collections.abc import Iterator

import pytest

from ingestd.demo.encoder import ENCODERS, GOP_PICTURES, Encoder, ivf_file_header, ivf_frame_header
from ingestd.demo.numbered_picture import FPS, HEIGHT, WIDTH
from ingestd.media.access_unit import AccessUnit
from ingestd.media.demuxer import Demuxer


def test_the_ivf_file_header_is_what_ffmpeg_writes() -> None:
    assert ivf_file_header(b"VP80") == bytes.fromhex(
        "444b4946 0000 2000 56503830 8002 6801 1e000000 01000000 00000000 00000000"
    )


def test_the_ivf_frame_header_is_size_and_pts() -> None:
    assert ivf_frame_header(0x1234, 5) == bytes.fromhex("34120000 0500000000000000")


@pytest.mark.parametrize("codec", ENCODERS)
def test_each_picture_is_coded_at_once_and_understood_by_the_daemon(codec: str) -> None:
    encoder, demuxer = Encoder(ENCODERS[codec]), Demuxer()

    def units() -> Iterator[AccessUnit]:
        yield from demuxer.feed(encoder.header)
        for number in range(GOP_PICTURES + 2):
            coded = list(encoder.encode(number, now=number / FPS))
            assert len(coded) == 1, "an encoder that waits for later pictures is not live"
            yield from demuxer.feed(coded[0])
        yield from demuxer.eof()

    read = list(units())
    assert len(read) == GOP_PICTURES + 2
    assert [number for number, unit in enumerate(read) if unit.keyframe] == [0, GOP_PICTURES]
    info = read[0].info
    assert info is not None
    assert (info.codec, info.width, info.height) == (codec, WIDTH, HEIGHT)
    assert demuxer.faults == []
