"""IVF headers, which say where each picture of VP8, VP9 and AV1 ends.

A file header of 32 bytes, then 12 bytes before each picture: its size and its time, here in 1/90000 s.
"""

from struct import Struct

CLOCK_HZ = 90_000
NS_PER_S = 1_000_000_000
FOURCCS = {"vp8": b"VP80", "vp9": b"VP90", "av1": b"AV01"}

_FILE_HEADER = Struct("<4sHH4sHHIIII")
_FRAME_HEADER = Struct("<IQ")


def file_header(codec: str, width: int, height: int) -> bytes:
    """Return what a stream begins with."""
    return _FILE_HEADER.pack(b"DKIF", 0, _FILE_HEADER.size, FOURCCS[codec], width, height, CLOCK_HZ, 1, 0, 0)


def frame_header(size_bytes: int, time_ns: int) -> bytes:
    """Return what a picture begins with."""
    return _FRAME_HEADER.pack(size_bytes, time_ns * CLOCK_HZ // NS_PER_S)
