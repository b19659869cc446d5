from pathlib import Path

import pytest

from ingestd.config import ingest_tokens
from ingestd.errors import ConfigError
from ingestd.sender import connection
from ingestd.sender.connection import Target, Tls, first_line, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("tcp://127.0.0.1:5004", Target("tcp", "127.0.0.1", 5004)),
        ("tcp://[::1]:5004", Target("tcp", "::1", 5004)),
        ("tls://ingest.example.com:5005", Target("tls", "ingest.example.com", 5005)),
        ("unix:///run/ingestd/cam.sock", Target("unix", path="/run/ingestd/cam.sock")),
    ],
)
def test_an_address_is_read_and_shown_as_it_was_written(text: str, target: Target) -> None:
    assert parse_target(text) == target
    assert str(target) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:5004",
        "tcp://host",
        "tcp://:5004",
        "tcp://host:0",
        "tcp://host:70000",
        "tcp://host:x",
        "rtmp://host:1935",
        "unix://run/cam.sock",
        "unix:",
        "tcp://host:5004/path",
        "tcp://[::1:5004",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--to .*tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH"):
        parse_target(text)


def test_a_token_in_an_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="--token") as raised:
        parse_target("tcp://user:hunter22@host:5004")
    assert "hunter22" not in str(raised.value)


def test_the_token_is_the_first_line() -> None:
    assert first_line("s3cret") == b"INGEST s3cret\n"
    assert first_line(None) == b""


def test_the_longest_token_is_the_daemons() -> None:
    assert connection.MAX_TOKEN_BYTES == ingest_tokens.MAX_TOKEN_BYTES
    assert first_line("x" * connection.MAX_TOKEN_BYTES)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ü", "x" * 257])
def test_a_token_that_the_daemon_never_takes_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigError, match="--token: allowed are 1 to 256 printable ASCII") as raised:
        first_line(token)
    assert not token or token not in str(raised.value)


def test_a_file_of_tls_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    no_pem = tmp_path / "no.pem"
    no_pem.write_text("hello")
    for tls in (Tls(ca=tmp_path / "none.pem"), Tls(ca=no_pem)):
        with pytest.raises(ConfigError, match=r"--tls-ca .*\.pem"):
            tls.context()
    with pytest.raises(ConfigError, match=r"--tls-cert .*no\.pem.*--tls-key"):
        Tls(cert=no_pem).context()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "unix:///run/cam.sock"])
@pytest.mark.parametrize(
    ("tls", "option"),
    [
        (Tls(ca=Path("x")), "--tls-ca"),
        (Tls(cert=Path("x")), "--tls-cert"),
        (Tls(key=Path("x")), "--tls-key"),
        (Tls(server_name="x"), "--tls-server-name"),
    ],
)
def test_an_option_of_tls_is_refused_where_nothing_is_encrypted(address: str, tls: Tls, option: str) -> None:
    with pytest.raises(
        ConfigError, match=f"{option}: {address} is not encrypted; write --to tls://HOST:PORT"
    ):
        tls.check(parse_target(address))
    Tls().check(parse_target(address))


def test_a_key_without_a_certificate_is_refused() -> None:
    with pytest.raises(ConfigError, match="--tls-key has no use without --tls-cert"):
        Tls(key=Path("key.pem")).check(parse_target("tls://127.0.0.1:1"))
