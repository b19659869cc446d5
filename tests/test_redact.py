"""What is hidden from log lines, errors and pages, and what is not."""

import re
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.redact import cut, hide, hide_those_of, printable, redact, shown, without_credentials

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmcm9udC1kb29yIn0.c2lnbmF0dXJl"


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    hide("hush-hush-of-this-test")
    assert redact("key=hush-hush-of-this-test, again:hush-hush-of-this-test!") == (
        "key=[hidden], again:[hidden]!"
    )


def test_a_short_secret_is_not_searched_for_in_every_word() -> None:
    hide("dev")
    hide("hush-it")
    assert redact("device") == "device"
    assert redact("api_hush-it_file: hush-it") == "api_hush-it_file: [hidden]"


def test_the_secrets_of_a_file_take_the_place_of_those_before() -> None:
    one, other = Path("one"), Path("other")
    hide("for-good-of-this-test")
    hide_those_of(one, ["the-first-secret", "the-shared-secret", "for-good-of-this-test"])
    hide_those_of(other, ["the-shared-secret"])
    assert redact("the-first-secret the-shared-secret") == "[hidden] [hidden]"
    hide_those_of(one, ["the-second-secret", "word"])
    text = "the-first-secret the-second-secret the-shared-secret word for-good-of-this-test"
    assert redact(text) == "the-first-secret [hidden] [hidden] word [hidden]"
    hide_those_of(other, [])
    assert redact("the-shared-secret") == "the-shared-secret"
    hide_those_of(one, [])


@pytest.mark.parametrize("more", [0, 1000])  # few are searched for otherwise than many
def test_of_secrets_in_each_other_nothing_is_left(more: int) -> None:
    file = Path("of-this-test")
    secrets = ["abcdef-1", "abcdef-1-and-more", "and-more-of-it"]
    hide_those_of(file, [*secrets, *(f"secret-number-{number}" for number in range(more))])
    assert redact("<abcdef-1-and-more>") == "<[hidden]>"
    assert redact("<abcdef-1-and-more-of-it>") == "<[hidden]>"
    assert redact("abcdef-1 xabcdef-1 abcdef-1x abcdef-1_ abcdef-1") == (
        "[hidden] xabcdef-1 abcdef-1x abcdef-1_ [hidden]"
    )
    assert redact("and-more-of-i") == "and-more-of-i"
    hide_those_of(file, [])


def test_thousands_of_secrets_take_no_longer_than_a_hundred() -> None:
    file, line = Path("of-this-test"), "encoder turned away: its token is not one of this stream's; secret-"

    def seconds(number: int) -> float:
        hide_those_of(file, [f"secret-number-{number}" for number in range(number)])
        return min(timeit.repeat(partial(redact, line), number=10, repeat=20, timer=thread_time))

    few, many = seconds(100), seconds(10_000)
    hide_those_of(file, [])
    assert many < 10 * few


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"joining with {JWT}", "joining with [hidden]"),
        (JWT.rpartition(".")[0], "[hidden]"),
        ("GET /rtc?access_token=opaque&sdk=python", "GET /rtc?access_token=[hidden]&sdk=python"),
        ("API_SECRET=opaque", "API_SECRET=[hidden]"),
        ("ws://user:hunter2@sfu/rtc", "ws://[hidden]@sfu/rtc"),
        ("someone@example.org wrote", "someone@example.org wrote"),
        ("eye.j.k", "eye.j.k"),
    ],
)
def test_tokens_and_credentials_are_hidden_and_nothing_else(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://user:pw@sfu.example:7880/x?access_token=t#f", "wss://sfu.example:7880/x"),
        ("wss://sfu.example", "wss://sfu.example"),
        ("wss://a@b@sfu.example/p@q", "wss://sfu.example/p@q"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


def test_a_terminal_obeys_nothing_of_what_is_shown() -> None:
    assert printable("\x1b[2J, \x9b1m, \r\b\x7f") == "\\x1b[2J, \\x9b1m, \\r\\x08\\x7f"
    assert printable("from \u202e7.0.0.01\u2069") == "from \\u202e7.0.0.01\\u2069"
    assert printable("\u061ca\u2028b\u2029") == "\\u061ca\\u2028b\\u2029"
    assert printable("joined: می‌خواهم 👨‍👩‍👧") == "joined: می‌خواهم 👨‍👩‍👧"
    assert printable("lines\n\tand tabs, übrigens 字") == "lines\n\tand tabs, übrigens 字"


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("tcp://cam:hunter2@10.0.0.7:8554", "'tcp://[hidden]@10.0.0.7:8554'"),
        ("cam:hunter2@10.0.0.7:8554", "'[hidden]@10.0.0.7:8554'"),
        ({"user": "cam", "password": "hunter2"}, "a mapping"),
        (5, "5"),
    ],
)
def test_a_value_is_quoted_without_what_may_be_a_password(value: object, quoted: str) -> None:
    assert shown(value) == quoted


def test_of_a_long_value_the_beginning_is_quoted_and_no_part_of_a_password() -> None:
    assert shown("x" * 200) == repr("x" * 200)
    assert shown("x" * 1000) == f"{'x' * 200!r}… (1,000 characters)"
    assert shown(["x" * 1000]) == f"['{'x' * 198}… (1,004 characters)"
    assert shown("tcp://cam:" + "hunter2" * 100 + "@host") == "'tcp://[hidden]@'… (715 characters)"
    assert cut("key") == "key"
    assert cut("k" * 201) == f"{'k' * 200}… (201 characters)"


@pytest.mark.parametrize("act", [redact, printable, shown, without_credentials])
@pytest.mark.parametrize(
    "text",
    [
        "eyJ",  # one token without an end
        "eyJaaaa.",
        "eyJaaaa.eyJ",
        "token=",
        "://",
        "://x",
        "x",
        "x@",
        "\x1b",
    ],
)
def test_twice_the_text_takes_twice_the_time(act: Callable[[str], str], text: str) -> None:
    """Not four times, as where each place is a beginning whose end is searched for to the end."""

    def seconds(number: int) -> float:
        return min(timeit.repeat(partial(act, text * number + "."), number=1, repeat=5, timer=thread_time))

    assert seconds(8000) < 40 * max(seconds(400), 20e-6)


@given(st.text(alphabet="eyJa.-_ x", max_size=60))
def test_tokens_are_those_of_the_pattern_that_gives_back(text: str) -> None:
    plain = r"eyJ[\w-]{4,}\.eyJ[\w-]*(?:\.[\w-]*)?|eyJ[\w-]{4,}\.[\w-]+\.[\w-]+"
    assert redact(text) == re.sub(plain, "[hidden]", text)
