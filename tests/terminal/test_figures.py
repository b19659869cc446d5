"""What is asked of a daemon, and what is said where it does not answer."""

import json
import socket
import threading
from typing import Any

import pytest

from ingestd.errors import ConfigError
from ingestd.terminal.figures import Daemon, DaemonError
from tests.support.ports import free_port
from tests.terminal.support import Answers, serving, stream

# What no daemon says, and what could not be shown.
MISTYPED: list[dict[str, Any]] = [
    {"problems": 5},
    {"frame_delay": [1]},
    {"frames_dropped": 5},
    {"frames_dropped": {"backlog": "x"}},
    {"frames_lost": "x"},
    {"bitrate_bps": 10**400},
]


def test_the_worst_stream_comes_first() -> None:
    states = ("live", "waiting", "failed", "starting", "frozen", "degraded", "live", "a-new-one")
    body = [stream(f"cam-{number}", state=state) for number, state in enumerate(states)]
    answers = Answers()
    answers.body = json.dumps(body).encode()
    with serving(answers):
        found = Daemon(answers.url + "/").look()
    assert answers.asked == [("/api/streams", None)]
    ordered = ["a-new-one", "failed", "frozen", "degraded", "starting", "waiting", "live", "live"]
    assert [one["state"] for one in found] == ordered
    assert [one["name"] for one in found if one["state"] == "live"] == ["cam-0", "cam-6"]


def test_user_and_password_go_to_the_proxy_and_are_not_shown() -> None:
    answers = Answers()
    with serving(answers):
        daemon = Daemon(answers.url.replace("//", "//me:secret@"))
        daemon.look()
    assert answers.asked == [("/api/streams", "Basic bWU6c2VjcmV0")]
    with pytest.raises(DaemonError) as error:
        daemon.look()
    assert "secret" not in str(error.value) + daemon.place


def test_a_daemon_that_is_not_there_is_named_with_the_key_that_says_where_it_is() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(
        DaemonError, match=rf"no ingestd answers at {url}: Connection refused; .*http\.listen"
    ):
        Daemon(url).look()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"", "answers 404 Not Found"),
        (200, b"<html>", "is not ingestd"),
        (200, b"[1]", "is not ingestd"),
        (200, b'{"a": 1}', "is not ingestd"),
        (200, b'[{"name": "x"}]', "is not ingestd"),
        (200, b"[" * 100_000, "is not ingestd"),
        *[(200, json.dumps([stream(**changed)]).encode(), "is not ingestd") for changed in MISTYPED],
    ],
)
def test_something_else_answers(status: int, body: bytes, said: str) -> None:
    answers = Answers()
    answers.status, answers.body = status, body
    with serving(answers), pytest.raises(DaemonError, match=said):
        Daemon(answers.url).look()


def test_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestd.terminal.figures.TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        daemon = Daemon(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(DaemonError, match="timed out"):
            daemon.look()


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_one_that_trickles_is_given_up_and_asked_anew_when_it_has_ended(
    begin: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestd.terminal.figures.ANSWER_TIMEOUT_S", 0.2)
    ended = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(begin)
            while not ended.wait(0.01):
                connection.sendall(b"X")

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=trickle, args=(server,))
        thread.start()
        daemon = Daemon(f"http://127.0.0.1:{port}")
        try:
            for _ in range(2):
                with pytest.raises(DaemonError, match=r"not all of an answer came in 0\.2 s"):
                    daemon.look()
        finally:
            ended.set()
            thread.join()
    monkeypatch.undo()
    with pytest.raises(DaemonError):
        daemon.look()  # the rest of that answer
    with serving(Answers(), port):
        assert len(daemon.look()) == 1


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with serving(Answers()) as answers:
        assert len(Daemon(answers.url).look()) == 1


@pytest.mark.parametrize(
    "url", ["127.0.0.1:9464", "ftp://h", "http://", "http://h:99999", "http://h /x", "http://\x1b"]
)
def test_what_is_no_url_is_an_error_of_the_arguments(url: str) -> None:
    with pytest.raises(ConfigError, match=r"--url .* is not usable; allowed: http://HOST:PORT"):
        Daemon(url)
