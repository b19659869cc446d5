"""The preview: a page that plays one track in the browser, by LiveKit's own JavaScript client."""

from dataclasses import dataclass
from html import escape
from string import Template
from typing import Protocol
from urllib.parse import urlsplit

from ingestd.observe.figures import StreamFigures
from ingestd.observe.page_files import ASSETS, policy

# From the npm package livekit-client, put there by scripts/fetch-livekit-client or when the wheel is built.
CLIENT = ASSETS / "livekit-client.umd.js"
MISSING_CLIENT = (
    "LiveKit's JavaScript client is missing. In a checkout, run scripts/fetch-livekit-client; elsewhere take "
    f"dist/livekit-client.umd.js out of the npm package livekit-client and put it at {CLIENT}"
)


class LiveKitAccess(Protocol):
    """How a browser may watch."""

    @property
    def url(self) -> str:
        """The LiveKit server, ws:// or wss://."""
        ...

    @property
    def refusal(self) -> str | None:
        """Why no viewer can be let in, in words; None when one can."""
        ...

    def token(self, room: str) -> str:
        """Return a token of minutes: to be in ``room`` unseen, and to subscribe there."""
        ...


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """Makes the page of a stream."""

    access: LiveKitAccess

    @property
    def policy(self) -> str:
        """The Content-Security-Policy: as that of the status page, and the LiveKit server."""
        server = urlsplit(self.access.url)
        secure = "s" if server.scheme in ("wss", "https") else ""
        # By HTTP the client asks why it was not let in.
        return policy(f"ws{secure}://{server.netloc}", f"http{secure}://{server.netloc}", media="blob:")

    def render(self, figures: StreamFigures) -> str:
        """Return the page; it says what is missing where something is."""
        problem = self.access.refusal or ("" if CLIENT.exists() else MISSING_CLIENT)
        texts = {
            "name": figures.name,
            "room": figures.room,
            "track": figures.track,
            "problem": problem,
            "url": self.access.url,
            "token": "" if problem else self.access.token(figures.room),
        }
        template = Template((ASSETS / "preview.html").read_text())
        return template.substitute({name: escape(text) for name, text in texts.items()})
