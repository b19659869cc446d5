"""What others need for the same bytes: PyAV's parsers and demuxers, GStreamer's parsers."""

import io
import os
import subprocess
import tempfile
import time
from pathlib import Path

import av

from bench.streams import Stream
from ingestd.media.access_unit import Codec, Format

PARSERS = {Codec.H264: "h264", Codec.H265: "hevc"}
ELEMENTS = {
    (Codec.H264, Format.ANNEXB): "h264parse",
    (Codec.H265, Format.ANNEXB): "h265parse",
    (Codec.VP8, Format.IVF): "ivfparse",
    (Codec.VP9, Format.IVF): "ivfparse ! vp9parse",
    (Codec.AV1, Format.IVF): "ivfparse ! av1parse",
    (Codec.AV1, Format.OBU): "av1parse",
}


def pyav_seconds(stream: Stream, chunk_bytes: int) -> float | None:
    """CPU time for the stream; None where PyAV has nothing for it."""
    data = stream.data(stream.repetitions)
    if stream.format is Format.LENGTH_PREFIXED:
        return None
    begin = time.process_time()
    if stream.format is Format.ANNEXB:
        parser = av.CodecContext.create(PARSERS[stream.codec], "r")
        for position in range(0, len(data), chunk_bytes):
            parser.parse(data[position : position + chunk_bytes])
        parser.parse(None)
    else:
        with av.open(io.BytesIO(data), "r", format=str(stream.format), buffer_size=chunk_bytes) as container:
            for _ in container.demux(video=0):
                pass
    return time.process_time() - begin


def gstreamer_seconds(stream: Stream, chunk_bytes: int) -> float | None:
    """CPU time of gst-launch-1.0 for all of the stream but its first repetition; None where it cannot.

    What it takes for the first repetition alone is its start: that is what is subtracted.
    """
    element = ELEMENTS.get((stream.codec, stream.format))
    if element is None:
        return None
    started = _launch(element, stream.data(1), chunk_bytes)
    whole = _launch(element, stream.data(stream.repetitions), chunk_bytes)
    return None if started is None or whole is None else max(whole - started, 1e-3)


def _launch(element: str, data: bytes, chunk_bytes: int) -> float | None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        file = Path(directory, "stream")
        file.write_bytes(data)
        source = f"filesrc location={file} blocksize={chunk_bytes}"
        command = ["gst-launch-1.0", "-q", *f"{source} ! {element} ! fakesink".split()]
        try:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            return None
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime if process.returncode == 0 else None
