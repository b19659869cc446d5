"""Posting events to a real HTTP server, whatever it does."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from ingestd.config import HookConfig, HookEvent
from ingestd.hooks.event import Event
from ingestd.hooks.hook import MAX_WAITING_EVENTS, Hook, Result
from ingestd.signature import sign
from ingestd.tasks import Tasks
from tests.hooks.support import Receiver
from tests.support.ports import free_port
from tests.support.wait import eventually

SECRET = "a secret nobody may see"
Make = Callable[..., Hook]


def event(number: int) -> Event:
    return Event(HookEvent.UP, "cam", "lobby", "why", number)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
def results() -> Counter[str]:
    return Counter()


@pytest.fixture
def of() -> dict[int, str]:
    """What became of each event."""
    return {}


@pytest.fixture
async def make(receiver: Receiver, results: Counter[str], of: dict[int, str]) -> AsyncIterator[Make]:
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    made: list[Hook] = []

    def on_result(event: Event, result: Result) -> None:
        assert event.at_us not in of, "told twice"
        of[event.at_us] = result.value
        results[result.value] += 1

    def make(url: str = "", **limits: Any) -> Hook:
        config = HookConfig(url=url or receiver.url, secret=SecretStr(SECRET))
        limits = {"first_retry_delay_s": 0.01, **limits}
        made.append(Hook(config, tasks, on_result, **limits))
        return made[-1]

    yield make
    for hook in made:
        await hook.close(0.1)
    await tasks.close()
    assert failures == []


async def test_events_come_signed_and_in_order(make: Make, receiver: Receiver, results: Counter[str]) -> None:
    hook = make()
    for number in range(20):
        hook.send(event(number))
    assert [told["at_us"] for told in await receiver.until(20)] == list(range(20))
    headers, body = receiver.requests[0]
    assert headers["X-Ingestd-Signature"] == sign(SECRET.encode(), body)
    assert headers["Content-Type"] == "application/json"
    await eventually(lambda: results == {"sent": 20}, "count them")


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
async def test_an_event_that_is_not_taken_is_posted_again_before_the_next(
    make: Make, receiver: Receiver, results: Counter[str], status: int
) -> None:
    receiver.status, receiver.location = status, "http://127.0.0.1:1/elsewhere"
    with structlog.testing.capture_logs() as lines:
        hook = make()
        hook.send(event(1))
        hook.send(event(2))
        assert {told["at_us"] for told in await receiver.until(3)} == {1}
        receiver.status = 200
        await eventually(lambda: results == {"sent": 2}, "post both")
    assert receiver.events[-1]["at_us"] == 2
    first, *_, last = [line["event"] for line in lines]
    assert (first, last) == ("cannot post an event; trying again", "events are posted again")
    assert f"HTTP {status}" in lines[0]["error"]
    assert len(lines) == 2, "each once"


async def test_a_redirect_leads_nowhere(make: Make, receiver: Receiver) -> None:
    other = Receiver()
    await other.start()
    receiver.status, receiver.location = 307, other.url
    make().send(event(1))
    await receiver.until(2)
    assert other.requests == []
    await other.stop()


async def test_a_receiver_that_never_answers_is_given_up_and_asked_again(
    make: Make, receiver: Receiver, results: Counter[str]
) -> None:
    receiver.free.clear()
    make(timeout_s=0.1).send(event(1))
    await receiver.until(2)
    receiver.free.set()
    await eventually(lambda: results == {"sent": 1}, "post it")


async def test_what_is_too_old_is_no_news(make: Make, receiver: Receiver, results: Counter[str]) -> None:
    receiver.status = 500
    make(max_age_s=0.05).send(event(1))
    await eventually(lambda: results == {"failed": 1}, "give up")


async def test_what_waits_is_bounded_and_the_oldest_goes(
    make: Make, receiver: Receiver, results: Counter[str], of: dict[int, str]
) -> None:
    receiver.free.clear()
    hook = make()
    hook.send(event(0))
    await receiver.until(1)
    for number in range(1, 10_000):
        hook.send(event(number))
    assert results == {"dropped": 10_000 - MAX_WAITING_EVENTS}
    assert 0 not in of, "it is being posted"
    receiver.free.set()
    told = [told["at_us"] for told in await receiver.until(MAX_WAITING_EVENTS)]
    assert told == [0, *range(10_000 - MAX_WAITING_EVENTS + 1, 10_000)]


@pytest.mark.parametrize(
    "url",
    [
        "http://user:word@127.0.0.1:{port}/hook?key=word",
        "https://user:word@127.0.0.1:{port}/word".replace("/word", "/"),
        "http://user:word@no-such-host.invalid/",
        "http://user:word@a..b/",
    ],
)
async def test_a_receiver_that_is_not_there_ends_nothing_and_no_password_is_shown(
    make: Make, results: Counter[str], url: str
) -> None:
    with structlog.testing.capture_logs() as lines:
        hook = make(url.format(port=free_port()), max_age_s=0.0)
        hook.send(event(1))
        hook.send(event(2))
        await eventually(lambda: results == {"failed": 2}, "give up")
    given_up = "an event was not posted: the hook did not take it in time"
    assert [line["event"] for line in lines] == ["cannot post an event; trying again", given_up, given_up]
    assert "word" not in str(lines)


async def test_the_end_tries_what_waits_once_more(
    make: Make, receiver: Receiver, results: Counter[str]
) -> None:
    receiver.status = 503
    hook = make(first_retry_delay_s=60.0)
    hook.send(event(1))
    hook.send(event(2))
    await receiver.until(1)
    receiver.status = 204
    async with asyncio.timeout(5):
        await hook.close()
    assert results == {"sent": 2}


async def test_the_end_is_not_held_up(make: Make, receiver: Receiver, results: Counter[str]) -> None:
    receiver.free.clear()
    hook = make()
    for number in range(3):
        hook.send(event(number))
    await receiver.until(1)
    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(5):
            await hook.close(0.1)
    assert results == {Result.DROPPED.value: 3}
    assert [(line["event"], line["events"]) for line in lines] == [("events not posted: this hook ends", 3)]
