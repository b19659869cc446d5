"""The table beside what GStreamer itself says of the encoders that are here."""

import re
import subprocess

import pytest

from ingestd.sender.encoders import ENCODERS, TAILS

# `make test` installs these; others need hardware.
HERE = ("x264enc", "x265enc", "openh264enc", "vp8enc", "vp9enc", "av1enc")


def test_the_table_holds_every_encoder_promised() -> None:
    assert set(ENCODERS) == {
        *HERE,
        "svtav1enc",
        "nvh264enc",
        "nvh265enc",
        "vah264enc",
        "vah265enc",
        "v4l2h264enc",
        "v4l2h265enc",
        "mpph264enc",
        "mpph265enc",
        "omxh264enc",
    }
    assert {encoder.codec for encoder in ENCODERS.values()} == TAILS.keys()


@pytest.mark.parametrize("name", ENCODERS)
def test_an_element_has_the_properties_that_the_table_names_and_counts_bits_as_it_says(name: str) -> None:
    inspected = subprocess.run(["gst-inspect-1.0", name], capture_output=True, text=True)
    if inspected.returncode != 0:
        assert name not in HERE, "make test installs it"
        pytest.skip(f"no {name} on this machine: run it where its hardware, or its library, is")
    described = dict(re.findall(r"^  ([a-z0-9-]+) +: (.*)$", inspected.stdout, re.MULTILINE))
    encoder = ENCODERS[name]
    named = [encoder.bitrate, encoder.keyframe_interval, *(setting.property for setting in encoder.settings)]
    assert {text.partition(":")[0] for text in named} - described.keys() == set()
    unit = {1000: "kbit|kilobits", 1: "bits"}[encoder.unit_bps]
    assert re.search(unit, described[encoder.bitrate], re.IGNORECASE), described[encoder.bitrate]
