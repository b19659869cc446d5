"""A TCP relay before a server, which can be told to keep to itself what clients say from then on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Relay:
    """Passes both ways what it is given; media, which goes by UDP, does not come this way."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._deaf: set[asyncio.StreamWriter] = set()
        self._to_server: set[asyncio.StreamWriter] = set()
        self.port = 0

    def turn_deaf(self) -> None:
        """Keep what comes from the clients that there are; those that come later are heard."""
        self._deaf |= self._to_server

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["Relay"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1")
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in self._to_server:
                writer.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        self._to_server.add(to_server)
        await asyncio.gather(self._pass(client, to_server), self._pass(server, to_client))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            while data := await reader.read(65536):
                if writer not in self._deaf:
                    writer.write(data)
                    await writer.drain()
