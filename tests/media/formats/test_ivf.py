from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.diagnose.explain import explain
from ingestd.errors import BitstreamError
from ingestd.media.access_unit import MAX_ACCESS_UNIT_BYTES, AccessUnit, Codec, Format
from ingestd.media.codecs.vp9 import superframe_sizes_bytes
from ingestd.media.formats.ivf import MAX_UNRECOGNISED_BYTES, IvfReader, looks_like_headerless_ivf
from tests.media.vectors_ivf import (
    AV1_DELIMITER,
    AV1_DELTA,
    AV1_KEY,
    AV1_SEQUENCE_HEADER,
    GSTREAMER_VP8,
    bits,
    file_header,
    frame,
    obu,
    superframe,
    vp8_delta,
    vp8_key,
    vp9_delta,
    vp9_key,
)
from tests.support.chunking import chunkings, read_all, read_in_every_chunking

TWO_FRAMES = frame(vp8_key(), 0) + frame(vp8_delta(), 1)
AV1_START = AV1_DELIMITER + AV1_SEQUENCE_HEADER + AV1_KEY


def read(data: bytes, codec: Codec | None = None) -> list[AccessUnit]:
    return read_in_every_chunking(lambda: IvfReader(codec), data)


def faults(data: bytes) -> list[str]:
    """The reasons of the faults in `data`, having checked that they do not depend on how it was cut."""
    reader = IvfReader()
    read_all(reader, [data])
    for label, chunks in chunkings(data):
        again = IvfReader()
        read_all(again, chunks)
        assert [str(fault) for fault in again.faults] == [str(fault) for fault in reader.faults], label
    return [fault.reason for fault in reader.faults]


def error(data: bytes, codec: Codec | None = None, *, after: int = 0) -> BitstreamError:
    """The error that ends `data`, in every chunking, after that many access units."""
    for label, chunks in chunkings(data):
        reader, units = IvfReader(codec), 0
        with pytest.raises(BitstreamError) as raised:  # noqa: PT012 (which call raises depends on the cut)
            for chunk in [*chunks, b""]:
                units += len(reader.feed(chunk))
        assert units == after, label
    return raised.value


# --- frames ------------------------------------------------------------------------------------------------


def test_frames_come_out_untouched_with_key_size_and_time() -> None:
    key, delta = read(file_header(rate=30) + TWO_FRAMES)
    assert (key.data, key.keyframe, key.timestamp_us) == (vp8_key(), True, 0)
    assert (delta.data, delta.keyframe, delta.timestamp_us) == (vp8_delta(), False, 33_333)
    assert key.info is not None
    assert (key.info.codec, key.info.format) == (Codec.VP8, Format.IVF)
    assert (key.info.width, key.info.height) == (160, 120)
    assert delta.info is key.info


@pytest.mark.parametrize(
    ("fourcc", "payload", "codec"),
    [(b"VP80", vp8_key(), "vp8"), (b"VP90", vp9_key(), "vp9"), (b"AV01", AV1_START, "av1")],
)
def test_the_fourcc_says_the_codec(fourcc: bytes, payload: bytes, codec: str) -> None:
    (unit,) = read(file_header(fourcc) + frame(payload, 0))
    assert unit.info is not None
    assert (unit.info.codec, unit.keyframe, unit.data) == (codec, True, payload)


def test_a_frame_larger_than_any_read_is_put_together() -> None:
    big = vp8_key(data=bytes(70_000))
    assert [unit.data for unit in read(file_header() + frame(big, 0))] == [big]


def test_an_empty_frame_is_a_fault_and_is_skipped() -> None:
    data = file_header() + frame(vp8_key(), 0) + frame(b"", 1) + frame(vp8_delta(), 2)
    assert [unit.timestamp_us for unit in read(data)] == [0, 66_666]
    assert faults(data) == ["empty_frame"]


