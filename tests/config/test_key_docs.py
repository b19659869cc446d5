"""Every key has its words, and no other has."""

from pathlib import Path

from ingestd.config import all_keys
from ingestd.config.key_docs import DEFAULTS_IN_WORDS, KEY_DOCS, plain


def test_every_key_is_described_and_nothing_else() -> None:
    assert sorted(KEY_DOCS) == sorted(all_keys())
    assert DEFAULTS_IN_WORDS.keys() <= KEY_DOCS.keys()
    assert [key for key, text in KEY_DOCS.items() if not text or "|" in text] == [], "they stand in a table"


def test_links_are_taken_off() -> None:
    assert plain("read [the page](rooms.md#trying-it-out) (`x`)") == "read the page (`x`)"
    assert plain("is late ([measured](webrtc.md)). Where") == "is late. Where"


def test_the_reference_is_linked_to_files_that_are_there() -> None:
    docs = Path(__file__).parents[2] / "docs"
    for text in KEY_DOCS.values():
        for target in (part.partition(")")[0].partition("#")[0] for part in text.split("](")[1:]):
            assert not target or (docs / target).exists(), target
