"""Fixtures every test may use: a real LiveKit server, rooms of one's own, and the daemon."""

import atexit
import os
import re
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from ingestd.tasks import Tasks
from tests.support.certificates import Certificate, make_ca
from tests.support.daemon import Daemon

# Viewers show each picture when it is decoded. Otherwise they wait for the time at which it is due, and of
# several that are due by the time a busy machine gets to them, WebRTC shows the last and drops the others.
# The price: pictures that are not decoded when the next keyframe is there are left out too, so the viewer's
# process is to be quick (tests/support/viewer.py).
SHOW_AT_ONCE = {"room": {"playout_delay": {"enabled": True, "min": 0, "max": 1}}}


@pytest.fixture(autouse=True)
def scheduled_as_usual() -> Iterator[None]:
    """What makes this process real-time, as libsvtav1 does when root opens it, starves all that follows."""
    yield
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture(scope="session")
def livekit() -> Iterator[LiveKitServer]:
    """A LiveKit server, one per test process; rooms keep tests apart."""
    with LiveKitServer(config_overrides=SHOW_AT_ONCE) as server:
        yield server


@pytest.fixture
def own_livekit() -> Iterator[LiveKitServer]:
    """A LiveKit server that the test may kill."""
    with LiveKitServer(config_overrides=SHOW_AT_ONCE) as server:
        yield server


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room that no other test is in."""
    test = re.sub(r"\W+", "-", request.node.name)[:60]
    return f"{test}-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A CA, and the directory of what it signs."""
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    """Tasks of which none may fail."""
    failures: list[str] = []
    tasks = Tasks(lambda name, error: failures.append(f"{name}: {error!r}"))
    yield tasks
    await tasks.close()
    assert failures == []


def pytest_sessionfinish(exitstatus: int) -> None:
    """Leave without waiting for the interpreter to go away, if the SDK is in this process.

    Its threads call into Python as long as they live; one that does so during the shutdown is unwound
    through Rust, which aborts the process, and a test run that passed ends with status 134.
    """
    sdk = sys.modules.get("livekit.rtc._ffi_client")
    if sdk is not None and sdk.FfiClient._instance is not None:
        atexit.register(_leave, int(exitstatus))


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


RunDaemon = Callable[..., Daemon]


@pytest.fixture
def run_daemon(livekit: LiveKitServer, tmp_path: Path) -> RunDaemon:
    """`with run_daemon(stream(...), …) as daemon:` runs the daemon against the shared server."""

    def run(*streams: dict[str, Any], **config: Any) -> Daemon:
        return Daemon(livekit, tmp_path, *streams, **config)

    return run