@pytest.mark.parametrize("codec", ["vp8", "vp9", "av1"])
def test_a_frame_nobody_can_parse_is_one_fault_and_goes_on_as_a_delta(codec: str) -> None:
    fourcc, key, broken = {
        "vp8": (b"VP80", vp8_key(), b"\x10\x00\x00no start code"),
        "vp9": (b"VP90", vp9_key(), b"\x00no frame marker"),
        "av1": (b"AV01", AV1_START, b"\x92\x00forbidden bit"),
    }[codec]
    data = file_header(fourcc) + frame(key, 0) + frame(broken, 1)
    first, second = read(data)
    assert (second.data, second.keyframe, second.timestamp_us) == (broken, False, 33_333)
    assert second.info is first.info
    assert faults(data) == [f"malformed_{codec}"]


def test_a_frame_too_large_is_refused_at_its_header() -> None:
    header_only = (MAX_ACCESS_UNIT_BYTES + 1).to_bytes(4, "little") + bytes(8)
    assert error(file_header() + TWO_FRAMES + header_only, after=2).reason == "too_large"


def test_pictures_before_the_damage_come_out_and_then_the_error_for_good() -> None:
    reader = IvfReader()
    assert len(reader.feed(file_header() + TWO_FRAMES + b"\xff" * 12)) == 2
    for _ in range(2):
        with pytest.raises(BitstreamError):
            reader.feed(b"more")
    reader = IvfReader()
    assert len(reader.feed(file_header() + TWO_FRAMES + b"\xff" * 12)) == 2
    with pytest.raises(BitstreamError, match="IVF: a frame of 4294967295 bytes"):
        reader.eof()


def test_the_reader_keeps_nothing_of_the_buffer_it_was_given() -> None:
    data = file_header() + TWO_FRAMES
    reader, units = IvfReader(), []
    for start in range(0, len(data), 7):
        buffer = bytearray(data[start : start + 7])
        units += reader.feed(memoryview(buffer))
        buffer[:] = b"\xff" * len(buffer)  # as a BufferedProtocol would overwrite it
    assert [unit.data for unit in units] == [vp8_key(), vp8_delta()]


# --- the file header ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [32, 33, 48, 1000])
def test_the_header_length_field_is_honoured(length: int) -> None:
    assert len(read(file_header(length=length) + TWO_FRAMES)) == 2


@pytest.mark.parametrize("length", [0, 31])
def test_a_header_length_shorter_than_its_own_fields_means_32(length: int) -> None:
    assert len(read(file_header(length=length) + TWO_FRAMES)) == 2


def test_version_and_frame_count_mean_nothing() -> None:
    assert len(read(file_header(version=0xBEEF, frames=1) + TWO_FRAMES)) == 2


@pytest.mark.parametrize(
    ("rate", "scale", "frame_rate"),
    [
        (30, 1, 30.0),
        (30000, 1001, 30000 / 1001),
        (240, 1, 240.0),
        (241, 1, None),
        (1, 1, 1.0),
        (1000, 1, None),  # a clock in ms
        (90000, 1, None),  # GStreamer's
        (1, 2, None),  # half a picture per second: rather an exchanged rate and scale
        (0, 0, None),
    ],
)
def test_a_timebase_is_a_frame_rate_only_where_that_is_plausible(
    rate: int, scale: int, frame_rate: float | None
) -> None:
    (unit,) = read(file_header(rate=rate, scale=scale) + frame(vp8_key(), 0))
    assert unit.info is not None
    assert unit.info.frame_rate_fps == frame_rate


@pytest.mark.parametrize(
    ("rate", "scale", "pts", "timestamp_us"),
    [
        (30, 1, 3, 100_000),
        (30000, 1001, 30000, 1_001_000_000),
        (90000, 1, 90001, 1_000_011),
        (1000, 1, 1 << 40, (1 << 40) * 1000),
        (1_000_000, 1, (1 << 53) + 1, (1 << 53) + 1),  # a float would lose the 1
        (30, 1, -3, -100_000),
        (30, 1, -(1 << 63), None),  # AV_NOPTS_VALUE
        (30, 1, (1 << 63) - 1, None),  # beyond 64 bits of µs
        (0, 1, 3, None),
        (30, 0, 3, None),
        (1, 10, 3, 30_000_000),
        (1, 11, 3, None),  # no clock for video
        (1_000_000_000, 1, 3_000, 3),
        (1_000_000_001, 1, 3_000, None),
    ],
)
def test_pts_times_timebase(rate: int, scale: int, pts: int, timestamp_us: int | None) -> None:
    (unit,) = read(file_header(rate=rate, scale=scale) + frame(vp8_key(), pts))
    assert unit.timestamp_us == timestamp_us


