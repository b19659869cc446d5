"""What a connection carries: recognised, or named with the cure."""

import random
import struct
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.diagnose.explain import explain
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.demuxer import Demuxer
from ingestd.media.detection.format_detector import DETECTION_LIMIT_BYTES
from tests.media.vectors_h26x import (
    AUD,
    END_OF_STREAM,
    H265_AUD,
    H265_SEI,
    SEI,
    SHORT_START,
    START,
    annexb,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
    length_prefixed,
    pps,
    sei_message,
    slice,
    sps,
)
from tests.media.vectors_ivf import AV1_DELIMITER, AV1_DELTA, AV1_KEY, AV1_SEQUENCE_HEADER
from tests.media.vectors_obu import (
    FFMPEG_TILE_GROUPS,
    GSTREAMER_LENGTH_DELIMITED,
    GSTREAMER_LOW_OVERHEAD,
    frame_unit,
    temporal_unit,
    without_size,
)
from tests.support.chunking import chunkings, read_in_every_chunking

SETS, IDR = (sps(), pps()), slice(idr=True)
DELTAS = [slice(frame_num=n, poc_lsb=2 * n) for n in range(1, 6)]
H265_SETS = (h265_vps(), h265_sps(), h265_pps())
H265_IDR, H265_TRAIL = h265_slice(19), h265_slice(1)


def sei_of(size: int) -> bytes:
    """Supplemental enhancement information of so many bytes: user data in it, as x264 sends first."""
    return b"\x06" + sei_message(5, b"u" * (size - 5)) + b"\x80"


def found(data: bytes) -> tuple[Codec | None, Format | None, int]:
    """Return codec, format and the number of pictures."""
    pictures = len(read_in_every_chunking(Demuxer, data))
    demuxer = Demuxer()
    demuxer.feed(data)
    demuxer.eof()
    return demuxer.codec, demuxer.format, pictures


def run(demuxer: Demuxer, chunks: Iterable[bytes]) -> list[AccessUnit]:
    return [unit for chunk in chunks for unit in demuxer.feed(chunk)] + demuxer.eof()


def refused(data: bytes, codec: Codec | None = None, format: Format | None = None) -> BitstreamError:
    """Return why `data` is refused, having checked that it is in every chunking."""
    errors = []
    for _, chunks in chunkings(data):
        demuxer = Demuxer(codec=codec, format=format)
        with pytest.raises(BitstreamError) as caught:
            run(demuxer, chunks)
        errors.append(caught.value)
    assert len({str(error) for error in errors}) == 1
    return errors[0]


# --- streams ---

H264_STREAMS = {
    "parameter sets first": annexb(*SETS, IDR, *DELTAS),
    "short start codes": b"".join(SHORT_START + nal for nal in (*SETS, IDR, *DELTAS)),
    "delimiter first": annexb(AUD, *SETS, SEI, IDR, *DELTAS),
    "SEI first": annexb(SEI, *SETS, IDR, *DELTAS),
    "a plain slice first": annexb(*DELTAS[:2], *SETS, IDR, *DELTAS[:3]),
    "no parameter sets": annexb(IDR, *DELTAS),
    "no keyframe either": annexb(*DELTAS, DELTAS[0]),
    "zeros first": bytes(50) + annexb(*SETS, IDR, *DELTAS),
    "zeros behind each NAL unit": b"".join(START + nal + bytes(9) for nal in (*SETS, IDR, *DELTAS)),
    "a delimiter before keyframes only": annexb(AUD, *SETS, IDR, *DELTAS[:2], AUD, *SETS, IDR, *DELTAS[:2]),
    "parameter sets with other ids in the next GOP": annexb(
        *SETS,
        IDR,
        *DELTAS[:2],
        sps(id=3),
        pps(id=7, sps_id=3),
        *[slice(idr=n == 0, pps_id=7, frame_num=n, poc_lsb=2 * n) for n in range(3)],
    ),
}
H265_STREAMS = {
    "parameter sets first": annexb(*H265_SETS, H265_IDR, *[H265_TRAIL] * 5),
    "delimiter first": annexb(H265_AUD, *H265_SETS, H265_SEI, H265_IDR, *[H265_TRAIL] * 5),
    "SEI first": annexb(H265_SEI, *H265_SETS, H265_IDR, *[H265_TRAIL] * 5),
    "a plain slice first": annexb(*[H265_TRAIL] * 2, *H265_SETS, H265_IDR, *[H265_TRAIL] * 3),
    "no parameter sets": annexb(H265_IDR, *[H265_TRAIL] * 5),
    "no keyframe either": annexb(*[H265_TRAIL] * 6),
    "only pictures nothing refers to": annexb(*[h265_slice(0)] * 6),
}


