"""Loads a file and the environment into a Config, or raises one error that lists all mistakes."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from ingestd.config.address import WILDCARDS, Address
from ingestd.config.document import Document, Located, Origin, parse
from ingestd.config.document import Path as KeyPath
from ingestd.config.environment import apply
from ingestd.config.key_tree import PINNED, ROOT, SECTIONS, STREAM, Keys, unknown
from ingestd.config.schema import (
    Config,
    HttpConfig,
    LiveKitConfig,
    LogConfig,
    SecretFile,
    Section,
    StreamConfig,
    usable_secret,
)
from ingestd.errors import ConfigError
from ingestd.redact import shown

# A thousand streams fit into a fraction of it; a device or a video given by mistake does not.
_MAX_FILE_BYTES = 1 << 20
# What RFC 7518, 3.2, asks of a key for HS256, with which tokens are signed.
_SAFE_SECRET_BYTES = 32

_NEEDED = {
    "api_key": "set it here or as LIVEKIT_API_KEY",
    "api_secret": "set it here, in a file named by api_secret_file, or as LIVEKIT_API_SECRET",
    "name": "every stream has one, e.g. front-door",
    "room": "the room to publish into, e.g. lobby",
    "source": "write listen: tcp://127.0.0.1:5004 or connect: tcp://HOST:PORT below it",
}

_Model = TypeVar("_Model", bound=Section)


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read the configuration at ``path``, with ``environ`` over it; the only reader of either.

    Raises ConfigError, whose text has one line ``file:line: key: what was seen; what is allowed`` for
    each problem. No secret is part of it.
    """
    document = parse(_read(path), str(path))
    apply(document, environ)
    root = document.root
    for key in root.value:
        if key not in ROOT and key not in PINNED:
            document.problem((key,), unknown(key, ROOT))
    warnings = _Warnings(document)
    warnings.take_pinned(document.root)

    raw = {name: _section(document, name, warnings) for name in SECTIONS}
    _read_secret(document, raw["livekit"], path.parent)
    livekit = _validate(document, LiveKitConfig, raw["livekit"], ("livekit",), SECTIONS["livekit"])
    if livekit is not None:
        warnings.look_at_secret(livekit)
    http = _validate(document, HttpConfig, raw["http"], ("http",), SECTIONS["http"])
    log = _validate(document, LogConfig, raw["log"], ("log",), SECTIONS["log"])
    streams = _streams(document, raw["defaults"], path.parent, warnings)
    _check_together(document, streams, http)
    if problems := document.problems:
        raise ConfigError("\n".join(problems))
    # Without a problem each of them is there.
    assert livekit is not None
    assert http is not None
    assert log is not None
    valid = tuple(streams.values())
    return Config(livekit=livekit, http=http, log=log, streams=valid, warnings=tuple(warnings.lines))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError(f"{path}: is larger than 1 MiB; allowed: a configuration of at most that")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}:{line}: byte {data[error.start]:#04x} is not UTF-8; save it as UTF-8"
        ) from None


def _section(document: Document, name: str, warnings: "_Warnings") -> Located:
    section: Located | None = document.root.value.get(name)
    if section is None or section.value is None:
        section = Located({}, document.origin((name,)))
    elif not isinstance(section.value, dict):
        # Under livekit it may be a secret in the wrong place.
        seen = "" if name == "livekit" else f"{shown(section.plain())} is not usable; "
        document.problem((name,), f"{seen}a mapping is needed, with the keys {', '.join(ROOT[name])}")
        section = Located({}, section.origin)
    if name in ("livekit", "defaults"):
        warnings.take_pinned(section)
    return section


def _read_secret(document: Document, livekit: Located, beside: Path) -> None:
    """Replace ``api_secret_file`` by what is in the file; a relative path starts at the configuration's."""
    name = livekit.get("api_secret_file")
    here: KeyPath = ("livekit", "api_secret_file")
    if not isinstance(name, str) or not name:
        return
    if livekit.get("api_secret") is not None:
        document.problem(here, "api_secret is set as well; allowed: one of them")
        return
    origin = document.origin(here)
    secret = _secret_in(document, beside / name, Located(name, origin))
    livekit.value["api_secret"] = Located(secret, origin)


def _read_webhook_secret(document: Document, stream: Located, beside: Path) -> None:
    """Read the file that ``feedback.webhook_secret_file`` names."""
    feedback = stream.value.get("feedback")
    name = (
        feedback.value.get("webhook_secret_file") if feedback and isinstance(feedback.value, dict) else None
    )
    if name is not None and isinstance(name.value, str) and name.value not in ("", "null"):
        secret = SecretStr(_secret_in(document, beside / name.value, name))
        feedback.value["webhook_secret_file"] = Located(SecretFile(name.value, secret), name.origin)


