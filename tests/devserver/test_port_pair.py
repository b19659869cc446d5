import os
import socket

import pytest

from ingestd.devserver import port_pair
from ingestd.devserver.livekit_binary import ServerError
from ingestd.devserver.port_pair import PortPair, listens


@pytest.fixture
def one_pair_only(monkeypatch: pytest.MonkeyPatch) -> int:
    """A machine on which there is but one pair to choose; its first port."""
    pair = PortPair.reserve()
    pair.release()
    monkeypatch.setattr(port_pair, "_private_ports", lambda: (pair.first, pair.first + 2))
    return pair.first


def test_a_pair_is_chosen_by_one_at_a_time(one_pair_only: int) -> None:
    pair = PortPair.reserve()
    assert pair.first == one_pair_only
    with pytest.raises(ServerError, match="no free ports"):
        PortPair.reserve()
    pair.release()
    PortPair.reserve().release()


@pytest.mark.parametrize(
    ("offset", "kind"), [(0, socket.SOCK_STREAM), (1, socket.SOCK_STREAM), (1, socket.SOCK_DGRAM)]
)
def test_a_pair_of_which_one_is_taken_is_not_chosen(
    one_pair_only: int, offset: int, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("", one_pair_only + offset))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        with pytest.raises(ServerError, match="no free ports"):
            PortPair.reserve()


def test_who_listens_is_told_from_who_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert listens(os.getpid(), port)
        assert not listens(os.getppid(), port)
    assert not listens(os.getpid(), port)