@pytest.mark.parametrize("name", H264_STREAMS)
def test_h264_is_recognised_however_it_begins(name: str) -> None:
    assert found(H264_STREAMS[name]) == (Codec.H264, Format.ANNEXB, 6)


@pytest.mark.parametrize("name", H265_STREAMS)
def test_h265_is_recognised_however_it_begins(name: str) -> None:
    assert found(H265_STREAMS[name]) == (Codec.H265, Format.ANNEXB, 6)


def test_recognition_waits_for_no_more_than_the_first_headers() -> None:
    demuxer = Demuxer()
    demuxer.feed(annexb(*SETS) + START + slice(idr=True, payload=b"x" * 50))
    assert (demuxer.codec, demuxer.format) == (Codec.H264, Format.ANNEXB)


def test_a_stream_joined_inside_a_nal_unit_is_one_fault() -> None:
    demuxer = Demuxer()
    units = demuxer.feed(b"\x9f\x5c" * 3000 + annexb(*DELTAS, *SETS, IDR)) + demuxer.eof()
    assert (demuxer.codec, len(units)) == (Codec.H264, 6)
    assert [fault.reason for fault in demuxer.faults] == ["leading_garbage"]
    found(b"\x9f\x5c" * 3000 + annexb(*DELTAS, *SETS, IDR))


def test_a_single_slice_larger_than_the_limit_is_recognised() -> None:
    large = slice(idr=True, payload=b"x" * DETECTION_LIMIT_BYTES)
    demuxer = Demuxer()
    demuxer.feed(annexb(large))
    assert demuxer.codec is Codec.H264
    demuxer = Demuxer()
    demuxer.feed(annexb(h265_slice(19, payload=b"x" * DETECTION_LIMIT_BYTES)))
    assert demuxer.codec is Codec.H265


def test_ivf_with_and_without_its_header() -> None:
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, b"VP80", 64, 48, 30, 1, 0, 0)
    key = bytes.fromhex("100200 9d012a 4000 3000") + b"x" * 30
    frames = b"".join(
        struct.pack("<IQ", len(frame), n) + frame for n, frame in enumerate([key, b"\x11\2\0" + b"y" * 20])
    )
    assert found(header + frames) == (Codec.VP8, Format.IVF, 2)
    assert found(frames) == (Codec.VP8, Format.IVF, 2)
    assert refused(header + frames, codec=Codec.VP9).reason == "codec_mismatch"
    assert refused(frames, format=Format.ANNEXB).reason == "format_mismatch"


def test_parameter_sets_of_the_connection_before() -> None:
    sets = ParameterSets()
    Demuxer(parameter_sets=sets).feed(annexb(*SETS, IDR, *DELTAS))
    again = Demuxer(parameter_sets=sets)
    [first, *_] = again.feed(annexb(IDR, *DELTAS)) + again.eof()
    assert first.data == annexb(*SETS, IDR)
    other = Demuxer(parameter_sets=sets)
    [first, *_] = other.feed(annexb(H265_IDR, *[H265_TRAIL] * 3)) + other.eof()
    assert first == AccessUnit(annexb(H265_IDR), True, None, lacks_parameter_sets=True)


# --- a start code or a length ---

