"""The daemon's reads and timers with a simulated clock, as in `ingestd.source` and `ingestd.stream`."""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from bench.picture_end.sources import Write
from ingestd.media.access_unit import AccessUnit
from ingestd.media.demuxer import Demuxer
from ingestd.source.connection import RECEIVE_BUFFER_BYTES
from ingestd.source.flow_control import SLICE_BYTES

# What the loop does for one read, and for one picture that comes out (docs/performance.md).
READ_COST_S = 0.00005
PICTURE_COST_S = 0.0002


@dataclass(slots=True)
class Outcome:
    """What came out of a replay."""

    torn: set[int]  # pictures that came out before they were whole
    delays: list[float]  # of each picture: from the arrival of its last byte until it came out whole, seconds
    data: list[bytes]  # each picture as it came out last


def replay(
    stream: bytes,
    ends: Sequence[int],
    arrivals: Sequence[Write],
    *,
    segment_bytes: int,
    busy: Sequence[tuple[float, float]] = (),
) -> Outcome:
    """Read ``stream``, whose pictures end at ``ends``, as it arrives.

    ``busy`` holds the times (begin, end) in which the loop has other things to do.
    """
    demuxer = Demuxer()
    outcome = Outcome(set(), [], [])
    positions = list(accumulate(arrival.size for arrival in arrivals))  # behind each arrival
    whole_at = [arrivals[bisect.bisect_left(positions, end)].at for end in ends]
    begins = [begin for begin, _ in busy]
    view = memoryview(stream)
    now = 0.0  # when the loop is free
    next_arrival = 0  # the first that is not all in the socket
    read = in_socket = 0  # positions up to which bytes were read, and wait in the socket

    def free(at: float) -> float:
        """When the loop comes to what is due ``at``."""
        index = bisect.bisect_right(begins, at) - 1
        return max(at, busy[index][1]) if index >= 0 else at

    def take(units: list[AccessUnit], at: float) -> None:
        for unit in units:
            if unit.corrects:
                outcome.torn.add(len(outcome.data) - 1)
                outcome.data.pop()
                outcome.delays.pop()
            outcome.delays.append(at - whole_at[len(outcome.data)])
            outcome.data.append(unit.data)

    while next_arrival < len(arrivals) or read < in_socket:
        data_at = arrivals[next_arrival].at if read == in_socket else now
        if (quiet_at := demuxer.quiet_at) is not None and (looks_at := free(max(now, quiet_at))) < data_at:
            now = looks_at + PICTURE_COST_S
            take(demuxer.flush(), looks_at)
            continue
        now = free(max(now, data_at))
        while next_arrival < len(arrivals) and arrivals[next_arrival].at <= now:
            in_socket = positions[next_arrival]
            next_arrival += 1
        arrived, limit = now, min(in_socket, read + RECEIVE_BUFFER_BYTES)
        now += READ_COST_S
        while read < limit:
            end = min(limit, read + SLICE_BYTES)
            units = demuxer.feed(view[read:end], arrived, segment_bytes)
            read = end
            take(units, now)
            now += PICTURE_COST_S * len(units)
    take(demuxer.eof(), now)
    return outcome
