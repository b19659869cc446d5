import os
import socket

import pytest

from ingestd.devserver.livekit_binary import ServerError
from ingestd.devserver.port_pair import PortPair, listens


@pytest.fixture
def one_pair_only() -> range:
    """The first ports of the pairs to choose from: of one that is free."""
    pair = PortPair.reserve()
    pair.release()
    return range(pair.first, pair.first + 1)


def test_a_pair_is_chosen_by_one_at_a_time(one_pair_only: range) -> None:
    pair = PortPair.reserve(one_pair_only)
    assert pair.first == one_pair_only[0]
    with pytest.raises(ServerError, match="no free ports"):
        PortPair.reserve(one_pair_only)
    pair.release()
    PortPair.reserve(one_pair_only).release()


@pytest.mark.parametrize(
    ("offset", "kind"), [(0, socket.SOCK_STREAM), (1, socket.SOCK_STREAM), (1, socket.SOCK_DGRAM)]
)
def test_a_pair_of_which_one_is_taken_is_not_chosen(
    one_pair_only: range, offset: int, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("", one_pair_only[0] + offset))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        with pytest.raises(ServerError, match="no free ports"):
            PortPair.reserve(one_pair_only)


def test_who_listens_is_told_from_who_does_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert listens(os.getpid(), port)
        assert not listens(os.getppid(), port)
    assert not listens(os.getpid(), port)
