"""Listening on ports and sockets in the file system, and what becomes of encoders when that ends."""

import asyncio
import errno
import grp
import os
import resource
import shutil
import socket
import stat
from pathlib import Path

import pytest
import uvloop
from structlog.testing import capture_logs

from ingestd.config import Address, SourceConfig
from ingestd.errors import AddressError, PassedSocketError
from ingestd.source.admission import Admission
from ingestd.source.connection import RECEIVE_BUFFER_BYTES
from ingestd.source.socket_listener import Listener
from tests.source.line import ANY_PORT, GREETING, THE_END, Encoder, Stream, listening


async def test_bytes_arrive_as_they_were_sent() -> None:
    stream = Stream()
    data = bytes(range(256)) * (RECEIVE_BUFFER_BYTES // 128)  # twice what fits into the buffer
    async with listening(stream) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await encoder.send(data)
        await stream.until(lambda: len(stream.received) == len(data))
        assert stream.received == data
        assert stream.events == ["connected"]
        assert admission.current is stream.connections_[0]
        assert admission.current.peer == encoder.name
        assert admission.connections["accepted"] == 1
        encoder.hang_up()
        assert await stream.until_events(2) == ["connected", "gone: the encoder closed the connection"]
        assert admission.current is None


async def test_an_encoder_that_is_there_when_we_stop() -> None:
    stream = Stream()
    async with listening(stream) as (listener, admission):
        encoder = Encoder.dial(listener.address)
        await stream.until_events(1)
        await listener.stop("the stream's configuration changed")
        assert stream.events[1:] == ["gone: the stream's configuration changed"]
        assert await encoder.read() == b""
        assert (stream.errors, stream.cut) == ([None], [True])
        assert admission.current is None
        with pytest.raises(ConnectionRefusedError):
            Encoder.dial(listener.address)
        await listener.stop(THE_END)
    assert len(stream.events) == 2


@pytest.mark.parametrize("turns", range(6))
async def test_an_encoder_that_comes_while_we_stop_is_not_left_behind(turns: int) -> None:
    stream = Stream()
    with capture_logs() as lines:
        async with listening(stream) as (listener, admission):
            encoder = Encoder.dial(listener.address)
            for _ in range(turns):  # accepted, then told to the admission
                await asyncio.sleep(0)
            await listener.stop(THE_END)
            # asyncio's own loop loses sight of one that it has only just accepted.
            if isinstance(asyncio.get_running_loop(), uvloop.Loop):
                assert await encoder.read() == b""
            assert admission.current is None
    assert stream.events in ([], ["connected", f"gone: {THE_END}"])
    assert [line for line in lines if line["event"] == "encoder refused"] == []


async def test_an_encoder_that_comes_when_we_have_stopped_is_turned_away_quietly() -> None:
    stream = Stream()
    with capture_logs() as lines:
        async with listening(stream) as (listener, admission):
            admission.close(THE_END)
            encoder = Encoder.dial(listener.address)
            assert await encoder.read() == b""
            assert set(admission.connections.values()) == {0}
    assert stream.events == []
    assert [line["event"] for line in lines] == ["waiting for the encoder"]


async def test_a_listener_on_ipv6_knows_who_dials() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on the loopback interface: enable it (net.ipv6.conf.lo.disable_ipv6=0)")
    stream = Stream()
    async with listening(stream, Address("tcp", "::1", 0)) as (listener, admission):
        encoder = socket.create_connection(("::1", listener.address.port))
        encoder.send(GREETING)
        await stream.until_events(1)
        assert admission.current is not None
        assert admission.current.peer == f"[::1]:{encoder.getsockname()[1]}"
        encoder.close()


async def test_port_0_becomes_the_port_that_was_chosen() -> None:
    async with listening(Stream()) as (listener, _):
        assert listener.address.port != 0
        assert listener.problem is None
    assert listener.problem == f"{listener.address} is not open"


async def test_a_port_that_is_taken_is_named() -> None:
    async with listening(Stream()) as (first, _):
        with pytest.raises(AddressError) as caught:
            async with listening(Stream(), first.address):
                pass
    text = str(caught.value)
    assert text.startswith(f"source.listen: {first.address} cannot be listened on: ")
    assert "address already in use" in text.lower()
    assert "; allowed: " in text


async def test_a_port_is_free_again_at_once() -> None:
    stream = Stream()
    async with listening(stream) as (first, _):
        Encoder.dial(first.address)
        await stream.until_events(1)
    async with listening(Stream(), first.address) as (second, _):
        assert second.address == first.address


async def test_a_socket_in_the_file_system(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    stream = Stream()
    async with listening(stream, Address("unix", path=str(path)), allow=["10.0.0.0/8"]) as (
        listener,
        admission,
    ):
        encoder = Encoder.dial(listener.address)
        await encoder.send(b"local")
        await stream.until(lambda: stream.received == b"local")
        assert admission.current is not None
        assert admission.current.peer == "unix"
        encoder.hang_up()
        await stream.until_events(2)
    assert not path.exists()


async def test_a_socket_left_behind_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.is_socket()
    stream = Stream()
    async with listening(stream, Address("unix", path=str(path))) as (listener, _):
        Encoder.dial(listener.address)
        await stream.until_events(1)


async def test_a_socket_someone_listens_on_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(AddressError, match=r"cam\.sock cannot be listened on: another process listens"):
            async with listening(Stream(), Address("unix", path=str(path))):
                pass
        assert path.is_socket()
        Encoder.dial(Address("unix", path=str(path))).hang_up()


async def test_a_socket_whose_listener_is_overrun_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = Encoder.dial(
            Address("unix", path=str(path))
        )  # nobody accepts it; the next would have to wait
        with pytest.raises(AddressError, match="another process listens"):
            async with asyncio.timeout(5), listening(Stream(), Address("unix", path=str(path))):
                pass
        waiting.hang_up()
        assert path.is_socket()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(AddressError, match="exists and is not a socket"):
        async with listening(Stream(), Address("unix", path=str(path))):
            pass
    assert path.read_text() == "data"


async def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "cam.sock"
    with pytest.raises(AddressError, match=r"absent/cam\.sock cannot be listened on: No such file"):
        async with listening(Stream(), Address("unix", path=str(path))):
            pass


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".example"])
async def test_a_host_that_cannot_be_resolved_is_named(host: str) -> None:
    with pytest.raises(AddressError, match="cannot be listened on"):
        async with listening(Stream(), Address("tcp", host, 0)):
            pass