LENGTH_PREFIXED_STREAMS = {
    "parameter sets first": (*SETS, IDR, *DELTAS),
    "delimiter first": (AUD, *SETS, SEI, IDR, *DELTAS),
    "parameter sets in caps": (SEI, IDR, *DELTAS),
    "joined behind a keyframe": (*DELTAS, DELTAS[0]),
    "a length of 0 first": (b"", *SETS, IDR, *DELTAS),
    "a length of 0 before each": [part for nal in (*SETS, IDR, *DELTAS) for part in (b"", nal)],
    # 00 00 00 01 0b, by itself the start code of an end of stream
    "a NAL unit of one byte first": (END_OF_STREAM, AUD, *SETS, IDR, *DELTAS),
    # 00 00 01 35 …, 00 00 01 b3 and 00 00 01 ba: start codes, the last two of MPEG-2
    "lengths that look like short start codes": [slice(frame_num=n, payload=b"x" * 300) for n in range(6)],
    "a length that looks like a sequence header of MPEG-2": (sei_of(0x1B3), *SETS, IDR, *DELTAS),
    "a length that looks like an MPEG program stream": (sei_of(0x1BA), *SETS, IDR, *DELTAS),
}


@pytest.mark.parametrize("name", LENGTH_PREFIXED_STREAMS)
def test_nal_units_with_lengths_are_recognised_however_they_begin(name: str) -> None:
    data = length_prefixed(*LENGTH_PREFIXED_STREAMS[name])
    assert found(data) == (Codec.H264, Format.LENGTH_PREFIXED, 6)


@pytest.mark.parametrize("length_bytes", [1, 2, 3])
def test_lengths_of_other_sizes_are_recognised_by_a_parameter_set(length_bytes: int) -> None:
    nals = (*SETS, IDR, *DELTAS)
    data = b"".join(len(nal).to_bytes(length_bytes, "big") + nal for nal in nals)
    assert found(data) == (Codec.H264, Format.LENGTH_PREFIXED, 6)


def test_h265_with_lengths_is_recognised() -> None:
    data = length_prefixed(*H265_SETS, H265_SEI, H265_IDR, *[H265_TRAIL] * 5)
    assert found(data) == (Codec.H265, Format.LENGTH_PREFIXED, 6)
    assert found(length_prefixed(H265_IDR, *[H265_TRAIL] * 5)) == (Codec.H265, Format.LENGTH_PREFIXED, 6)


def test_start_codes_that_could_be_lengths_are_start_codes_all_the_same() -> None:
    large = slice(idr=True, payload=b"x" * 400)
    for first in (annexb(END_OF_STREAM), SHORT_START + sps(), SHORT_START + AUD, SHORT_START + SEI):
        assert found(first + annexb(*SETS, large, *DELTAS)) == (Codec.H264, Format.ANNEXB, 6)


def test_a_start_code_is_no_size_of_an_av1_frame_without_a_file_header() -> None:
    # Main profile at 320x240 by x264: behind twelve bytes stands what could be an AV1 sequence header.
    x264_sps = bytes.fromhex("67 4d 40 0d ec a0 a0 fd 08 00 00 03 00 08 00 00 03 01 e0 78 a1 4c b0")
    assert found(annexb(x264_sps, *SETS, IDR, *DELTAS)) == (Codec.H264, Format.ANNEXB, 6)


def test_a_parameter_set_is_enough_to_know_lengths_by() -> None:
    demuxer = Demuxer()
    demuxer.feed(length_prefixed(*SETS, slice(idr=True, payload=b"x" * 999))[:80])
    assert (demuxer.codec, demuxer.format) == (Codec.H264, Format.LENGTH_PREFIXED)


def test_one_plausible_nal_unit_proves_nothing_yet_and_an_implausible_one_that_there_are_none() -> None:
    demuxer = Demuxer()
    demuxer.feed(length_prefixed(IDR))
    assert demuxer.codec is None
    assert refused(length_prefixed(IDR, b"\xff\xff", *DELTAS)).reason == "not_video"


