"""Share of the event loop, and of WebRTC, among streams: one that costs far more than a plain one is slowed.

All streams of a process are read on one event loop, and sent by one thread of WebRTC's. A plain stream costs
little time, in proportion to its bytes; bytes made, or broken, to be slow to read cost a hundred times as
much, and who sends as fast as TCP takes it, and is no file, has WebRTC send as fast. What a read has left to
take apart is taken apart in turns, of one stream at a time: behind each turn the loop is for as long that of
pictures that are due and sockets that have something. A stream that goes beyond what a plain one may cost is
heavy: its turns are booked one behind the other, and all heavy streams together get half of the loop, and of
WebRTC. One whose bytes are not worth what they cost is closed after a while.
"""

# What the bytes of a plain stream cost: three times what those of 8 Mbit/s in pictures of 4 kB take.
PLAIN_S_PER_BYTE = 40e-9
# What its pictures cost beside that, as a share of the loop: 60 pictures a second of 0.8 ms each.
PLAIN_RATIO = 0.05
# A stream may begin with what an encoder has kept, a GOP may come at once, and the garbage collector falls on
# whoever is read. A heavy stream is plain again when it owes half of this.
MAX_OWED_UNNOTICED_S = 0.15
# More is forgotten, so that a stream that has come to its senses is plain again within 20 s.
MAX_OWED_S = 1.0
HEAVY_RATIO = 0.5
# A live source films, sends, and then rests: while there is nothing to read of it, it may have submitted this
# much a second more, or its max_bitrate. Cameras make up to 50 Mbit/s, of 8K.
LIVE_BYTES_PER_S = 50e6 / 8
# A stream may be so far ahead of that: its first GOP at once, or what a network has held up. Behind it the
# stream is as fast as all that are ahead may be together.
MAX_AHEAD_BYTES = 1 << 20
# More is forgotten, so that it is plain again within a second of rest.
MAX_KNOWN_AHEAD_BYTES = 4 * MAX_AHEAD_BYTES
# What the turns of a stream that is ahead count beside the loop's own time, so that all of them together are
# read as fast as one live source may send. WebRTC spends 25e-9 on a byte (packets, encryption, sockets), and
# server and viewers on the same machine as much again. At 12 MB/s the good streams' p99 was 171 ms beside
# eight live ones, and 164 ms beside eight that were slowed to it.
SENDING_S_PER_BYTE = HEAVY_RATIO / LIVE_BYTES_PER_S
# A heavy stream's turn, so that one whose bytes cost little is not held up for each read.
TURN_S = 0.002
# A heavy stream keeps up if for this much of a while there was nothing to read when its turn came: no camera
# sends faster than it films. Whatever else sends goes on as fast as it is read.
WHILE_S = 2.0
IDLE_RATIO = 0.5
# All heavy streams together hold as many bytes as one plain stream may, and so do all files that are read
# ahead, up to so many: an eighth has room for the largest picture and the next. One that nothing was read of
# for so long is none of them.
MAX_SHARERS = 8
SHARER_FORGOTTEN_S = 10.0
# It is parted with where it never kept up for so many a while, and cost twenty times as much as plain bytes.
PARTING_WHILES = 5
PARTING_S_PER_BYTE = 20 * PLAIN_S_PER_BYTE


class LoopShare:
    """The turns of all heavy streams of a process."""

    def __init__(self) -> None:
        self._next_turn_at = 0.0  # of those not booked yet
        self.free_at = 0.0  # when the loop is free again for a stream that is behind
        self._heavy: dict[LoopAccount, float] = {}  # when each was read last
        self._files: dict[LoopAccount, float] = {}

    def account(self, max_bitrate_bps: float | None = None) -> "LoopAccount":
        """Return the account of one more stream; it outlives the stream's connections.

        ``max_bitrate_bps`` is what it may send, if that is configured.
        """
        return LoopAccount(self, max(LIVE_BYTES_PER_S, (max_bitrate_bps or 0.0) / 8))

    def next_turn(self, now: float, used_s: float) -> float:
        """Book the turn of a heavy stream behind one of ``used_s`` seconds that ends ``now``.

        Returns when it begins. The time until then is that of other heavy streams as much as of plain ones.
        """
        self._next_turn_at = max(self._next_turn_at, now - used_s) + used_s / HEAVY_RATIO
        return self._next_turn_at

    def sharers(self, account: "LoopAccount", now: float, *, paced: bool) -> int:
        """Among how many the memory is shared of which ``account``, of a file or heavy, has a part."""
        sharers = self._files if paced else self._heavy
        sharers[account] = now
        for other, read_at in list(sharers.items()):
            if now - read_at > SHARER_FORGOTTEN_S:
                del sharers[other]
        return min(len(sharers), MAX_SHARERS)


