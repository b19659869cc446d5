"""Analyser of one stream: bytes in, a `Report` out; its memory does not grow with the stream."""

from dataclasses import replace

from ingestd.diagnose.compatibility import (
    B_FRAMES_REFERRED_TO,
    H265_VIEWERS,
    NO_KEYFRAME,
    NO_PARAMETER_SETS,
    RECOVERY_POINTS,
    Issue,
    b_frames_left_out,
    issues,
    remarks,
)
from ingestd.diagnose.explain import explain
from ingestd.media.access_unit import AccessUnit, Codec, StreamInfo
from ingestd.media.codecs.h26x import START_CODE, Role, Syntax
from ingestd.media.codecs.parameter_sets import ParameterSets
from ingestd.media.demuxer import Demuxer
from ingestd.media.formats.access_unit_assembler import SYNTAX
from ingestd.media.formats.annexb import NAL_HEADER_BYTES
from ingestd.probe.report_model import Fault, Report, With
from ingestd.probe.running_statistics import MinMaxMean, SizeSeries

HAVE_PARAMETER_SETS = frozenset({Codec.H264, Codec.H265, Codec.AV1})


class Analyser:
    """Takes bytes as they arrive; times are seconds on any monotonic clock."""

    def __init__(self, *, live: bool) -> None:
        """``live``: bytes come as an encoder writes them, so that their times mean something."""
        self._live = live
        self._demuxer = Demuxer()
        self._now = 0.0
        self._last: tuple[AccessUnit, float | None] | None = None  # it and its time; it may be corrected
        self._reads = 0
        self._reads_of_pictures = 0  # those that have come out
        self._info: StreamInfo | None = None
        self._header_changes = 0
        self._pictures = 0
        self._keyframes, self._deltas = MinMaxMean(), MinMaxMean()  # bytes
        self._last_at: float | None = None
        self._timed, self._elapsed_s = 0, 0.0  # steps from picture to picture, seconds in all
        self._first_keyframe: int | None = None  # number of the picture
        self._last_keyframe: int | None = None
        self._gops = MinMaxMean()  # pictures
        self._b_frames = self._b_frames_referred_to = 0
        self._delimiters = self._repaired = self._lacking = self._recovery_points = 0
        self._slices = MinMaxMean()  # per picture
        self._curve = SizeSeries()
        self._faults: dict[str, Fault] = {}
        self._issues: dict[str, Issue] = {}

    @property
    def quiet_at(self) -> float | None:
        """When `flush` is due if nothing more arrives; None while nothing waits for that."""
        return self._demuxer.quiet_at

    @property
    def understood(self) -> bool:
        """There has been a picture."""
        return self._last is not None or self._pictures > 0

    @property
    def seconds(self) -> float | None:
        """How long the pictures so far last; None while there is no telling."""
        rate = self._frame_rate_fps
        return self._pictures / rate if rate else None

    def feed(self, data: bytes, now: float = 0.0) -> None:
        """Take what one read, at ``now``, has brought.

        Raises BitstreamError when the stream cannot be understood, or not any more.
        """
        self._now = now
        self._reads += 1
        self._take(self._demuxer.feed(data, now))

    def flush(self) -> None:
        """Take the silence until `quiet_at` as the end of the picture."""
        self._take(self._demuxer.flush())

    def finish(self) -> None:
        """Take the end of the stream. Raises BitstreamError as `feed` does."""
        try:
            self._take(self._demuxer.eof())
        finally:
            self._note_faults()

    def report(self) -> Report:
        """Say what has been found; only where it is `understood`."""
        self._count_last()
        self._last = None
        codec, format = self._demuxer.codec, self._demuxer.format
        assert codec is not None
        assert format is not None
        info = self._info
        h26x = codec in SYNTAX
        bitrate_bps = (
            (self._keyframes.total + self._deltas.total) * 8 / self.seconds if self.seconds else None
        )
        return Report(
            codec=codec,
            format=format,
            profile=(info.profile or None) if info else None,
            level=(info.level or None) if info else None,
            width=info.width if info else None,
            height=info.height if info else None,
            chroma_format=info.chroma_format if info else None,
            bit_depth=info.bit_depth if info else None,
            interlaced=info.interlaced if info else None,
            reorder_depth=info.reorder_depth if info else None,
            layers=info.layers if info else None,
            temporal_layers=info.temporal_layers if info else None,
            header_changes=self._header_changes,
            pictures=self._pictures,
            bytes=self._keyframes.total + self._deltas.total,
            seconds=self.seconds,
            measured_frame_rate=self._measured_frame_rate_fps,
            declared_frame_rate=info.frame_rate_fps if info else None,
            bitrate_bps=bitrate_bps,
            keyframes=self._keyframes.count,
            recovery_points=self._recovery_points if h26x else None,
            keyframe_bytes=self._keyframes.mean if self._keyframes.count else None,
            delta_bytes=self._deltas.mean if self._deltas.count else None,
            pictures_before_keyframe=self._first_keyframe,
            gop_shortest=self._gops.least if self._gops.count else None,
            gop_longest=self._gops.most if self._gops.count else None,
            gop_mean=self._gops.mean if self._gops.count else None,
            gop_seconds=self._gops.mean / self._frame_rate_fps
            if self._gops.count and self._frame_rate_fps
            else None,
            b_frames=self._b_frames if h26x and info else None,
            b_frames_referred_to=self._b_frames_referred_to if h26x and info else None,
            slices_least=self._slices.least if h26x else None,
            slices_most=self._slices.most if h26x else None,
            access_unit_delimiters=self._which_have_delimiters() if h26x else None,
            parameter_sets=self._which_have_parameter_sets() if codec in HAVE_PARAMETER_SETS else None,
            reads_per_picture=self._reads_of_pictures / self._pictures if self._live else None,
            curve=self._curve.columns,
            pictures_per_column=self._curve.pictures_per_column,
            faults=tuple(self._faults.values()),
            issues=tuple(self._all_issues(codec)),
            remarks=tuple(issue for issue in remarks(info) if issue is not H265_VIEWERS) if info else (),
        )

    def _take(self, units: list[AccessUnit]) -> None:
        for unit in units:
            if not unit.corrects:
                self._count_last()
            seconds = None if unit.timestamp_us is None else unit.timestamp_us / 1e6
            self._last = unit, (unit.arrived_at or self._now) if self._live else seconds
        if units:
            self._reads_of_pictures = self._reads
        self._note_faults()

    def _note_faults(self) -> None:
        for fault in self._demuxer.faults:
            known = self._faults.get(fault.reason, Fault(fault.reason, 0, explain(fault)))
            self._faults[fault.reason] = replace(known, count=known.count + 1)
        self._demuxer.faults.clear()

    def _count_last(self) -> None:
        if self._last is None:
            return
        unit, at = self._last
        if at is not None:
            self._count_step(at)
        if unit.info is not None and unit.info != self._info:
            self._describe(unit.info)
        if unit.keyframe:
            self._count_keyframe(unit)
        else:
            self._deltas.add(len(unit.data))
        codec = unit.info.codec if unit.info is not None else self._demuxer.codec
        if codec in SYNTAX:
            self._count_nal_units(unit.data, SYNTAX[codec](ParameterSets()))
        self._b_frames += unit.reordered
        self._b_frames_referred_to += unit.reordered and not unit.discardable
        self._curve.add(len(unit.data), keyframe=unit.keyframe)
        self._pictures += 1

    def _count_step(self, at: float) -> None:
        # Where one IVF file follows another the timestamps begin again: no step, and no time has gone back.
        if self._last_at is not None and at >= self._last_at:
            self._timed += 1
            self._elapsed_s += at - self._last_at
        self._last_at = at

    def _describe(self, info: StreamInfo) -> None:
        self._header_changes += self._info is not None
        self._info = info
        self._issues.update((issue.reason, issue) for issue in issues(info))

    def _count_keyframe(self, unit: AccessUnit) -> None:
        self._keyframes.add(len(unit.data))
        if self._last_keyframe is None:
            self._first_keyframe = self._pictures
        else:
            self._gops.add(self._pictures - self._last_keyframe)
        self._last_keyframe = self._pictures
        self._repaired += unit.repaired
        self._lacking += unit.lacks_parameter_sets
        self._recovery_points += unit.recovery_point

    def _count_nal_units(self, data: bytes, syntax: Syntax) -> None:
        roles = [syntax.role(nal[:NAL_HEADER_BYTES]) for nal in data.split(START_CODE)[1:]]
        self._slices.add(roles.count(Role.SLICE))
        self._delimiters += roles[0] is Role.DELIMITER

    @property
    def _measured_frame_rate_fps(self) -> float | None:
        return self._timed / self._elapsed_s if self._elapsed_s else None

    @property
    def _frame_rate_fps(self) -> float | None:
        declared = self._info.frame_rate_fps if self._info else None
        return self._measured_frame_rate_fps or declared

    def _which_have_delimiters(self) -> With:
        if self._delimiters in (0, self._pictures):
            return With.EVERY if self._delimiters else With.NONE
        return With.SOME

    def _which_have_parameter_sets(self) -> With | None:
        keyframes = self._keyframes.count
        if self._lacking == keyframes:
            return With.NONE if keyframes else None
        if self._lacking:
            return With.SOME
        if not self._repaired:
            return With.EVERY
        return With.FIRST if self._repaired == keyframes - 1 else With.SOME

    def _all_issues(self, codec: Codec) -> list[Issue]:
        """What hides the whole stream first, then what spoils it."""
        found = [H265_VIEWERS] if codec is Codec.H265 else []
        if not self._keyframes.count:
            found.append(NO_KEYFRAME)
        elif self._lacking == self._keyframes.count:
            found.append(NO_PARAMETER_SETS)
        if self._keyframes.count and self._recovery_points == self._keyframes.count:
            found.append(RECOVERY_POINTS)
        found += self._issues.values()
        if self._b_frames_referred_to:
            found.append(B_FRAMES_REFERRED_TO)
        elif self._b_frames:
            found.append(b_frames_left_out(self._b_frames, self._pictures, self._frame_rate_fps))
        return found
