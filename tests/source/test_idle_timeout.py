"""How long a connection may be silent: at its entrance, before its first picture, and after it."""

from collections.abc import Callable

import pytest

from ingestd.source import idle_timeout
from ingestd.source.idle_timeout import IdleTimeout
from tests.support.wait import eventually

SHORT_S, LONG_S = 0.05, 0.2


class Silence:
    """A timeout on a connection that sends nothing, and the limits that were passed."""

    def __init__(self, timeout_s: float | None, start_timeout_s: float | None = None) -> None:
        self.passed: list[float] = []
        self.busy = False
        self.idle = IdleTimeout(
            timeout_s, start_timeout_s, busy=lambda: self.busy, on_timeout=self.passed.append
        )

    async def until_timeout(self) -> None:
        await eventually(lambda: self.passed != [])


async def a_long_silence() -> None:
    """Return when a timeout that was set after all others, and is longer, has passed."""
    other = Silence(LONG_S)
    other.idle.admit()
    await other.until_timeout()


async def test_an_encoder_may_be_silent_for_as_long_as_is_configured() -> None:
    silence = Silence(SHORT_S)
    silence.idle.admit()
    assert silence.passed == []
    await silence.until_timeout()
    assert silence.passed == [SHORT_S]
    assert silence.idle.silent_s >= SHORT_S * 0.9


async def test_without_a_timeout_it_may_be_silent_for_ever() -> None:
    silence = Silence(None)
    silence.idle.admit()
    await a_long_silence()
    assert silence.passed == []


async def test_the_timeout_of_the_start_ends_with_the_first_picture() -> None:
    pictures, none = Silence(None, SHORT_S), Silence(None, SHORT_S)
    pictures.idle.admit()
    none.idle.admit()
    pictures.idle.picture_seen()
    await a_long_silence()
    assert (pictures.passed, none.passed) == ([], [SHORT_S])


async def test_a_stage_of_the_entrance_has_a_timeout_of_its_own() -> None:
    silence = Silence(None)
    silence.idle.enter(SHORT_S)
    await silence.until_timeout()
    assert silence.passed == [SHORT_S]


async def test_a_connection_without_a_byte_has_a_limit_even_where_an_encoder_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idle_timeout, "SILENT_TIMEOUT_S", SHORT_S)
    silences = [Silence(None), Silence(LONG_S), Silence(SHORT_S / 2)]
    for silence in silences:
        silence.idle.enter(None)
    await a_long_silence()
    assert [silence.passed for silence in silences] == [[SHORT_S], [SHORT_S], [SHORT_S / 2]]


async def test_that_of_the_entrance_counts_no_more_when_it_is_admitted() -> None:
    silence = Silence(LONG_S)
    silence.idle.enter(SHORT_S)
    silence.idle.admit()
    await silence.until_timeout()
    assert silence.passed == [LONG_S]


@pytest.mark.parametrize("begin", [IdleTimeout.admit, IdleTimeout.heard])
async def test_it_counts_from_the_admission_and_from_the_last_bytes(
    begin: Callable[[IdleTimeout], None],
) -> None:
    silence = Silence(2 * LONG_S)
    silence.idle.admit()
    await a_long_silence()
    begin(silence.idle)
    between = Silence(1.5 * LONG_S)  # after the end of what was counted before, and before that of the new
    between.idle.admit()
    await between.until_timeout()
    assert silence.passed == []
    await silence.until_timeout()


async def test_nobody_is_silent_whom_we_were_too_busy_to_read() -> None:
    silence = Silence(SHORT_S)
    silence.busy = True
    silence.idle.admit()
    await a_long_silence()
    assert silence.passed == []
    silence.busy = False
    await silence.until_timeout()


async def test_what_is_stopped_stays_so() -> None:
    silence = Silence(SHORT_S)
    silence.idle.admit()
    silence.idle.stop()
    silence.idle.picture_seen()
    await a_long_silence()
    assert silence.passed == []
