"""Pictures, and the writes by which their encoders send them: recorded from real encoders, and made up."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from tests.media.vectors_h26x import annexb, length_prefixed, pps, slice, sps

RECORDINGS = Path(__file__).with_name("recordings")
INTERVAL_S = 1 / 30
FILLER = b"\x55"  # for what a recording does not keep; makes no start code
GOP = 60
IDR_PIC_IDS = 2  # two IDR pictures in a row must differ in it (H.264 7.4.3)


class Write(NamedTuple):
    """Bytes that an encoder wrote with one call, or that arrived together."""

    at: float  # seconds
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Source:
    """A stream and how it was written."""

    stream: bytes
    ends: list[int]  # position behind each picture
    writes: list[Write]


def _write_whole(pictures: list[list[bytes]], _: random.Random) -> Iterator[Write]:
    for n, nals in enumerate(pictures):
        yield Write(n * INTERVAL_S, sum(map(len, nals)))


def _write_slice_by_slice(pictures: list[list[bytes]], rng: random.Random) -> Iterator[Write]:
    """Each NAL unit as soon as it is coded, a few milliseconds after the one before."""
    for n, nals in enumerate(pictures):
        at = n * INTERVAL_S
        for nal in nals:
            yield Write(at, len(nal))
            at += rng.uniform(0.001, 0.005)


def _write_trickling(pictures: list[list[bytes]], rng: random.Random) -> Iterator[Write]:
    """500 bytes at a time."""
    for n, nals in enumerate(pictures):
        at, left = n * INTERVAL_S, sum(map(len, nals))
        while left:
            yield Write(at, min(left, 500))
            left -= min(left, 500)
            at += rng.uniform(0.00002, 0.0002)


def _write_blocks(
    pictures: list[list[bytes]], _: random.Random, block_bytes: int = 20_000
) -> Iterator[Write]:
    """So many bytes at a time, whatever ends in them; the end of a picture waits for the next."""
    left = 0
    for n, nals in enumerate(pictures):
        left += sum(map(len, nals))
        if left >= block_bytes:
            yield Write(n * INTERVAL_S, left - left % block_bytes)
            left %= block_bytes
    if left:
        yield Write(len(pictures) * INTERVAL_S, left)


def _write_now_and_then(pictures: list[list[bytes]], rng: random.Random) -> Iterator[Write]:
    """Each picture whole, but nothing for a second where nothing moves."""
    at = 0.0
    for nals in pictures:
        yield Write(at, sum(map(len, nals)))
        at += INTERVAL_S if rng.random() < 0.9 else 1.0


def _write_in_halves(pictures: list[list[bytes]], rng: random.Random) -> Iterator[Write]:
    """What is in a buffer of 8 KiB when it is full, and the rest with the picture's end, a moment later."""
    for n, nals in enumerate(pictures):
        at, left = n * INTERVAL_S, sum(map(len, nals))
        while left > 8192:
            yield Write(at, 8192)
            left -= 8192
            at += rng.uniform(0.0003, 0.003)
        yield Write(at, left)


def _steady(n: int, rng: random.Random) -> float:
    """A size in bytes, as of a camera that looks at something that moves."""
    return (40_000 if n % GOP == 0 else 8_000) * rng.uniform(0.7, 1.4)


def _small(n: int, rng: random.Random) -> float:
    """As of a screen on which a pointer moves."""
    return (3_000 if n % GOP == 0 else 400) * rng.uniform(0.7, 1.4)


