"""What the SDK's native part says of itself: it names the server that it turns to."""

import logging
import os
import subprocess
import sys

import pytest
from livekit import rtc

from ingestd.publish.sdk import native_log
from tests.support.ports import free_port
from tests.support.wait import eventually


async def turn_to(url: str) -> None:
    with pytest.raises(rtc.ConnectError):
        await rtc.Room().connect(url, "token")


async def test_its_lines_come_only_while_they_are_wanted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "livekit")
    nobody = f"ws://127.0.0.1:{free_port()}"
    native_log.forward(False)
    try:
        await turn_to(f"{nobody}/unwanted")
    finally:
        native_log.forward(True)  # as it is by default
    await turn_to(f"{nobody}/wanted")
    # They come in order.
    await eventually(lambda: f"{nobody}/wanted" in caplog.text, "what is wanted")
    assert f"{nobody}/unwanted" not in caplog.text


def test_the_environment_is_changed_by_the_call_and_not_by_the_import() -> None:
    code = (
        "import os; from ingestd.publish.sdk import native_log; print(os.environ.get('RUST_LOG'));"
        "native_log.forward(False); print(os.environ.get('RUST_LOG'), flush=True); os._exit(0)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "RUST_LOG"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["None", "off"]
