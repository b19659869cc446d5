"""Whether a viewer saw what was pushed: nothing corrupt, nothing missing, nothing out of order."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.encoded import EncodedStream
from tests.support.viewer import Picture


@dataclass(frozen=True, slots=True)
class Push:
    """One picture on its way into the daemon."""

    hash: str  # what it decodes to
    keyframe: bool
    at: float  # time.monotonic() before its last byte was written


def pushes(stream: EncodedStream, times: Sequence[float]) -> list[Push]:
    """The pictures of `stream` that were written, one per entry of `times`."""
    return [
        Push(name, number in stream.keyframes, at)
        for number, (name, at) in enumerate(zip(stream.reference_hashes, times, strict=False))
    ]


def assert_pictures_match(
    pictures: Sequence[Picture],
    pushed: Sequence[Push],
    *,
    until: float | None = None,
    left_out: Callable[[], int] = lambda: 0,
) -> None:
    """Check one uninterrupted view of a track against what was pushed.

    - Every picture seen is, bit for bit, one that was pushed.
    - They come in the order they were pushed; a step back is a GOP that is handed over again and so leads
      to a keyframe.
    - Every picture pushed after the viewer saw its first one (and before `until`, when the test broke
      something) is seen. Those pushed earlier may have been over before it was in.
    - Excused are pictures just before a keyframe, as many as WebRTC's receiver says that it had and did not
      decode (``left_out``): a viewer that is late goes on with a keyframe as soon as it has one.
    """
    positions = {push.hash: position for position, push in enumerate(pushed)}
    assert len(positions) == len(pushed), "pushed pictures must be distinct to be told apart"
    assert pictures, "no picture arrived"

    corrupt = [number for number, picture in enumerate(pictures) if picture.hash not in positions]
    assert not corrupt, f"{len(corrupt)} of {len(pictures)} pictures were never pushed: {corrupt[:20]}"

    seen = [positions[picture.hash] for picture in pictures]
    for before, after in itertools.pairwise(seen):
        assert after > before or pushed[after].keyframe, f"picture {after} came after {before}: {seen}"

    live = [
        position
        for position, push in enumerate(pushed)
        if push.at > pictures[0].at and (until is None or push.at < until)
    ]
    assert live, "nothing was pushed after the first picture was seen: push for longer"
    missing = sorted(set(live) - set(seen))
    if missing and len(excused := _just_before_keyframes(missing, pushed)) <= left_out():
        missing = [position for position in missing if position not in excused]
    assert not missing, f"{len(missing)} of {len(live)} pictures since {live[0]} are missing: {missing[:50]}"


def _just_before_keyframes(missing: Sequence[int], pushed: Sequence[Push]) -> set[int]:
    excused: set[int] = set()
    for position in reversed(missing):
        behind = position + 1
        if behind in excused or (behind < len(pushed) and behind not in missing and pushed[behind].keyframe):
            excused.add(position)
    return excused


def latencies(pictures: Sequence[Picture], pushed: Sequence[Push]) -> list[float]:
    """Seconds from an encoder's write to the viewer's first sight, for what was pushed once it watched."""
    first_seen: dict[str, float] = {}
    for picture in pictures:
        first_seen.setdefault(picture.hash, picture.at)
    return [first_seen[push.hash] - push.at for push in pushed if push.at > pictures[0].at]
