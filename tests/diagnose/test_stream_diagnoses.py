"""The table against the source: each reason has an entry, each entry a reason, and media gives no advice."""

import re

from ingestd.diagnose.diagnosis import TOOLS
from ingestd.diagnose.stream_diagnoses import STREAM_DIAGNOSES, STREAM_SECTIONS
from ingestd.diagnose.viewer_diagnoses import DECODED_PROFILES
from ingestd.media.detection import foreign_formats
from tests.diagnose.source import MEDIA, PACKAGE, cases, modules, reasons, texts

# Of these the first argument is the reason: errors, and the helpers that make them.
ERRORS = {"StreamError", "BitstreamError", "ExcessError"}
RAISERS = ERRORS | {"Issue", "_issue", "fault", "_note_cut", "_refusal"}
# Counted without an error that is raised: the connection's own, and defects.
COUNTED_ALONE = {"connection_lost", "idle_timeout", "internal"}
# A tool's name, or an option of ffmpeg.
TOOL = re.compile(
    r"ffmpeg|gstreamer|gst-|x264|x265|libaom|nvenc|pyav|parse !|(^| )-[a-z]+(:v)? ", re.IGNORECASE
)
# What a parser has no right to: an order to the reader of its text.
ORDER = re.compile(r"[;:,] (or )?(see|set|send|submit|check|restart|lower|stop|connect|encode)\b")


def raised() -> set[str]:
    foreign = {
        reason
        for signatures in (foreign_formats.PROTOCOLS_AND_CONTAINERS, foreign_formats.START_CODES)
        for _, reason, _ in signatures
    }
    return reasons(RAISERS) | foreign


def test_every_reason_has_an_entry_and_every_entry_a_reason() -> None:
    in_table = {key.partition(".")[0] for key in STREAM_DIAGNOSES}
    assert in_table == raised() | COUNTED_ALONE


def test_every_case_has_an_entry_and_every_entry_of_a_case_is_raised() -> None:
    in_table = {
        (reason, case) for reason, _, case in (key.partition(".") for key in STREAM_DIAGNOSES) if case
    }
    by_codec = {
        (reason, codec.value)
        for reason in ("chroma_format", "bit_depth", "profile")
        for codec in DECODED_PROFILES
    } | {("wrong_format", "h264"), ("wrong_format", "h265")}
    assert in_table == cases(RAISERS) | by_codec


def test_reasons_that_are_only_counted_are_in_the_source() -> None:
    said = {
        text
        for path, tree in modules()
        if "diagnose" not in path.relative_to(PACKAGE).parts
        for text in texts(tree)
    }
    assert said >= COUNTED_ALONE


def test_no_reason_is_in_two_sections() -> None:
    assert sum(map(len, STREAM_SECTIONS.values())) == len(STREAM_DIAGNOSES)


def test_cures_are_of_known_tools_and_sentences_begin_small_and_end_bare() -> None:
    assert {tool for diagnosis in STREAM_DIAGNOSES.values() for tool in diagnosis.cures} == set(TOOLS)
    for reason, diagnosis in STREAM_DIAGNOSES.items():
        for sentence in (diagnosis.means, *diagnosis.advice()):
            assert sentence, reason
            assert not sentence.endswith((".", ";", " ")), reason


def test_media_names_no_tool_and_gives_no_orders() -> None:
    for path, tree in modules(MEDIA):
        for text in texts(tree):
            where = f"{path.relative_to(PACKAGE)}: {text!r}"
            assert not TOOL.search(text), where
            assert not ORDER.search(text), where
