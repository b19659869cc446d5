"""How a file, a FIFO and a socket are read: how much, for how long, and what is said where nothing comes."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from ingestd.config.address import Address
from ingestd.errors import ConfigError, StreamError
from ingestd.probe.analyser import Analyser
from ingestd.probe.read import FILE_READ_BYTES, connect, read_file, read_live
from ingestd.probe.target import Fifo, Listen
from tests.support.encoded import encode
from tests.support.ports import free_port
from tests.support.wait import PATIENCE_S

STREAM = encode("vp8", frames=90, gop=30)


def test_a_file_is_read_whole_or_for_the_first_seconds(tmp_path: Path) -> None:
    path = tmp_path / "x.ivf"
    path.write_bytes(STREAM.container)
    whole, part = Analyser(live=False), Analyser(live=False)
    read_file(path, whole, None)
    read_file(path, part, 1.0)
    assert whole.report().pictures == 90
    assert 30 <= part.report().pictures < 90
    assert part.report().bytes < whole.report().bytes / 2 + 2 * FILE_READ_BYTES


def test_a_file_of_no_bytes_and_one_that_cannot_be_opened(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(StreamError, match="the file is empty") as caught:
        read_file(empty, Analyser(live=False), None)
    assert (caught.value.reason, caught.value.case) == ("empty", "file")
    with pytest.raises(ConfigError, match=f"{tmp_path}: cannot be read: Is a directory"):
        read_file(tmp_path, Analyser(live=False), None)


def test_a_file_that_opens_and_cannot_be_read() -> None:
    with pytest.raises(ConfigError, match="/proc/self/mem: cannot be read: Input/output error"):
        read_file(Path("/proc/self/mem"), Analyser(live=False), None)


@pytest.fixture
def fifo(tmp_path: Path) -> Fifo:
    os.mkfifo(tmp_path / "fifo")
    return Fifo(tmp_path / "fifo")


def test_a_fifo_that_nobody_writes_to_is_silent(fifo: Fifo) -> None:
    with connect(fifo) as ours, pytest.raises(StreamError, match=r"nothing came in 0\.1 s"):
        read_live(ours, Analyser(live=True), 0.1)


def test_a_fifo_is_left_when_time_is_up_and_ends_with_who_writes_to_it(fifo: Fifo) -> None:
    goes_on, hangs_up = Analyser(live=True), Analyser(live=True)
    with connect(fifo) as ours:
        with fifo.path.open("wb", buffering=0) as theirs:
            theirs.write(STREAM.header + STREAM.pieces[0])
            read_live(ours, goes_on, 0.3)
            theirs.write(STREAM.header + STREAM.pieces[0])
        read_live(ours, hangs_up, PATIENCE_S)
    assert goes_on.report().pictures == hangs_up.report().pictures == 1


def test_a_fifo_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}/gone: cannot be read: No such file"):
        connect(Fifo(tmp_path / "gone"))


def test_an_encoder_that_hangs_up_has_sent_all() -> None:
    ours, theirs = socket.socketpair()
    analyser = Analyser(live=True)

    def send() -> None:
        with theirs:
            theirs.sendall(STREAM.container)

    sender = threading.Thread(target=send)
    with ours:
        sender.start()
        read_live(ours, analyser, PATIENCE_S)
        sender.join()
    assert analyser.report().pictures == 90


def test_an_encoder_that_goes_on_is_left_when_time_is_up() -> None:
    ours, theirs = socket.socketpair()
    analyser = Analyser(live=True)
    with ours, theirs:
        theirs.sendall(STREAM.header + STREAM.pieces[0] + STREAM.pieces[1][:20])
        began_at = time.monotonic()
        read_live(ours, analyser, 0.3)
        assert time.monotonic() - began_at >= 0.3
    report = analyser.report()
    assert (report.pictures, report.faults) == (1, ()), "what is half here is not cut: it would have gone on"


def test_an_encoder_that_says_nothing_is_silent() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(StreamError, match=r"nothing came in 0\.1 s") as caught:
        read_live(ours, Analyser(live=True), 0.1)
    assert caught.value.reason == "silent"


def test_the_last_picture_ends_by_a_silence_while_the_connection_is_open() -> None:
    stream = encode("h264", frames=5, gop=5)
    ours, theirs = socket.socketpair()
    analyser = Analyser(live=True)
    with ours, theirs:
        theirs.sendall(stream.container)
        read_live(ours, analyser, 1.5)
    assert analyser.report().pictures == 5


def test_an_encoder_that_listens_is_dialled() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as encoder,
        connect(Address("tcp", "127.0.0.1", encoder.getsockname()[1])) as ours,
    ):
        theirs, address = encoder.accept()
        with theirs:
            assert isinstance(ours, socket.socket)
            assert address == ours.getsockname()


def test_a_port_in_use_and_an_encoder_that_is_not_there() -> None:
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"listen:{port}: cannot be listened on: Address"):
            connect(Listen(port))
    with pytest.raises(StreamError, match="Connection refused") as caught:
        connect(Address("tcp", "127.0.0.1", free_port()))
    assert caught.value.reason == "unreachable"
    with pytest.raises(StreamError) as caught:
        connect(Address("tcp", "a" * 300, 5004))
    assert caught.value.reason == "unreachable"
