"""Two seconds of each of the most telling attacks: the good streams beside them lose nothing."""

from collections.abc import Iterator

import pytest

from ingestd.devserver.livekit_server import LiveKitServer
from tests.attack.catalogue import ATTACKS
from tests.attack.rig import Rig
from tests.attack.sigkill import kills
from tests.support import small_disk

ATTACK_S = 2.0
# Killed in its start, and while pictures move.
KILL_AFTER_S = (0.3, 4.0)
# What a person who looks at a health check, or waits for a camera, would notice.
MAX_GAP_S = 1.0
MAX_NEXT_ENCODER_S = 3.0
MAX_SEEN_AGAIN_S = 8.0  # two seconds on an idle machine
# Four kinds of line, of each one about each attacker and two more, come at once; a few of WebRTC's beside.
LINES_OF_AN_ATTACKER, OTHER_LINES = 4, 16
MAX_MEMORY_BYTES = 100 << 20

NEEDS_A_SMALL_DISK = pytest.mark.skipif(
    small_disk.unavailable() is not None, reason=str(small_disk.unavailable())
)

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def rig(livekit: LiveKitServer) -> Iterator[Rig]:
    with Rig(livekit) as rig:
        yield rig


@pytest.mark.parametrize(
    ("name", "at_once"),
    [
        # One that has the parser work, one that keeps others out, one that has the whole daemon work.
        ("h264-idr-7", 4),
        ("token-guesser", 1),
        ("reload-storm", 1),
        *(
            pytest.param(name, 1, marks=pytest.mark.long)
            for name in ("ivf-av1-delimiters", "h264-file", "reload-nested", "tls-half")
        ),
        pytest.param("log-full", 1, marks=[NEEDS_A_SMALL_DISK, pytest.mark.long]),
        pytest.param("log-unread", 1, marks=pytest.mark.long),
        pytest.param("tls-garbage", 4, marks=pytest.mark.long),
        pytest.param("tls-half", 4, marks=pytest.mark.long),
        pytest.param("tls-handshakes", 4, marks=pytest.mark.long),
        pytest.param("token-guesser", 4, marks=pytest.mark.long),
        pytest.param("h264-idr-7", 8, marks=pytest.mark.long),
        pytest.param("h264-sei-ff", 1, marks=pytest.mark.long),
        pytest.param("codec-flip", 1, marks=pytest.mark.long),
    ],
)
def test_the_good_streams_lose_nothing_beside(name: str, at_once: int, rig: Rig) -> None:
    row = rig.measure(ATTACKS[name], at_once, ATTACK_S)

    assert row.trouble == []
    assert row.lost == 0, f"{row.lost} of {row.pushed} pictures; dropped {row.dropped}"
    assert row.health_gap_s < MAX_GAP_S
    assert row.memory_bytes < MAX_MEMORY_BYTES
    assert row.lines_per_s * ATTACK_S <= LINES_OF_AN_ATTACKER * at_once + OTHER_LINES
    assert row.next_encoder_s is not None, "the next encoder is never seen"
    assert row.next_encoder_s < MAX_NEXT_ENCODER_S


def test_killed_at_any_moment_it_comes_back_and_so_do_the_pictures(livekit: LiveKitServer) -> None:
    for kill in kills(livekit, KILL_AFTER_S):
        assert kill.seen_again_s < MAX_SEEN_AGAIN_S
