import pytest

from ingestd.media.demuxer import Demuxer
from ingestd.sender.ivf import file_header, frame_header
from tests.support.encoded import encode


@pytest.mark.parametrize("codec", ["vp8", "vp9", "av1"])
def test_what_the_headers_say_is_what_ingestd_reads(codec: str) -> None:
    pushed = encode(codec, frames=4, size=(64, 48))
    pictures = pushed.access_units
    stream = file_header(codec, 64, 48) + b"".join(
        frame_header(len(data), number * 40_000_000) + data for number, data in enumerate(pictures)
    )
    units = Demuxer().feed(stream)
    assert [(unit.data, unit.timestamp_us) for unit in units] == [
        (data, number * 40_000) for number, data in enumerate(pictures)
    ]
