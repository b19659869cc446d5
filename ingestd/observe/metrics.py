"""Prometheus metrics, made at each scrape from the figures that the streams keep."""

from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ingestd.observe.figures import StreamFigures
from ingestd.observe.histogram import Histogram

ReadFigures = Callable[[], Iterable[StreamFigures]]

# Series with one counter per stream.
_COUNTERS: Mapping[str, tuple[str, Callable[[StreamFigures], float]]] = {
    "bytes_received": ("Bytes read from the encoder.", lambda f: f.bytes_received),
    "frames_submitted": (
        "Pictures (access units) submitted to WebRTC, each counted once.",
        lambda f: f.frames_submitted,
    ),
    "frames_replayed": ("Pictures submitted to WebRTC again.", lambda f: f.frames_replayed),
    "frames_sent": ("Pictures that left, by WebRTC's own count.", lambda f: f.frames_sent),
    "frames_lost": ("Pictures that WebRTC took and never encoded.", lambda f: f.frames_lost),
    "frozen_seconds": (
        "Seconds of pictures dropped or lost since viewers saw the first one.",
        lambda f: f.frozen,
    ),
    "keyframe_requests": ("Keyframes asked for by viewers.", lambda f: f.keyframe_requests),
    "keyframe_requests_unanswered": (
        "Requests to the encoder that no keyframe has followed within a second or two pictures, or not read.",
        lambda f: f.keyframe_requests_unanswered,
    ),
}
# Series with one counter per stream and value of a second label.
_LABELLED: Mapping[str, tuple[str, str, Callable[[StreamFigures], Mapping[str, int]]]] = {
    "frames_received": ("Pictures found in the stream.", "type", lambda f: f.frames_received),
    "frames_dropped": ("Pictures that were not submitted.", "reason", lambda f: f.frames_dropped),
    "stream_errors": (
        "Faults of the encoder's stream, and of its track in the room.",
        "reason",
        lambda f: f.stream_errors,
    ),
    "encoder_connections": (
        "Encoders that connected or tried to.",
        "result",
        lambda f: f.encoder_connections,
    ),
    "room_connections": ("Attempts to join the room.", "result", lambda f: f.room_connections),
}
# A gauge that is not known (None) is left out, as 0 would be a lie.
_GAUGES: Mapping[str, tuple[str, Callable[[StreamFigures], float | None]]] = {
    "stream_up": ("1 when an encoder is connected and the track is published.", lambda f: float(f.up)),
    "frames_held": ("Pictures received and neither submitted nor dropped yet.", lambda f: f.frames_held),
    "keyframe_interval_seconds": (
        "Between the last two keyframes received.",
        lambda f: f.keyframe_interval,
    ),
    "frame_rate": ("Pictures per second over the last seconds.", lambda f: f.frame_rate),
    "bitrate_bps": ("Bits per second over the last seconds.", lambda f: f.bitrate_bps),
    "target_bitrate_bps": ("What WebRTC thinks the link carries.", lambda f: f.target_bitrate_bps),
    "send_delay_seconds": (
        "How long packets wait inside WebRTC before they leave, now.",
        lambda f: f.send_delay_s,
    ),
    "backlog_seconds": ("How long the oldest picture that waits has waited.", lambda f: f.backlog),
}


_HISTOGRAMS: Mapping[str, tuple[str, Callable[[StreamFigures], Histogram]]] = {
    "frame_delay_seconds": (
        "From reading the last byte of a picture to submitting it to WebRTC.",
        lambda f: f.frame_delay,
    ),
    "keyframe_answer_seconds": (
        "From asking the encoder for a keyframe to receiving one.",
        lambda f: f.keyframe_answer,
    ),
}


class CountsHookEvents(Protocol):
    """Who counts what hooks were told."""

    @property
    def counts(self) -> Mapping[tuple[str, str, str], int]:
        """How many events there were by stream, kind and result."""
        ...


def make_registry(
    streams: ReadFigures, version: str, hooks: CountsHookEvents | None = None
) -> CollectorRegistry:
    """Return a registry that reads ``streams`` and ``hooks`` at each scrape, and the process's metrics."""
    registry = CollectorRegistry()
    registry.register(StreamCollector(streams, version))
    registry.register(HookCollector(hooks))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class StreamCollector(Collector):
    """Makes each scrape from one reading of each stream, so that the books balance."""

    def __init__(self, streams: ReadFigures, version: str) -> None:
        self._streams = streams
        self._version = version

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not read the streams."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return every family, even without streams."""
        figures = list(self._streams())
        # A gauge rather than an info metric, whose name has no _info in the plain text format.
        build = GaugeMetricFamily("ingestd_build_info", "The running version.", labels=["version"])
        build.add_metric([self._version], 1)
        yield build
        for name, (text, value) in _COUNTERS.items():
            counter = CounterMetricFamily(f"ingestd_{name}", text, labels=["stream"])
            for figure in figures:
                counter.add_metric([figure.name], value(figure))
            yield counter
        for name, (text, label, values) in _LABELLED.items():
            counter = CounterMetricFamily(f"ingestd_{name}", text, labels=["stream", label])
            for figure in figures:
                for key, count in values(figure).items():
                    counter.add_metric([figure.name, key], count)
            yield counter
        for name, (text, reading) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"ingestd_{name}", text, labels=["stream"])
            for figure in figures:
                known = reading(figure)
                if known is not None:
                    gauge.add_metric([figure.name], known)
            yield gauge
        yield _feedback(figures)
        for name, (text, histogram) in _HISTOGRAMS.items():
            yield _histograms(f"ingestd_{name}", text, histogram, figures)


class HookCollector(Collector):
    """Makes each scrape from what the hooks count."""

    def __init__(self, hooks: CountsHookEvents | None) -> None:
        self._hooks = hooks

    def collect(self) -> Iterable[Metric]:
        """Return the family, even without hooks."""
        family = CounterMetricFamily(
            "ingestd_hook_events",
            "Events of streams, counted once for each hook that is told of them.",
            labels=["stream", "event", "result"],
        )
        for labels, count in (self._hooks.counts if self._hooks is not None else {}).items():
            family.add_metric(labels, count)
        yield family


def _feedback(figures: Iterable[StreamFigures]) -> Metric:
    family = CounterMetricFamily(
        "ingestd_feedback_messages",
        "Messages to the encoder, counted once for each sink.",
        labels=["stream", "type", "result"],
    )
    for figure in figures:
        for type, results in figure.feedback_messages.items():
            for result, count in results.items():
                family.add_metric([figure.name, type, result], count)
    return family


def _histograms(
    name: str, text: str, histogram_of: Callable[[StreamFigures], Histogram], figures: Iterable[StreamFigures]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["stream"])
    for figure in figures:
        histogram = histogram_of(figure)
        bounds = [*map(floatToGoString, histogram.bounds_s), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(histogram.counts)), strict=True))
        family.add_metric([figure.name], buckets, histogram.total_s)
    return family
