"""Refusal of a connection at its entrance, and the interface of what stands there."""

from typing import Protocol


class EntryError(Exception):
    """A connection that may not come in: ``label`` is its result in the metrics, the text says why."""

    def __init__(self, label: str, reason: str) -> None:
        super().__init__(reason)
        self.label = label
        self.reason = reason


class Stage(Protocol):
    """One thing that a connection passes before its bytes are a stream's. Pure: bytes in, bytes out."""

    # How long a connection may take to pass it, in seconds.
    TIMEOUT_S: float
    passed: bool

    @property
    def wanted(self) -> bool:
        """Whether a connection has to show something here."""
        ...

    @property
    def begun(self) -> bool:
        """Whether bytes have come that belong to it."""
        ...

    def receive(self, data: bytes | memoryview) -> bytes | memoryview:
        """Take ``data``; return what lies behind this stage. Raises EntryError."""
        ...

    def unfinished(self) -> EntryError:
        """Return what to say of a connection that ends, or takes too long, in the midst of it."""
        ...
