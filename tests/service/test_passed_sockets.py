"""Sockets that were opened for us."""

import os
import socket
from collections.abc import Iterator

import pytest

from ingestd.service.passed_sockets import PassedSockets


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as line:
        yield line


def passed(*lines: socket.socket, names: str, pid: int | None = None) -> PassedSockets:
    """As after exec: in descriptors that follow each other."""
    first = 200
    for number, line in enumerate(lines):
        os.dup2(line.fileno(), first + number)
    environ = {
        "LISTEN_PID": str(os.getpid() if pid is None else pid),
        "LISTEN_FDS": str(len(lines)),
        "LISTEN_FDNAMES": names,
    }
    sockets = PassedSockets.taken_from(environ, first)
    assert environ == {}, "not for our children"
    return sockets


def test_a_socket_belongs_to_the_stream_it_is_named_after(listening: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        sockets = passed(listening, other, names="cam:roof")
    cam = sockets.of("cam")
    assert cam is not None
    assert cam.getsockname() == listening.getsockname()
    assert not os.get_inheritable(cam.fileno())
    assert sockets.of("yard") is None
    assert sockets.unused(["cam", "roof"]) == []
    [unused] = sockets.unused(["cam"])
    assert unused.startswith("the passed socket 'roof' is not used: no stream that listens has this name")
    cam.close()


def test_closing_what_a_stream_was_given_refuses_nobody(listening: socket.socket) -> None:
    sockets = passed(listening, names="cam")
    given = sockets.of("cam")
    assert given is not None
    given.close()
    listening.close()
    with socket.create_connection(sockets.by_name["cam"].getsockname(), timeout=5) as encoder:
        encoder.sendall(b"waits")


def test_those_of_another_process_are_not_ours(listening: socket.socket) -> None:
    assert passed(listening, names="cam", pid=1).by_name == {}
    assert PassedSockets.taken_from({}).by_name == {}


@pytest.mark.parametrize("count", ["many", "-1", "1.5", "٣", "1" * 5000, " 1"])
def test_a_count_that_is_none_is_said_and_nothing_is_used(listening: socket.socket, count: str) -> None:
    sockets = counted(listening, count)
    assert sockets.by_name == {}
    [said] = sockets.unused([])
    assert said.startswith(f"no passed socket is used: LISTEN_FDS is {count[:20]!r}; expected the number")


def test_a_count_that_is_far_too_high_ends_with_what_is_open(listening: socket.socket) -> None:
    sockets = counted(listening, "999999999")
    assert set(sockets.by_name) == {"cam"}
    [said] = sockets.unused(["cam"])
    assert said == (
        "of the passed sockets only the first 1 are looked at: LISTEN_FDS is 999999999, and file "
        "descriptor 301 is not open"
    )


def test_none_passed_is_nothing_to_say(listening: socket.socket) -> None:
    assert counted(listening, "0") == PassedSockets({})


@pytest.mark.parametrize("pid", ["", "0", "-1", "x", "9" * 5000])
def test_a_count_for_another_process_is_not_looked_at(pid: str) -> None:
    assert PassedSockets.taken_from({"LISTEN_PID": pid, "LISTEN_FDS": "many"}) == PassedSockets({})
    assert PassedSockets.taken_from({"LISTEN_PID": str(os.getpid())}) == PassedSockets({})


def counted(line: socket.socket, count: str) -> PassedSockets:
    """One socket, cam, of which LISTEN_FDS says ``count``."""
    os.dup2(line.fileno(), 300)
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count, "LISTEN_FDNAMES": "cam"}
    sockets = PassedSockets.taken_from(environ, 300)
    if not sockets.by_name:
        os.close(300)
    return sockets


def test_a_socket_without_a_name_is_said(listening: socket.socket) -> None:
    [unused] = passed(listening, names="").unused(["cam"])
    assert "'unknown' is not used" in unused
    assert "FileDescriptorName=" in unused


def test_what_does_not_listen_is_said(listening: socket.socket) -> None:
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
        socket.create_connection(listening.getsockname()) as connected,
    ):
        sockets = passed(datagrams, connected, listening, listening, names="a:b:cam:cam")
    assert set(sockets.by_name) == {"cam"}
    said = sockets.unused(["cam"])
    assert [line.split("'")[1] for line in said] == ["a", "b", "cam"]
    assert "Accept=no" in said[0]
    assert "another one has its name" in said[2]


def test_a_descriptor_that_is_no_socket_is_said() -> None:
    reading, writing = os.pipe()
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "cam"}
    sockets = PassedSockets.taken_from(environ, reading)
    assert "is no socket" in sockets.unused(["cam"])[0]
    os.close(reading)
    os.close(writing)
