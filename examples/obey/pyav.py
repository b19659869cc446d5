"""Encodes a picture with PyAV for ingestd, and obeys it: python pyav.py 127.0.0.1 5004"""

import json
import socket
import sys
import threading
import time
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

FPS, WIDTH, HEIGHT, MAXIMUM_BPS = 30, 640, 360, 1_500_000
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
keyframe_wanted = threading.Event()
encoder = av.CodecContext.create("libx264", "w")
assert isinstance(encoder, VideoCodecContext)
encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
encoder.time_base, encoder.framerate, encoder.gop_size = Fraction(1, FPS), Fraction(FPS), 10 * FPS
encoder.bit_rate, encoder.max_b_frames = MAXIMUM_BPS, 0
encoder.options = {"preset": "veryfast", "tune": "zerolatency", "profile": "baseline", "sc_threshold": "0"}
encoder.options |= {"forced-idr": "1"}  # and without a buffer x264 takes no other bitrate later
encoder.options |= {"maxrate": str(MAXIMUM_BPS), "bufsize": str(MAXIMUM_BPS // 2)}


def obey() -> None:
    """Note what ingestd says."""
    for line in connection.makefile():
        message = json.loads(line)
        if message["type"] == "keyframe":
            keyframe_wanted.set()
        elif message["type"] == "rate":
            encoder.bit_rate = min(MAXIMUM_BPS, message["bitrate_bps"])


threading.Thread(target=obey, daemon=True).start()
noise, began = np.random.default_rng(0), time.monotonic()
for number in range(1_000_000):
    time.sleep(max(0.0, began + number / FPS - time.monotonic()))
    picture = noise.integers(0, 256, (HEIGHT * 3 // 2, WIDTH), np.uint8) // 8 + number % 128
    frame = VideoFrame.from_ndarray(picture.astype(np.uint8), format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    if keyframe_wanted.is_set():
        keyframe_wanted.clear()
        frame.pict_type = PictureType.I
    for packet in encoder.encode(frame):
        connection.sendall(bytes(packet))
