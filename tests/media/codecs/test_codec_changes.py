"""How often one connection may change its codec."""

import pytest

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import Codec
from ingestd.media.codecs.codec_changes import MAX_CODEC_CHANGES, PER_S, CodecChanges


def test_who_tries_codecs_now_and_then_may() -> None:
    changes = CodecChanges()
    for number in range(100):
        changes.add(Codec.H264, Codec.H265, number * PER_S / MAX_CODEC_CHANGES)


def test_who_changes_the_codec_again_and_again_is_at_fault() -> None:
    changes = CodecChanges()
    for number in range(MAX_CODEC_CHANGES):
        changes.add(Codec.VP8, Codec.VP9, float(number))
    with pytest.raises(BitstreamError, match="from vp8 to vp9, for the 5th time in 60 s") as raised:
        changes.add(Codec.VP8, Codec.VP9, PER_S - 0.1)
    assert raised.value.reason == "codec_flips"
