import shlex

import pytest

from ingestd.sender.fragment import command, encoders, ended


def test_a_known_encoder_is_found_with_what_it_is_given() -> None:
    text = 'filesrc location="x264enc ! a" ! x264enc bitrate=900 option-string="a b" ! queue name=x265enc'
    (encoder,) = encoders(text)
    assert (encoder.name, encoder.properties) == ("x264enc", {"bitrate": "900", "option-string": "a b"})
    assert text[encoder.start : encoder.end] == 'x264enc bitrate=900 option-string="a b"'


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("a ! x264enc", "a ! x264enc"),
        ("a ! filesink location=/a/b", "a ! filesink location=/a/b"),
        ("a ! video/x-raw,width=2 ! x264enc", "a ! video/x-raw,width=2 ! x264enc"),
        ("x264enc ! video/x-h264,profile=main", "x264enc ! video/x-h264,profile=main ! identity"),
        ("x264enc ! video/x-h264, profile=main", "x264enc ! video/x-h264, profile=main ! identity"),
        ('x264enc ! "video/x-h264(memory:X), a=1"', 'x264enc ! "video/x-h264(memory:X), a=1" ! identity'),
    ],
)
def test_caps_at_the_end_get_an_element_behind_them(text: str, understood: str) -> None:
    assert ended(text) == understood


def test_a_shell_leaves_every_word_as_it_is() -> None:
    text = """a b="c  d" e=it's ! video/x-raw(memory:NVMM),f={g,h} ! $i"""
    assert " ".join(shlex.split(command(text))) == f"gst-launch-1.0 {text}"
