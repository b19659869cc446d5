"""The rules that tell the end of a picture: how to switch each off, and other values of its number."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from ingestd.media.picture_end import detector, read_log
from ingestd.media.picture_end.detector import PictureEndDetector
from ingestd.media.picture_end.read_log import ReadLog


class Rule(NamedTuple):
    """A change to the code that decides."""

    name: str
    changes: tuple[tuple[Any, str, Any], ...] = ()  # of what, which attribute, to what
    segments_known: bool = True


@contextmanager
def changed(rule: Rule) -> Iterator[None]:
    """Have the rule changed meanwhile."""
    with ExitStack() as stack:
        for owner, attribute, value in rule.changes:
            stack.enter_context(patch.object(owner, attribute, value))
        yield


def _without(owner: Any, **constants: Any) -> tuple[tuple[Any, str, Any], ...]:
    return tuple((owner, name, value) for name, value in constants.items())


_patience_s = PictureEndDetector.patience_s
_learn = PictureEndDetector.learn
_init = PictureEndDetector.__init__


def _patience_with_any_slices(self: PictureEndDetector, **told: Any) -> float:
    return _patience_s(self, **{**told, "slices": math.inf})


def _init_one_window(self: PictureEndDetector, **options: Any) -> None:
    _init(self, **options)
    self._sizes_bytes[True] = self._sizes_bytes[False]


def _learn_no_pauses(self: PictureEndDetector, **told: Any) -> None:
    _learn(self, **{**told, "span": told["span"]._replace(pause_s=0.0)})


def _learn_no_pieces(self: PictureEndDetector, **told: Any) -> None:
    _learn(self, **{**told, "span": told["span"]._replace(pieces=0)})


_NEVER = 1 << 40

ALL = Rule("all rules")
OFF = (
    Rule("nothing is guessed", _without(PictureEndDetector, patience_s=lambda *_, **__: detector.SILENCE_S)),
    Rule("`SILENCE_S` endless", _without(detector, SILENCE_S=math.inf)),
    Rule("`FIRST_PROOF_PICTURES` 1", _without(detector, FIRST_PROOF_PICTURES=1)),
    Rule("`MAX_PROOF_PICTURES` 8: no growth", _without(detector, MAX_PROOF_PICTURES=8)),
    Rule("slices are not counted", _without(PictureEndDetector, patience_s=_patience_with_any_slices)),
    Rule("`TOLERANCE_RATIO` 0: any size will do", _without(detector, TOLERANCE_RATIO=0.0)),
    Rule("keyframes are like others", _without(PictureEndDetector, __init__=_init_one_window)),
    Rule("`MIN_REMEMBERED_PICTURES` 1", _without(detector, MIN_REMEMBERED_PICTURES=1)),
    Rule("no `cut` is seen", _without(ReadLog, cut=False)),
    Rule("`segment_bytes` unknown", segments_known=False),
    Rule("no `ROUND_BYTES`", _without(read_log, ROUND_BYTES=_NEVER)),
    Rule("no `ETHERNET_SEGMENT_BYTES`", _without(read_log, ETHERNET_SEGMENT_BYTES=_NEVER)),
    Rule("pauses are forgotten", _without(PictureEndDetector, learn=_learn_no_pauses)),
    Rule("pieces are forgotten", _without(PictureEndDetector, learn=_learn_no_pieces)),
    Rule("`PAUSE_FACTOR` 0", _without(detector, PAUSE_FACTOR=0)),
    Rule("`MIN_PAUSE_S` 0", _without(detector, MIN_PAUSE_S=0.0)),
    Rule("`FEW_PIECES` endless: no `WRITER_STALL_S`", _without(detector, FEW_PIECES=_NEVER)),
)
NUMBERS = tuple(
    Rule(f"`{name}` {number}", _without(owner, **{name: number}))
    for owner, name, numbers in (
        (detector, "SILENCE_S", (0.25, 1.0)),
        (detector, "FIRST_PROOF_PICTURES", (4, 16)),
        (detector, "MAX_PROOF_PICTURES", (128, 8192)),
        (detector, "REMEMBERED_PICTURES", (64, 1024)),
        (detector, "REMEMBERED_KEYFRAMES", (4, 64)),
        (detector, "TOLERANCE_RATIO", (0.8, 1.0)),
        (detector, "MIN_PAUSE_S", (0.002, 0.008)),
        (detector, "PAUSE_FACTOR", (2, 8)),
        (detector, "FEW_PIECES", (4, 16)),
        (detector, "WRITER_STALL_S", (0.05, 0.2)),
        (read_log, "ROUND_BYTES", (512, 4096)),
    )
    for number in numbers
)
BY_NAME = {rule.name: rule for rule in (ALL, *OFF, *NUMBERS)}
