"""Sampler: reads every stream once a second, keeps its history, and says in which state it is."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import nan
from typing import Self

from ingestd.observe.figures import StreamFigures
from ingestd.observe.histogram import Histogram
from ingestd.observe.history import COLUMNS, SAMPLE_INTERVAL_S, History
from ingestd.observe.stream_state import LATE_S, RECENT_S, Recent, State, state_of

# Pictures that no viewer misses: none saw the stream yet, it was stopped, or they are left out on purpose.
_NOT_MISSED = {"before_keyframe", "no_parameter_sets", "no_room", "stopped", "b_frame"}
# The usual interval of a stream that sends a picture now and then is measured over this many looks.
_INTERVAL_WINDOW_LOOKS = 60
# As many looks as there are in RECENT_S, though none comes at its exact time.
_LATELY_S = RECENT_S - SAMPLE_INTERVAL_S / 2
_STATES = list(State)


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a stream after a look: for the page, /api/streams and the plots."""

    figures: StreamFigures
    state: State
    reason: str
    values: tuple[float, ...]  # in the order of history.COLUMNS
    keyframe_bytes: float  # of the last keyframe that came; 0: none yet


class Sampler:
    """``look`` once a second. ``read`` gives one reading of every stream.

    Streams that are gone are forgotten; one that was made again, as by a reload, counts from 0.
    """

    def __init__(self, read: Callable[[], Iterable[StreamFigures]]) -> None:
        self.looks = 0
        self.samples: dict[str, Sample] = {}  # in the order of the configuration
        self._read = read
        self._watched: dict[str, _Watched] = {}

    def look(self, now: float) -> None:
        """Take a sample of every stream; ``now`` is seconds on the monotonic clock."""
        for _ in self.steps(now):
            pass

    def steps(self, now: float) -> Iterator[None]:
        """`look` at one stream for each value that is taken: hundreds take longer than a picture may wait."""
        samples, watched = {}, {}
        for figures in self._read():
            one = watched[figures.name] = self._watched.get(figures.name) or _Watched()
            samples[figures.name] = one.sample(figures, now)
            yield
        for name, sample in samples.items():
            watched[name].history.add(sample.values)
        self.samples, self._watched = samples, watched
        self.looks += 1

    def between_looks(self, now: float) -> list[Sample]:
        """Return how every stream is between two looks, with the values of the last one."""
        return [self._sample(figures, now) for figures in self._read()]

    def _sample(self, figures: StreamFigures, now: float) -> Sample:
        watched, last = self._watched.get(figures.name), self.samples.get(figures.name)
        state, reason = state_of(figures, watched.recent(figures, now) if watched else Recent())
        if last is None:
            return Sample(figures, state, reason, (nan,) * len(COLUMNS), 0.0)
        return replace(last, figures=figures, state=state, reason=reason)

    def history(self, name: str) -> bytes:
        """The history of a stream, packed; empty where there is no such stream."""
        watched = self._watched.get(name)
        return watched.history.packed() if watched else b""


@dataclass(frozen=True, slots=True)
class _Counts:
    """Counters of a stream at a look; those of the figures go on counting."""

    received: int
    keyframes: int
    sent: int
    lost: Counter[str]  # by reason

    @classmethod
    def of(cls, figures: StreamFigures) -> Self:
        return cls(
            sum(figures.frames_received.values()),
            figures.frames_received.get("key", 0),
            figures.frames_sent,
            Counter({"in WebRTC": figures.frames_lost, **figures.frames_dropped}),
        )


_NOTHING = _Counts(0, 0, 0, Counter())


