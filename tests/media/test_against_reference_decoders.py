"""Streams by the encoders in PyAV, against what PyAV's encoders, parsers and decoders say of them."""

import functools
from collections.abc import Callable

import pytest

from ingestd.media.access_unit import AccessUnit, Codec
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.annexb import AnnexBReader
from ingestd.media.formats.av1_annexb import Av1AnnexBReader
from ingestd.media.formats.length_prefixed import LengthPrefixedReader
from ingestd.media.formats.obu_stream import ObuStreamReader
from tests.media.encoders import (
    SIZE,
    Coded,
    decode,
    encode,
    long_start_codes,
    obu_file,
    packets_of_obu_file,
)
from tests.media.vectors_h26x import AUD, START, length_prefixed
from tests.media.vectors_obu import GSTREAMER_LENGTH_DELIMITED, GSTREAMER_LOW_OVERHEAD
from tests.support.chunking import read_in_every_chunking
from tests.support.encoded import split

CODECS = {"libx264": Codec.H264, "libx265": Codec.H265}

X264 = [
    "slices=1:bframes=0:rc-lookahead=0:sync-lookahead=0",
    "slices=4:sliced-threads=1:bframes=0",
    "slices=3:aud=1:bframes=2",
    "interlaced=1:slices=2:bframes=2",
    "bff=1:aud=1:bframes=0",
    "fake-interlaced=1",
    "intra-refresh=1:slice-max-size=100",
    "nal-hrd=cbr:vbv-maxrate=99:vbv-bufsize=99:bitrate=99",
    "open-gop=1:bframes=3:b-adapt=0:b-pyramid=normal",
    "keyint=infinite:scenecut=0",
    "cabac=0:ref=4:weightp=2:pic-struct=1",
    "constrained-intra=1:slice-max-mbs=3",
]
X265 = [
    "bframes=2",
    "aud=1:slices=2:open-gop=1:keyint=5",
    "vui-timing-info=0",
    "hrd=1:vbv-maxrate=99:vbv-bufsize=99:bitrate=99:aud=1",
    "open-gop=1:bframes=4:b-adapt=0:keyint=6:min-keyint=6",
    "bframes=0:intra-refresh=1",
    "keyint=-1:hash=1",
    "temporal-layers=1:bframes=3:b-adapt=0",
    "idr-recovery-sei=1:repeat-headers=1:bframes=0",
]
STREAMS = [("libx264", params) for params in X264] + [("libx265", params) for params in X265]


@functools.cache
def coded_by(encoder: str, params: str, count: int = 14, gop: int = 5) -> list[Coded]:
    if encoder == "libx264":
        return encode(encoder, {"preset": "veryfast", "x264-params": params}, count, gop)
    params = "log-level=none:pools=1:" + params
    return encode(encoder, {"preset": "superfast", "x265-params": params}, count, gop)


def read_once(reader: AnnexBReader, packets: list[Coded]) -> list[AccessUnit]:
    return reader.feed(b"".join(packet.data for packet in packets)) + reader.eof()


def annexb_reader(encoder: str) -> Callable[[], AnnexBReader]:
    return lambda: AnnexBReader(CODECS[encoder], ParameterSets())


@pytest.mark.parametrize(("encoder", "params"), STREAMS)
def test_access_units_are_the_encoders_packets_and_the_parsers(encoder: str, params: str) -> None:
    packets = [coded.data for coded in coded_by(encoder, params)]
    stream = b"".join(packets)
    units = read_in_every_chunking(annexb_reader(encoder), stream)

    parsed = [recorded.data for recorded in split(stream, "h264" if encoder == "libx264" else "h265")]
    assert [long_start_codes(data) for data in parsed] == [long_start_codes(data) for data in packets]
    assert len(units) == len(packets)
    for unit, packet in zip(units, packets, strict=True):
        # Sets are put before keyframes that lack them, and known ones are taken off other pictures, as an SFU
        # takes these for keyframes; nothing else is added or taken away.
        same = long_start_codes(packet)
        if unit.keyframe:
            assert unit.data.endswith(same.removeprefix(START + AUD))
        else:
            assert unit.data in (same, without_parameter_sets(same, encoder))
        assert unit.info is not None
        assert (unit.info.width, unit.info.height) == SIZE
    assert decode(encoder, [unit.data for unit in units]) == decode(encoder, packets)


