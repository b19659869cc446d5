from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.support.daemon import LOST, ROOT, Daemon, Metrics
from tests.support.viewer import Viewer


@dataclass
class NoServer:
    url: str = "ws://127.0.0.1:9"
    api_key: str = "key"
    api_secret: str = "secret"


class LeavesOut:
    """A viewer of which the receiver did not decode two pictures."""

    def left_out(self) -> int:
        return 2


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """One that does not run."""
    return Daemon(NoServer(), tmp_path)


def test_that_webrtc_lost_a_picture_is_no_problem_of_the_daemons(daemon: Daemon) -> None:
    daemon._lines = [
        f'{{"event": "{LOST}", "level": "warning", "stream": "cam"}}\n',
        '{"event": "pictures dropped", "level": "warning", "stream": "cam"}\n',
    ]
    assert [record["event"] for record in daemon.problems("cam")] == ["pictures dropped"]
    assert f"| `{LOST}` | warning |" in (ROOT / "docs" / "log-events.md").read_text()


def test_what_a_busy_machine_cost_is_told_of_both_ends_when_it_is_asked_for(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = daemon.unseen(cast(Viewer, LeavesOut()), stream="cam")
    lost = "# TYPE ingestd_frames_lost counter\ningestd_frames_lost_total"
    text = f'{lost}{{stream="cam"}} 3.0\ningestd_frames_lost_total{{stream="other"}} 5.0\n'
    monkeypatch.setattr(daemon, "metrics", lambda: Metrics(text))
    assert unseen() == 5
