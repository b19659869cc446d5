"""IVF streams and the VP8, VP9 and AV1 frames in them, built in the open, and one that GStreamer wrote."""

from base64 import b64decode
from struct import pack


def bits(text: str) -> bytes:
    """`bits("10 0 1 0000")` is b"\\x90": syntax elements as binary digits, zeros up to the next byte."""
    digits = "".join(text.split())
    digits += "0" * (-len(digits) % 8)
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def u(n: int, value: int) -> str:
    """One syntax element u(n) for `bits`."""
    return f" {value:0{n}b} "


def file_header(
    fourcc: bytes = b"VP80",
    rate: int = 30,
    scale: int = 1,
    *,
    length: int = 32,
    version: int = 0,
    frames: int = 0,
) -> bytes:
    """A file header that claims 640x480, so that a size taken from it is noticed; a longer one is padded."""
    header = b"DKIF" + pack("<HH4sHHIIII", version, length, fourcc, 640, 480, rate, scale, frames, 0)
    return header + b"\xee" * (length - len(header))


def frame(payload: bytes, pts: int) -> bytes:
    return pack("<Iq", len(payload), pts) + payload


def vp8_key(width: int = 160, height: int = 120, *, version: int = 0, data: bytes = b"KEY") -> bytes:
    tag = (len(data) << 5 | 1 << 4 | version << 1 | 0).to_bytes(3, "little")
    return tag + b"\x9d\x01\x2a" + pack("<HH", width, height) + data


def vp8_delta(data: bytes = b"DELTA") -> bytes:
    return (len(data) << 5 | 1 << 4 | 1).to_bytes(3, "little") + data


def vp9_key(width: int = 160, height: int = 120, *, show_frame: int = 1) -> bytes:
    # frame_marker, profile, show_existing_frame, frame_type KEY_FRAME, show_frame, error_resilient_mode
    start = "10 0 0 0 0" + u(1, show_frame) + "0" + u(24, 0x498342)
    return bits(start + "001 0" + u(16, width - 1) + u(16, height - 1)) + b"key"


def vp9_delta(*, show_frame: int = 1) -> bytes:
    return bits("10 0 0 0 1" + u(1, show_frame) + "0") + b"delta"


VP9_INTRA_ONLY = bits("10 0 0 0 1 1 0" + "1 00" + u(24, 0x498342)) + b"intra"  # intra_only after frame_type 1
VP9_SHOW_EXISTING = bits("10 0 0 1 011")


def superframe(*frames: bytes) -> bytes:
    """A superframe with sizes of two bytes (VP9 Annex B)."""
    marker = bytes([0b110_00_000 | 1 << 3 | len(frames) - 1])
    return b"".join(frames) + marker + b"".join(pack("<H", len(f)) for f in frames) + marker


def obu(obu_type: int, payload: bytes) -> bytes:
    assert len(payload) < 128
    return bytes([obu_type << 3 | 0x02, len(payload)]) + payload


# What libsvtav1 4.1 writes for 160x120 at 30/s.
AV1_SEQUENCE_HEADER = bytes.fromhex("0a 0a 00 00 00 03 b4 ff 73 ef e4 01")
AV1_DELIMITER = b"\x12\x00"
AV1_KEY = obu(6, bits("0 00 1 0000") + b"key")  # OBU_FRAME: show_existing_frame, frame_type, show_frame
AV1_HIDDEN_KEY = obu(6, bits("0 00 0 0000") + b"hidden")
AV1_DELTA = obu(6, bits("0 01 1 0000") + b"delta")
AV1_INTRA_ONLY = obu(6, bits("0 10 1 0000") + b"intra")
AV1_SHOW_EXISTING = obu(3, bits("1 011 0000"))  # OBU_FRAME_HEADER