def test_a_keyframe_larger_than_the_limit_with_its_length_is_recognised() -> None:
    demuxer = Demuxer()
    demuxer.feed(length_prefixed(slice(idr=True, payload=b"x" * DETECTION_LIMIT_BYTES)))
    assert (demuxer.codec, demuxer.format) == (Codec.H264, Format.LENGTH_PREFIXED)


def test_what_cannot_be_told_is_what_the_configuration_says() -> None:
    layer = h265_slice(1, layer=1)
    data = length_prefixed(*[layer] * 3)
    assert refused(data).reason == "not_video"
    assert refused(data, format=Format.LENGTH_PREFIXED).reason == "not_video"
    demuxer = Demuxer(codec=Codec.H265, format=Format.LENGTH_PREFIXED)
    demuxer.feed(length_prefixed(layer, *H265_SETS, H265_IDR))
    assert len(demuxer.eof()) == 1


# --- AV1 without IVF ---

TEMPORAL_UNITS = [
    (AV1_DELIMITER, AV1_SEQUENCE_HEADER, AV1_KEY),
    *[(AV1_DELIMITER, AV1_DELTA)] * 5,
]
LOW_OVERHEAD = b"".join(b"".join(obus) for obus in TEMPORAL_UNITS)
LENGTH_DELIMITED = b"".join(temporal_unit(frame_unit(*map(without_size, obus))) for obus in TEMPORAL_UNITS)


def test_obus_with_sizes_are_recognised() -> None:
    assert found(LOW_OVERHEAD) == (Codec.AV1, Format.OBU, 6)
    assert found(LOW_OVERHEAD[len(b"".join(TEMPORAL_UNITS[0])) :]) == (Codec.AV1, Format.OBU, 5)
    assert found(GSTREAMER_LOW_OVERHEAD) == (Codec.AV1, Format.OBU, 3)
    assert found(FFMPEG_TILE_GROUPS) == (Codec.AV1, Format.OBU, 3)


def test_obus_with_lengths_around_them_are_recognised() -> None:
    assert found(LENGTH_DELIMITED) == (Codec.AV1, Format.OBU, 6)
    assert found(temporal_unit(frame_unit(AV1_DELIMITER, AV1_DELTA)) * 3) == (Codec.AV1, Format.OBU, 3)
    assert found(GSTREAMER_LENGTH_DELIMITED) == (Codec.AV1, Format.OBU, 3)


def test_the_same_pictures_come_out_of_both() -> None:
    units = [run(Demuxer(), [data]) for data in (LOW_OVERHEAD, LENGTH_DELIMITED)]
    assert units[0] == units[1]


# --- contradictions ---


def test_a_codec_that_contradicts_the_configuration() -> None:
    error = refused(annexb(*SETS, IDR), codec=Codec.H265)
    assert error.reason == "codec_mismatch"
    assert "the stream is h264, the configuration says codec: h265; set codec: h264" in explain(error)
    assert refused(annexb(*H265_SETS, H265_IDR), codec=Codec.VP8).reason == "codec_mismatch"
    assert refused(length_prefixed(*SETS, IDR), codec=Codec.H265).reason == "codec_mismatch"
    for data in (LOW_OVERHEAD, LENGTH_DELIMITED):
        assert "the stream is av1, the configuration says codec: vp9" in str(refused(data, codec=Codec.VP9))


def test_a_format_that_contradicts_the_configuration() -> None:
    error = refused(annexb(*SETS, IDR), format=Format.IVF)
    assert error.reason == "format_mismatch"
    assert "the bytes are annexb, the configuration says format: ivf; set format: annexb" in explain(error)
    error = refused(length_prefixed(*SETS, IDR), format=Format.ANNEXB)
    assert "the bytes are length-prefixed, the configuration says format: annexb" in str(error)
    assert refused(annexb(*SETS, IDR), format=Format.LENGTH_PREFIXED).reason == "format_mismatch"
    for data in (LOW_OVERHEAD, LENGTH_DELIMITED):
        error = refused(data, format=Format.IVF)
        assert "the bytes are obu, the configuration says format: ivf" in str(error)


