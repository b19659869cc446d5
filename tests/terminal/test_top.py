"""`ingestd top` against a server that answers as the daemon does: in a terminal, in a pipe, as JSON."""

import json
import subprocess
import sys

import pytest

from ingestd.cli import main
from tests.support.ports import free_port
from tests.terminal.support import Answers, Terminal, serving, stream


def test_in_a_pipe_it_looks_once_without_colours(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Answers()) as answers:
        assert main(["top", "--url", answers.url]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("1 live at 127.0.0.1:")
    assert "front-door   live     H.264 1280x720" in said.out
    assert "\x1b" not in said.out
    assert len(answers.asked) == 1


def test_as_json_in_a_pipe_it_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Answers()) as answers:
        assert main(["top", "--url", answers.url, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["url"] == answers.url
    assert found["streams"] == [stream()]
    assert found["at"] > 1_700_000_000


def test_as_json_in_a_terminal_it_is_a_line_each_second_also_of_a_daemon_that_went() -> None:
    answers = Answers()
    with serving(answers), Terminal("top", "--url", answers.url, "--json") as terminal:
        terminal.shows('"streams"')
        terminal.shows('"streams"')
        answers.status = 503
        terminal.shows('"error": "')
        terminal.type("\x03")
        assert terminal.ends() == 0


def test_a_daemon_that_is_not_there_exits_1_and_names_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--url", f"http://127.0.0.1:{free_port()}"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "Connection refused" in said.err
    assert "http.listen" in said.err


def test_a_bad_url_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--url", "nowhere"]) == 2
    assert "--url 'nowhere' is not usable; allowed: http://HOST:PORT" in capsys.readouterr().err


def test_a_daemon_that_goes_and_comes_back_is_waited_for() -> None:
    answers, port = Answers(), free_port()
    with serving(answers, port):
        terminal = Terminal("top", "--url", answers.url)
        terminal.shows("1 live")
    with terminal:
        said = terminal.shows("Waiting for it")
        assert "was: 1 live" in said
        answers.body = json.dumps([stream("roof")]).encode()
        with serving(answers, port):
            terminal.shows("roof ")
            terminal.type("q")
            assert terminal.ends() == 0


def test_one_that_hangs_keeps_no_key_waiting() -> None:
    answers = Answers()
    with serving(answers), Terminal("top", "--url", answers.url) as terminal:
        terminal.shows("1 live")
        answers.hang()
        terminal.type("q")
        assert terminal.ends() == 0
        answers.go_on()


def test_arrows_and_pages_scroll() -> None:
    answers = Answers()
    answers.body = json.dumps([stream(f"cam-{number:02}") for number in range(64)]).encode()
    with serving(answers), Terminal("top", "--url", answers.url, NO_COLOR="1") as terminal:
        terminal.shows(" (↓ or j)")
        terminal.type("\x1b[B\x1b[Bj")
        terminal.shows("(↑ or k)\r\n\x1b[Kcam-03 ")
        terminal.type("\x1b[6~" * 9)
        terminal.shows("(↑ or k)\r\n\x1b[Kcam-63 ")
        terminal.type("\x1b[5~" * 9)
        terminal.shows("LOST\r\n\x1b[Kcam-00 ")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_those_who_want_them(no_color: str, coloured: bool) -> None:
    with serving(Answers()) as answers, Terminal("top", "--url", answers.url, NO_COLOR=no_color) as terminal:
        look = terminal.shows("H.264")
        assert ("\x1b[32mlive\x1b[m" in look) is coloured
        terminal.type("q")


def test_a_dumb_terminal_gets_one_look() -> None:
    with serving(Answers()) as answers, Terminal("top", "--url", answers.url, TERM="dumb") as terminal:
        assert terminal.ends() == 0
        assert "\x1b" not in terminal.written
        assert "front-door" in terminal.written


def test_where_it_looks_by_itself() -> None:
    # A container that sets the daemon's address sets ours, too.
    with serving(Answers()) as answers:
        address = answers.url.removeprefix("http://").replace("127.0.0.1", "0.0.0.0")
        done = subprocess.run(
            [sys.executable, "-m", "ingestd", "top"],
            capture_output=True,
            text=True,
            check=True,
            env={"INGESTD_HTTP__LISTEN": address, "LANG": "C"},
        )
    assert done.stdout.startswith("1 live at 127.0.0.1:")
