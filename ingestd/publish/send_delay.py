"""Send delay: how long packets wait inside WebRTC, in its pacer, before they leave.

WebRTC sends at 1.1 times its estimate of what the link carries; what does not fit waits (docs/webrtc.md).
"""

from ingestd.publish.send_stats import SendStats


class SendDelay:
    """The send delay of one track, from WebRTC's statistics. Times are monotonic seconds.

    While packets leave it is the mean wait of those that left between two readings. While none leaves
    though WebRTC has encoded pictures, it is the last wait, and the time that has passed since.
    """

    def __init__(self) -> None:
        self.delay_s: float | None = None  # None until there are two readings
        self._last: SendStats | None = None
        self._stuck = False  # pictures wait and nothing leaves

    def read(self, stats: SendStats) -> None:
        """Take in a reading of the statistics."""
        last, self._last = self._last, stats
        if last is None or stats.packets_sent < last.packets_sent:  # a new transport counts from 0 again
            self.delay_s, self._stuck = None, False
        elif stats.packets_sent > last.packets_sent:
            packets = stats.packets_sent - last.packets_sent
            self.delay_s = max(0.0, stats.packet_delays_s - last.packet_delays_s) / packets
            self._stuck = False
        elif stats.at > last.at:
            self._stuck = self._stuck or stats.frames_encoded > last.frames_encoded
            self.delay_s = (self.delay_s or 0.0) + stats.at - last.at if self._stuck else 0.0
