"""Files for TLS: each that cannot be used is named, with its key and what to give instead."""

import re
import subprocess
from pathlib import Path

import pytest

from ingestd.config.schema import TlsConfig
from ingestd.config.tls_contexts import TlsFileError, client_context, server_context
from tests.config.support import LIVEKIT, Complains, Loads, stream
from tests.support.certificates import Certificate, sign


@pytest.fixture(scope="module")
def ours(ca: Certificate) -> Certificate:
    return sign(ca, "ours")


def test_files_that_fit(ca: Certificate, ours: Certificate, tmp_path: Path) -> None:
    server_context(TlsConfig(cert=str(ours.cert), key=str(ours.key), client_ca=str(ca.cert)))
    client_context(TlsConfig(ca=str(ca.cert)))
    client_context(TlsConfig(ca=str(ca.cert), cert=str(ours.cert), key=str(ours.key)))
    both = tmp_path / "both.pem"
    both.write_text(ours.cert.read_text() + ours.key.read_text())
    server_context(TlsConfig(cert=str(both)))


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"cert": "none.pem", "key": "ours.key"}, "cert: .*none.pem cannot be read: No such file"),
        ({"cert": "ours.pem", "key": "none.key"}, "key: .*none.key cannot be read: No such file"),
        ({"cert": "ours.pem", "key": "."}, "key: .* cannot be read: it is a directory"),
        ({"cert": "ours.key", "key": "ours.key"}, "cert: .*ours.key holds no certificate; allowed: PEM"),
        ({"cert": "ours.pem", "key": "ours.pem"}, "key: .*ours.pem holds no private key"),
        ({"cert": "ours.pem"}, "cert: .*ours.pem holds no private key; .* source.tls.key"),
        (
            {"cert": "ours.pem", "key": "ca.key"},
            "key: .*ca.key does not belong to the first certificate in .*ours",
        ),
        ({"cert": "ours.pem", "key": "locked.key"}, "key: .*locked.key is encrypted; allowed: a key without"),
        (
            {"cert": "ours.pem", "key": "ours.key", "client_ca": "ours.key"},
            "client_ca: .*ours.key holds no certificate",
        ),
    ],
)
def test_a_file_that_cannot_be_used(
    ca: Certificate, ours: Certificate, keys: dict[str, str], complaint: str
) -> None:
    directory = ca.cert.parent
    subprocess.run(
        [
            "openssl",
            "pkey",
            "-in",
            ours.key,
            "-aes256",
            "-passout",
            "pass:x",
            "-out",
            directory / "locked.key",
        ],
        check=True,
    )
    tls = TlsConfig(**{key: str(directory / name) for key, name in keys.items()})
    with pytest.raises(TlsFileError) as error:
        server_context(tls)
    assert re.match(complaint, f"{error.value.key}: {error.value}")


def test_a_configuration_names_the_file_the_key_and_the_line(
    complains: Complains, ours: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "cam.pem").write_bytes(ours.cert.read_bytes())
    source = "source: {listen: 'tls://h:1', tls: {cert: cam.pem, key: cam.key}, token_file: tokens}"
    lines = complains(LIVEKIT + "streams:\n" + stream(source))
    assert lines == [
        "ingestd.yaml:7: streams[0].source.token_file: tokens cannot be read: No such file or directory; "
        "give ingestd a file that it may read",
        "ingestd.yaml:7: streams[0].source.tls.key: cam.key cannot be read: No such file or directory; "
        "give ingestd a file that it may read",
    ]


def test_a_relative_file_lies_beside_the_configuration(
    loads: Loads, ours: Certificate, tmp_path: Path
) -> None:
    (tmp_path / "cam.pem").write_bytes(ours.cert.read_bytes() + ours.key.read_bytes())
    text = LIVEKIT + "defaults: {source: {tls: {cert: cam.pem}}}\nstreams:\n"
    config = loads(text + stream("source: {listen: 'tls://h:1'}"))
    assert config.streams[0].source.tls.cert == str(tmp_path / "cam.pem")
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("listen: tls://h:1", ": tls:// in listen needs tls.cert and tls.key, files of PEM"),
        ("connect: tls://h:1, tls: {key: x}", ": tls.key is set without tls.cert"),
        ("listen: tcp://h:1, token: x, token_file: y", ": both token and token_file are set"),
        ("listen: tcp://h:1, token: []", ".token: is an empty list; allowed"),
        ("listen: tcp://h:1, token: 1234567", ".token: is not text; put it in quotes"),
        ("listen: tcp://h:1, token: [a, b c]", ".token: is not usable as a token"),
        ("listen: tcp://h:1, max_connections: 1", ".max_connections: 1 is out of range; allowed: 2 to 10000"),
        ("listen: tcp://h:1, max_connections: x", ".max_connections: 'x' is not a whole number"),
        (
            "listen: tcp://h:1, max_connection_rate: 0",
            ".max_connection_rate: 0 is out of range; allowed: auto, or 1",
        ),
    ],
)
def test_keys_that_do_not_fit(complains: Complains, source: str, complaint: str) -> None:
    (line,) = complains(LIVEKIT + "streams:\n" + stream(f"source: {{{source}}}"))
    assert line.startswith(f"ingestd.yaml:7: streams[0].source{complaint}")


def test_keys_without_use_and_short_tokens_are_warned_of(loads: Loads) -> None:
    text = LIVEKIT + "streams:\n"
    text += stream("source: {listen: 'tcp://h:1', tls: {cert: x}, token: short-one}", name="a")
    text += stream("source: {connect: 'tls://h:1', tls: {client_ca: x}, proxy_protocol: true}", name="b")
    warnings = [line.partition("source.")[2] for line in loads(text).warnings]
    assert [line.partition(":")[0] for line in warnings] == [
        "tls.cert",
        "token",
        "tls.client_ca",
        "proxy_protocol",
    ]
    assert "the address is not tls://" in warnings[0]
    assert "short-one" not in str(warnings)
    assert "can be guessed" in warnings[1]


def test_limits_have_defaults_that_grow_with_the_streams(loads: Loads) -> None:
    config = loads(LIVEKIT + "streams:\n" + stream() + stream("max_gop: 4MiB", name="b", port=5005))
    assert config.max_connections == 256 + 2 * 8
    assert [entry.max_gop for entry in config.streams] == [32 << 20, 4 << 20]
    assert config.streams[0].source.max_connection_rate_per_s == 1000
    assert loads("limits: {max_connections: 7}\n" + LIVEKIT + "streams:\n" + stream()).max_connections == 7


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("max_picture: 1GiB", "max_picture: '1GiB' is out of range; allowed: 64KiB to 8MiB"),
        ("max_gop: 1", "max_gop: 1 is out of range; allowed: 1MiB to 1GiB"),
        ("max_gop: big", "max_gop: 'big' is not a size; write 512KiB, 4MiB"),
    ],
)
def test_sizes_that_do_not_fit(complains: Complains, key: str, complaint: str) -> None:
    (line,) = complains(LIVEKIT + "streams:\n" + stream(key))
    assert line.startswith(f"ingestd.yaml:7: streams[0].{complaint}")
