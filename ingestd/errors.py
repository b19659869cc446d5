"""Every error this package raises on purpose, split by whose fault it is.

    IngestdError
    ├── ConfigError       the configuration or the command line: exit code 2
    ├── AddressError      an address that a socket of ours cannot be bound to now: exit code 1
    │   └── PassedSocketError    a socket that was passed to a stream of another kind: only that one waits
    ├── StreamError       the encoder at the other end of one stream
    │   └── BitstreamError    what it sent cannot be understood
    │       └── ExcessError       more of something in a picture than any real one has
    ├── RoomError         the LiveKit server, the network to it, or our rights there
    └── SenderError       the pipeline of `ingestd-gst`: exit code 1

A broken invariant is an ``AssertionError`` and is caught only at the edge of a stream.
"""

# What to do about a file that is not there, or belongs to another user.
FILE_CURE = "give ingestd a file that it may read"


class IngestdError(Exception):
    """Base of every error that is not a defect of ingestd itself."""


class ConfigError(IngestdError):
    """A configuration that cannot work; the text names file, line, key, value and what is allowed."""


class AddressError(IngestdError):
    """An address that cannot be listened on now: taken, or not up yet; the text names key and address."""


class PassedSocketError(AddressError):
    """A socket that systemd passes to a stream, and that stands for another kind of address than its own.

    Which of the two is meant is for a person to say, and does not change while we run: other streams start.
    """


class StreamError(IngestdError):
    """A fault of one encoder: what was seen, as ``reason`` and as a sentence.

    ``reason`` is a short ``snake_case`` word, used as the label of ``ingestd_stream_errors_total``. ``case``
    tells situations of one reason apart where different things help, e.g. the codec. What was expected and
    what to change stands in `ingestd.diagnose`, which adds it where a person reads the text.
    """

    def __init__(self, reason: str, seen: str, case: str = "") -> None:
        super().__init__(seen)
        self.reason = reason
        self.seen = seen
        self.case = case


class BitstreamError(StreamError):
    """Bytes that are not, or no longer, a stream that ingestd understands."""


class ExcessError(BitstreamError):
    """More of something in a picture than any real one has.

    It ends the connection, where another BitstreamError may cost one picture: what goes on so costs the time
    of all other streams.
    """


class RoomError(IngestdError):
    """A fault on the way to the room; the text says what was seen and what to change.

    ``reason`` is a short ``snake_case`` word: where the room was not joined, or lost, the label ``result`` of
    ``ingestd_room_connections_total``; where only a track failed, ``reason`` of
    ``ingestd_stream_errors_total``.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SenderError(IngestdError):
    """A GStreamer pipeline that does not start or go on, or GStreamer itself, which is missing."""