# gst-launch-1.0 videotestsrc num-buffers=3 ! video/x-raw,width=64,height=64,framerate=30/1 ! vp8enc !
#   avmux_ivf ! tcpclientsink host=127.0.0.1 port=P, GStreamer 1.22 with ffmpeg 5.1, as read from the socket.
# It ends with the eight bytes that the muxer meant to write at byte 24 of a file.
GSTREAMER_VP8 = b64decode(
    "REtJRgAAIABWUDgwQABAAJBfAQABAAAA///////////DAwAAAAAAAAAAAAAwHACdASpAAEAAAEcIhYWIhYSIAgIDPH6Y9H4D+BP6"
    "n/6DoUdp+wP6u+wD+APafxz/AfwB8AX4j+H39u9wP8B/IDsAf+T/Af45+EHAB/QH+if0D2Ef6T0kHoS9Y7/Af4j6EX9P6hTNAf4D"
    "+CX2zeQHkj/QHJMfE/xm/bzRRfif+UG2gdjN5Av6TxgP8l/FX3A/jn8g4gP9a/GL2JvzP8UPIl/ID5IP4d/LfxJ/rH/y+gHqAf0R"
    "59OqxJFbt6h+dCGo65zTsDpFFFu4cTVRQkT8r4faEiyQKlPFCF88nFO//UTO0sFaMGo3PAZA/hwekruhkHQyHUd02wxjNSonFmZx"
    "HJ7W+cYbvNspMymqK/0hwfUopvI8R0GpL6QpHZWZeWRQzXlpEBm46nHC15aRAZvr0H+q4W6HMtgjy07fRlL5yYHioKbX6zvxRi1a"
    "iS7wUDOokcGpYa3qNIchWY05cfGI3a6N2hxjG5ZmKhs40uDGu02IayLFBSwUJnZbj4FFNiVYtaodf/+swYMTn//+j+cW8BlvwIkn"
    "tBrdy+y//kIBkVwlv8af2CuigmqC2yx9N+roZxr/5PJ6SukNTMXZ9bgMs347qjWCl875IJNTsfmf+jNIXRJbnvkyJeARqMmqLNdX"
    "nTAFsJ1TAUYpKs6NDvgJTDfAaQDROAhH/9ofbwrAMMD3I5hEFyPEohzU/EiJUcwqL7e1x9aTIBK62hnQpgkC5ofcGf/7UMZmOOIc"
    "sfqiHv2L/7fbP/Fr4BGSeLUxnzoR8vsk5vfL4WfFDEVDjeYJTmUn3ANEfls33Hxed+c/4aGFAaXCvnkh6+c31GU9rX6NOn21d8Np"
    "tWo6n8VSz0VhtZFVsDbmNi1W2qYY91uc3wy8id13Z7gl+VdasifqaucMqd7QA9gpDHiXcnushPNEnXIRpdAD/+twGM1/fKfLxj+R"
    "ecegcLFiM5rx1uQQy2B1V8SXV4ce8UpHqMxwTgCe58wKx3Sz7N89Gfaqr5w/43EM35Te2xqcHWIvWFQl6qOtpfO/0ipPWY8d22LR"
    "KjjC/G4zJlnNC/mMr7Y14YajPpP+OD0Vvl8BnUuOf5fd+ehetn4xI3RykCyOmobGCPQlaQsDuClxRFzsy/qPimMDgL3RwlgG1/14"
    "+79l2YRPprNf4f4kCgpH3x3kmJVsGRzpLsWbyUNLf7rox1+fzR/8fDS3/sbH3/YC3so48qGQSZcLHlyBGbeTgWi7+X/4FpG4R9tj"
    "MpVknXwfPUI/2DbP+bCn/9wEdek2Wr0yW/BV/+eAAAADAQAAuAsAAAAAAAAxBAABEBAAGAEKquMj/N40c9gH+BO6NP5YEhJbSaH2"
    "2iSdIABHDS3qDodrE7r2lATgVcQ0fLPdXksnKE+vC7vaN9TPfn05Q4Bfvnqpo1gii7rqcTyr19lzSWEQ/HgDJP8fUBhWolCfFt+U"
    "xqC6MYTDKL/YwW7r5cO5kDzDZNI6gvRs27iRYdpfdcYJhUuqvzMmEJWuZT/z0Xibwch5uH+zmfEivXhNDaY9YfAe4pz48b/V2mdz"
    "NDZA/acl6CBc1lCbjzjeTEma+aVtF88Fcl6i+T8UBqpKquFZuFZ/3hfbtqRxIdAqjZLc+y6KQjj8if4wWjQznNXrVJ8BuWb2GfGd"
    "xqIAJgEAAHAXAAAAAAAAcQMAARAQABgAGcAuf+g2yiNEsTPkjPTCmp3P4xfQ6mmuS6urBhav9gEjHbemAVN87tH74h4o3pE6tM6a"
    "Udg+bsCGKP7bAEB4UDZwg3/W+B16Z/AM3BFpcVrJ4vpIuaElq0uyUOt9Jd/UDZFbSOtkXuVLymL3YpomqvxWTt99b9Cwvia8NKhk"
    "o4hfR0fHNMYSWbjajSryRfMR737sxbpGfgNJ82OrJ4nnznThl3BjlEe3BzP76GAPmvRhmLtTyZIVebqMDsQ6uyZG1LGi762/wJ9i"
    "oQhilxA52VjXr9+yJbHbdZyOp24AfLFV/jP0VzBre4nujumNT+J0xyD///jMAr0am+2MUOj8e30NmD/vsv//2fzAF29coHi3YaLa"
    "IFrUd5+sfgAAKCMAAAAAAAA="
)