def test_a_second_header_between_frames_is_consumed() -> None:
    data = file_header(rate=30) + TWO_FRAMES + file_header(rate=15, length=40) + TWO_FRAMES
    first, _, again, last = read(data)
    assert [first.timestamp_us, again.timestamp_us, last.timestamp_us] == [0, 0, 66_666]
    assert first.info is not None
    assert again.info is not None
    assert (first.info.frame_rate_fps, again.info.frame_rate_fps) == (30.0, 15.0)
    assert faults(data) == []


def test_a_second_header_that_says_the_same_changes_nothing() -> None:
    units = read(file_header() + TWO_FRAMES + file_header() + TWO_FRAMES)
    assert len({unit.info for unit in units}) == 1


def test_a_second_header_may_change_the_codec() -> None:
    units = read(file_header() + TWO_FRAMES + file_header(b"VP90") + frame(vp9_key(), 0))
    assert [unit.info.codec for unit in units if unit.info] == ["vp8", "vp8", "vp9"]


@pytest.mark.parametrize(
    ("fourcc", "payload", "codec", "header"),
    [
        (b"VP90", vp8_key(), Codec.VP8, "vp9"),
        (b"VP80", vp9_key(), Codec.VP9, "vp8"),
        (b"AV01", vp9_key(), Codec.VP9, "av1"),
        (b"VP80", AV1_START, Codec.AV1, "vp8"),
    ],
)
def test_frames_of_another_codec_than_the_header_says_are_what_they_are(
    fourcc: bytes, payload: bytes, codec: Codec, header: str
) -> None:
    data = file_header(fourcc) + frame(payload, 0) + frame(payload, 1)
    assert [unit.info and unit.info.codec for unit in read(data)] == [codec] * 2
    assert faults(data) == ["wrong_fourcc"]
    reader = IvfReader(codec)  # the configuration is right, too
    assert [unit.keyframe for unit in read_all(reader, [data])] == [True, True]
    assert f"the file header says {header}, the frames are {codec}" in str(reader.faults[0])
    wrong = error(data, Codec(header))
    assert f"the stream is {codec}, the configuration says codec: {header}" in str(wrong)


def test_a_second_encoder_behind_the_first_without_a_header_of_its_own_is_followed() -> None:
    data = file_header(b"VP80") + TWO_FRAMES + frame(vp9_key(), 2) + frame(vp9_key(), 3)
    codecs = [unit.info and unit.info.codec for unit in read(data)]
    assert codecs == [Codec.VP8, Codec.VP8, Codec.VP8, Codec.VP9]


def test_start_codes_in_ivf_are_h264_or_h265_whatever_the_header_says() -> None:
    raised = error(file_header(b"VP80") + frame(b"\0\0\0\x01\x67\x42" + bytes(30), 0))
    assert raised.reason == "wrong_format"
    assert "begin with start codes" in str(raised)


def test_a_file_header_of_a_length_that_none_has_is_damage() -> None:
    raised = error(file_header(b"VP80")[:6] + b"\xff\xff" + file_header(b"VP80")[8:] + TWO_FRAMES)
    assert raised.reason == "malformed_header"
    assert "says that it has 65535 bytes, 32 are expected" in str(raised)


@pytest.mark.parametrize(
    ("fourcc", "muxer"), [(b"H264", "-f h264"), (b"avc1", "-f h264"), (b"HEVC", "-f hevc")]
)
def test_h264_and_h265_in_ivf_are_refused_with_the_cure(fourcc: bytes, muxer: str) -> None:
    raised = error(file_header(fourcc))
    assert raised.reason == "wrong_format"
    assert f"{muxer} instead of -f ivf" in explain(raised)


def test_an_unknown_fourcc_is_refused_with_what_is_known() -> None:
    raised = error(file_header(b"\x00XY\xff"))
    assert raised.reason == "unknown_codec"
    assert "libvpx" in explain(raised)


