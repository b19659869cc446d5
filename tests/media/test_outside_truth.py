"""H.264 and H.265 as the encoders in PyAV write them, against what PyAV says of them."""

import pytest

from ingestd.media.access_unit import Codec
from ingestd.media.annexb import AnnexBReader
from ingestd.media.parameter_sets import ParameterSets
from tests.media.encoders import SIZE, decode, encode, long_start_codes
from tests.media.vectors_h26x import AUD, START
from tests.support.chunking import read_in_every_chunking

CODECS = {"libx264": Codec.H264, "libx265": Codec.H265}
QUIET = "log-level=none:pools=1:"

STREAMS = [
    ("libx264", {"tune": "zerolatency", "x264-params": "slices=1"}),
    ("libx264", {"tune": "zerolatency", "x264-params": "slices=4"}),
    ("libx264", {"x264-params": "slices=3:aud=1:bframes=2"}),
    ("libx264", {"x264-params": "interlaced=1:slices=2:bframes=2"}),
    ("libx264", {"x264-params": "intra-refresh=1:slice-max-size=100"}),
    ("libx264", {"x264-params": "nal-hrd=cbr:vbv-maxrate=99:vbv-bufsize=99:bitrate=99"}),
    ("libx265", {"x265-params": QUIET + "bframes=2"}),
    ("libx265", {"x265-params": QUIET + "aud=1:slices=2:open-gop=1:keyint=5"}),
    ("libx265", {"x265-params": QUIET + "vui-timing-info=0"}),
]


def name(value: object) -> str:
    return value if isinstance(value, str) else ",".join(dict[str, str](value).values())  # type: ignore[call-overload]


@pytest.mark.parametrize(("encoder", "options"), STREAMS, ids=name)
def test_access_units_are_the_encoders_packets(encoder: str, options: dict[str, str]) -> None:
    packets = [coded.data for coded in encode(encoder, options)]
    units = read_in_every_chunking(lambda: AnnexBReader(CODECS[encoder], ParameterSets()), b"".join(packets))

    assert len(units) == len(packets)
    for unit, packet in zip(units, packets, strict=True):
        # Sets are put before keyframes that lack them; nothing else is added or taken away.
        same = long_start_codes(packet)
        assert unit.data.endswith(same.removeprefix(START + AUD)) or not unit.keyframe
        assert unit.keyframe or unit.data == same
        assert unit.info is not None
        assert (unit.info.width, unit.info.height) == SIZE
    assert decode(encoder, [unit.data for unit in units]) == decode(encoder, packets)
    keyframes = [i for i, unit in enumerate(units) if unit.keyframe]
    assert keyframes[0] == 0
    assert len(keyframes) > 1 or "intra-refresh" in str(options)
    for i in keyframes[1:]:
        assert decode(encoder, [unit.data for unit in units[i:]]), "a decoder can begin here"


@pytest.mark.parametrize(
    ("encoder", "options", "reorders"),
    [
        ("libx264", "bframes=0", False),  # pic_order_cnt_type 2
        ("libx264", "bframes=0:interlaced=1", False),
        ("libx264", "bframes=1", True),
        ("libx264", "bframes=3:b-adapt=0:b-pyramid=normal", True),
        ("libx264", "bframes=3:b-adapt=0:b-pyramid=strict:interlaced=1", True),
        ("libx264", "bframes=2:b-adapt=0:open-gop=1", True),
        ("libx264", "bframes=2:b-adapt=0:bff=1", True),
        ("libx265", "bframes=0", False),
        ("libx265", "bframes=0:open-gop=1", False),
        ("libx265", "bframes=1:b-adapt=0", True),
        ("libx265", "bframes=4:b-adapt=0:b-pyramid=1", True),
        ("libx265", "bframes=3:b-adapt=0:open-gop=1:keyint=8", True),
        ("libx265", "bframes=3:b-adapt=0:temporal-layers=1", True),
    ],
)  # fmt: skip
def test_pictures_out_of_order_are_those_whose_timestamps_are(
    encoder: str, options: str, reorders: bool
) -> None:
    params = {"x264-params": options} if encoder == "libx264" else {"x265-params": QUIET + options}
    # Long enough for pic_order_cnt_lsb to wrap: x264 gives it as few bits as a GOP needs.
    coded = encode(encoder, {"preset": "veryfast", **params}, count=60, gop=50)
    reader = AnnexBReader(CODECS[encoder], ParameterSets())
    units = reader.feed(b"".join(packet.data for packet in coded)) + reader.eof()
    late = [any(packet.pts < before.pts for before in coded[:i]) for i, packet in enumerate(coded)]
    assert [unit.reordered for unit in units] == late
    assert any(late) == reorders
