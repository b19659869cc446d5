"""The series of the contract, as a scrape sees them."""

from collections.abc import Mapping

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ingestd.observe.figures import StreamFigures
from ingestd.observe.metrics import make_registry
from tests.observe.support import figures

# contract.md; name of the family → type and labels beside `stream`.
CONTRACT = {
    "ingestd_bytes_received": ("counter", ()),
    "ingestd_frames_received": ("counter", ("type",)),
    "ingestd_frames_submitted": ("counter", ()),
    "ingestd_frames_replayed": ("counter", ()),
    "ingestd_frames_dropped": ("counter", ("reason",)),
    "ingestd_frames_sent": ("counter", ()),
    "ingestd_frames_lost": ("counter", ()),
    "ingestd_frozen_seconds": ("counter", ()),
    "ingestd_stream_errors": ("counter", ("reason",)),
    "ingestd_encoder_connections": ("counter", ("result",)),
    "ingestd_room_connections": ("counter", ("result",)),
    "ingestd_keyframe_requests": ("counter", ()),
    "ingestd_keyframe_requests_unanswered": ("counter", ()),
    "ingestd_keyframe_answer_seconds": ("histogram", ()),
    "ingestd_feedback_messages": ("counter", ("result", "type")),
    "ingestd_stream_up": ("gauge", ()),
    "ingestd_frames_held": ("gauge", ()),
    "ingestd_keyframe_interval_seconds": ("gauge", ()),
    "ingestd_frame_rate": ("gauge", ()),
    "ingestd_bitrate_bps": ("gauge", ()),
    "ingestd_target_bitrate_bps": ("gauge", ()),
    "ingestd_backlog_seconds": ("gauge", ()),
    "ingestd_send_delay_seconds": ("gauge", ()),
    "ingestd_frame_delay_seconds": ("histogram", ()),
    "ingestd_hook_events": ("counter", ("event", "result")),
}


class Hooks:
    counts: Mapping[tuple[str, str, str], int] = {("front-door", "up", "sent"): 3}


def scrape(*streams: StreamFigures) -> list[str]:
    text = generate_latest(make_registry(lambda: streams, "1.2.3")).decode()
    return [line for line in text.splitlines() if line.startswith("ingestd_")]


def test_the_families_are_those_of_the_contract() -> None:
    registry = make_registry(lambda: [figures(target_bitrate_bps=1e6)], "1.2.3", Hooks())
    text = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call]
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    ours = {family.name: family for family in families if family.name.startswith("ingestd_")}

    build = ours.pop("ingestd_build_info")
    assert build.samples[0].labels == {"version": "1.2.3"}
    assert {
        name: (family.type, tuple(sorted(set(family.samples[0].labels) - {"stream", "le"})))
        for name, family in ours.items()
    } == CONTRACT


@pytest.mark.parametrize(
    "line",
    [
        'ingestd_build_info{version="1.2.3"} 1.0',
        'ingestd_stream_up{stream="front-door"} 1.0',
        'ingestd_bytes_received_total{stream="front-door"} 123456.0',
        'ingestd_frames_received_total{stream="front-door",type="key"} 3.0',
        'ingestd_frames_received_total{stream="front-door",type="delta"} 87.0',
        'ingestd_frames_submitted_total{stream="front-door"} 80.0',
        'ingestd_frames_dropped_total{reason="backlog",stream="front-door"} 8.0',
        'ingestd_frames_held{stream="front-door"} 2.0',
        'ingestd_feedback_messages_total{result="failed",stream="front-door",type="rate"} 5.0',
        'ingestd_feedback_messages_total{result="failed",stream="front-door",type="keyframe"} 0.0',
        'ingestd_room_connections_total{result="joined",stream="front-door"} 1.0',
        'ingestd_keyframe_interval_seconds{stream="front-door"} 2.0',
        'ingestd_send_delay_seconds{stream="front-door"} 0.0024',
        'ingestd_frame_delay_seconds_bucket{le="0.001",stream="front-door"} 1.0',
        'ingestd_frame_delay_seconds_bucket{le="0.01",stream="front-door"} 3.0',
        'ingestd_frame_delay_seconds_bucket{le="+Inf",stream="front-door"} 4.0',
        'ingestd_frame_delay_seconds_count{stream="front-door"} 4.0',
        'ingestd_frame_delay_seconds_sum{stream="front-door"} 0.5055',
    ],
)
def test_a_stream_is_told_in_full(line: str) -> None:
    assert line in scrape(figures())


def test_a_reason_that_never_happened_is_0_and_not_absent() -> None:
    assert 'ingestd_frames_dropped_total{reason="before_keyframe",stream="front-door"} 0.0' in scrape(
        figures()
    )


def test_what_is_not_known_is_absent_and_not_0() -> None:
    lines = scrape(figures(keyframe_interval=None, target_bitrate_bps=None))

    assert not [line for line in lines if "keyframe_interval" in line or "target_bitrate" in line]


def test_each_scrape_asks_each_stream_once() -> None:
    asked: list[int] = []

    def streams() -> list[StreamFigures]:
        asked.append(1)
        return [figures(frames_submitted=len(asked))]

    registry = make_registry(streams, "1")
    assert asked == []
    generate_latest(registry)
    assert 'ingestd_frames_submitted_total{stream="front-door"} 2.0' in generate_latest(registry).decode()
    assert len(asked) == 2


def test_the_process_is_told_beside_and_registries_do_not_meet() -> None:
    first, second = (generate_latest(make_registry(tuple, "1")).decode() for _ in range(2))

    assert "process_resident_memory_bytes" in first
    assert "python_info" in second
