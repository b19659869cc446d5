"""Trailers in the SEI of pictures: read, left out where they are wrong, and put to the right picture."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec, FrameMetadata
from ingestd.media.codecs.lkts_trailer import frame_metadata
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.codecs.sei import SeiMessage, sei_messages
from ingestd.media.formats.annexb import AnnexBReader
from ingestd.media.formats.length_prefixed import LengthPrefixedReader
from tests.media import vectors_h26x as vectors
from tests.media.vectors_h26x import AUD, annexb, length_prefixed, pps, slice, sps
from tests.support.chunking import read_in_every_chunking
from tests.support.lkts import (
    H265_PREFIX_SEI,
    UUID,
    element,
    frame_id,
    sei,
    trailer,
    user_data,
    user_timestamp,
)

SPS, PPS, IDR = sps(), pps(), slice(idr=True)
P1, P2 = (slice(frame_num=n, poc_lsb=2 * n) for n in (1, 2))


def said(data: bytes) -> FrameMetadata | None:
    return frame_metadata([SeiMessage(5, UUID + data)])


def numbered(number: int) -> bytes:
    return sei(trailer(frame_id(number)))


# --- the trailer ---


def test_the_bytes_that_livekits_sdks_write() -> None:
    # What TestCrossCompatWithRustAppendTrailer of livekit/server-sdk-go, packet_trailer_test.go, puts
    # together: 1_700_000_000_000_000 µs and frame 42.
    data = bytes.fromhex("fef7 fff9f5dbe7e1bfff fdfb ffffffd5 ea 4c4b5453")
    assert said(data) == FrameMetadata(user_timestamp=1_700_000_000_000_000, frame_id=42)


@pytest.mark.parametrize(
    ("elements", "metadata"),
    [
        ([user_timestamp(2**64 - 1)], FrameMetadata(user_timestamp=2**64 - 1)),
        ([frame_id(0)], FrameMetadata(frame_id=0)),
        ([user_data(b"")], FrameMetadata(user_data=b"")),
        ([user_data(bytes(248))], FrameMetadata(user_data=bytes(248))),
        ([user_data(b"a"), frame_id(7), user_timestamp(9)], FrameMetadata(9, 7, b"a")),
        ([frame_id(7), element(0x99, b"\xaa\xbb"), user_timestamp(9)], FrameMetadata(9, 7)),
        ([element(0x99, b"")], None),
        ([], None),
    ],
)
def test_every_element_may_be_there_or_not(elements: list[bytes], metadata: FrameMetadata | None) -> None:
    assert said(trailer(*elements)) == metadata
    assert said(b"whatever" + trailer(*elements)) == metadata, "what comes before the trailer is passed over"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends in b''"),
        (trailer(frame_id(1))[:-1], "ends in"),
        ((1_700_000_000_000_000).to_bytes(8, "big"), "ends in"),  # the layout before 2026
        (b"LKTS", "said to be 0 in 4 bytes"),
        (b"\xfbLKTS", "said to be 4 in 5 bytes"),
        (b"\xf9LKTS", "said to be 6 in 5 bytes"),
        (trailer(element(1, bytes(7))), "tag 1 has 7 bytes, not 8"),
        (trailer(element(2, bytes(5))), "tag 2 has 5 bytes, not 4"),
        (trailer(user_data(b"abc")[:-1]), "tag 3 is cut"),
        (trailer(frame_id(1), b"\xfc"), "tag 3 is cut"),
    ],
)
def test_what_is_no_trailer(data: bytes, why: str) -> None:
    with pytest.raises(BitstreamError, match=why) as raised:
        said(data)
    assert raised.value.reason == "malformed_trailer"


def test_user_data_of_others_is_none_of_ours() -> None:
    whole = trailer(frame_id(1))
    others = [
        SeiMessage(5, b"dc45e9bde6d948b7" + whole),
        SeiMessage(4, UUID + whole),
        SeiMessage(5, b"short"),
    ]
    assert frame_metadata(others) is None
    assert frame_metadata([SeiMessage(5, UUID + whole), *others]) == FrameMetadata(frame_id=1)


def test_the_last_of_several_trailers_counts() -> None:
    messages = [SeiMessage(5, UUID + trailer(*elements)) for elements in ([frame_id(1)], [frame_id(2)], [])]
    assert frame_metadata(messages) == FrameMetadata(frame_id=2)


@given(
    st.none() | st.integers(0, 2**64 - 1),
    st.none() | st.integers(0, 2**32 - 1),
    st.none() | st.binary(max_size=232),
)
def test_trailers_written_are_read_back(time: int | None, number: int | None, data: bytes | None) -> None:
    elements = [
        *([user_timestamp(time)] if time is not None else []),
        *([frame_id(number)] if number is not None else []),
        *([user_data(data)] if data is not None else []),
    ]
    expected = FrameMetadata(time, number, data) if elements else None
    assert frame_metadata(sei_messages(sei(trailer(*elements)), header_bytes=1)) == expected


@given(st.binary(max_size=260))
def test_anything_at_all_is_a_trailer_or_a_fault(data: bytes) -> None:
    for whole in (data, data + b"LKTS", trailer(data[:250])):
        with contextlib.suppress(BitstreamError):
            said(whole)


# --- the picture it belongs to ---


def pictures(*nals: bytes) -> list[tuple[list[bytes], int | None]]:
    """The NAL units and the frame_id of every access unit, whatever the chunks and the framing."""
    units = read_in_every_chunking(lambda: AnnexBReader(Codec.H264, ParameterSets()), annexb(*nals))
    assert [(unit.data, unit.metadata) for unit in units] == [
        (unit.data, unit.metadata)
        for unit in read_in_every_chunking(
            lambda: LengthPrefixedReader(Codec.H264, ParameterSets()), length_prefixed(*nals)
        )
    ]
    return [
        (unit.data.split(vectors.START)[1:], unit.metadata.frame_id if unit.metadata else None)
        for unit in units
    ]


def test_a_trailer_goes_with_the_picture_behind_it_and_stays_in_the_stream() -> None:
    assert pictures(SPS, PPS, numbered(5), IDR, P1, AUD, numbered(6), P2) == [
        ([SPS, PPS, numbered(5), IDR], 5),
        ([P1], None),
        ([AUD, numbered(6), P2], 6),
    ]


def test_one_between_the_slices_of_a_picture_is_of_that_picture() -> None:
    late = slice(idr=True, first_mb=10)
    assert pictures(SPS, PPS, IDR, numbered(5), late, numbered(6), P1) == [
        ([SPS, PPS, IDR, numbered(5), late], 5),
        ([numbered(6), P1], 6),
    ]


def test_sets_that_are_put_in_do_not_move_it_to_another_picture() -> None:
    again = slice(idr=True, idr_pic_id=1)
    assert [number for _, number in pictures(SPS, PPS, numbered(5), IDR, numbered(6), again, P1)] == [
        5,
        6,
        None,
    ]


def test_a_picture_that_comes_out_again_whole_says_the_same() -> None:
    reader = AnnexBReader(Codec.H264, ParameterSets())
    reader.feed(annexb(SPS, PPS, numbered(5), IDR))
    units = reader.flush()
    units += reader.feed(annexb(slice(idr=True, first_mb=10), numbered(6), P1)) + reader.eof()
    assert [(unit.corrects, unit.metadata) for unit in units] == [
        (False, FrameMetadata(frame_id=5)),
        (True, FrameMetadata(frame_id=5)),
        (False, FrameMetadata(frame_id=6)),
    ]


def test_a_malformed_one_is_one_fault_and_the_picture_goes_on_without() -> None:
    broken = sei(trailer(frame_id(5))[:-1])
    reader = AnnexBReader(Codec.H264, ParameterSets())
    units = reader.feed(annexb(SPS, PPS, broken, broken, IDR, numbered(6), P1)) + reader.eof()
    assert [unit.metadata for unit in units] == [None, FrameMetadata(frame_id=6)]
    assert [unit.data for unit in units] == [annexb(SPS, PPS, broken, broken, IDR), annexb(numbered(6), P1)]
    assert [fault.reason for fault in reader.faults] == ["malformed_trailer"]


def test_a_recovery_point_beside_a_malformed_one_counts() -> None:
    both = b"\x06" + vectors.sei_message(6, b"\x22\x40") + vectors.sei_message(5, UUID) + b"\x80"
    reader = AnnexBReader(Codec.H264, ParameterSets())
    units = reader.feed(annexb(SPS, PPS, both, P1)) + reader.eof()
    assert [unit.keyframe for unit in units] == [True]


def test_h265_has_them_in_prefix_sei() -> None:
    sets = (vectors.h265_vps(), vectors.h265_sps(), vectors.h265_pps())
    nal = sei(trailer(user_timestamp(9)), H265_PREFIX_SEI)
    units = read_in_every_chunking(
        lambda: AnnexBReader(Codec.H265, ParameterSets()),
        annexb(*sets, nal, vectors.h265_slice(19), vectors.h265_slice(1)),
    )
    assert [unit.metadata for unit in units] == [FrameMetadata(user_timestamp=9), None]
