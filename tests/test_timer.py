import asyncio

from ingestd.timer import Timer


async def test_a_timer_runs_out_once() -> None:
    calls: list[float] = []
    loop = asyncio.get_running_loop()
    timer = Timer(lambda: calls.append(loop.time()))
    began = loop.time()
    timer.set(0.02)
    assert timer.running
    await asyncio.sleep(0.06)
    assert len(calls) == 1
    assert calls[0] - began >= 0.019
    assert not timer.running


async def test_setting_a_timer_again_forgets_the_time_set_before() -> None:
    calls: list[str] = []
    timer = Timer(lambda: calls.append("out"))
    timer.set(0.01)
    timer.set(60.0)
    await asyncio.sleep(0.03)
    assert calls == []
    assert timer.running
    timer.clear()


async def test_a_timer_of_no_time_runs_out_in_the_next_turn_of_the_loop() -> None:
    calls: list[str] = []
    timer = Timer(lambda: calls.append("out"))
    for delay_s in (0.0, -1.0):
        timer.set(delay_s)
        assert calls == [], "not at once"
        await asyncio.sleep(0)
        assert calls.pop() == "out"


async def test_a_cleared_timer_never_runs_out() -> None:
    calls: list[str] = []
    timer = Timer(lambda: calls.append("out"))
    timer.clear()
    timer.set(0.0)
    timer.clear()
    assert not timer.running
    await asyncio.sleep(0.01)
    assert calls == []


async def test_a_timer_may_be_set_again_when_it_runs_out() -> None:
    calls: list[str] = []

    def out() -> None:
        calls.append("out")
        if len(calls) < 3:
            timer.set(0.0)

    timer = Timer(out)
    timer.set(0.0)
    await asyncio.sleep(0.01)
    assert calls == ["out"] * 3
    assert not timer.running
