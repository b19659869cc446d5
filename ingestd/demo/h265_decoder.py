"""Lets the SDK's subscriber decode H.265, by PyAV, in a process of a viewer.

The SDK decodes H.265 with NVIDIA's libraries only. In their place it is given h265_decoder.c, which hands
each access unit to Python. Not for a process that publishes.
"""

import ctypes
import tempfile
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ingestd.errors import IngestdError
from ingestd.publish.sdk import standard_output
from ingestd.publish.sdk.h265_build import SOURCE as STANDINS
from ingestd.publish.sdk.h265_build import compile_library

_SOURCE = Path(__file__).with_name("h265_decoder.c")
# The SDK offers to receive what it can also send: there is a stand-in for the encoder, too.
_LIBRARIES = {"libcuda.so.1": _SOURCE, "libnvidia-encode.so.1": STANDINS, "libnvcuvid.so.1": _SOURCE}
# By the numbers of cudaVideoCodec. The SDK decodes H.264 here, too, once there is a decoder of that kind.
_CODECS = {4: "h264", 8: "hevc"}


class Picture(ctypes.Structure):
    """A decoded picture, NV12, as h265_decoder.c reads it; it is valid up to the next of its parser."""

    _fields_ = (("width", ctypes.c_uint32), ("height", ctypes.c_uint32), ("data", ctypes.c_void_p))


_Decode = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.POINTER(Picture),
)


class Decoders:
    """One decoder for each parser that the SDK has made, and the last picture of each.

    The SDK wants a picture for each access unit. Where B-frames are declared a decoder holds some back: then
    the first is grey, and each of the others is shown as many access units later.
    """

    def __init__(self) -> None:
        self._contexts: dict[int, VideoCodecContext] = {}
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        self._waiting: defaultdict[int, deque[NDArray[np.uint8]]] = defaultdict(deque)
        self.hook = _Decode(self._decode)

    def _decode(self, parser: int, codec: int, data: int, size: int, picture: Any) -> bool:
        context = self._contexts.get(parser)
        if context is None:
            created = av.CodecContext.create(_CODECS[codec], "r")
            assert isinstance(created, VideoCodecContext)
            context = self._contexts[parser] = created
            context.thread_count = 1  # else pictures come out later than they went in
        try:
            frames = context.decode(av.Packet(ctypes.string_at(data, size)))
        except av.FFmpegError:
            frames = []
        waiting = self._waiting[parser]
        waiting.extend(_nv12(frame) for frame in frames)
        if waiting:
            self._pictures[parser] = waiting.popleft()
        elif parser not in self._pictures:
            if not context.width:
                return False
            self._pictures[parser] = np.full((context.height * 3 // 2, context.width), 128, np.uint8)
        shown = self._pictures[parser]
        picture.contents.width, picture.contents.height = shown.shape[1], shown.shape[0] * 2 // 3
        picture.contents.data = shown.ctypes.data
        return True


def _nv12(frame: VideoFrame) -> NDArray[np.uint8]:
    """The picture with its two planes of chroma as one below the luma; height and width are even."""
    height, width = frame.height, frame.width
    picture = np.empty((height * 3 // 2, width), np.uint8)
    y, u, v = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in frame.planes
    )
    picture[:height] = y
    picture[height:, 0::2], picture[height:, 1::2] = u, v
    return picture


_decoders = Decoders()


def install() -> None:
    """Have the SDK decode H.265 from its first room on. Raises IngestdError where nothing can be compiled.

    What the SDK writes to standard output from now on is discarded; ``sys.stdout`` is another object then.
    """
    with tempfile.TemporaryDirectory(prefix="ingestd-h265-") as directory:
        libraries = [_load(source, Path(directory, name)) for name, source in _LIBRARIES.items()]
    libraries[-1].ingestd_set_decoder(_decoders.hook)
    standard_output.keep_for_python()


def _load(source: Path, library: Path) -> ctypes.CDLL:
    if not compile_library(source, library):
        raise IngestdError("to decode H.265 the viewer needs a C compiler (Debian: apt-get install gcc)")
    return ctypes.CDLL(str(library))