def test_another_codec_than_configured_is_refused() -> None:
    assert len(read(file_header() + TWO_FRAMES, Codec.VP8)) == 2
    raised = error(file_header() + TWO_FRAMES, Codec.AV1)
    assert raised.reason == "codec_mismatch"
    assert "set codec: vp8" in explain(raised)


# --- no file header ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "codec"),
    [
        (vp8_key(), "vp8"),
        (vp9_key(), "vp9"),
        (AV1_START, "av1"),
        (AV1_SEQUENCE_HEADER + AV1_KEY, "av1"),
        (AV1_DELIMITER + AV1_DELTA, "av1"),
    ],
)
def test_without_a_file_header_the_content_says_the_codec_and_there_is_no_clock(
    payload: bytes, codec: str
) -> None:
    data = frame(payload, 0) + frame(payload, 1)
    assert looks_like_headerless_ivf(data) == codec
    units = read(data)
    assert [unit.data for unit in units] == [payload, payload]
    assert [unit.timestamp_us for unit in units] == [None, None]
    assert error(data, next(c for c in (Codec.VP8, Codec.AV1) if c != codec)).reason == "codec_mismatch"


def test_recognition_needs_only_the_beginning_of_the_first_keyframe() -> None:
    data = frame(vp8_key(data=bytes(1000)), 5)
    assert looks_like_headerless_ivf(data[: 12 + 9]) is None
    assert looks_like_headerless_ivf(data[: 12 + 10]) == Codec.VP8


@pytest.mark.parametrize(
    ("following", "codec"),
    [
        (frame(vp8_delta(), 6), Codec.VP8),
        (frame(vp8_delta(), 6)[:11], Codec.VP8),  # not all there yet
        (file_header(), Codec.VP8),
        (b"\xff" * 12, None),  # no size
        (frame(vp8_delta(), 4), None),  # backwards in time
    ],
)
def test_recognition_looks_at_the_next_frame_header_when_it_is_there(
    following: bytes, codec: Codec | None
) -> None:
    assert looks_like_headerless_ivf(frame(vp8_key(), 5) + following) == codec


def test_joined_in_the_middle_of_a_gop_the_codec_shows_at_the_next_keyframe() -> None:
    # What GStreamer's `avmux_ivf ! tcpserversink` sends to a client that dials it: from some frame on.
    data = (
        frame(vp8_delta(b"1"), 7) + frame(vp8_delta(b"2"), 8) + frame(vp8_key(), 9) + frame(vp8_delta(), 10)
    )
    assert looks_like_headerless_ivf(data) == Codec.VP8
    units = read(data)
    assert [unit.keyframe for unit in units] == [False, False, True, False]
    assert [unit.info is None for unit in units] == [True, True, False, False]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(4096),
        b"\x00\x00\x00\x01\x67\x42\xe0\x1f\xda\x01\x40\x16" + bytes(100),  # H.264 Annex B
        b"\x00\x00\x00\x1d\x67\x42\xe0\x1f\xda\x01\x40\x16" + bytes(100),  # H.264 with lengths
        AV1_START * 10,  # raw OBUs
        b"\x47\x40\x00\x10" * 100,  # MPEG-TS
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        file_header() + TWO_FRAMES,
    ],
)
def test_nothing_else_looks_like_headerless_ivf(data: bytes) -> None:
    assert looks_like_headerless_ivf(data) is None


def test_what_is_no_ivf_at_all_is_refused_at_once() -> None:
    raised = error(b"GET / HTTP/1.1\r\n\r\n")
    assert raised.reason == "not_ivf"
    assert "-f ivf" in explain(raised)


def test_a_first_frame_that_is_too_large_is_not_taken_for_another_format() -> None:
    raised = error(file_header() + (MAX_ACCESS_UNIT_BYTES + 1).to_bytes(4, "little") + bytes(8))
    assert raised.reason == "too_large"


def test_what_is_never_recognised_is_not_gathered_for_ever() -> None:
    reader = IvfReader()
    with pytest.raises(BitstreamError) as raised:
        reader.feed((MAX_UNRECOGNISED_BYTES + 1).to_bytes(4, "little") + bytes(8))
    assert raised.value.reason == "not_ivf"


