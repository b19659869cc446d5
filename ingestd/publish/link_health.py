"""Health of the link to the server, by the receiver's reports (RTCP, RFC 3550 6.4, once a second)."""

from dataclasses import dataclass

from ingestd.publish.send_stats import SendStats

# Where nothing was sent for so long, nothing of ours is on its way, and no report will come.
IDLE_S = 0.4
# A round trip that takes this much longer than the shortest has waited in a queue on its way.
MAX_QUEUED_S = 0.05
# On a full one it takes longer than this. (A probe alone makes it 60 ms longer.)
FULL_QUEUED_S = 0.2


@dataclass(frozen=True, slots=True)
class LinkReading:
    """What a reading of a track's statistics has told of the link that it shares."""

    available_bps: float  # what WebRTC believes that the link carries in all
    wait_s: float = 0.0  # for which pictures wait so long
    full: bool = False  # by the receiver's reports
    packets_sent: int = 0  # of the track, so far
    packets_missed: bool = False  # by the server, since the last reading
    may_risk: bool = True  # a picture may be lost for it to be found out what the link carries


class LinkHealth:
    """Whether the link carries what is sent. It may seem so for a second or two while it is too slow, too."""

    def __init__(self) -> None:
        self.good = False  # nothing is lost, and nothing waits in a queue on its way
        self.full = True  # packets are lost, or wait for long in a queue on their way
        self.idle = False  # nothing is sent, so that nothing is reported
        self.unheard_s = 0.0  # packets have been sent for so long, and nothing at all has come back since
        self._packets_sent = 0
        self._sent_at = 0.0
        self._bytes_received = 0
        self._unheard_since: float | None = None
        self._read_at = 0.0
        self._shortest_round_trip_s = float("inf")

    def read(self, stats: SendStats) -> None:
        """Take in a reading of the statistics."""
        if stats.bytes_received != self._bytes_received:
            self._bytes_received, self._unheard_since = stats.bytes_received, None
        elif self._unheard_since is None and stats.packets_sent != self._packets_sent:
            self._unheard_since = self._read_at or stats.at
        self.unheard_s = stats.at - self._unheard_since if self._unheard_since is not None else 0.0
        self._read_at = stats.at
        if stats.packets_sent != self._packets_sent:
            self._packets_sent, self._sent_at = stats.packets_sent, stats.at
        self.idle = stats.at - self._sent_at > IDLE_S
        round_trip_s = stats.round_trip_s
        if round_trip_s is None:
            self.good, self.full = False, True
            return
        self._shortest_round_trip_s = min(self._shortest_round_trip_s, round_trip_s)
        queued_s = round_trip_s - self._shortest_round_trip_s
        self.good = stats.lost_ratio == 0 and queued_s < MAX_QUEUED_S
        self.full = stats.lost_ratio > 0 or queued_s > FULL_QUEUED_S
