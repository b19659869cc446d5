import pytest

from ingestd.diagnose.compatibility import B_FRAMES, Issue
from ingestd.diagnose.explain import advice, by_tool, explain, explain_room, explained, fields
from ingestd.diagnose.stream_diagnoses import STREAM_DIAGNOSES
from ingestd.errors import BitstreamError


def test_the_text_is_what_was_seen_what_was_expected_and_what_to_change() -> None:
    error = BitstreamError("mp4", "this is MP4")
    assert explain(error) == (
        "this is MP4; expected the stream without a container; ffmpeg: -f h264 in place of -f mp4; "
        "GStreamer: `h264parse ! video/x-h264,stream-format=byte-stream,alignment=au` in place of mp4mux"
    )
    assert advice(error)[0] == "expected the stream without a container"


def test_the_case_chooses_the_advice_and_stands_in_it() -> None:
    assert "-f hevc" in explain(BitstreamError("wrong_format", "seen", case="h265"))
    assert "-f h264" in explain(BitstreamError("wrong_format", "seen", case="h264"))
    assert explain(BitstreamError("codec_mismatch", "seen", case="vp9")).startswith(
        "seen; set codec: vp9 (or"
    )


def test_the_log_has_one_field_for_what_was_seen_one_for_what_is_expected_and_one_for_the_cure() -> None:
    assert fields(B_FRAMES).keys() == {"reason", "seen", "expected", "cure"}
    assert fields(BitstreamError("tls", "this is a TLS ClientHello")) == {
        "reason": "tls",
        "seen": "this is a TLS ClientHello",
        "expected": "plain TCP",
        "cure": "connect without TLS, or write tls:// in source.listen or source.connect",
    }
    assert fields(BitstreamError("codec_mismatch", "seen", case="vp9"))["cure"].startswith(
        "set codec: vp9 (or"
    )


def test_a_field_of_the_log_that_would_be_empty_is_left_out() -> None:
    assert fields(BitstreamError("leading_garbage", "seen")) == {"reason": "leading_garbage", "seen": "seen"}
    assert fields(BitstreamError("unheard_of", "seen")) == {"reason": "unheard_of", "seen": "seen"}


def test_what_has_no_entry_is_what_was_seen() -> None:
    assert explain(BitstreamError("unheard_of", "seen")) == "seen"
    assert explain_room("unheard_of", "seen") == "seen"


def test_an_explained_error_has_the_whole_text_once_and_what_was_seen() -> None:
    error = BitstreamError("empty", "an access unit of no bytes", case="submitted")
    assert explained(explained(error)) is error
    assert str(error) == (
        "an access unit of no bytes; submit what the encoder returns, and nothing where it returns nothing"
    )
    assert error.seen == "an access unit of no bytes"


def test_a_room_is_explained_by_what_was_seen_or_else_by_what_the_reason_means() -> None:
    assert explain_room("unauthorized") == (
        "the server refuses the token: check livekit.api_key and api_secret"
    )
    assert explain_room("clock", case="behind").startswith("this machine's clock is behind")
    assert explain_room("duplicate_identity", "seen") == "seen: give one of them another identity"


def test_advice_is_taken_apart_by_tool() -> None:
    text, cures = by_tool(explain(B_FRAMES))
    assert text.startswith(B_FRAMES.seen)
    assert text.endswith("encode without them"), "what is for every tool stays in the sentence"
    assert dict(cures)["ffmpeg"] == "-bf 0"
    assert by_tool("no advice: none") == ("no advice: none", [])
    assert by_tool("seen; ffmpeg: do this; or that; x264: a") == (
        "seen",
        [("ffmpeg", "do this; or that"), ("x264", "a")],
    )


@pytest.mark.parametrize("key", STREAM_DIAGNOSES)
def test_every_text_comes_apart_as_it_was_put_together(key: str) -> None:
    reason, _, case = key.partition(".")
    diagnosis = STREAM_DIAGNOSES[key]
    text, cures = by_tool(explain(Issue(reason, "this was seen: 1; and that", case)))
    assert cures == [
        (tool, cure.replace("{case}", case)) for tool, cure in diagnosis.cures.items() if tool != "any"
    ]
    assert text.startswith("this was seen: 1; and that")
    assert diagnosis.cures.get("any", "").replace("{case}", case) in text
