"""The preview's page: whom it may speak to, what it says where it cannot play."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ingestd.observe import preview
from ingestd.observe.preview import PreviewPage
from tests.observe.support import figures


@dataclass
class Access:
    url: str = "wss://livekit.example.com"
    refusal: str | None = None

    def token(self, room: str) -> str:
        return f"a token for {room}"


@pytest.fixture(autouse=True)
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    client = tmp_path / "livekit-client.umd.js"
    client.touch()
    monkeypatch.setattr(preview, "CLIENT", client)
    return client


@pytest.mark.parametrize(
    ("url", "origins"),
    [
        ("wss://livekit.example.com", "wss://livekit.example.com https://livekit.example.com"),
        ("ws://10.0.0.1:7880", "ws://10.0.0.1:7880 http://10.0.0.1:7880"),
    ],
)
def test_the_browser_may_speak_to_us_and_the_livekit_server_only(url: str, origins: str) -> None:
    policy = PreviewPage(Access(url)).policy
    assert f"connect-src 'self' {origins};" in policy
    assert policy.startswith("default-src 'none'")


def test_the_page_has_a_token_for_the_room_and_names_the_track() -> None:
    page = PreviewPage(Access()).render(figures())
    assert 'data-token="a token for lobby"' in page
    assert 'data-track="camera"' in page
    assert 'data-problem=""' in page


def test_where_it_cannot_play_it_says_why_and_makes_no_token(client: Path) -> None:
    page = PreviewPage(Access(refusal="livekit.token is for one publisher")).render(figures())
    assert 'data-problem="livekit.token is for one publisher"' in page
    assert 'data-token=""' in page
    client.unlink()
    page = PreviewPage(Access()).render(figures())
    assert "scripts/fetch-livekit-client" in page
    assert 'data-token=""' in page


def test_no_text_from_outside_becomes_markup() -> None:
    page = PreviewPage(Access()).render(figures(name="<b>", track='"><script>'))
    assert "<b>" not in page
    assert page.count("<script") == 2
