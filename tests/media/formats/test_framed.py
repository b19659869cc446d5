"""Access units given whole: what is read from them, and what is said of those that are none."""

import pytest

from ingestd.diagnose.explain import explain
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_VIEWABLE_BYTES, Codec
from ingestd.media.formats.access_unit_assembler import MAX_NAL_UNITS, AccessUnitAssembler
from ingestd.media.formats.framed import FramedReader
from tests.support.encoded import EncodedStream, encode

STREAMS = {codec: encode(codec.value, frames=8, gop=4, size=(160, 120)) for codec in Codec}
H264 = STREAMS[Codec.H264].access_units
HEADERS, _, _ = H264[0].partition(b"\0\0\1\x65")
IDR = H264[0].removeprefix(HEADERS)
TEMPORAL_UNIT = STREAMS[Codec.AV1].access_units[0]


def nal_units(unit: bytes) -> list[bytes]:
    """Without the start codes, which come in two lengths."""
    return unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_picture_comes_out_as_it_went_in_with_what_its_headers_say(stream: EncodedStream) -> None:
    units, codec = FramedReader(), Codec(stream.codec)
    out = [units.read(data, codec) for data in stream.access_units]
    assert [nal_units(unit.data) for unit in out] == [nal_units(data) for data in stream.access_units]
    assert [n for n, unit in enumerate(out) if unit.keyframe] == list(stream.keyframes)
    assert {(unit.info.codec, unit.info.width, unit.info.height) for unit in out if unit.info} == {
        (codec, 160, 120)
    }
    assert units.faults == []


def test_several_slices_are_one_picture() -> None:
    sliced = encode("h264", frames=4, gop=4, size=(160, 120), slices=3, aud=True)
    units = FramedReader()
    assert [units.read(data, Codec.H264).keyframe for data in sliced.access_units] == [True] + 3 * [False]


def test_a_keyframe_without_parameter_sets_gets_those_that_came_before() -> None:
    units = FramedReader()
    first = units.read(H264[0], Codec.H264)
    again = units.read(IDR, Codec.H264)
    assert {nal[0] & 0x1F for nal in nal_units(first.data)[1:]} >= {7, 8, 5}
    assert [nal for nal in nal_units(first.data) if nal[:1] != b"\6"] == nal_units(again.data)


def test_a_keyframe_whose_parameter_sets_never_came_says_so() -> None:
    assert FramedReader().read(IDR, Codec.H264).lacks_parameter_sets


def test_a_codec_may_follow_another() -> None:
    units = FramedReader()
    for codec in (Codec.VP8, Codec.H264, Codec.VP9, Codec.AV1, Codec.H264):
        unit = units.read(STREAMS[codec].access_units[0], codec)
        assert unit.keyframe
        assert unit.info is not None
        assert unit.info.codec is codec


@pytest.mark.parametrize(
    ("codec", "data", "reason", "cure"),
    [
        (Codec.H264, b"", "empty", "submit what the encoder returns"),
        (Codec.VP8, bytes(MAX_VIEWABLE_BYTES + 1), "too_large", "one picture at a time"),
        (Codec.H264, b"\0\0\2\x9a" + H264[1][4:], "no_start_code", "h264_mp4toannexb"),
        (Codec.H264, b"\x12" + H264[0], "no_start_code", "expected a start code"),
        (Codec.H264, H264[0] + H264[1], "several_pictures", "each by itself"),
        (Codec.H264, HEADERS, "no_picture", "in front of the keyframe"),
        (Codec.H264, b"\0\0\0\1\xff\xff", "malformed_nal_header", "damaged"),
        (Codec.AV1, 2 * TEMPORAL_UNIT, "several_pictures", "each by itself"),
        (Codec.AV1, TEMPORAL_UNIT[:2], "no_picture", "in front of the keyframe"),
        (Codec.AV1, H264[0], "no_picture", "the codec is the encoder's"),
        (Codec.AV1, TEMPORAL_UNIT[:-20], "malformed_av1", "expected a temporal unit of OBUs with sizes"),
        (Codec.VP8, H264[0], "malformed_vp8", "expected 9d 01 2a"),
        (Codec.VP9, H264[0], "malformed_vp9", "not with frame_marker 2"),
    ],
)
def test_what_is_not_one_access_unit_is_refused_and_leaves_no_trace(
    codec: Codec, data: bytes, reason: str, cure: str
) -> None:
    units = FramedReader()
    before = units.read(STREAMS[codec].access_units[0], codec)
    with pytest.raises(BitstreamError) as refused:
        units.read(data, codec)
    assert refused.value.reason == reason
    assert cure in explain(refused.value)
    assert units.read(STREAMS[codec].access_units[0], codec) == before


@pytest.mark.parametrize("nal_unit", [b"", b"\x09", IDR[4:6]], ids=["empty", "delimiter", "slice"])
def test_what_has_more_nal_units_than_any_picture_is_refused_before_one_is_read(
    nal_unit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(_: AccessUnitAssembler, head: bytes) -> None:
        pytest.fail(f"{head!r} was read")

    monkeypatch.setattr(AccessUnitAssembler, "begin", begin)
    with pytest.raises(BitstreamError, match=f"more than {MAX_NAL_UNITS} start codes") as refused:
        FramedReader().read(H264[0] + (MAX_NAL_UNITS + 1) * (b"\0\0\1" + nal_unit), Codec.H264)
    assert refused.value.reason == "too_large"
    assert "make fewer slices" in explain(refused.value)


def test_a_picture_beside_something_broken_comes_out_and_the_fault_is_told() -> None:
    units = FramedReader()
    unit = units.read(b"\0\0\0\1\xff\xff" + H264[0], Codec.H264)
    assert nal_units(unit.data) == nal_units(H264[0])
    assert [fault.reason for fault in units.faults] == ["malformed_nal_header"]
