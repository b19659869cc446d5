"""One encoder for each track: waits to be dialled, then writes one picture per write, in real time."""

import socket
import threading
import time

from bench.delivery.pictures import RATE, Picture


class Pusher:
    """The encoders, all in one thread; their pictures spread evenly over the time of one."""

    def __init__(self, tracks: list[str], pictures: list[Picture]) -> None:
        self._listeners = {track: socket.create_server(("127.0.0.1", 0)) for track in tracks}
        self._pictures = pictures
        self._stop = threading.Event()
        self.stamps: dict[str, list[int]] = {}  # ns: of being dialled, then of each picture's write
        self._threads = [
            threading.Thread(target=self._push, args=(track, n / len(tracks) / RATE), daemon=True)
            for n, track in enumerate(tracks)
        ]
        for thread in self._threads:
            thread.start()

    def address(self, track: str) -> str:
        return f"127.0.0.1:{self._listeners[track].getsockname()[1]}"

    def close(self) -> None:
        self._stop.set()
        for listener in self._listeners.values():
            listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for listener in self._listeners.values():
            listener.close()

    def _push(self, track: str, offset: float) -> None:
        try:
            connection, _ = self._listeners[track].accept()
        except OSError:  # closed before anybody came
            return
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stamps = self.stamps[track] = [time.monotonic_ns()]
            start = time.monotonic() + offset
            for n, picture in enumerate(self._pictures):
                if self._stop.wait(max(0.0, start + n / RATE - time.monotonic())):
                    return
                stamps.append(time.monotonic_ns())  # before the write: all of it counts
                try:
                    connection.sendall(picture.data)
                except OSError:  # the contestant has left
                    return
