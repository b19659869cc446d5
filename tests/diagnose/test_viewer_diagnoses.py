"""What is said of streams that viewers do not decode: for each codec the options that cure it."""

import pytest

from ingestd.diagnose.compatibility import issues
from ingestd.diagnose.explain import explain
from ingestd.diagnose.viewer_diagnoses import DECODED_PROFILES, VIEWERS
from ingestd.media.access_unit import Codec, Format, StreamInfo


@pytest.mark.parametrize("codec", DECODED_PROFILES)
def test_a_stream_of_10_bits_and_4_4_4_is_told_what_to_change(codec: Codec) -> None:
    format = Format.ANNEXB if codec in (Codec.H264, Codec.H265) else Format.IVF
    found = issues(StreamInfo(codec, format, 320, 240, "odd", "4", "4:4:4", 10, 30.0))
    assert {"chroma_format", "bit_depth"} <= {issue.reason for issue in found}
    for issue in found:
        assert "-pix_fmt yuv420p" in explain(issue), issue
        assert "expected 4:2:0 of 8 bits per sample" in explain(issue) or issue.reason == "profile"


@pytest.mark.parametrize(("codec", "profiles"), DECODED_PROFILES.items())
def test_what_viewers_decode_is_no_issue(codec: Codec, profiles: tuple[str, ...]) -> None:
    format = Format.ANNEXB if codec in (Codec.H264, Codec.H265) else Format.IVF
    for profile in profiles:
        assert issues(StreamInfo(codec, format, 320, 240, profile, "3.1", "4:2:0", 8, 30.0)) == []


def test_every_entry_says_what_to_change() -> None:
    assert all(diagnosis.cures for diagnosis in VIEWERS.values())
