"""Decoder configuration records: what stands in them, and that nothing else is taken for one."""

import random

import pytest

from ingestd.media.access_unit import Codec
from ingestd.media.codecs.decoder_configuration import DecoderConfiguration, read_decoder_configuration
from tests.media.vectors_h26x import annexb, h265_pps, h265_sps, h265_vps, length_prefixed, pps, slice, sps
from tests.media.vectors_ivf import AV1_DELIMITER, AV1_SEQUENCE_HEADER
from tests.media.vectors_records import AV1C, HIGH_EXTENSION, avcc, hvcc

H265_SETS = (h265_vps(), h265_sps(), h265_pps())
HIGH_SPS = sps(profile_idc=100, constraints=0)


@pytest.mark.parametrize("length_bytes", [1, 2, 4])
@pytest.mark.parametrize("extension", [b"", HIGH_EXTENSION])
def test_avcc_holds_parameter_sets_and_the_size_of_lengths(length_bytes: int, extension: bytes) -> None:
    record = avcc([HIGH_SPS], [pps(), pps(id=1)], length_bytes) + extension
    read = DecoderConfiguration(Codec.H264, len(record), length_bytes, (HIGH_SPS, pps(), pps(id=1)))
    assert read_decoder_configuration(record + length_prefixed(slice(idr=True)), last=False) == read


@pytest.mark.parametrize("length_bytes", [1, 2, 4])
def test_hvcc_holds_parameter_sets_and_the_size_of_lengths(length_bytes: int) -> None:
    record = hvcc(*H265_SETS, length_bytes=length_bytes)
    read = DecoderConfiguration(Codec.H265, len(record), length_bytes, H265_SETS)
    assert read_decoder_configuration(record + b"\0\0\0\x30", last=False) == read


def test_of_av1c_the_obus_belong_to_the_stream() -> None:
    for stream in (AV1_SEQUENCE_HEADER, AV1_DELIMITER + AV1_SEQUENCE_HEADER):
        assert read_decoder_configuration(AV1C + stream, last=False) == DecoderConfiguration(Codec.AV1, 4)
    assert read_decoder_configuration(AV1C + b"\x32\x05frame", last=False) is False


def test_a_record_cut_anywhere_waits_for_the_rest() -> None:
    for record in (
        avcc([HIGH_SPS], [pps()]) + HIGH_EXTENSION,
        hvcc(*H265_SETS),
        AV1C + AV1_SEQUENCE_HEADER[:2],
    ):
        for cut in range(1, len(record) - 3):
            assert read_decoder_configuration(record[:cut], last=False) is None
            assert read_decoder_configuration(record[:cut], last=True) is False


def test_nothing_else_is_a_record() -> None:
    for data in (annexb(sps(), pps()), length_prefixed(sps()), b"\x01\0\0\0\x01\x67" + bytes(40)):
        assert read_decoder_configuration(data, last=True) is False
    noise = random.Random(1)
    for _ in range(2000):
        assert read_decoder_configuration(b"\x01" + noise.randbytes(200), last=True) is False


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(avcc([HIGH_SPS[:4]], [pps()]), id="H.264: an SPS that ends"),
        pytest.param(avcc([HIGH_SPS], [sps()]), id="H.264: an SPS where a PPS should be"),
        pytest.param(hvcc(h265_vps(), h265_sps()[:5], h265_pps()), id="H.265: an SPS that ends"),
        pytest.param(hvcc(b"\x46\x01\x50"), id="H.265: a delimiter where sets should be"),
        pytest.param(AV1C + b"\x8a\x01\x00", id="AV1: an OBU with its forbidden bit"),
    ],
)
def test_a_record_of_what_is_no_parameter_set_is_none(record: bytes) -> None:
    assert read_decoder_configuration(record + bytes(64), last=True) is False
