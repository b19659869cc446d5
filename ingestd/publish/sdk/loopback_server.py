"""A LiveKit server for one participant, who is connected with itself: signalling only, no media passes here.

The SDK first asks for one peer connection (`/rtc/v1`), with an offer of all that it can send and receive. The
server hears that offer and says that it needs two, one that publishes and one that subscribes. It hands each
offer, answer and candidate of the one to the other: the SDK negotiates, encrypts and sends as in a room.
"""

import base64
import gzip
from collections.abc import Callable
from typing import Self

from aiohttp import WSMsgType, web
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.rtc import (
    JoinRequest,
    SignalRequest,
    SignalResponse,
    SignalTarget,
    WrappedJoinRequest,
)

PING_INTERVAL_S = 10
PING_TIMEOUT_S = 20


class LoopbackServer:
    """Listens on a free port of 127.0.0.1 while it is entered; any token will do.

    ``on_offer`` hears the SDP of each offer.
    """

    def __init__(self, on_offer: Callable[[str], None]) -> None:
        self._on_offer = on_offer
        self._sending: list[bool] = []  # which of the last offer's sections of media are
        self.url = ""  # ws://…

    async def __aenter__(self) -> Self:
        """Open the port."""
        app = web.Application()
        app.router.add_get("/rtc/v1", self._hear_first_offer)
        app.router.add_get("/rtc", self._signal)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"ws://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self._runner.cleanup()

    async def _hear_first_offer(self, request: web.Request) -> web.Response:
        wrapped = WrappedJoinRequest.FromString(
            base64.urlsafe_b64decode(request.query["join_request"] + "==")
        )
        packed = wrapped.compression == WrappedJoinRequest.GZIP
        join = JoinRequest.FromString(
            gzip.decompress(wrapped.join_request) if packed else wrapped.join_request
        )
        self._on_offer(join.publisher_offer.sdp)
        raise web.HTTPNotFound

    async def _signal(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(_join().SerializeToString())
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                answer = self._answer(SignalRequest.FromString(message.data))
                if answer is not None:
                    await socket.send_bytes(answer.SerializeToString())
        return socket

    def _answer(self, request: SignalRequest) -> SignalResponse | None:
        response = SignalResponse()
        match request.WhichOneof("message"):
            case "offer":
                self._on_offer(request.offer.sdp)
                response.offer.CopyFrom(request.offer)
                response.offer.sdp = self._without_media(request.offer.sdp)
            case "answer":
                response.answer.CopyFrom(request.answer)
                response.answer.sdp = self._with_media(request.answer.sdp)
            case "trickle":
                to_publisher = request.trickle.target == SignalTarget.SUBSCRIBER
                response.trickle.CopyFrom(request.trickle)
                response.trickle.target = SignalTarget.PUBLISHER if to_publisher else SignalTarget.SUBSCRIBER
            case "add_track":
                asked, published = request.add_track, response.track_published
                published.cid = asked.cid
                published.track.sid, published.track.name = "TR_loopback", asked.name
                published.track.type = asked.type
            case _:
                return None
        return response

    def _without_media(self, offer: str) -> str:
        """What the subscriber is offered: it takes part in the negotiation, and receives nothing."""
        sections = offer.split("\r\nm=")
        self._sending = ["a=sendonly" in section for section in sections]
        return "\r\nm=".join(section.replace("a=sendonly", "a=inactive") for section in sections)

    def _with_media(self, answer: str) -> str:
        """What the publisher is answered: all that it sends is received."""
        return "\r\nm=".join(
            section.replace("a=inactive", "a=recvonly") if sending else section
            for section, sending in zip(answer.split("\r\nm="), self._sending, strict=True)
        )


def _join() -> SignalResponse:
    response = SignalResponse()
    join = response.join
    join.room.sid, join.room.name = "RM_loopback", "loopback"
    join.participant.sid, join.participant.identity = "PA_loopback", "loopback"
    join.participant.state = ParticipantInfo.ACTIVE
    join.participant.permission.can_publish = True
    join.subscriber_primary = False  # the SDK makes the first offer
    join.ping_interval, join.ping_timeout = PING_INTERVAL_S, PING_TIMEOUT_S
    return response
