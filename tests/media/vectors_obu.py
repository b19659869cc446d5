"""AV1 outside IVF: temporal units written out in the open, and three that real encoders wrote."""

from base64 import b64decode


def leb128(value: int) -> bytes:
    assert value < 1 << 14
    return bytes([value]) if value < 128 else bytes([value & 127 | 128, value >> 7])


def without_size(obu: bytes) -> bytes:
    """The OBU, shorter than 128 bytes, without obu_has_size_field and obu_size."""
    return bytes([obu[0] & ~0x02]) + obu[2:]


def frame_unit(*obus: bytes) -> bytes:
    """frame_unit() with its size (AV1 B.2)."""
    content = b"".join(leb128(len(obu)) + obu for obu in obus)
    return leb128(len(content)) + content


def temporal_unit(*frame_units: bytes) -> bytes:
    """temporal_unit() with its size (AV1 B.2)."""
    content = b"".join(frame_units)
    return leb128(len(content)) + content


# gst-launch-1.0 videotestsrc num-buffers=3 pattern=black !
#   video/x-raw,width=64,height=64,framerate=30/1,format=I420 ! av1enc cpu-used=8 ! av1parse !
#   video/x-av1,stream-format=F,alignment=tu ! filesink, GStreamer 1.22 with libaom 3.6: F is annexb
GSTREAMER_LENGTH_DELIMITED = b64decode(
    "ISABEAwIAAAAAq//8Da+QBAQMBCAgAEAAABLF8Y9/L//oCYlARAiMDhARAQIAAAAAAAAAAAAAAAAAAAAAAAAAAAAARQAAACZECYl"
    "ARAiMDhASAgQABAAAAAAAEAAAACAAEAAIAAQAAgABRQAAACc8A=="
)
# … and obu-stream.
GSTREAMER_LOW_OVERHEAD = b64decode(
    "EgAKCwAAAAKv//A2vkAQMg8QgIABAAAASxfGPfy//6ASADIhOEBEBAgAAAAAAAAAAAAAAAAAAAAAAAAAAAABFAAAAJkQEgAyIThA"
    "SAgQABAAAAAAAEAAAACAAEAAIAAQAAgABRQAAACc8A=="
)

# ffmpeg -f lavfi -i color=gray:size=256x256:rate=30 -frames:v 3 -c:v libaom-av1 -cpu-used 8 -tiles 2x2
#   -usage realtime -aom-params num-tile-groups=4 -f obu, ffmpeg 5.1 with libaom 3.6: each frame is an
#   OBU_FRAME_HEADER and four OBU_TILE_GROUPs.
FFMPEG_TILE_GROUPS = b64decode(
    "EgAKCwAAAAO///m18gCAGgsQANGQAAgggiAAAiINgMG00MFN9RCJT8WivCINqMG00MFN9RCJT8WivCIN0MG00MFN9RCJT8WivCIN"
    "+MG00MFN9RCJT8WivBIAGhEwA4CA/fgG0cAAWWWWKBBCASIEgJbPaCIEqJbPaCIE0JbPaCIE+JbPaBIAGhEwBAEFffgG0cAAWWWW"
    "KBBCASIEgJuagCIEqJuagCIE0JuagCIE+JuagA=="
)
