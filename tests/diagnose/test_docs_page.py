from pathlib import Path

from ingestd.diagnose.docs_page import docs_page
from ingestd.diagnose.room_diagnoses import ROOM_DIAGNOSES
from ingestd.diagnose.stream_diagnoses import STREAM_DIAGNOSES

PAGE = Path(__file__).parents[2] / "docs" / "diagnoses.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == docs_page(), "run: .venv/bin/python -m ingestd.diagnose > docs/diagnoses.md"


def test_the_page_has_every_reason_and_equal_entries_share_a_row() -> None:
    page = docs_page()
    for key in (*STREAM_DIAGNOSES, *ROOM_DIAGNOSES):
        reason, _, case = key.partition(".")
        assert (f"`{reason}` ({case})" if case else f"`{reason}`") in page
    assert "| `malformed_vps`, `malformed_sps`," in page
    assert page.count("bytes were lost on the way") == 3, "of NAL units, VP9 and AV1"