def without_parameter_sets(packet: bytes, encoder: str) -> bytes:
    """The packet without VPS, SPS and PPS."""

    def is_set(nal: bytes) -> bool:
        return nal[0] & 0x1F in (7, 8) if encoder == "libx264" else nal[0] >> 1 & 0x3F in (32, 33, 34)

    return b"".join(START + nal for nal in packet.split(START)[1:] if not is_set(nal))


@pytest.mark.parametrize(("encoder", "params"), STREAMS)
def test_keyframes_are_those_of_the_encoder_and_a_decoder_can_begin_there(encoder: str, params: str) -> None:
    packets = coded_by(encoder, params)
    units = read_once(annexb_reader(encoder)(), packets)
    keyframes = [i for i, unit in enumerate(units) if unit.keyframe]
    expected = [i for i, coded in enumerate(packets) if coded.is_keyframe]
    if encoder == "libx264" and ("open-gop" in params or "intra-refresh" in params):
        # PyAV takes every recovery point for a keyframe. Behind an IDR picture it is none to us, as WebRTC's
        # viewers cannot begin there.
        assert (keyframes, len(expected) > 1) == ([0], True)
    else:
        assert keyframes == expected
    for i in keyframes[1:]:
        assert decode(encoder, [unit.data for unit in units[i:]])


# The same code reads NAL units, whatever tells where each begins: the short tests have one stream in three.
@pytest.mark.parametrize(
    ("encoder", "params"),
    [pytest.param(*stream, marks=pytest.mark.long if n % 3 else ()) for n, stream in enumerate(STREAMS)],
)
def test_nal_units_with_lengths_make_the_same_access_units(encoder: str, params: str) -> None:
    packets = [long_start_codes(coded.data) for coded in coded_by(encoder, params)]
    prefixed = b"".join(length_prefixed(*packet.split(START)[1:]) for packet in packets)

    def facts(unit: AccessUnit) -> tuple[bytes, bool, bool]:
        return unit.data, unit.keyframe, unit.reordered

    units = read_in_every_chunking(lambda: LengthPrefixedReader(CODECS[encoder], ParameterSets()), prefixed)
    expected = read_once(annexb_reader(encoder)(), coded_by(encoder, params))
    assert [facts(unit) for unit in units] == [facts(unit) for unit in expected]


@pytest.mark.parametrize(
    "params", ["intra-refresh=1:bframes=0:scenecut=0", "open-gop=1:bframes=2:b-adapt=0:scenecut=0"]
)
def test_a_stream_of_recovery_points_can_be_begun_at_those_where_pyav_sees_keyframes(params: str) -> None:
    coded = coded_by("libx264", params, count=40, gop=10)[1:]  # joined behind its only IDR picture
    stream = b"".join(packet.data for packet in coded)
    units = read_in_every_chunking(annexb_reader("libx264"), stream)
    keyframes = [i for i, unit in enumerate(units) if unit.keyframe]
    assert keyframes == [i for i, recorded in enumerate(split(stream, "h264")) if recorded.keyframe]
    assert keyframes == [i for i, packet in enumerate(coded) if packet.is_keyframe]
    assert len(keyframes) >= 3
    assert all(decode("libx264", [unit.data for unit in units[i:]]) for i in keyframes)


def test_what_is_left_out_behind_a_cra_picture_is_what_a_decoder_leaves_out() -> None:
    coded = coded_by("libx265", "open-gop=1:bframes=4:b-adapt=0:keyint=8:min-keyint=8", count=30)
    second = [i for i, packet in enumerate(coded) if packet.is_keyframe][1]
    joined = [packet.data for packet in coded[second:]]
    units = read_in_every_chunking(annexb_reader("libx265"), b"".join(joined))
    decoded = decode("libx265", joined)
    assert len(units) == len(decoded) < len(joined)
    assert decode("libx265", [unit.data for unit in units]) == decoded


@pytest.mark.parametrize(
    ("encoder", "params", "reorders"),
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
        ("libx265", "bframes=3:b-adapt=0:log2-max-poc-lsb=4", True),  # it wraps every 16 pictures
        ("libx265", "bframes=0:log2-max-poc-lsb=4", False),
    ],
)
def test_pictures_out_of_order_are_those_whose_timestamps_are(
    encoder: str, params: str, reorders: bool
) -> None:
    coded = coded_by(encoder, params, count=60, gop=50)
    units = read_once(annexb_reader(encoder)(), coded)
    late = [any(packet.pts < before.pts for before in coded[:i]) for i, packet in enumerate(coded)]
    assert [unit.reordered for unit in units] == late
    assert any(late) == reorders
    keyframe = max(i for i, unit in enumerate(units) if unit.keyframe)
    orders = {unit.picture_order for unit in units[keyframe:]}
    if orders != {None}:  # pic_order_cnt_type 2
        step = 2 if encoder == "libx264" else 1
        base_order, base_pts = units[keyframe].picture_order, coded[keyframe].pts
        assert base_order is not None
        for unit, packet in zip(units[keyframe:], coded[keyframe:], strict=True):
            assert unit.picture_order == base_order + step * (packet.pts - base_pts)


