"""Conflicts between streams of a configuration: one address, name or track twice."""

from collections.abc import Mapping

from ingestd.config.address import WILDCARDS, Address
from ingestd.config.document import Document
from ingestd.config.document import Path as KeyPath
from ingestd.config.schema import HttpConfig, ParticipantConfig, StreamConfig


def check_conflicts(document: Document, streams: Mapping[int, StreamConfig], http: HttpConfig | None) -> None:
    """Note what is wrong with streams beside each other, in time that grows with their number."""
    same: dict[StreamConfig, int] = {}
    names: dict[str, int] = {}
    tracks: dict[tuple[str, str, str], int] = {}
    participants: dict[tuple[str, str], tuple[ParticipantConfig, int]] = {}
    listening = _Listening()
    for index, stream in streams.items():
        path: KeyPath = ("streams", index)
        if (number := same.setdefault(stream, index)) != index:
            document.problem(path, f"is the same as streams[{number}]; allowed: each stream once")
            continue  # which says it all
        if listen := stream.source.listen:
            here: KeyPath = (*path, "source", "listen")
            if http and listen.overlaps(http.listen):
                document.problem(here, f"{listen} is taken by http.listen; allowed: another address")
            if (other := listening.add(listen, index)) is not None:
                text = f"is also listened on by {_called(streams, other)}; allowed: another address"
                document.problem(here, f"{listen} {text}")
        if (number := names.setdefault(stream.name, index)) != index:
            text = f"{stream.name!r} is also the name of streams[{number}]; allowed: another name"
            document.problem((*path, "name"), text)
        if (number := tracks.setdefault((stream.room, stream.identity, stream.track), index)) != index:
            text = f"{stream.track!r} in room {stream.room} as {stream.identity} is also published by "
            text += f"{_called(streams, number)}; allowed: another track, identity or room"
            document.problem((*path, "track"), text)
        if (said := stream.participant) != ParticipantConfig():
            before, number = participants.setdefault((stream.room, stream.identity), (said, index))
            if before != said:
                text = f"{_called(streams, number)} shares the participant {stream.identity} in room "
                text += f"{stream.room} and says something else of it; allowed: the same, or in one of them"
                document.problem((*path, "participant"), text)


def _called(streams: Mapping[int, StreamConfig], index: int) -> str:
    return f"streams[{index}] ({streams[index].name})"


class _Listening:
    """The addresses that are listened on so far, and by which stream."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[int, str], dict[str, tuple[Address, int]]] = {}

    def add(self, listen: Address, index: int) -> int | None:
        """Add the address of the stream ``index``; return which stream's it overlaps, None if none's."""
        others = self._by_place.setdefault((listen.port, listen.path), {})
        # Only a wildcard is compared with all that have its port: the others may be thousands.
        hosts = others.keys() if listen.host in WILDCARDS else (listen.host, *WILDCARDS)
        near = [others[host] for host in hosts if host in others]
        taken = next((number for address, number in near if listen.overlaps(address)), None)
        others.setdefault(listen.host, (listen, index))
        return taken
