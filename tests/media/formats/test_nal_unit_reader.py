"""What both layouts of NAL units, start codes and lengths, have in common: when a picture comes out."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec
from ingestd.media.codecs.h26x import HEAD_BYTES
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.formats.annexb import AnnexBReader
from ingestd.media.formats.length_prefixed import LengthPrefixedReader
from ingestd.media.formats.nal_unit_reader import CodecChanged, NalUnitReader
from ingestd.media.picture_end.detector import SILENCE_S
from tests.media.vectors_h26x import (
    START,
    annexb,
    h265_pps,
    h265_sps,
    h265_vps,
    length_prefixed,
    pps,
    slice,
    sps,
)

SPS, PPS, IDR = sps(), pps(), slice(idr=True)
P1, P2 = (slice(frame_num=n, poc_lsb=2 * n, payload=b"x" * HEAD_BYTES) for n in (1, 2))
LAYOUTS: dict[str, tuple[Callable[..., NalUnitReader], Callable[..., bytes]]] = {
    "start codes": (AnnexBReader, annexb),
    "lengths": (LengthPrefixedReader, length_prefixed),
}


@dataclass
class Layout:
    """A reader, and how what it reads is written."""

    reader: Callable[[Codec, ParameterSets], NalUnitReader]
    write: Callable[..., bytes]

    def of_h264(self) -> NalUnitReader:
        return self.reader(Codec.H264, ParameterSets())


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> Layout:
    return Layout(*LAYOUTS[request.param])


def nals(units: list[AccessUnit]) -> list[list[bytes]]:
    return [unit.data.split(START)[1:] for unit in units]


def test_a_picture_comes_out_with_the_head_of_the_next_and_the_last_at_the_end(layout: Layout) -> None:
    reader = layout.of_h264()
    assert nals(reader.feed(layout.write(SPS, PPS, IDR, P1, P2))) == [[SPS, PPS, IDR], [P1]]
    assert nals(reader.eof()) == [[P2]]
    assert reader.faults == []


def test_a_silence_takes_the_place_of_the_next_picture(layout: Layout) -> None:
    reader = layout.of_h264()
    assert reader.quiet_at is None
    assert reader.feed(layout.write(SPS, PPS, IDR), now=10.0) == []
    assert reader.quiet_at is not None
    assert 10.0 <= reader.quiet_at <= 10.0 + SILENCE_S
    assert nals(reader.flush()) == [[SPS, PPS, IDR]]
    assert reader.quiet_at is None
    assert reader.flush() == [], "nothing waits any more"


def test_a_silence_behind_parameter_sets_completes_nothing(
    layout: Layout,
) -> None:
    reader = layout.of_h264()
    reader.feed(layout.write(SPS, PPS), now=10.0)
    assert reader.quiet_at is None
    assert reader.flush() == []


def test_more_slices_after_a_silence_correct_the_picture(layout: Layout) -> None:
    reader = layout.of_h264()
    late = slice(idr=True, first_mb=10)
    reader.feed(layout.write(SPS, PPS, IDR), now=10.0)
    reader.flush()
    units = reader.feed(layout.write(late, P1), now=10.6) + reader.eof()
    assert nals(units) == [[SPS, PPS, IDR, late], [P1]]
    assert [unit.corrects for unit in units] == [True, False]
    assert [fault.reason for fault in reader.faults] == ["torn_picture"]


def test_parameter_sets_of_the_other_codec_end_it_behind_the_last_picture(layout: Layout) -> None:
    reader = layout.of_h264()
    h265 = layout.write(h265_vps(), h265_sps(), h265_pps())
    with pytest.raises(CodecChanged) as caught:
        reader.feed(layout.write(SPS, PPS, IDR, P1) + h265)
    change = caught.value
    assert change.codec is Codec.H265
    assert nals(change.units) == [[SPS, PPS, IDR], [P1]]
    assert change.rest == h265[-len(change.rest) :]
    assert len(h265) - len(change.rest) in (0, 1), "a start code of four bytes may have lost its first zero"


def test_pictures_before_one_without_end_come_out_and_then_the_error(
    layout: Layout,
) -> None:
    reader = layout.of_h264()
    endless = layout.write(*[slice(idr=True, first_mb=n + 1, payload=b"x" * 70) for n in range(50_000)])
    units = reader.feed(layout.write(SPS, PPS, IDR, P1, P2) + endless)
    assert nals(units)[0] == [SPS, PPS, IDR]
    with pytest.raises(BitstreamError) as caught:
        reader.feed(b"\0")
    assert caught.value.reason == "too_large"
    assert reader.quiet_at is None
    with pytest.raises(BitstreamError):
        reader.eof()
