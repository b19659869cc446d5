"""Records which encoder writes what, and when: `python -m bench.picture_end.record [NAME …]`.

The encoder pushes at a socket on this machine; each read of it is one line of the recording. Of the pictures
only what tells them apart is kept: parameter sets whole, of other NAL units the first bytes and the size.
"""

import json
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).with_name("recordings")
HEAD_BYTES = 24  # with the start code: slice headers up to what the demuxer needs of them
READ_BYTES = 1 << 20

_FFMPEG = (
    "ffmpeg -v error -nostdin -re -f lavfi -i testsrc2=size={size}:rate=30 -frames:v 240 -pix_fmt yuv420p "
)
_TO = "tcp://127.0.0.1:{{port}}"
_GST = (
    "gst-launch-1.0 -q videotestsrc is-live=true num-buffers=240 horizontal-speed=3 "
    "! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! "
)
_SINK = " ! tcpclientsink host=127.0.0.1 port={port}"
_BYTE_STREAM = " ! video/x-h264,stream-format=byte-stream,alignment="


def _ffmpeg(options: str, size: str = "640x360") -> str:
    return (_FFMPEG + options + _TO).format(size=size)


COMMANDS = {
    "ffmpeg x264": _ffmpeg(
        "-c:v libx264 -preset veryfast -tune zerolatency -g 60 -x264-params repeat-headers=1:aud=1 "
        "-b:v 2M -f h264 "
    ),
    "ffmpeg x264, 8 Mbit/s": _ffmpeg(
        "-c:v libx264 -preset ultrafast -tune zerolatency -g 60 -b:v 8M -maxrate 8M -bufsize 8M -f h264 ",
        size="1280x720",
    ),
    "ffmpeg x264, blocks of 32 KiB": _ffmpeg(
        "-c:v libx264 -preset veryfast -tune zerolatency -g 60 -b:v 2M "
        "-flush_packets 0 -fflags -flush_packets -f h264 "
    ),
    "ffmpeg x265": _ffmpeg(
        "-c:v libx265 -preset ultrafast -tune zerolatency -g 60 -b:v 2M "
        "-x265-params repeat-headers=1:log-level=none -f hevc "
    ),
    "GStreamer x264": (
        _GST
        + "x264enc tune=zerolatency speed-preset=veryfast bitrate=2000 key-int-max=60 aud=true"
        + _BYTE_STREAM
        + "au"
        + _SINK
    ),
    "GStreamer x264, NAL by NAL": (
        _GST
        + "x264enc tune=zerolatency speed-preset=veryfast bitrate=2000 key-int-max=60 option-string=slices=4"
        + " ! h264parse"
        + _BYTE_STREAM
        + "nal"
        + _SINK
    ),
    "GStreamer x265": (
        _GST
        + "x265enc tune=zerolatency speed-preset=ultrafast bitrate=2000 key-int-max=60"
        + " ! video/x-h265,stream-format=byte-stream,alignment=au"
        + _SINK
    ),
}


def record(name: str) -> None:
    """Run the encoder and write down what came of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = COMMANDS[name].format(port=listener.getsockname()[1])
        with subprocess.Popen(shlex.split(command)) as encoder:
            connection, _ = listener.accept()
            data, reads = bytearray(), []
            with connection:
                begin = time.monotonic()
                while read := connection.recv(READ_BYTES):
                    reads.append((round(time.monotonic() - begin, 5), len(read)))
                    data += read
        assert encoder.returncode == 0, name
    kept = {
        "name": name,
        "command": COMMANDS[name],
        "by": _versions(command),
        "recorded": time.strftime("%Y-%m-%d"),
        "nal_units": [_kept(nal, "x265" in name) for nal in _nal_units(bytes(data))],
        "reads": reads,
    }
    lines = [f" {json.dumps(key)}: {_dump(value)}" for key, value in kept.items()]
    FOLDER.joinpath(file_name(name)).write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{name}: {len(data)} bytes, {len(kept['nal_units'])} NAL units, {len(reads)} reads")


def file_name(name: str) -> str:
    """The recording called ``name`` is in this file."""
    return "-".join(name.lower().replace(",", "").replace("/", "").split()) + ".json"


def _nal_units(data: bytes) -> list[bytes]:
    """Cut a byte stream before each start code; the zero_byte belongs to the start code."""
    starts = []
    position = data.find(b"\0\0\1")
    while position >= 0:
        starts.append(position - (position > 0 and data[position - 1] == 0))
        position = data.find(b"\0\0\1", position + 3)
    assert starts[0] == 0
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def _kept(nal: bytes, h265: bool) -> tuple[str, int]:
    header = nal[nal.index(1) + 1]
    parameter_set = header >> 1 in (32, 33, 34) if h265 else header & 0x1F in (7, 8)
    return nal[: None if parameter_set else HEAD_BYTES].hex(), len(nal)


def _versions(command: str) -> str:
    program = command.split()[0]
    version = "-version" if program == "ffmpeg" else "--version"
    said = subprocess.run([program, version], capture_output=True, text=True, check=True).stdout
    return " ".join(said.split()[:3])


def _dump(value: object) -> str:
    if not isinstance(value, list):
        return json.dumps(value)
    rows = [json.dumps(item, separators=(",", ":")) for item in value]
    return "[\n" + ",\n".join("  " + ",".join(rows[i : i + 8]) for i in range(0, len(rows), 8)) + "\n ]"


if __name__ == "__main__":
    for wanted in sys.argv[1:] or COMMANDS:
        record(wanted)
