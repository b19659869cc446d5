"""Datagrams to a service manager that listens, does not, or is none."""

import contextlib
import socket
from pathlib import Path

import pytest
import structlog

from ingestd.redact import hide
from ingestd.service.sd_notify import Notifier
from tests.service.support import Manager


def test_states_go_out_in_one_datagram_and_each_is_one_line(tmp_path: Path) -> None:
    hide("never-to-be-seen")
    with Manager(tmp_path) as manager:
        notifier = Notifier(manager.address)
        notifier.send(READY=1, STATUS="two\nlines, \x1b[1m and never-to-be-seen")
        manager.wait_for(lambda: manager.told, "something")
        notifier.close()
    assert manager.told == [{"READY": "1", "STATUS": "two lines, \\x1b[1m and [hidden]"}]


def test_an_abstract_address_is_known() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0ingestd-test-notify")
        environ = {"NOTIFY_SOCKET": "@ingestd-test-notify", "HOME": "/"}
        notifier = Notifier.taken_from(environ)
        assert environ == {"HOME": "/"}, "not for our children"
        notifier.send(WATCHDOG=1)
        assert manager.recv(100) == b"WATCHDOG=1"
        notifier.close()


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_one_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier.taken_from(environ)
    assert not notifier.active
    notifier.send(READY=1)
    notifier.close()


def test_one_that_does_not_listen_or_read_costs_one_line(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        notifier = Notifier(str(tmp_path / "nobody"))
        for _ in range(3):
            notifier.send(WATCHDOG=1)
        notifier.close()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
            deaf.bind(str(tmp_path / "deaf"))
            notifier = Notifier(str(tmp_path / "deaf"))
            for _ in range(1000):
                notifier.send(WATCHDOG=1)
            notifier.close()
    assert [line["event"] for line in lines] == ["the service manager is not told"] * 2


def test_a_busy_service_manager_hears_of_all_but_the_watchdog_later_and_in_order(tmp_path: Path) -> None:
    # As systemd is while it reads its units again: a READY that is lost ends in a restart.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as busy:
        busy.bind(str(tmp_path / "busy"))
        notifier = Notifier(str(tmp_path / "busy"))
        with structlog.testing.capture_logs():
            filled = fill(busy)
            notifier.send(RELOADING=1)
            notifier.send(WATCHDOG=1)
            notifier.send(READY=1)
        for _ in range(filled):
            assert busy.recv(100) == b"X=1"
        notifier.flush()
        notifier.send(WATCHDOG=1)
        notifier.close()
        busy.setblocking(False)
        assert [busy.recv(100) for _ in range(3)] == [b"RELOADING=1", b"READY=1", b"WATCHDOG=1"]
        with pytest.raises(BlockingIOError):
            busy.recv(100)


def fill(busy: socket.socket) -> int:
    """Send as much as it takes without reading; return how many datagrams."""
    sent = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
        other.setblocking(False)
        while True:
            other.sendto(b"X=1", busy.getsockname())
            sent += 1
    return sent
