"""The one entry: bytes of a connection in, access units out, whatever they turn out to be."""

from collections.abc import Callable
from typing import Protocol

from ingestd.errors import BitstreamError
from ingestd.media.access_unit import AccessUnit, Codec, Format
from ingestd.media.codecs.codec_changes import CodecChanges
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.detection.format_detector import (
    DETECTION_LIMIT_BYTES,
    Detected,
    begins_with_start_code,
    detect,
)
from ingestd.media.formats.access_unit_assembler import keep_parameter_sets
from ingestd.media.formats.annexb import AnnexBReader
from ingestd.media.formats.av1_annexb import Av1AnnexBReader
from ingestd.media.formats.ivf import SIGNATURE as IVF_SIGNATURE
from ingestd.media.formats.ivf import IvfReader
from ingestd.media.formats.length_prefixed import LengthPrefixedReader
from ingestd.media.formats.nal_unit_reader import CodecChanged
from ingestd.media.formats.obu_stream import ObuStreamReader
from ingestd.media.formats.packets import PacketLayout, Unpacker
from ingestd.media.formats.step import NO_LIMIT
from ingestd.media.picture_end.read_log import ReadLog

# How much of what was kept until the format was known is read in one step.
KEPT_BYTES_PER_STEP = 16 * 1024
# Of this many bytes the headers are whole, or there are none.
MAX_CUT_HEADER_BYTES = 4096


class Reader(Protocol):
    """What every format's reader offers."""

    faults: list[BitstreamError]
    behind: bool  # not all that has arrived was read: the next `feed`, of no bytes perhaps, goes on

    @property
    def quiet_at(self) -> float | None:
        """When `flush` is due if nothing more arrives."""
        ...

    def feed(
        self, data: bytes | bytearray | memoryview, now: float, max_items: int = ...
    ) -> list[AccessUnit]:
        """Take what has arrived at ``now``, and read at most ``max_items`` of it (`formats.step`)."""
        ...

    def flush(self) -> list[AccessUnit]:
        """Take the silence until `quiet_at` as the end of the picture."""
        ...

    def eof(self) -> list[AccessUnit]:
        """Take the end of the connection."""
        ...


