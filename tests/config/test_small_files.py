"""Files that keys name: none keeps the daemon waiting, none is read beyond its bound."""

import os
import re
import socket
from pathlib import Path

import pytest

from ingestd.config import small_files
from tests.config.support import LIVEKIT, ONE_STREAM, Complains, Loads, stream
from tests.support.certificates import Certificate, sign

CURE = "give ingestd a file that it may read"


def test_what_a_file_holds_and_a_link_to_it(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"\xff" * 10)
    link.symlink_to(file)
    assert small_files.read(file, 10, "a secret") == small_files.read(link, 10, "a secret") == b"\xff" * 10


def test_one_byte_more_than_the_bound_is_too_much(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with file.open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(ValueError, match=r"^is larger than 64KiB; a secret is expected$"):
        small_files.read(file, 1 << 16, "a secret")
    file.write_bytes(b"x" * 11)
    with pytest.raises(ValueError, match=r"^is larger than 10B; "):
        small_files.read(file, 10, "a secret")


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as line:
        line.bind("socket")
        for name, seen in (
            ("fifo", "a FIFO"),
            (".", "a directory"),
            ("socket", "a socket"),
            ("/dev/zero", "a device"),
        ):
            with pytest.raises(ValueError, match=f"^cannot be read: it is {seen}; {CURE}$"):
                small_files.read(Path(name), 10, "a secret")
    with pytest.raises(ValueError, match=f"^cannot be read: No such file or directory; {CURE}$"):
        small_files.read(Path("none"), 10, "a secret")


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("livekit.api_secret_file", f"livekit: {{api_key: key, api_secret_file: fifo}}\n{ONE_STREAM}"),
        ("livekit.token_file", f"livekit: {{token_file: fifo}}\n{ONE_STREAM}"),
        ("hooks[0].secret_file", f"{LIVEKIT}{ONE_STREAM}hooks: [{{url: 'http://h', secret_file: fifo}}]\n"),
        (
            "streams[0].feedback.webhook_secret_file",
            f"{LIVEKIT}streams:\n" + stream("feedback: {webhook: 'http://h', webhook_secret_file: fifo}"),
        ),
        (
            "streams[0].source.token_file",
            f"{LIVEKIT}streams:\n" + stream("source: {listen: 'tcp://h:1', token_file: fifo}"),
        ),
        *(
            (
                f"streams[0].source.tls.{key}",
                f"{LIVEKIT}streams:\n" + stream(f"source: {{{dial}: 'tls://h:1', tls: {{{files}}}}}"),
            )
            for key, dial, files in (
                ("cert", "listen", "cert: fifo, key: ours.key"),
                ("key", "listen", "cert: ours.pem, key: fifo"),
                ("client_ca", "listen", "cert: ours.pem, key: ours.key, client_ca: fifo"),
                ("ca", "connect", "ca: fifo"),
            )
        ),
    ],
)
def test_a_fifo_in_place_of_any_file_is_said_with_its_key(
    complains: Complains, ca: Certificate, tmp_path: Path, key: str, text: str
) -> None:
    os.mkfifo(tmp_path / "fifo")
    ours = sign(ca, "ours")
    for file in (ours.cert, ours.key):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (line,) = complains(text)
    assert re.fullmatch(
        rf"ingestd.yaml:\d+: {re.escape(key)}: '?fifo'? cannot be read: it is a FIFO; {CURE}", line
    )


def test_a_certificate_of_terabytes_is_not_read_to_its_end(complains: Complains, tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as sparse:
        sparse.truncate(1 << 40)
    (line,) = complains(LIVEKIT + "streams:\n" + stream("source: {listen: 'tls://h:1', tls: {cert: huge}}"))
    assert line.endswith("source.tls.cert: huge is larger than 1MiB; PEM is expected")


def test_all_that_a_system_trusts_is_small(loads: Loads, ca: Certificate, tmp_path: Path) -> None:
    # As Debian's ca-certificates.crt: 150, 220 kB.
    (tmp_path / "ca.pem").write_text(ca.cert.read_text() * 200)
    loads(LIVEKIT + "streams:\n" + stream("source: {connect: 'tls://h:1', tls: {ca: ca.pem}}"))