# --- the end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        (b"", []),
        (b"DKI", ["cut_header"]),
        (file_header()[:31], ["cut_header"]),
        (file_header(), []),
        (file_header() + TWO_FRAMES, []),
        (file_header() + TWO_FRAMES + frame(vp8_delta(), 2)[:11], ["cut_header"]),
        (file_header() + TWO_FRAMES + frame(vp8_delta(), 2)[:12], ["cut_frame"]),
        (file_header() + TWO_FRAMES[:-1], ["cut_frame"]),
    ],
)
def test_the_end_says_what_it_cut(data: bytes, reasons: list[str]) -> None:
    assert faults(data) == reasons


def test_gstreamers_trailer_is_no_cut_header() -> None:
    units = read(GSTREAMER_VP8)
    assert [(unit.keyframe, unit.timestamp_us) for unit in units] == [
        (True, 0),
        (False, 33_333),
        (False, 66_666),
    ]
    assert units[0].info is not None
    assert (units[0].info.width, units[0].info.frame_rate_fps) == (64, None)
    assert faults(GSTREAMER_VP8) == []


def test_gstreamers_trailer_between_two_streams_is_consumed() -> None:
    assert len(read(GSTREAMER_VP8 + GSTREAMER_VP8)) == 6
    assert faults(GSTREAMER_VP8 + GSTREAMER_VP8) == []


# --- against the outside -----------------------------------------------------------------------------------

