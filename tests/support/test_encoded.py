"""What the judge of all end-to-end tests takes for granted of the streams."""

import pytest

from tests.support.encoded import EncodedStream, decode_hashes, encode, split

STREAMS = [
    encode("h264", frames=40, gop=20, size=(160, 120)),
    encode("h264", frames=40, gop=20, size=(160, 120), slices=4, aud=True),
    encode("vp8", frames=40, gop=20, size=(160, 120)),
    encode("vp9", frames=40, gop=20, size=(160, 120)),
    encode("av1", frames=40, gop=20, size=(160, 120)),
]


@pytest.mark.parametrize("stream", STREAMS, ids=repr)
def test_a_stream_has_a_keyframe_per_gop_and_distinct_pictures(stream: EncodedStream) -> None:
    assert stream.keyframes == (0, 20)
    assert len(set(stream.reference_hashes)) == len(stream.access_units) == 40


@pytest.mark.parametrize("stream", STREAMS, ids=repr)
def test_every_picture_needs_the_one_before(stream: EncodedStream) -> None:
    for lost in range(19):
        units = [*stream.access_units[:lost], stream.access_units[lost + 1]]
        try:
            hashes = decode_hashes(stream.codec, units)
        except ValueError:  # what PyAV raises for data it cannot decode
            continue
        assert stream.reference_hashes[lost + 1] not in hashes, lost


@pytest.mark.parametrize("stream", STREAMS, ids=repr)
def test_a_recording_is_split_into_the_same_access_units(stream: EncodedStream) -> None:
    units = split(stream.container, stream.codec)
    assert tuple(unit.data for unit in units) == stream.access_units
    assert tuple(number for number, unit in enumerate(units) if unit.keyframe) == stream.keyframes
    assert units[-1].end == len(stream.container)


def test_streams_of_different_seeds_share_no_picture() -> None:
    one, other = (encode("h264", frames=40, gop=20, size=(160, 120), seed=seed) for seed in (1, 2))
    assert not set(one.reference_hashes) & set(other.reference_hashes)


def test_without_repeated_headers_no_keyframe_carries_parameter_sets() -> None:
    stream = encode("h264", frames=40, gop=20, size=(160, 120), repeat_headers=False)
    for unit in stream.access_units:
        assert b"\x00\x00\x01\x67" not in unit
        assert b"\x00\x00\x01\x68" not in unit