class _Watched:
    """What is remembered of one stream from look to look."""

    def __init__(self) -> None:
        self.history = History()
        self._before: _Counts | None = None
        self._delays_before: list[int] = []
        self._keyframe_bytes = 0.0
        self._encoder = ("", 0)  # its address, and which of all it is
        self._connected_at = 0.0
        # Of this encoder: when the stream was up, a picture came, a picture left WebRTC.
        self._up_at: float | None = None
        self._received_at: float | None = None
        self._sent_at: float | None = None
        self._slow_since: float | None = None  # pictures came at every look, and waited in WebRTC
        # By look, of the last seconds: pictures received from this encoder; pictures lost, by reason.
        self._looks: deque[tuple[float, int]] = deque(maxlen=_INTERVAL_WINDOW_LOOKS)
        self._losses: deque[tuple[float, Counter[str]]] = deque(maxlen=round(RECENT_S / SAMPLE_INTERVAL_S))

    def sample(self, figures: StreamFigures, now: float) -> Sample:
        received, keyframes, lost = self._count(figures, now)
        delay_s = self._delay_s(figures.frame_delay)
        state, reason = state_of(figures, self.recent(figures, now))
        values = (
            float(_STATES.index(state)),
            figures.frame_rate,
            figures.bitrate_bps,
            _known(figures.target_bitrate_bps),
            float(figures.largest_bytes["key"]) if keyframes else 0.0,
            float(figures.largest_bytes["delta"]) if received > keyframes else 0.0,
            _known(delay_s),
            _known(figures.send_delay_s if figures.up else None),
            float(lost),
        )
        self._keyframe_bytes = figures.largest_bytes["key"] if keyframes else self._keyframe_bytes
        return Sample(figures, state, reason, values, self._keyframe_bytes)

    def recent(self, figures: StreamFigures, now: float) -> Recent:
        lost: Counter[str] = Counter()
        for at, reasons in self._losses:
            if now - at < _LATELY_S:
                lost.update(reasons)
        refused = lost.pop("unsupported", 0)
        known = Recent(
            received_pictures=sum(pictures for at, pictures in self._looks if now - at < _LATELY_S),
            lost_pictures=lost.total(),
            lost_why=lost.most_common(1)[0][0] if lost else "",
            refused_pictures=refused,
        )
        if figures.encoder != self._encoder[0]:
            return known
        return replace(
            known,
            encoder_s=now - self._connected_at,
            up_ago_s=_ago(self._up_at, now),
            received_ago_s=_ago(self._received_at, now),
            sent_ago_s=_ago(self._sent_at, now),
            slow_s=0.0 if self._slow_since is None else now - self._slow_since,
            interval_s=self._interval_s,
        )

    @property
    def _interval_s(self) -> float:
        """The usual time between two pictures, a silence that lasts left out; 0 where not known."""
        came_at = [at for at, pictures in self._looks if pictures]
        if not came_at:
            return 0.0
        return (came_at[-1] - self._looks[0][0]) / sum(pictures for _, pictures in self._looks)

    def _count(self, figures: StreamFigures, now: float) -> tuple[int, int, int]:
        """Compare with the look before: pictures received, keyframes of them, pictures missed by viewers."""
        counts = _Counts.of(figures)
        before, self._before = self._before or counts, counts
        if before.received > counts.received:
            before = _NOTHING  # the stream was made again
        received = counts.received - before.received
        encoder = (figures.encoder, figures.encoder_connections.get("accepted", 0))
        if encoder != self._encoder:
            self._encoder, self._connected_at = encoder, now
            self._up_at = self._received_at = self._sent_at = self._slow_since = None
            self._looks.clear()
        if figures.up:
            self._up_at = now
        if received:
            self._received_at = now
        if counts.sent != before.sent:
            self._sent_at = now
        if not received or (figures.send_delay_s or 0.0) <= LATE_S:
            self._slow_since = None
        elif self._slow_since is None:
            self._slow_since = now
        self._looks.append((now, received))
        lost = 0
        if counts.lost != before.lost:
            reasons = counts.lost - before.lost
            told = Counter({why: number for why, number in reasons.items() if why not in _NOT_MISSED})
            self._losses.append((now, told))
            lost = told.total() - told["unsupported"]
        return received, counts.keyframes - before.keyframes, lost

    def _delay_s(self, histogram: Histogram) -> float | None:
        """The delay that 95 % of the pictures since the look before stayed at or below, in seconds."""
        counts = list(histogram.counts)
        since = Histogram(histogram.bounds_s)
        if len(self._delays_before) == len(counts):
            since.counts = [now - before for now, before in zip(counts, self._delays_before, strict=True)]
        self._delays_before = counts
        return since.quantile_s(0.95) if min(since.counts, default=0) >= 0 else None


def _ago(at: float | None, now: float) -> float | None:
    return None if at is None else now - at


def _known(value: float | None) -> float:
    return nan if value is None else value