ENCODERS: dict[str, tuple[bytes, dict[str, str]]] = {
    "libvpx": (b"VP80", {"deadline": "realtime", "cpu-used": "8"}),
    "libvpx-vp9": (b"VP90", {"cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "12"}),
    "libaom-av1": (b"AV01", {"cpu-used": "8", "lag-in-frames": "12"}),
}


@cache
def encode(encoder: str) -> list[tuple[bytes, bool, int]]:
    """24 pictures of 160x120 at 30/s, a keyframe every 12: (data, keyframe, pts) of each packet."""
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = 160, 120, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 30), Fraction(30)
    context.gop_size = 12
    context.thread_count = 1  # libvpx's threads wait for each other in loops, for seconds on a busy machine
    context.options = ENCODERS[encoder][1]
    packets = [packet for picture in pictures() for packet in context.encode(picture)]
    return [(bytes(p), p.is_keyframe, p.pts or 0) for p in [*packets, *context.encode(None)]]


def pictures() -> Iterator[av.VideoFrame]:
    noise = np.random.default_rng(1)
    for pts in range(24):
        rgb = noise.integers(0, 40, (120, 160, 3), dtype=np.uint8)
        rgb[:, pts * 4 % 140 :][:, :20] += 200
        picture = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
        picture.pts = pts
        yield picture


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("header", [file_header, lambda _fourcc: b""], ids=["with header", "without"])
def test_what_real_encoders_write(encoder: str, header: Callable[[bytes], bytes]) -> None:
    packets = encode(encoder)
    data = header(ENCODERS[encoder][0]) + b"".join(frame(data, pts) for data, _, pts in packets)
    units = read(data)
    assert [(unit.data, unit.keyframe) for unit in units] == [(data, key) for data, key, _ in packets]
    assert sum(unit.keyframe for unit in units) >= 2
    assert faults(data) == []
    infos = {unit.info for unit in units}
    assert [(info.width, info.height, info.chroma_format, info.bit_depth) for info in infos if info] == [
        (160, 120, "4:2:0", 8)
    ]
    if header is file_header:
        assert [unit.timestamp_us for unit in units] == [pts * 1_000_000 // 30 for _, _, pts in packets]


# --- more than any real stream has --------------------------------------------------------------------------


@pytest.mark.parametrize("obu", [b"\x12\x00", b"\x7a\x00", b"\x32\x01\x30"])
def test_a_frame_of_more_obus_than_any_real_one_ends_the_stream(obu: bytes) -> None:
    stream = file_header(b"AV01") + frame(AV1_START + AV1_KEY, 0) + frame(obu * 2000, 1)
    raised = error(stream, after=1)
    assert (raised.reason, raised.case) == ("too_large", "obus")


def test_a_stream_that_changes_its_codec_with_every_keyframe_is_parted_with() -> None:
    # A frame that cannot be read makes the reader look again at what comes.
    flips = frame(vp8_key(), 0) + frame(b"\xff", 1) + frame(vp9_key(), 2) + frame(b"\x00", 3)
    raised = error(file_header() + flips * 10, after=10)
    assert (raised.reason, str(raised)) == (
        "codec_flips",
        "the codec changes from vp8 to vp9, too often: 4 times are allowed, and once more every 5 s",
    )


def test_small_frames_that_do_not_tell_are_not_looked_at_without_end() -> None:
    delta = frame(b"\x31", 0)
    assert looks_like_headerless_ivf(delta * 200 + TWO_FRAMES) is Codec.VP8
    assert looks_like_headerless_ivf(delta * 300 + TWO_FRAMES) is None


# --- whatever arrives --------------------------------------------------------------------------------------

FRAGMENTS = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([file_header(), file_header(b"VP90"), file_header(b"AV01"), TWO_FRAMES]),
    st.builds(frame, st.binary(max_size=40), st.integers(-(1 << 63), (1 << 63) - 1)),
    st.builds(
        lambda start, rest: frame(start + rest, 0),
        st.sampled_from([vp8_key(), vp9_key(), vp9_delta(), AV1_START]),
        st.binary(max_size=20),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS, max_size=6).map(b"".join), st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_any_bytes_give_access_units_faults_or_a_bitstream_error(data: bytes, sizes: list[int]) -> None:
    looks_like_headerless_ivf(data)
    assert outcome([data]) == outcome(list(cut(data, sizes)))


def outcome(chunks: list[bytes]) -> tuple[list[AccessUnit], list[str]]:
    reader, units, reasons = IvfReader(), [], []
    try:
        for chunk in [*chunks, b""]:
            units += reader.feed(chunk)
        reader.eof()
    except BitstreamError as raised:
        reasons.append(str(raised))
    return units, [*(str(fault) for fault in reader.faults), *reasons]


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    position = 0
    while position < len(data):
        size = sizes[position % len(sizes)]
        yield data[position : position + size]
        position += size


# --- hidden frames in records for themselves ---------------------------------------------------------------


def test_a_hidden_frame_of_av1_goes_into_the_temporal_unit_of_the_next_shown_one() -> None:
    hidden = obu(6, bits("0 01 0 0000") + b"hidden")
    chunks = [AV1_START, AV1_DELIMITER + hidden, AV1_DELIMITER + AV1_DELTA, AV1_DELIMITER + AV1_DELTA]
    units = read(file_header(b"AV01") + b"".join(frame(chunk, n) for n, chunk in enumerate(chunks)))
    joined = AV1_DELIMITER + hidden + AV1_DELTA
    assert [unit.data for unit in units] == [AV1_START, joined, AV1_DELIMITER + AV1_DELTA]
    assert [unit.timestamp_us for unit in units] == [0, 66_666, 100_000]


def test_a_hidden_frame_of_vp9_goes_into_a_superframe_with_the_next_shown_one() -> None:
    hidden, delta = vp9_delta(show_frame=0) + b"x" * 300, vp9_delta() + b"y" * 300
    chunks = [vp9_key(), hidden, delta, hidden, superframe(hidden, delta), delta]
    units = read(file_header(b"VP90") + b"".join(frame(chunk, n) for n, chunk in enumerate(chunks)))
    assert [unit.data for unit in units] == [
        vp9_key(),
        superframe(hidden, delta),
        superframe(hidden, hidden, delta),
        delta,
    ]


def test_more_hidden_frames_of_vp9_than_a_superframe_holds_are_handed_on() -> None:
    hidden = vp9_delta(show_frame=0)
    chunks = [vp9_key(), *[hidden] * 9, vp9_delta()]
    units = read(file_header(b"VP90") + b"".join(frame(chunk, n) for n, chunk in enumerate(chunks)))
    assert len(units) == 3
    assert superframe_sizes_bytes(units[1].data) == [len(hidden)] * 8
    assert superframe_sizes_bytes(units[2].data) == [len(hidden), len(vp9_delta())]
