"""Encoded test streams whose every picture is known by its hash and needs the one before it.

Each picture differs from every other, so a hash seen by a viewer says which picture it is. The reference
hashes come from decoding the encoded bytes with PyAV, not from what the encoder was given: lossy coding
makes those two differ, while two conforming decoders may not differ by a single bit.
"""

import functools
import hashlib
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

# Not libsvtav1: with low delay it hangs now and then, and opened by root it makes its caller and its own
# threads SCHED_FIFO 99, so that every other process stands still.
ENCODERS = {"h264": "libx264", "h265": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9", "av1": "libaom-av1"}
DECODERS = {"h264": "h264", "h265": "hevc", "vp8": "libvpx", "vp9": "libvpx-vp9", "av1": "libdav1d"}
FOURCC = {"vp8": b"VP80", "vp9": b"VP90", "av1": b"AV01"}
IVF_HEADER, IVF_FRAME_HEADER = 32, 12  # bytes
BITRATE_BPS = 300_000  # enough for pictures that differ, little enough for two busy cores
# WebRTC's VP8 decoder smooths what it shows by the strength of the loop filter, so only pictures coded too
# well to need the filter look the same in every decoder.
VP8_UNFILTERED = {"qmin": "4", "qmax": "4"}
BLOCK = 8  # luma samples per side of one burnt-in bit
BITS = 24  # burnt in: 8 bits of seed, 16 bits of picture number


Samples = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class EncodedStream:
    """Coded pictures in order, with the hash of what each decodes to."""

    codec: str
    size: tuple[int, int]
    fps: int
    access_units: tuple[bytes, ...]
    keyframes: tuple[int, ...]  # positions in `access_units`
    reference_hashes: tuple[str, ...]  # one per picture, in the order a decoder shows them

    def __repr__(self) -> str:
        return f"EncodedStream({self.codec}, {len(self.access_units)} pictures)"

    @property
    def header(self) -> bytes:
        """What the container writes before the first picture: the IVF file header, or nothing for Annex-B."""
        if self.codec not in FOURCC:
            return b""
        return ivf_header(FOURCC[self.codec], self.size, self.fps, len(self.access_units))

    @property
    def pieces(self) -> list[bytes]:
        """Each access unit as the container writes it: Annex-B as it is, IVF after its 12-byte header."""
        if self.codec not in FOURCC:
            return list(self.access_units)
        return [ivf_frame(unit, pts) for pts, unit in enumerate(self.access_units)]

    @property
    def container(self) -> bytes:
        """The whole file."""
        return self.header + b"".join(self.pieces)


def ivf_header(fourcc: bytes, size: tuple[int, int], fps: int, count: int) -> bytes:
    """The 32 bytes an IVF file begins with."""
    return struct.pack("<4sHH4sHHIIII", b"DKIF", 0, IVF_HEADER, fourcc, *size, fps, 1, count, 0)


def ivf_frame(unit: bytes, pts: int) -> bytes:
    """One IVF frame: 32-bit length, 64-bit timestamp, data."""
    return struct.pack("<IQ", len(unit), pts) + unit


@functools.cache
def encode(
    codec: str,
    *,
    frames: int,
    size: tuple[int, int] = (320, 240),
    fps: int = 30,
    gop: int = 30,
    slices: int = 1,
    aud: bool = False,
    repeat_headers: bool = True,
    bframes: int = 0,
    b_pyramid: bool = False,
    profile: str = "baseline",
    bit_rate: int | None = None,
    seed: int = 1,
) -> EncodedStream:
    """Encode `frames` distinct pictures; the same arguments give the same bytes, encoded once per process.

    `slices`, `aud`, `repeat_headers`, `profile` and `bit_rate`, which is then kept constant with filler data,
    apply to H.264 only, `bframes` to H.264 and H.265; nothing refers to them without `b_pyramid`. Streams of
    different `seed` share no picture.
    """
    encoder = av.CodecContext.create(ENCODERS[codec], "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(fps)
    encoder.time_base = Fraction(1, fps)
    encoder.gop_size = gop
    encoder.max_b_frames = bframes
    encoder.thread_count = 1
    encoder.bit_rate = BITRATE_BPS
    encoder.options = _encoder_options(codec, gop, slices, aud, bframes, b_pyramid, profile)
    if bit_rate is not None:
        encoder.bit_rate = bit_rate
        kbits = bit_rate // 1000
        hrd, key = (
            ("nal-hrd=cbr", "x264-params") if codec == "h264" else ("hrd=1:strict-cbr=1", "x265-params")
        )
        constant = f":{hrd}:vbv-maxrate={kbits}:vbv-bufsize={kbits}:bitrate={kbits}"
        encoder.options = encoder.options | {key: encoder.options[key] + constant}
    if codec == "h264" and not repeat_headers:
        encoder.flags |= Flags.global_header

    pictures: list[VideoFrame | None] = [_picture(number, size, seed) for number in range(frames)]
    packets = [packet for picture in [*pictures, None] for packet in encoder.encode(picture)]
    units = tuple(bytes(packet) for packet in packets)
    assert len(units) == frames, f"{codec}: {len(units)} access units for {frames} pictures"

    hashes = decode_hashes(codec, units, extradata=encoder.extradata if not repeat_headers else None)
    assert len(set(hashes)) == frames, f"{codec}: the pictures must be distinct, one per access unit"
    return EncodedStream(
        codec=codec,
        size=size,
        fps=fps,
        access_units=units,
        keyframes=tuple(i for i, packet in enumerate(packets) if packet.is_keyframe),
        reference_hashes=tuple(hashes),
    )


def decode_hashes(codec: str, units: Sequence[bytes], *, extradata: bytes | None = None) -> list[str]:
    """The hash of every picture PyAV decodes from `units`."""
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    if extradata is not None:
        decoder.extradata = extradata
    pictures = [picture for unit in units for picture in decoder.decode(av.Packet(unit))]
    pictures += decoder.decode(None)
    return [hash_of_frame(picture) for picture in pictures]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One access unit found in a recorded byte stream."""

    data: bytes
    end: int  # where it ends in the recording
    keyframe: bool


def split(data: bytes, codec: str) -> list[Recorded]:
    """The access units of a recorded Annex-B or IVF stream, found by PyAV and not by us."""
    is_ivf = codec in FOURCC
    end = IVF_HEADER if is_ivf else 0
    units: list[Recorded] = []
    container_format = "ivf" if is_ivf else DECODERS[codec]  # an Annex-B stream is named like its decoder
    with av.open(io.BytesIO(data), "r", format=container_format) as container:
        for packet in container.demux(video=0):
            if packet.size:  # the last one is empty: it says that the file has ended
                end += packet.size + (IVF_FRAME_HEADER if is_ivf else 0)
                units.append(Recorded(bytes(packet), end, packet.is_keyframe))
    return units


def hash_of_frame(frame: VideoFrame) -> str:
    """The hash of a decoded picture's I420 planes, without the padding PyAV keeps at the end of rows."""
    assert frame.format.name in ("yuv420p", "yuvj420p"), frame.format.name
    rows: list[bytes] = []
    for plane in frame.planes:
        padded = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        rows.append(padded[: plane.height, : plane.width].tobytes())
    return hash_of_i420(b"".join(rows))


def hash_of_i420(data: bytes | bytearray | memoryview) -> str:
    """The name of a picture: a hash of its Y, U and V planes, rows without padding."""
    return hashlib.blake2b(data, digest_size=12).hexdigest()


def _encoder_options(
    codec: str, gop: int, slices: int, aud: bool, bframes: int, b_pyramid: bool, profile: str
) -> dict[str, str]:
    """Fast, low delay, one access unit per picture, and keyframes exactly every `gop` pictures."""
    if codec == "h264":
        params = f"keyint={gop}:min-keyint={gop}:scenecut=0:slices={slices}:aud={int(aud)}:bframes={bframes}"
        params += "" if b_pyramid else ":b-pyramid=none"
        tune = {} if bframes else {"tune": "zerolatency"}
        return {"preset": "ultrafast", "profile": profile, "x264-params": params, **tune}
    if codec == "h265":
        params = f"keyint={gop}:min-keyint={gop}:scenecut=0:repeat-headers=1:log-level=none:pools=1"
        b_frames = f"bframes={bframes}:b-pyramid=0:b-adapt=0:open-gop=0"
        tune = {} if bframes else {"tune": "zerolatency"}
        return {"preset": "ultrafast", "x265-params": f"{params}:{b_frames}", **tune}
    if codec == "av1":
        return {"usage": "realtime", "cpu-used": "8", "lag-in-frames": "0", "keyint_min": str(gop)}
    options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"}
    return options | VP8_UNFILTERED if codec == "vp8" else options


def _picture(number: int, size: tuple[int, int], seed: int) -> VideoFrame:
    """A gradient that drifts, a square that moves, and the picture's number burnt in as blocks."""
    width, height = size
    ramp = np.add.outer(np.arange(height), np.arange(width) + 2 * number)
    luma: Samples = (ramp // 2 % 128 + 64).astype(np.uint8)
    left, top = (number * 5) % (width - 32), (number * 3) % (height - 32)
    luma[top : top + 32, left : left + 32] = 40 + seed * 37 % 150
    _burn_in(luma, (seed & 0xFF) << 16 | (number & 0xFFFF))
    chroma: list[Samples] = [
        np.full(((height + 1) // 2, (width + 1) // 2), value % 256, np.uint8)
        for value in (96 + number % 64, 160 - number % 48)
    ]
    frame = VideoFrame(width, height, "yuv420p")
    for plane, samples in zip(frame.planes, [luma, *chroma], strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = samples
        plane.update(padded.tobytes())
    frame.pts = number
    frame.time_base = Fraction(1, 30)
    return frame


def _burn_in(luma: Samples, value: int) -> None:
    """Write `value` as black and white blocks, four rows of six, into the upper left corner."""
    for bit in range(BITS):
        y, x = bit // 6 * BLOCK, bit % 6 * BLOCK
        luma[y : y + BLOCK, x : x + BLOCK] = 235 if value >> bit & 1 else 16


def resized(keyframe: bytes, width: int, height: int) -> bytes:
    """Return a keyframe of VP8 that states another size (RFC 6386, 9.1)."""
    return keyframe[:6] + struct.pack("<HH", width, height) + keyframe[10:]
