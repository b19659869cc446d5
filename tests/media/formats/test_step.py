"""Steps: however dense the stream, a call reads no more than so much; and in the end all comes out."""

from collections.abc import Iterator

import pytest

from ingestd.media.access_unit import AccessUnit
from ingestd.media.demuxer import Demuxer
from ingestd.media.formats.step import MAX_ITEMS_PER_STEP
from tests.media import vectors_ivf, vectors_obu
from tests.media.vectors_h26x import (
    annexb,
    h265_pps,
    h265_slice,
    h265_sps,
    h265_vps,
    length_prefixed,
    pps,
    slice,
    sps,
)
from tests.support.chunking import chunkings

PICTURES = 1000
H264 = (sps(), pps(), *(slice(idr=True, idr_pic_id=number % 2, payload=b"") for number in range(PICTURES)))
H265 = (h265_vps(), h265_sps(), h265_pps(), *[h265_slice(nal_unit_type=19)] * PICTURES)
AV1 = vectors_ivf.AV1_DELIMITER + vectors_ivf.AV1_SEQUENCE_HEADER + vectors_ivf.AV1_KEY
STREAMS = {
    "annexb h264": annexb(*H264),
    "annexb h265": annexb(*H265),
    "length-prefixed": length_prefixed(*H264),
    "sets before each": annexb(*[sps(), pps(), slice(idr=True)] * PICTURES),
    "ivf": vectors_ivf.file_header() + vectors_ivf.frame(vectors_ivf.vp8_key(), 0) * PICTURES,
    "obu": AV1 * PICTURES,
    "obu, length delimited": vectors_obu.temporal_unit(
        vectors_obu.frame_unit(
            vectors_ivf.AV1_DELIMITER, vectors_ivf.AV1_SEQUENCE_HEADER, vectors_ivf.AV1_KEY
        )
    )
    * PICTURES,
}


def steps(demuxer: Demuxer, data: bytes) -> Iterator[list[AccessUnit]]:
    yield demuxer.feed(data)
    while demuxer.behind:
        yield demuxer.feed(b"")


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_step_is_bounded_and_nothing_is_lost(stream: bytes) -> None:
    demuxer, units = Demuxer(max_items=MAX_ITEMS_PER_STEP), []
    for step in steps(demuxer, stream):
        assert len(step) <= MAX_ITEMS_PER_STEP
        units += step
    units += demuxer.eof()
    whole = Demuxer()
    assert units == whole.feed(stream) + whole.eof()
    assert len(units) == PICTURES


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_steps_change_nothing_however_the_stream_is_cut(stream: bytes) -> None:
    part = stream[: len(stream) // 20]
    whole = Demuxer()
    expected = whole.feed(part) + whole.eof()
    for label, chunks in chunkings(part):
        demuxer = Demuxer(max_items=3)
        units = [unit for chunk in chunks for step in steps(demuxer, chunk) for unit in step]
        assert units + demuxer.eof() == expected, label
        assert [str(fault) for fault in demuxer.faults] == [str(fault) for fault in whole.faults], label


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_more_may_come_while_the_reader_is_behind(stream: bytes) -> None:
    demuxer, units = Demuxer(max_items=5), []
    for position in range(0, len(stream), 512):
        units += demuxer.feed(stream[position : position + 512])
    whole = Demuxer()
    assert units + demuxer.eof() == whole.feed(stream) + whole.eof()


def test_what_was_kept_until_the_format_was_known_is_read_in_steps_too() -> None:
    # Nothing tells before the parameter sets come, behind thousands of tiny pictures.
    kept = annexb(*[b"\x0c\xff\xff\x80"] * 200, b"\x0c" + b"\xff" * 100_000, *H264 * 100)
    demuxer, most = Demuxer(max_items=MAX_ITEMS_PER_STEP), 0
    for position in range(0, len(kept), 16384):
        for step in steps(demuxer, kept[position : position + 16384]):
            most = max(most, len(step))
    assert 0 < most <= MAX_ITEMS_PER_STEP
