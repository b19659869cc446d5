"""Frame metadata: what viewers are told of each picture, behind its data, and where that does no harm."""

from livekit import rtc

from ingestd.media.access_unit import Codec

# All of them: they are fixed when the track is published, and user data may begin with any picture.
FEATURES = [
    rtc.FrameMetadataFeature.FMF_USER_TIMESTAMP,
    rtc.FrameMetadataFeature.FMF_FRAME_ID,
    rtc.FrameMetadataFeature.FMF_USER_DATA,
]

# Metadata travels behind the data of a picture. A server that speaks this protocol version (livekit-server
# 1.10.1) takes it off for viewers who do not know it. Left in place, these codecs play all the same; VP9 does
# not, and H.265 has not been tried in any browser.
STRIPPING_PROTOCOL = 17
UNHARMED_BY_METADATA = {Codec.H264, Codec.VP8, Codec.AV1}


def sends_metadata(wanted: bool | None, codec: Codec, server_protocol: int | None) -> bool:
    """Whether metadata goes with ``codec`` to a server of this protocol version (None: unknown).

    ``wanted``: what the configuration says; None: auto.
    """
    if wanted is not None:
        return wanted
    return codec in UNHARMED_BY_METADATA or (server_protocol or 0) >= STRIPPING_PROTOCOL
