"""With which codecs, and to which servers, frame metadata goes."""

import pytest

from ingestd.media.access_unit import Codec
from ingestd.publish.frame_metadata import STRIPPING_PROTOCOL, sends_metadata


@pytest.mark.parametrize("codec", list(Codec))
@pytest.mark.parametrize("wanted", [True, False])
def test_what_the_configuration_says_of_frame_metadata_is_done(codec: Codec, wanted: bool) -> None:
    assert sends_metadata(wanted, codec, None) is wanted


@pytest.mark.parametrize(
    ("server_protocol", "codecs"),
    [
        (None, {Codec.H264, Codec.VP8, Codec.AV1}),
        (STRIPPING_PROTOCOL - 1, {Codec.H264, Codec.VP8, Codec.AV1}),
        (STRIPPING_PROTOCOL, set(Codec)),
    ],
)
def test_by_default_frame_metadata_goes_with_codecs_that_every_viewer_can_play_with_it(
    server_protocol: int | None, codecs: set[Codec]
) -> None:
    assert {codec for codec in Codec if sends_metadata(None, codec, server_protocol)} == codecs
