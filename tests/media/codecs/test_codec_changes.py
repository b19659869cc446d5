"""How often a stream may change its codec."""

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.codecs.codec_changes import MAX_CODEC_CHANGES, PER_S, CodecChanges

IN_TURN = (Codec.VP8, Codec.VP9)


def test_who_tries_codecs_now_and_then_may() -> None:
    changes = CodecChanges()
    for number in range(100):
        changes.use(IN_TURN[number % 2], number * PER_S / MAX_CODEC_CHANGES)


def test_the_same_codec_again_is_no_change() -> None:
    changes = CodecChanges()
    for number in range(100):
        changes.use(Codec.H264, float(number))


def test_who_changes_the_codec_again_and_again_is_at_fault_until_a_while_has_passed() -> None:
    changes = CodecChanges()
    for number in range(MAX_CODEC_CHANGES + 1):
        changes.use(IN_TURN[number % 2], float(number))
    with pytest.raises(BitstreamError, match="from vp8 to vp9, for the 5th time in 60 s") as raised:
        changes.use(Codec.VP9, PER_S)
    assert raised.value.reason == "codec_flips"
    changes.use(Codec.VP8, PER_S)
    changes.use(Codec.VP9, PER_S + 2.0)
