import asyncio
import os
import signal
import time

import pytest

from ingestd.demo.signals import SignalHandling
from tests.support.wait import eventually


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_breaks_a_blocking_call_off(number: signal.Signals) -> None:
    def blocking_call() -> None:
        send(number)
        time.sleep(10)

    began = time.monotonic()
    with SignalHandling() as interrupt:
        with interrupt.breaks(), pytest.raises(KeyboardInterrupt):
            blocking_call()
        assert interrupt.asked
    assert time.monotonic() - began < 5


def test_elsewhere_a_signal_is_remembered_until_something_can_be_broken_off() -> None:
    with SignalHandling() as interrupt:
        send(signal.SIGINT)
        cleaned_up = True
        with pytest.raises(KeyboardInterrupt), interrupt.breaks():
            cleaned_up = False
    assert cleaned_up


def test_only_the_first_signal_breaks_anything_off() -> None:
    with SignalHandling() as interrupt, interrupt.breaks():
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        send(signal.SIGINT)  # while we tidy up


async def test_in_a_loop_a_signal_calls_back_once() -> None:
    called: list[bool] = []
    with SignalHandling() as interrupt, interrupt.calls(lambda: called.append(True)):
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        await eventually(lambda: called, "call back")
        await asyncio.sleep(0)
    assert called == [True]


async def test_a_signal_that_came_before_calls_back_at_once() -> None:
    called: list[bool] = []
    with SignalHandling() as interrupt:
        send(signal.SIGTERM)
        with interrupt.calls(lambda: called.append(True)):
            assert called == [True]


def test_the_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with SignalHandling():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