def test_a_configuration_that_agrees_changes_nothing() -> None:
    demuxer = Demuxer(codec=Codec.H264, format=Format.ANNEXB)
    assert len(demuxer.feed(annexb(*SETS, IDR, *DELTAS)) + demuxer.eof()) == 6


# --- not video ---

TS = b"".join(b"\x47\x01\x00\x10" + annexb(*SETS).ljust(184, b"\xff") for _ in range(12))
WRONG = {
    "http": b"POST /live HTTP/1.1\r\nHost: x\r\n\r\n" + annexb(*SETS, IDR),
    "rtsp": b"OPTIONS rtsp://127.0.0.1/ RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "tls": bytes.fromhex("16030100f8010000f4030312345678"),
    "proxy_header": b"PROXY TCP4 10.0.0.7 10.0.0.1 40112 5004\r\n" + annexb(*SETS, IDR),
    "rtmp": b"\x03\x00\x00\x00\x00\x00\x00\x00\x00" + bytes(range(256)) * 6,
    "mpeg_ts": TS,
    "mp4": b"\x00\x00\x00\x1cftypisom\x00\x00\x02\x00" + bytes(100),
    "matroska": bytes.fromhex("1a45dfa39f4286810142f7810142f281"),
    "flv": b"FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00",
    "ogg": b"OggS\x00\x02" + bytes(30),
    "jpeg": bytes.fromhex("ffd8ffe000104a46494600"),
    "raw_video": b"YUV4MPEG2 W64 H48 F25:1\nFRAME\n" + bytes(100),
    "gdp": bytes.fromhex("01000100284e00000087ffffffffffffffffffffffffffff"),
    "mpeg2": bytes.fromhex("000001b31400f0c4ffffe018"),
    "mpeg_ps": bytes.fromhex("000001ba44000400040100"),
    "mpeg4": bytes.fromhex("000001b001000001b58913000001"),
    "avi": b"RIFF\x00\x10\x00\x00AVI LIST",
    "rtp": b"".join(
        struct.pack(">HBBHII", 112, 0x80, 96, n, 3000, 0xCAFEF41E) + bytes([n]) * 100 for n in range(4)
    ),
}


@pytest.mark.parametrize("reason", WRONG)
def test_a_wrong_protocol_or_container_is_named_with_its_cure(reason: str) -> None:
    error = refused(WRONG[reason])
    assert error.reason == reason
    text = explain(error)
    assert text.startswith("this is ")
    assert "-f h264" in text or "GStreamer" in text or "source." in text


def test_a_wrong_protocol_is_named_while_the_connection_is_still_open() -> None:
    for reason, data in WRONG.items():
        demuxer = Demuxer()
        with pytest.raises(BitstreamError) as caught:
            demuxer.feed(data.ljust(4096, b"\x55") if reason != "rtp" else data * 9)
        assert caught.value.reason == reason


def test_mpeg_ts_joined_inside_a_packet_is_not_taken_for_the_start_codes_in_it() -> None:
    for offset in (1, 50, 187):
        assert refused(TS[offset:]).reason == "mpeg_ts"