def _secret_in(document: Document, path: Path, name: Located) -> str:
    """Return the secret in the file at ``path``, which ``name`` names; any text where there is a problem."""
    try:
        with path.open("rb") as file:
            return usable_secret(file.read(_MAX_FILE_BYTES).decode().rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        document.problem_at(name.origin, f"{name.value!r} cannot be read: {why}")
    except ValueError as error:
        document.problem_at(name.origin, f"{name.value!r} {error}")
    return "unread"  # none: keeps "is missing" out of the list


def _streams(
    document: Document, defaults: Located, beside: Path, warnings: "_Warnings"
) -> dict[int, StreamConfig]:
    """Return the valid ones by index. A mistake under ``defaults`` is noted once, where it is written."""
    _read_webhook_secret(document, defaults, beside)
    _check_defaults(document, defaults)
    written = document.root.value.get("streams")
    if written is None or written.value in (None, []):
        document.problem(("streams",), "is missing or empty; at least one stream is needed")
        return {}
    if not isinstance(written.value, list):
        document.problem(("streams",), "a list is needed, each item beginning with - name: …")
        return {}
    streams: dict[int, StreamConfig] = {}
    for index, own in enumerate(written.value):
        path: KeyPath = ("streams", index)
        if not isinstance(own.value, dict):
            document.problem(path, "a mapping is needed, beginning with name: …")
            continue
        warnings.take_pinned(own)
        _read_webhook_secret(document, own, beside)
        written.value[index] = merged = _merge(defaults, own)
        stream = _validate(document, StreamConfig, merged, path, STREAM)
        if stream is not None:
            streams[index] = stream
            warnings.look_at(stream, own.get("source"), path)
    return streams


def _check_defaults(document: Document, defaults: Located) -> None:
    """Note what is wrong there, even if every stream overrides it."""
    if "name" in defaults.value:
        document.problem(("defaults", "name"), "every stream has its own; allowed: any other key of a stream")
        del defaults.value["name"]
    here = defaults.origin
    source = {"listen": Located("tcp://127.0.0.1:0", here)}
    needed = {"name": Located("x", here), "room": Located("x", here), "source": Located(source, here)}
    _validate(document, StreamConfig, _merge(Located(needed, here), defaults), ("defaults",), STREAM)


def _merge(defaults: Located, own: Located) -> Located:
    """Return ``defaults`` with ``own`` over them, and mappings in them merged key by key."""
    merged = {**defaults.value, **own.value}
    for key in defaults.value.keys() & own.value.keys():
        below, above = defaults.value[key], own.value[key]
        if isinstance(below.value, dict) and isinstance(above.value, dict):
            merged[key] = Located({**below.value, **above.value}, above.origin)
            # A stream that listens replaces a default that connects, and the reverse.
            for one, other in (("listen", "connect"), ("connect", "listen")):
                if above.get(one) is not None and other not in above.value:
                    merged[key].value.pop(other, None)
    return Located(merged, own.origin)


def _validate(
    document: Document, model: type[_Model], raw: Located, path: KeyPath, keys: Keys
) -> _Model | None:
    try:
        return model.model_validate(raw.plain())
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            # A name that defaults to the stream's name, which is wrong itself.
            if error["type"] == "default_factory_not_called":
                continue
            document.problem((*path, *error["loc"]), _explain(error, keys))
        return None


def _explain(error: Any, keys: Keys) -> str:
    """What was seen and what is allowed, in our words."""
    kind, seen, loc = error["type"], error["input"], error["loc"]
    inside: Any = keys
    for part in loc[:-1]:
        inside = inside[part]
    if kind == "extra_forbidden":
        return unknown(str(loc[-1]), inside)
    if kind == "missing":
        return f"is missing; {_NEEDED[str(loc[-1])]}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "literal_error":
        return f"{shown(seen)} is not known; allowed: {error['ctx']['expected'].replace(chr(39), '')}"
    if kind in ("bool_type", "bool_parsing"):
        return f"{shown(seen)} is not known; allowed: true or false"
    if kind == "model_type":
        return f"{shown(seen)} is not usable; a mapping is needed, with the keys {', '.join(inside[loc[-1]])}"
    return str(error["msg"])


def _check_together(document: Document, streams: Mapping[int, StreamConfig], http: HttpConfig | None) -> None:
    """Note what is wrong with streams beside each other, in time that grows with their number."""
    same: dict[StreamConfig, int] = {}
    names: dict[str, int] = {}
    tracks: dict[tuple[str, str, str], int] = {}
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


class _Warnings:
    """Collects warnings: what is allowed, but has no effect or is risky."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.lines: list[str] = []

    def _warn(self, origin: Origin, text: str) -> None:
        self.lines.append(f"{origin}: {text}")

    def take_pinned(self, section: Located) -> None:
        """Remove the keys that are pinned off; one that asks for them is warned of."""
        for key in PINNED.keys() & section.value.keys():
            origin = section.value[key].origin
            value = section.value.pop(key).plain()
            if value in (True, "true"):
                self._warn(origin, f"true is ignored: {PINNED[key]}")
            elif value not in (False, "false", None):
                self._document.problem_at(origin, f"{shown(value)} is not known; allowed: false")

    def look_at_secret(self, livekit: LiveKitConfig) -> None:
        """Warn of a secret that can be guessed."""
        if len(livekit.api_secret.get_secret_value().encode()) < _SAFE_SECRET_BYTES:
            self._warn(
                self._document.origin(("livekit", "api_secret")),
                f"is shorter than {_SAFE_SECRET_BYTES} bytes: it can be guessed, and opens every room; give "
                "the server and ingestd a longer one, unless it is a server for tests",
            )

    def look_at(self, stream: StreamConfig, own_source: object, path: KeyPath) -> None:
        """Warn of an open door, and of keys of the source that its kind does not use."""
        source = stream.source
        own = own_source if isinstance(own_source, dict) else {}
        here = (*path, "source")
        # Under defaults such a key is meant for the streams that do use it.
        if source.listen is None or source.listen.scheme != "tcp":
            if own.get("allow") is not None:
                self._warn(
                    self._document.origin((*here, "allow")),
                    "is ignored: only a TCP listener checks addresses",
                )
        elif any(_whole_internet(network) for network in source.allow):
            text = "anyone who can reach this port may publish into the room"
            self._warn(self._document.origin((*here, "allow")), text)
        if source.listen is None and own.get("second_encoder") is not None:
            self._warn(
                self._document.origin((*here, "second_encoder")),
                "is ignored: a dialled source has one encoder",
            )


def _whole_internet(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return network.prefixlen == 0