class LoopAccount:
    """What one stream has cost; all times are in seconds."""

    def __init__(self, share: LoopShare, live_bytes_per_s: float) -> None:
        self._share = share
        self._live_bytes_per_s = live_bytes_per_s
        self._owed_s = 0.0  # beyond what a plain stream may cost
        self._at = 0.0  # when that was
        self._ahead_bytes = 0.0  # to be sent beyond what a live source makes while there is nothing to read
        self._rests = True  # there was nothing to read then
        self._heavy = False
        self._turn_at = 0.0  # when it may be read again
        self._turn_used_s = 0.0  # of that turn
        self._begin_while(0.0)
        self._whiles_behind = 0  # in a row, in which it did not keep up
        self.exhausting = False  # the stream has to go: it has cost too much for too long

    def _begin_while(self, now: float) -> None:
        self._since = now
        self._used_s = self._idle_s = 0.0
        self._received_bytes = 0

    def sends(self, size_bytes: int) -> None:
        """Take note that WebRTC has, or soon will have, ``size_bytes`` more to send."""
        self._ahead_bytes = min(self._ahead_bytes + size_bytes, MAX_KNOWN_AHEAD_BYTES)

    def charge(self, now: float, used_s: float, received_bytes: int, *, rests: bool = True) -> float:
        """Take note that ``received_bytes`` were read up to ``now``, which cost ``used_s``.

        ``rests``: there is nothing more to read for now. Returns how many seconds nothing more of this stream
        may be read; 0 for a plain one.
        """
        allowed_s = (now - self._at) * PLAIN_RATIO + received_bytes * PLAIN_S_PER_BYTE
        self._owed_s = min(max(self._owed_s + used_s - allowed_s, 0.0), MAX_OWED_S)
        if self._rests:
            self._ahead_bytes = max(self._ahead_bytes - (now - self._at) * self._live_bytes_per_s, 0.0)
        self._at, self._rests = now, rests
        beyond = max(self._owed_s / MAX_OWED_UNNOTICED_S, self._ahead_bytes / MAX_AHEAD_BYTES)
        if not self._heavy:
            if beyond <= 1:
                return 0.0
            self._heavy, self._turn_at, self._turn_used_s, self._whiles_behind = True, now - used_s, 0.0, 0
            self._begin_while(now)
        elif beyond < 0.5:
            self._heavy = False
            return 0.0
        self._idle_s += max(now - used_s - self._turn_at, 0.0)
        self._used_s += used_s
        self._received_bytes += received_bytes
        if now - self._since >= WHILE_S:
            self._judge(now)
        self._turn_used_s += used_s
        if self._ahead_bytes > MAX_AHEAD_BYTES / 2:
            self._turn_used_s += received_bytes * SENDING_S_PER_BYTE
        if self._turn_used_s < TURN_S:
            self._turn_at = now
            return 0.0
        self._turn_at = self._share.next_turn(now, self._turn_used_s)
        self._turn_used_s = 0.0
        return self._turn_at - now

    def sharers(self, now: float, *, paced: bool) -> int:
        """Among how many streams the memory is shared that one plain stream may have; 1: this is a plain one.

        ``paced``: it is a file, which is read ahead.
        """
        return self._share.sharers(self, now, paced=paced) if paced or self._heavy else 1

    def took_turn(self, now: float, used_s: float) -> None:
        """Take note that a turn of ``used_s`` has left something to read: the loop is others' for as long."""
        self._share.free_at = max(self._share.free_at, now + used_s / HEAVY_RATIO - used_s)

    def wait_s(self, now: float) -> float:
        """Return how much longer a turn that is due has to wait, as it is another's, of whatever stream."""
        return max(self._share.free_at - now, 0.0)

    def _judge(self, now: float) -> None:
        """Look back on a while: whether the stream kept up with its encoder."""
        if self._idle_s > IDLE_RATIO * (now - self._since):
            self._whiles_behind = 0
        elif self._used_s > self._received_bytes * PARTING_S_PER_BYTE:
            self._whiles_behind += 1
            self.exhausting = self._whiles_behind >= PARTING_WHILES
        self._begin_while(now)

    def new_encoder(self) -> None:
        """Another connection begins: what the stream owes stays."""
        self._whiles_behind, self.exhausting = 0, False