def test_mpeg_ts_joined_at_bytes_that_could_be_the_length_of_a_slice_is_mpeg_ts_all_the_same() -> None:
    # Payload that reads as a length of 1 MiB, and behind it as the beginning of a slice of H.265.
    packet = b"\x47\x01\x00\x10" + (b"\x00\x10\x00\x00\x02\x01" + b"\xd0" * 178)
    joined = (packet * (DETECTION_LIMIT_BYTES // 188 + 2))[4:]
    demuxer = Demuxer()
    with pytest.raises(BitstreamError) as caught:
        demuxer.feed(joined)
    assert caught.value.reason == "mpeg_ts"
    assert refused(joined[:700]).reason == "not_video"


def test_noise_is_not_video() -> None:
    for seed in range(20):
        demuxer = Demuxer()
        noise = random.Random(seed).randbytes(DETECTION_LIMIT_BYTES)
        with pytest.raises(BitstreamError) as caught:
            demuxer.feed(noise)
        assert caught.value.reason == "not_video"


def test_noise_with_start_codes_is_not_video_either() -> None:
    for seed in range(20):
        noise = random.Random(seed).randbytes(40_000)
        data = b"".join(START + noise[i : i + 100] for i in range(0, len(noise), 100))
        demuxer = Demuxer()
        with pytest.raises(BitstreamError) as caught:
            demuxer.feed(data)
        assert caught.value.reason == "not_video"


def test_short_noise_is_not_video_at_the_end() -> None:
    assert refused(b"hello, world\n").reason == "not_video"


def test_noise_that_trickles_is_not_video_when_time_is_up() -> None:
    demuxer = Demuxer()
    assert demuxer.decide(5.0) == [], "nothing came that could be undecided"
    noise = random.Random(1).randbytes(50)
    demuxer.feed(noise, 10.0)
    for second in range(9):
        demuxer.feed(b"\x55", 11.0 + second)
    assert demuxer.undecided_since == 10.0
    with pytest.raises(BitstreamError, match="59 bytes in 10 s") as caught:
        demuxer.decide(20.0)
    assert caught.value.reason == "not_video"
    assert f"they begin {noise[:16].hex(' ')}; expected a raw byte stream" in explain(caught.value)


def test_headers_that_stay_away_too_long_are_not_video_either() -> None:
    demuxer = Demuxer()
    demuxer.feed(annexb(sps()[:5]), 0.0)
    with pytest.raises(BitstreamError, match="9 bytes in 10 s") as caught:
        demuxer.decide(10.0)
    assert caught.value.reason == "not_video"


def test_what_is_plausible_when_time_is_up_is_taken() -> None:
    demuxer = Demuxer()
    demuxer.feed(length_prefixed(DELTAS[0]), 0.0)
    assert (demuxer.format, demuxer.undecided_since) == (None, 0.0)
    demuxer.decide(10.0)
    assert (demuxer.format, demuxer.undecided_since) == (Format.LENGTH_PREFIXED, None)
    assert demuxer.decide(20.0) == []


def test_a_connection_without_a_byte() -> None:
    with pytest.raises(BitstreamError, match="closed without sending a byte") as caught:
        Demuxer().eof()
    assert caught.value.reason == "empty"


def test_a_connection_cut_in_its_first_header() -> None:
    for data in (START, annexb(sps()[:5]), b"DK", annexb(b"\x09")):
        assert refused(data).reason == "cut_header"


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.lists(st.binary(max_size=20) | st.sampled_from([START, SHORT_START, *SETS, IDR])).map(b"".join),
        st.tuples(st.sampled_from(list(WRONG.values())), st.integers(0, 40)).map(lambda t: t[0][t[1] :]),
    ),
    st.integers(1, 100),
)  # fmt: skip
def test_anything_at_all_raises_nothing_else_and_means_the_same_in_every_chunking(
    data: bytes, size: int
) -> None:
    def outcome(step: int) -> tuple[list[AccessUnit], list[str], str | None]:
        demuxer, units = Demuxer(), []
        try:
            for i in range(0, len(data), step):
                units += demuxer.feed(data[i : i + step])
            units += demuxer.eof()
        except BitstreamError as error:
            return units, [str(fault) for fault in demuxer.faults], str(error)
        return units, [str(fault) for fault in demuxer.faults], None

    assert outcome(max(len(data), 1)) == outcome(size) == outcome(1)


def test_memory_stays_bounded_while_nothing_is_recognised() -> None:
    taken_bytes = 0

    def noise() -> Iterator[bytes]:
        nonlocal taken_bytes
        while True:
            assert taken_bytes < DETECTION_LIMIT_BYTES
            yield b"\x55" * 1000
            taken_bytes += 1000

    with pytest.raises(BitstreamError):
        run(Demuxer(), noise())


