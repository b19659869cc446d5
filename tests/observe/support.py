"""Figures of a stream that is doing well, for tests to change."""

from dataclasses import replace
from typing import Any

from ingestd.observe.figures import StreamFigures
from ingestd.observe.histogram import Histogram


def figures(**changes: Any) -> StreamFigures:
    delay = Histogram([0.001, 0.01, 0.1])
    for seconds in (0.0005, 0.002, 0.003, 0.5):
        delay.observe(seconds)
    answer = Histogram([0.1, 1.0])
    answer.observe(0.05)
    well = StreamFigures(
        name="front-door",
        up=True,
        room="lobby",
        track="camera",
        encoder="10.0.0.7:40112",
        codec="h264",
        size="1280x720",
        profile="Constrained Baseline",
        bytes_received=123_456,
        frames_received={"key": 3, "delta": 87},
        frames_submitted=80,
        frames_replayed=5,
        frames_dropped={"backlog": 8, "before_keyframe": 0},
        frames_held=2,
        frames_sent=79,
        frames_lost=4,
        frozen=1.5,
        stream_errors={"bad_header": 0},
        encoder_connections={"accepted": 1, "rejected": 0},
        room_connections={"joined": 1},
        keyframe_requests=4,
        keyframe_answer=answer,
        keyframe_requests_unanswered=2,
        feedback_messages={
            "keyframe": {"sent": 3, "dropped": 1, "failed": 0},
            "rate": {"sent": 2, "dropped": 0, "failed": 5},
        },
        keyframe_interval=2.0,
        frame_rate=29.97,
        bitrate_bps=1_500_000.0,
        target_bitrate_bps=None,
        backlog=0.0,
        frame_delay=delay,
        send_delay_s=0.0024,
        largest_bytes={"key": 20_000, "delta": 4_000},
    )
    return replace(well, **changes)
