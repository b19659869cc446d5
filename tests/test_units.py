"""Durations, bitrates and sizes: what is taken, what is refused, and that what we print can be read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.redact import shown
from ingestd.units import (
    format_bitrate,
    format_duration,
    format_size,
    parse_bitrate,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("10s", 10.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("1.5 s", 1.5),
        (" 250us ", 0.00025),
        ("0", 0.0),
        ("7", 7.0),
        (7, 7.0),
        (0.25, 0.25),
        (1e-7, 1e-7),
    ],
)
def test_durations_are_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("800kbps", 800_000),
        ("8Mbps", 8_000_000),
        ("1.5 Mbps", 1_500_000),
        ("2Gbit/s", 2_000_000_000),
        (64000, 64000),
    ],
)
def test_bitrates_are_bits_per_second(text: object, bits: int) -> None:
    assert parse_bitrate(text) == bits
    assert isinstance(parse_bitrate(text), int)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "s",
        "-5s",
        -5,
        "5 parsecs",
        "5ss",
        "1e3s",
        "1_000",
        "٣s",
        "9" * 400,
        True,
        None,
        [5],
        float("inf"),
        float("nan"),
    ],
)
@pytest.mark.parametrize(("parse", "example"), [(parse_duration, "500ms"), (parse_bitrate, "8Mbps")])
def test_what_is_no_quantity_is_named_with_an_example(parse: object, example: str, value: object) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match=example) as error:
        parse(value)
    assert shown(value) in str(error.value)


def test_megabytes_per_second_are_not_taken_for_megabits() -> None:
    with pytest.raises(ValueError, match="'8MBps' is not a bitrate"):
        parse_bitrate("8MBps")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "500ms"), (10, "10s"), (90, "1.5m"), (3600, "1h"), (0, "0ms"), (0.00025, "0.25ms")],
)
def test_durations_are_written_briefly(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, 10**11))
def test_a_written_duration_is_read_back(microseconds: int) -> None:
    assert parse_duration(format_duration(microseconds / 1e6)) == pytest.approx(microseconds / 1e6, abs=1e-9)


@given(st.integers(0, 10**12))
def test_a_written_bitrate_is_read_back(bits: int) -> None:
    assert parse_bitrate(format_bitrate(bits)) == bits


@pytest.mark.parametrize(
    ("text", "size"),
    [("4MiB", 4 << 20), ("512 KiB", 512 << 10), ("1GiB", 1 << 30), ("1.5kB", 1500), (700, 700)],
)
def test_sizes_are_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize("value", ["", "4 MB/s", "4Mb", True, None, "-1B"])
def test_what_is_no_size(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size; write 512KiB, 4MiB"):
        parse_size(value)


def test_sizes_are_printed_in_the_largest_unit_that_fits() -> None:
    assert [format_size(size) for size in (8 << 20, 64 << 10, 1 << 30, 700)] == [
        "8MiB",
        "64KiB",
        "1GiB",
        "700B",
    ]
