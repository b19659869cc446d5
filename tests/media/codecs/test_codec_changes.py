"""How often a stream may change its codec."""

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.codecs.codec_changes import MAX_CODEC_CHANGES, PER_CHANGE_S, CodecChanges

IN_TURN = (Codec.VP8, Codec.VP9)


def used_up(until: float) -> CodecChanges:
    """Changes from VP8 to VP9 and back until none is left, the last at ``until``."""
    changes = CodecChanges()
    for number in range(MAX_CODEC_CHANGES + 1):
        changes.use(IN_TURN[number % 2], until)
    return changes


def test_who_tries_codecs_now_and_then_may() -> None:
    changes = CodecChanges()
    for number in range(100):
        changes.use(IN_TURN[number % 2], number * PER_CHANGE_S)


def test_the_same_codec_again_is_no_change() -> None:
    changes = CodecChanges()
    for number in range(100):
        changes.use(Codec.H264, float(number))


def test_who_changes_the_codec_again_and_again_is_at_fault() -> None:
    changes = used_up(until=10.0)
    with pytest.raises(BitstreamError, match="from vp8 to vp9, too often: 4 times are") as raised:
        changes.use(Codec.VP9, 10.0 + 0.9 * PER_CHANGE_S)
    assert raised.value.reason == "codec_flips"
    changes.use(Codec.VP8, 10.0 + 0.9 * PER_CHANGE_S)


def test_the_next_encoder_waits_for_one_change_alone_however_many_were_tried() -> None:
    changes = used_up(until=10.0)
    for tenth in range(1, 50):
        with pytest.raises(BitstreamError):
            changes.use(Codec.VP9, 10.0 + tenth / 10)
    changes.use(Codec.H264, 10.1 + PER_CHANGE_S)


def test_a_pause_brings_back_all_changes_and_no_more() -> None:
    changes = used_up(until=10.0)
    later = 10.0 + 100 * PER_CHANGE_S
    for number in range(1, MAX_CODEC_CHANGES + 1):
        changes.use(IN_TURN[number % 2], later)
    with pytest.raises(BitstreamError):
        changes.use(Codec.VP9, later)