def _variable(n: int, rng: random.Random) -> float:
    """As of a screen: nothing moves for a while, then everything does."""
    scene = random.Random(n // 20)
    usual = scene.choice((60, 400, 3_000, 12_000, 25_000))
    size = 30_000 * rng.uniform(0.6, 1.2) if n % GOP == 0 else usual * rng.lognormvariate(0, 0.9) + 20
    return min(size, 60_000)


def _constant(_: int, rng: random.Random) -> float:
    """As of an encoder with a constant bit rate and intra refresh: all pictures are about as large."""
    return 10_000 * rng.uniform(0.95, 1.05)


class _Making(NamedTuple):
    size: Callable[[int, random.Random], float]
    slices: int
    write: Callable[[list[list[bytes]], random.Random], Iterator[Write]]
    framed: Callable[..., bytes] = annexb  # a NAL unit as it stands in the stream


_MADE_UP = {
    "one write a picture": _Making(_steady, 1, _write_whole),
    "one write, constant sizes": _Making(_constant, 1, _write_whole),
    "one write, variable sizes": _Making(_variable, 1, _write_whole),
    "one write, 4 slices": _Making(_steady, 4, _write_whole),
    "one write, variable rate": _Making(_variable, 1, _write_now_and_then),
    "blocks of 20,000 bytes": _Making(_steady, 1, _write_blocks),
    "blocks of 5,000 bytes, small pictures": _Making(_small, 1, partial(_write_blocks, block_bytes=5_000)),
    "a write a slice": _Making(_steady, 4, _write_slice_by_slice),
    "a write a slice, length-prefixed": _Making(_steady, 4, _write_slice_by_slice, length_prefixed),
    "buffers of 8 KiB": _Making(_variable, 1, _write_in_halves),
    "500 bytes at a time": _Making(_steady, 1, _write_trickling),
}


def names() -> list[str]:
    """All sources: real encoders first."""
    return [json.loads(path.read_text())["name"] for path in sorted(RECORDINGS.glob("*.json"))] + [*_MADE_UP]


def source(name: str, pictures: int) -> Source:
    """Return this many pictures of that source."""
    return _made_up(name, pictures) if name in _MADE_UP else _recorded(name, pictures)


def _made_up(name: str, count: int) -> Source:
    size, slices, write, framed = _MADE_UP[name]
    rng = random.Random(name)
    pictures = []
    for n in range(count):
        idr, number = n % GOP == 0, n % GOP % 16
        each = int(size(n, rng)) // slices + 1
        nals = [
            slice(
                idr=idr,
                first_mb=75 * part,
                frame_num=number,
                poc_lsb=2 * number % 16,
                idr_pic_id=n // GOP % IDR_PIC_IDS,
                payload=FILLER * each,
            )
            for part in range(slices)
        ]
        pictures.append([framed(nal) for nal in ([sps(), pps()] if idr else []) + nals])
    return Source(
        b"".join(nal for nals in pictures for nal in nals),
        list(accumulate(sum(map(len, nals)) for nals in pictures)),
        list(write(pictures, rng)),
    )


def _recorded(name: str, count: int) -> Source:
    """Return the recording, over and over; it begins with an IDR picture."""
    recording = next(
        kept for path in RECORDINGS.glob("*.json") if (kept := json.loads(path.read_text()))["name"] == name
    )
    once = b"".join(_filled(bytes.fromhex(head), size) for head, size in recording["nal_units"])
    begins = _picture_begins(recording, h265="x265" in name)
    ends = [*begins[1:], len(once)]
    reads = [Write(*read) for read in recording["reads"]]
    duration = len(ends) * INTERVAL_S
    rounds = -(-count // len(ends))
    return Source(
        once * rounds,
        [end + n * len(once) for n in range(rounds) for end in ends],
        [Write(at + n * duration, size) for n in range(rounds) for at, size in reads],
    )


def _filled(head: bytes, size: int) -> bytes:
    """Return a NAL unit of that size; an SEI ends with its rbsp_trailing_bits()."""
    return head + (FILLER * (size - len(head) - 1) + b"\x80" if size > len(head) else b"")


def _picture_begins(recording: dict[str, list[tuple[str, int]]], *, h265: bool) -> list[int]:
    begins, position, has_slice = [0], 0, False
    for head, size in recording["nal_units"]:
        data = bytes.fromhex(head)
        header = data.index(1) + 1
        if h265:
            is_slice, first = data[header] >> 1 < 32, data[header + 2] & 0x80
        else:
            is_slice, first = data[header] & 0x1F in (1, 5), data[header + 1] & 0x80
        if has_slice and (not is_slice or first):
            begins.append(position)
            has_slice = False
        has_slice |= is_slice
        position += size
    return begins