# --- another encoder in the place of the first, on the same connection ---

H264_PART = (*SETS, IDR, *DELTAS[:2])
H265_PART = (*H265_SETS, H265_IDR, H265_TRAIL)


@pytest.mark.parametrize("layout", [annexb, length_prefixed])
@pytest.mark.parametrize(
    ("first", "then", "codecs"),
    [
        (H264_PART, H265_PART, [Codec.H264] * 3 + [Codec.H265] * 2),
        (H265_PART, H264_PART, [Codec.H265] * 2 + [Codec.H264] * 3),
        (H264_PART, (*H265_PART, *H264_PART), [Codec.H264] * 3 + [Codec.H265] * 2 + [Codec.H264] * 3),
    ],
)
def test_a_stream_that_goes_on_in_the_other_codec_is_followed(
    layout: Callable[..., bytes], first: tuple[bytes], then: tuple[bytes], codecs: list[Codec]
) -> None:
    units = read_in_every_chunking(Demuxer, layout(*first, *then))
    assert [unit.info and unit.info.codec for unit in units] == codecs
    assert [unit.keyframe for unit in units].count(True) == 1 + then.count(IDR) + then.count(H265_IDR)


@pytest.mark.parametrize("layout", [annexb, length_prefixed])
def test_where_the_configuration_names_the_codec_the_stream_ends_there_behind_its_last_picture(
    layout: Callable[..., bytes],
) -> None:
    for label, chunks in chunkings(layout(*H264_PART, *H265_PART)):
        units: list[AccessUnit] = []
        with pytest.raises(BitstreamError, match="the stream is h265, the configuration says codec: h264"):
            run_into(units, Demuxer(codec=Codec.H264), chunks)
        assert len(units) == 3, label


def run_into(units: list[AccessUnit], demuxer: Demuxer, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        units += demuxer.feed(chunk)
    units += demuxer.eof()


def test_a_codec_change_is_noticed_behind_the_last_picture_of_a_connection_too() -> None:
    demuxer = Demuxer()
    assert len(run(demuxer, [annexb(*H264_PART, H265_SETS[0])])) == 3


@pytest.mark.parametrize("layout", [annexb, length_prefixed])
def test_a_stream_that_changes_its_codec_again_and_again_is_parted_with(layout: Callable[..., bytes]) -> None:
    flips = layout(*H264_PART, *H265_PART) * 50
    whole: list[AccessUnit] = []
    with pytest.raises(BitstreamError, match="too often"):
        run_into(whole, Demuxer(), [flips, b""])
    assert len(whole) == 3 + 2 + 3 + 2 + 3
    for label, chunks in chunkings(flips[: len(flips) // 10]):
        units: list[AccessUnit] = []
        with pytest.raises(BitstreamError) as raised:
            run_into(units, Demuxer(), [*chunks, b""])
        assert (raised.value.reason, units) == ("codec_flips", whole), label


def test_nothing_but_parameter_sets_of_either_codec_in_turn_is_parted_with_too() -> None:
    with pytest.raises(BitstreamError, match="too often"):
        run_into([], Demuxer(), [annexb(*H264_PART, *[H265_SETS[1], SETS[0]] * 5000), b""])


def test_a_codec_change_now_and_then_is_followed_for_ever() -> None:
    demuxer, units = Demuxer(), []
    for number in range(20):
        units += demuxer.feed(annexb(*H264_PART, *H265_PART), now=100.0 * number)
    assert len(units + demuxer.eof()) == 20 * 5


def test_nothing_waits_in_one_that_is_closed() -> None:
    demuxer = Demuxer(max_items=1)
    demuxer.feed(annexb(*[SEI] * 10, END_OF_STREAM))
    assert demuxer.behind
    demuxer.close()
    assert not demuxer.behind
    assert demuxer.quiet_at is None