def pictures_by_time(encoder: str, units: list[AccessUnit], times: list[int]) -> dict[int, bytes]:
    """What a decoder makes of them, by the time at which the encoder has each shown."""
    decoded = decode(encoder, [unit.data for unit in units])
    return dict(zip(sorted(times), decoded, strict=True))


@pytest.mark.parametrize(
    ("encoder", "params", "all_discardable"),
    [
        ("libx264", "bframes=2:b-adapt=0:b-pyramid=none:slices=2", True),
        ("libx264", "bframes=2:b-adapt=0:b-pyramid=none:interlaced=1", True),
        ("libx264", "bframes=2:b-adapt=0:b-pyramid=none:open-gop=1", True),
        ("libx264", "bframes=3:b-adapt=0:b-pyramid=normal", False),
        ("libx264", "bframes=3:b-adapt=0:b-pyramid=strict", False),
        ("libx265", "bframes=3:b-adapt=0:b-pyramid=0", True),
        ("libx265", "bframes=3:b-adapt=0:b-pyramid=0:open-gop=1:keyint=8", True),
        ("libx265", "bframes=4:b-adapt=0:b-pyramid=1", False),
        ("libx265", "bframes=3:b-adapt=0:temporal-layers=1", False),
    ],
)
def test_without_the_pictures_that_nothing_refers_to_all_others_are_decoded_alike(
    encoder: str, params: str, all_discardable: bool
) -> None:
    coded = coded_by(encoder, params, count=60, gop=20)
    units = read_once(annexb_reader(encoder)(), coded)
    kept = [n for n, unit in enumerate(units) if not unit.discardable]
    assert len(kept) < len(units)
    assert any(unit.reordered for unit in units)
    assert all(unit.discardable for unit in units if unit.reordered) == all_discardable
    whole = pictures_by_time(encoder, units, [packet.pts for packet in coded])
    rest = pictures_by_time(encoder, [units[n] for n in kept], [coded[n].pts for n in kept])
    assert rest == {time: whole[time] for time in rest}


@pytest.mark.parametrize(
    "options",
    [
        {"usage": "realtime", "lag-in-frames": "0"},
        {"usage": "realtime", "lag-in-frames": "0", "tiles": "2x1", "error-resilience": "1"},
        {"lag-in-frames": "12", "auto-alt-ref": "1"},  # hidden frames, shown later
    ],
)
def test_temporal_units_are_the_packets_of_the_obu_demuxer(options: dict[str, str]) -> None:
    coded = encode("libaom-av1", {"cpu-used": "8", **options}, count=20, gop=8)
    stream = obu_file([packet.data for packet in coded])
    units = read_in_every_chunking(ObuStreamReader, stream)
    truth = packets_of_obu_file(stream)
    assert [unit.data for unit in units] == [packet.data for packet in truth]
    assert [unit.keyframe for unit in units] == [packet.is_keyframe for packet in coded]
    assert all(unit.info and (unit.info.width, unit.info.height) == SIZE for unit in units)
    assert decode("libaom-av1", [unit.data for unit in units]) == decode(
        "libaom-av1", [packet.data for packet in coded]
    )


def test_ffmpegs_demuxers_find_the_same_in_what_gstreamer_wrote_both_ways() -> None:
    for format, stream, make_reader in (
        ("obu", GSTREAMER_LOW_OVERHEAD, ObuStreamReader),
        ("av1", GSTREAMER_LENGTH_DELIMITED, Av1AnnexBReader),
    ):
        units = read_in_every_chunking(make_reader, stream)
        truth = packets_of_obu_file(stream, format)
        assert [(unit.data, unit.keyframe) for unit in units] == [
            (packet.data, packet.is_keyframe) for packet in truth
        ]
        assert len(decode("libaom-av1", [unit.data for unit in units])) == 3