async def test_a_socket_in_the_file_system_has_the_mode_and_the_group_that_it_should(tmp_path: Path) -> None:
    path, group = tmp_path / "cam.sock", grp.getgrgid(os.getgid()).gr_name
    listener = Listener(
        Address("unix", path=str(path)),
        Admission(SourceConfig(listen=ANY_PORT), "cam"),
        "cam",
        socket_mode=0o606,
        socket_group=group,
    )
    await listener.start()
    assert (stat.S_IMODE(path.stat().st_mode), path.group()) == (0o606, group)
    await listener.stop(THE_END)


async def test_a_group_that_is_not_there_is_named_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    admission = Admission(SourceConfig(listen=ANY_PORT), "cam")
    listener = Listener(Address("unix", path=str(path)), admission, "cam", socket_group="no-such-group")
    with pytest.raises(AddressError, match=r"source\.socket_group: this machine has no group no-such-group"):
        await listener.start()
    assert not path.exists()


async def test_a_group_that_ingestd_is_no_member_of_is_named_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def may_not(*_: object, **__: object) -> None:  # as root may give a socket to any group, these tests may
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(shutil, "chown", may_not)
    path = tmp_path / "cam.sock"
    admission = Admission(SourceConfig(listen=ANY_PORT), "cam")
    listener = Listener(Address("unix", path=str(path)), admission, "cam", socket_group="video")
    with pytest.raises(AddressError, match=r"source\.socket_group: ingestd is no member of video"):
        await listener.start()
    assert not path.exists()


async def test_the_wildcard_of_ipv6_takes_ipv4_too() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("no socket of both families here: enable IPv6 (net.ipv6.conf.all.disable_ipv6=0)")
    stream = Stream()
    async with listening(stream, Address("tcp", "::", 0), allow=["127.0.0.0/8"]) as (listener, admission):
        encoder = Encoder.dial(Address("tcp", "127.0.0.1", listener.address.port))
        await stream.until_events(1)
        assert admission.current is not None
        assert (admission.current.host, admission.current.peer) == ("127.0.0.1", encoder.name)


async def test_no_descriptor_left_to_listen() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # what is open stays open
    try:
        with pytest.raises(AddressError, match=r"Too many open files; raise their limit \(systemd: LimitN"):
            async with listening(Stream()):
                pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def passed_listener(line: socket.socket, address: Address, stream: Stream) -> Listener:
    admission = Admission(SourceConfig(listen=address), "cam")
    admission.attach(stream)
    return Listener(address, admission, "cam", passed=line.dup())


async def test_a_passed_socket_takes_encoders_and_keeps_those_that_dial_behind_our_end() -> None:
    stream = Stream()
    with socket.create_server(("127.0.0.1", 0)) as line:
        line.setblocking(False)
        address = Address("tcp", "127.0.0.1", line.getsockname()[1])
        first = passed_listener(line, address, stream)
        await first.start()
        assert first.address == address
        await first.stop(THE_END)
        encoder = Encoder.dial(address)  # nobody accepts it now
        second = passed_listener(line, address, stream)
        await second.start()
        await stream.until_events(1)
        await encoder.send(GREETING)
        await stream.until(lambda: stream.received.endswith(GREETING))
        await second.stop(THE_END)


async def test_the_file_of_a_passed_socket_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "cam.sock"
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(str(path))
        line.listen()
        line.setblocking(False)
        listener = passed_listener(line, Address("unix", path=str(path)), Stream())
        await listener.start()
        await listener.stop(THE_END)
        assert path.exists()
        Encoder.dial(Address("unix", path=str(path)))


@pytest.mark.parametrize(
    ("bound", "listen", "warned"),
    [
        ("127.0.0.1", Address("tcp", "127.0.0.1", 0), False),
        ("127.0.0.1", Address("tcp", "127.0.0.1", 1), True),
        ("127.0.0.1", Address("tcp", "0.0.0.0", 0), True),
        ("0.0.0.0", Address("tcp", "::", 0), False),
    ],
)
async def test_a_passed_socket_on_another_address_counts_and_is_said(
    bound: str, listen: Address, warned: bool
) -> None:
    with socket.create_server((bound, 0)) as line, capture_logs() as lines:
        line.setblocking(False)
        listener = passed_listener(line, listen, Stream())
        await listener.start()
        assert listener.address == Address("tcp", bound, line.getsockname()[1])
        await listener.stop(THE_END)
    warnings = [line["event"] for line in lines if line["log_level"] == "warning"]
    assert warnings == (["the socket that systemd passes counts, not source.listen"] if warned else [])


async def test_a_passed_socket_of_another_kind_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:
        listener = passed_listener(line, Address("unix", path=str(tmp_path / "cam.sock")), Stream())
        with pytest.raises(
            PassedSocketError, match=r"is not what the socket .* passes is: tcp://.*ListenStream="
        ):
            await listener.start()
        await listener.stop(THE_END)