class Demuxer:
    """Turns the bytes of one connection into access units; recognises what they are.

    ``parameter_sets`` and ``codec_changes`` are those of the stream, whose connections may be several.
    ``max_items``: how much one call reads at most (`formats.step`). Where that leaves something, `behind` is
    True, and `feed` is to be called with no bytes until it is not. Without it, each call reads all there is.
    """

    def __init__(
        self,
        *,
        codec: Codec | None = None,
        format: Format | None = None,
        parameter_sets: ParameterSets | None = None,
        codec_changes: CodecChanges | None = None,
        max_items: int = NO_LIMIT,
    ) -> None:
        self.faults: list[BitstreamError] = []
        self.codec: Codec | None = None
        self.format: Format | None = None
        self.undecided_since: float | None = None  # the first byte came, and nothing was recognised yet
        self._configured_codec = codec
        self._configured_format = format
        self._parameter_sets = parameter_sets if parameter_sets is not None else ParameterSets()
        self.behind = False
        self._max_items = max_items
        self._changes = codec_changes if codec_changes is not None else CodecChanges()
        self._now = 0.0
        self._unpacker: Unpacker | None = None  # what arrives are packets with headers
        self._packets_ended = False  # by one that made no sense, and all before it has come out
        self._found: Detected | None = None
        self._reader: Reader | None = None
        self._fatal: BitstreamError | None = None  # once what came before it has been returned
        self._kept = bytearray()  # what the reader has not been given yet, as it was not known or is behind
        self._examined_bytes = 0
        self._read_log = ReadLog()

    @property
    def quiet_at(self) -> float | None:
        """When `flush` is due if nothing more arrives; None while nothing waits for that."""
        return self._reader.quiet_at if self._reader is not None and not self._packets_ended else None

    def feed(
        self, data: bytes | bytearray | memoryview, now: float = 0.0, segment_bytes: int = 0
    ) -> list[AccessUnit]:
        """Take what has arrived at ``now``, in seconds; return the access units that it completes.

        ``segment_bytes`` is what a full segment of TCP has on this connection, 0 if that is unknown: behind
        one, more of a picture may be on its way. What comes with one read may be fed in parts: they have the
        same ``now``.
        """
        self._now = now
        self._read_log.segment_bytes = segment_bytes
        if self._unpacker is not None:
            data = self._unpacker.take(data)
        units = self._feed(data, now)
        if self._unpacker is not None and self._unpacker.fault is not None and not self.behind:
            # What was in the packets before is whole.
            if self._reader is not None and not self._packets_ended:
                units += self._read(self._reader.eof)
            self._packets_ended = True
            if not units:
                raise self._unpacker.fault
        return units

    def _feed(self, data: bytes | bytearray | memoryview, now: float) -> list[AccessUnit]:
        if self._packets_ended or (self._unpacker is not None and not data and not self.behind):
            return []
        if self._reader is not None:
            if self.behind:
                return self._read_on(data, now, [])
            units = self._read(self._reader.feed, data, now, self._max_items)
            if self._reader.behind or self._kept:
                self.behind = self._fatal is None
                if self._max_items == NO_LIMIT:
                    self._read_on(b"", now, units)
            return units
        if self.undecided_since is None and data:
            self.undecided_since = now
        self._kept += data
        while (length_bytes := _next_length_bytes(self._examined_bytes)) <= min(
            len(self._kept), DETECTION_LIMIT_BYTES
        ):
            self._examined_bytes = length_bytes
            found = self._detect(length_bytes)
            if self._examined_bytes == 0:
                continue  # packets were taken apart
            if found is None and length_bytes == DETECTION_LIMIT_BYTES:
                found = self._last_resort(length_bytes)
            if found is not None:
                self._start(found)
                return self._read_on(b"", now, [])
        return []

    def eof(self) -> list[AccessUnit]:
        """Take the end of the connection."""
        units: list[AccessUnit] = []
        if self._reader is None:
            if not self._kept and self._unpacker is None:
                raise BitstreamError("empty", "the connection closed without sending a byte")
            found = self._detect(len(self._kept), final=True)
            self._start(found or self._last_resort(len(self._kept)))
        try:
            while self._kept or self.behind:
                self._read_on(b"", self._now, units)
            assert self._reader is not None
            if not self._packets_ended:
                units += self._read(self._reader.eof)
            if self._unpacker is not None and self._unpacker.fault is not None:
                raise self._unpacker.fault
            if self._unpacker is not None and self._unpacker.waiting_bytes:
                self.faults.append(
                    BitstreamError(
                        "cut_nal_unit",
                        f"the connection closed after {self._unpacker.waiting_bytes} bytes of a packet, "
                        "which were left out",
                    )
                )
            return units
        except BitstreamError as error:
            if not units:
                raise
            self.faults.append(error)  # there is no later call that could raise it
            return units

    def close(self) -> None:
        """Let go of what was kept, megabytes perhaps; nothing more may be fed."""
        self._reader = self._unpacker = self._fatal = None
        self._kept.clear()
        self.behind = False

    def decide(self, now: float) -> list[AccessUnit]:
        """Make do with what has come until ``now``: who trickles noise would be waited for without end."""
        if self.undecided_since is None:
            return []
        self._now = now
        found = self._detect(len(self._kept), final=True) or self._configured()
        if found is None:
            raise BitstreamError(
                "not_video",
                f"{len(self._kept)} bytes in {now - self.undecided_since:.3g} s hold no video that "
                f"is known here; they begin {self._seen}",
            )
        self._start(found)
        return self._read_on(b"", now, [])

    def flush(self) -> list[AccessUnit]:
        """Take the silence until `quiet_at` as the end of the picture."""
        return self._read(self._reader.flush) if self._reader is not None else []

    def _detect(self, length_bytes: int, *, final: bool = False) -> Detected | None:
        """Say what the first ``length_bytes`` of what was kept are; packets are taken apart first."""
        found = detect(bytes(self._kept[:length_bytes]), final=final, packed=self._unpacker is not None)
        if not isinstance(found, PacketLayout):
            return found
        self._unpacker, packets = Unpacker(found), bytes(self._kept)
        self._kept = bytearray(self._unpacker.take(packets))
        self._examined_bytes = 0
        return self._detect(len(self._kept), final=True) if final else None

    def _read_on(
        self, data: bytes | bytearray | memoryview, now: float, units: list[AccessUnit]
    ) -> list[AccessUnit]:
        """Add to ``units`` what comes of what was kept and of ``data``, or of as much as one call reads."""
        self._kept += data
        while True:
            try:
                units += self._read_step(now)
            except BitstreamError as error:
                self.behind = False
                self._kept.clear()
                if not units:
                    raise
                self._fatal = error
            if not self.behind or self._max_items != NO_LIMIT:
                return units

    def _read_step(self, now: float) -> list[AccessUnit]:
        assert self._reader is not None
        data = b""
        if not self._reader.behind:
            data = bytes(self._kept[:KEPT_BYTES_PER_STEP])
            del self._kept[:KEPT_BYTES_PER_STEP]
        units = self._read(self._reader.feed, data, now, self._max_items)
        self.behind = self._fatal is None and (self._reader.behind or bool(self._kept))
        return units

    def _read(self, read: Callable[..., list[AccessUnit]], *arguments: object) -> list[AccessUnit]:
        assert self._reader is not None
        if self._fatal is not None:
            raise self._fatal
        try:
            units = read(*arguments)
        except CodecChanged as change:
            return self._change_codec(change)
        finally:  # what was noted before the end of a stream counts as well
            self._note_faults(self._reader)
        if self.codec is None:
            self.codec = next((unit.info.codec for unit in units if unit.info is not None), None)
        return units

    def _note_faults(self, reader: Reader) -> None:
        if reader.faults:
            self.faults += reader.faults
            reader.faults.clear()

    def _change_codec(self, change: CodecChanged) -> list[AccessUnit]:
        """Go on as on a new connection: the encoder has been put in the place of another."""
        assert self.format is not None
        assert self._reader is not None
        self._note_faults(self._reader)
        self._read_log = ReadLog()
        self._kept[:0] = change.rest
        assert self._found is not None
        try:
            self._start(self._found._replace(codec=change.codec, begin=0, parameter_sets=()))
        except BitstreamError as error:
            if not change.units:
                raise
            self._fatal = error
        return change.units

    def _last_resort(self, length_bytes: int) -> Detected:
        """Decide when nothing more may be waited for."""
        if (configured := self._configured()) is not None:
            return configured
        begun = begins_with_start_code(self._kept) or IVF_SIGNATURE.startswith(bytes(self._kept[:4]))
        begun |= self._unpacker is not None
        if begun and length_bytes < MAX_CUT_HEADER_BYTES:
            raise BitstreamError(
                "cut_header",
                f"the connection closed after {length_bytes} bytes ({self._seen}), before the headers were "
                "whole that say which codec this is",
            )
        raise BitstreamError(
            "not_video",
            f"the first {length_bytes} bytes hold no video that is known here; they begin {self._seen}",
        )

    @property
    def _seen(self) -> str:
        return bytes(self._kept[:16]).hex(" ")

    def _configured(self) -> Detected | None:
        """What the configuration says of bytes that do not tell."""
        if self._configured_format is Format.IVF:
            return Detected(Format.IVF, None)
        if self._configured_format is Format.LENGTH_PREFIXED and self._configured_codec is not None:
            return Detected(Format.LENGTH_PREFIXED, self._configured_codec)
        return None

    def _start(self, found: Detected) -> None:
        """Have what was kept, and what comes, read as ``found``."""
        format, codec = found.format, found.codec
        if self._configured_format not in (None, format):
            raise BitstreamError(
                "format_mismatch",
                f"the bytes are {format}, the configuration says format: {self._configured_format}",
                case=format,
            )
        if codec is not None and self._configured_codec not in (None, codec):
            raise BitstreamError(
                "codec_mismatch",
                f"the stream is {codec}, the configuration says codec: {self._configured_codec}",
                case=codec,
            )
        if codec is not None:
            self._changes.use(codec, self._now)
        self.format, self.codec = format, codec
        self.undecided_since = None
        del self._kept[: found.begin]
        self._found = found
        self._reader = self._reader_of(found)

    def _reader_of(self, found: Detected) -> Reader:
        if found.format is Format.IVF:
            return IvfReader(self._configured_codec, self._changes)
        if found.format is Format.OBU:
            return Av1AnnexBReader() if found.length_delimited else ObuStreamReader()
        assert found.codec is not None
        sets, log = self._parameter_sets, self._read_log
        reader: Reader
        if found.format is Format.LENGTH_PREFIXED:
            reader = LengthPrefixedReader(found.codec, sets, log, found.length_bytes)
        else:
            reader = AnnexBReader(found.codec, sets, log, in_packets=self._unpacker is not None)
        keep_parameter_sets(found.codec, found.parameter_sets, sets)
        return reader


def _next_length_bytes(examined_bytes: int) -> int:
    """Look at fixed lengths only, so that the result does not depend on how the bytes were cut.

    Each is twice the one before, as a look begins anew: all together cost two of the last.
    """
    if examined_bytes >= DETECTION_LIMIT_BYTES:
        return examined_bytes + 1
    return min(examined_bytes + max(4, examined_bytes), DETECTION_LIMIT_BYTES)
