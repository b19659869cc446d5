"""A real terminal: drawn on in place, and given back as it was, however it ends."""

import contextlib
import os
import signal
import sys
import termios
from collections.abc import Iterator

import pytest

from ingestd.terminal.screen import Screen
from tests.support.wait import PATIENCE_S
from tests.terminal.support import Answers, Terminal, serving

LEFT = "\x1b[?7h\x1b[?25h\x1b[?1049l"


@pytest.mark.parametrize("how", ["q", "\x03", "\x04", signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_with_0_and_leaves_the_terminal_as_it_was(how: str | signal.Signals) -> None:
    with serving(Answers()) as answers, Terminal("top", "--url", answers.url) as terminal:
        terminal.shows("\x1b[?1049h")
        terminal.shows("LOST: ")
        assert not terminal.is_as_before, "keys come without Enter"
        terminal.type(how) if isinstance(how, str) else terminal.process.send_signal(how)
        assert terminal.ends() == 0
        assert terminal.written.endswith(LEFT)
        assert terminal.is_as_before


def test_a_look_is_drawn_over_the_one_before_without_an_empty_screen_between() -> None:
    with serving(Answers()) as answers, Terminal("top", "--url", answers.url) as terminal:
        terminal.shows("\x1b[?2026l")
        look = terminal.shows("\x1b[?2026l")
    assert look.startswith("\x1b[?2026h\x1b[H\x1b[K")
    assert "\x1b[2J" not in look
    assert look.count("\r\n") == 23


def test_it_follows_the_size_of_the_window() -> None:
    with serving(Answers()) as answers, Terminal("top", "--url", answers.url) as terminal:
        terminal.shows("LOST\x1b")
        terminal.resize(200, 50)
        terminal.shows("ENCODER\x1b")
        terminal.resize(30, 8)
        terminal.shows("FPS\x1b")


def test_it_stands_aside_on_ctrl_z() -> None:
    with serving(Answers()) as answers, Terminal("top", "--url", answers.url) as terminal:
        terminal.shows("LOST: ")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.shows(LEFT)
        os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED)  # or it would stop after it was told to go on
        terminal.process.send_signal(signal.SIGCONT)
        terminal.shows("\x1b[?1049h")
        terminal.type("q")
        assert terminal.ends() == 0


def test_without_standard_input_it_is_watched_all_the_same() -> None:
    with serving(Answers()) as answers, Terminal("top", "--url", answers.url, no_input=True) as terminal:
        terminal.shows("LOST: ")
        terminal.process.terminate()
        assert terminal.ends() == 0
        assert terminal.written.endswith(LEFT)


@contextlib.contextmanager
def screen() -> Iterator[tuple[Screen, int]]:
    """A screen of this process on a terminal of its own, and the other end of that."""
    outer, inner = os.openpty()
    with (
        open(inner, closefd=False) as keys,
        open(inner, "w", closefd=False) as shown,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", keys)
        patch.setattr(sys, "stdout", shown)
        with Screen() as here:
            yield here, outer
    os.close(outer)
    os.close(inner)


def test_keys_are_read_by_what_they_send_and_others_are_none() -> None:
    with screen() as (here, outer):
        os.write(outer, b"\x1b[A\x1bOBx\x1b[6~ \x1b[5~jk\x1b[1;5Cq")
        keys = here.wait(PATIENCE_S)
    assert keys == ["up", "down", "page down", "page down", "page up", "down", "up", "end"]


def test_it_wakes_without_a_key_and_by_a_signal() -> None:
    with screen() as (here, _):
        here.wake()
        assert here.wait(PATIENCE_S) == []
        assert here.wait(0) == []
        os.kill(os.getpid(), signal.SIGWINCH)
        assert here.wait(PATIENCE_S) == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert here.wait(PATIENCE_S) == ["end"]


def test_a_look_fills_the_window_and_no_more() -> None:
    with screen() as (here, outer):
        termios.tcsetwinsize(outer, (3, 40))
        assert here.size == (40, 3)
        os.read(outer, 4096)
        here.draw(["one", "two", "three", "four"])
        assert os.read(outer, 4096) == b"\x1b[?2026h\x1b[H\x1b[Kone\r\n\x1b[Ktwo\r\n\x1b[Kthree\x1b[?2026l"
