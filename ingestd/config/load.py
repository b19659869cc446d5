"""Loads a file and the environment into a Config, or raises one error that lists all mistakes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ingestd.config import certificate_expiry, credentials, ingest_tokens, tls_contexts
from ingestd.config.conflicts import check_conflicts
from ingestd.config.document import Document, Located, parse
from ingestd.config.document import Path as KeyPath
from ingestd.config.environment import apply
from ingestd.config.key_tree import HOOK, PINNED, ROOT, SECTIONS, STREAM, Keys, unknown
from ingestd.config.schema import (
    Config,
    HookConfig,
    HttpConfig,
    LimitsConfig,
    LiveKitConfig,
    LogConfig,
    Section,
    SourceConfig,
    StreamConfig,
)
from ingestd.config.secret_files import SecretFiles
from ingestd.config.warnings import Warnings
from ingestd.errors import ConfigError
from ingestd.redact import shown

# A thousand streams fit into a fraction of it; a device or a video given by mistake does not.
_MAX_FILE_BYTES = 1 << 20

_NEEDED = {
    "name": "every stream has one, e.g. front-door",
    "room": "the room to publish into, e.g. lobby",
    "url": "where to post, e.g. https://example.com/ingestd",
    "source": "write listen: tcp://127.0.0.1:5004 or connect: tcp://HOST:PORT below it",
}

_TLS_FILES = ("cert", "key", "client_ca", "ca")

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
    warnings = Warnings(document)
    warnings.take_pinned(document.root)

    raw = {name: _section(document, name, warnings) for name in SECTIONS}
    secrets = SecretFiles(document, path.parent, environ)
    credentials.resolve(document, raw["livekit"], secrets)
    livekit = _validate(document, LiveKitConfig, raw["livekit"], ("livekit",), SECTIONS["livekit"])
    if livekit is not None and livekit.token_source is None:
        warnings.look_at_secret(livekit)
    http = _validate(document, HttpConfig, raw["http"], ("http",), SECTIONS["http"])
    log = _validate(document, LogConfig, raw["log"], ("log",), SECTIONS["log"])
    limits = _validate(document, LimitsConfig, raw["limits"], ("limits",), SECTIONS["limits"])
    streams = _streams(document, raw["defaults"], warnings, secrets)
    hooks = _hooks(document, secrets, warnings)
    check_conflicts(document, streams, http)
    if livekit is not None and livekit.token_source is not None:
        credentials.check_token(document, livekit.token_source, streams)
    if problems := document.problems:
        raise ConfigError("\n".join(problems))
    # Without a problem each of them is there.
    assert livekit is not None
    assert http is not None
    assert log is not None
    assert limits is not None
    valid = tuple(streams.values())
    return Config(
        livekit=livekit,
        http=http,
        log=log,
        limits=limits,
        streams=valid,
        hooks=hooks,
        warnings=tuple(warnings.lines),
    )


def load_http(path: Path | None, environ: Mapping[str, str]) -> HttpConfig:
    """Read the section ``http`` alone, as one does who may not read the secrets; None: no file.

    Raises ConfigError, as `load` does.
    """
    document = Document("environment") if path is None else parse(_read(path), str(path))
    apply(document, {name: value for name, value in environ.items() if name.startswith("INGESTD_HTTP__")})
    raw = _section(document, "http", Warnings(document))
    http = _validate(document, HttpConfig, raw, ("http",), SECTIONS["http"])
    if http is None or document.problems:
        raise ConfigError("\n".join(document.problems))
    return http


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


def _section(document: Document, name: str, warnings: Warnings) -> Located:
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


def _hooks(document: Document, secrets: SecretFiles, warnings: Warnings) -> tuple[HookConfig, ...]:
    written = document.root.value.get("hooks")
    if written is None or written.value is None:
        return ()
    if not isinstance(written.value, list):
        document.problem(("hooks",), "a list is needed, each item beginning with - url: …")
        return ()
    hooks: list[HookConfig] = []
    for index, own in enumerate(written.value):
        path: KeyPath = ("hooks", index)
        if not isinstance(own.value, dict):
            document.problem(path, "a mapping is needed, beginning with url: …")
            continue
        secrets.read(own, path, "secret")
        hook = _validate(document, HookConfig, own, path, HOOK)
        if hook is not None:
            hooks.append(hook)
            if hook.secret is None:
                warnings.warn(path, "has no secret_file: its posts are not signed, and anyone can forge them")
    return tuple(hooks)


def _streams(
    document: Document, defaults: Located, warnings: Warnings, secrets: SecretFiles
) -> dict[int, StreamConfig]:
    """Return the valid ones by index. A mistake under ``defaults`` is noted once, where it is written."""
    _find_files(defaults, secrets)
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
        _find_files(own, secrets)
        written.value[index] = merged = _merge(defaults, own)
        stream = _validate(document, StreamConfig, merged, path, STREAM)
        if stream is not None:
            streams[index] = stream
            _read_files(document, stream.source, (*path, "source"), warnings)
            warnings.look_at(stream, own.get("source"), path)
            warnings.look_at_feedback(stream.feedback, own.get("feedback"), path)
    return streams


def _find_files(stream: Located, secrets: SecretFiles) -> None:
    """Read the secret of the webhook, and find the files of the source, which are read again later."""
    sections = stream.value
    if (feedback := sections.get("feedback")) is not None:
        secrets.read_with_name(feedback, "webhook_secret_file")
    if (source := sections.get("source")) is not None:
        secrets.locate(source, "token_file")
        if "tls" in source.parts:
            secrets.locate(source.value["tls"], *_TLS_FILES)


def _read_files(document: Document, source: SourceConfig, here: KeyPath, warnings: Warnings) -> None:
    """Note what is wrong with the files of ``source``, as opening it would find."""
    if source.token_path is not None:
        try:
            ingest_tokens.read(source.token_path)
        except ValueError as error:
            document.problem((*here, "token_file"), f"{source.token_file} {error}")
    if source.address.scheme != "tls":
        return
    make = tls_contexts.client_context if source.listen is None else tls_contexts.server_context
    try:
        make(source.tls)
        for key, path in certificate_expiry.certificates(source):
            warnings.look_at_certificate(path, (*here, "tls", key))
    except tls_contexts.TlsFileError as error:
        document.problem((*here, "tls", error.key), str(error))


def _check_defaults(document: Document, defaults: Located) -> None:
    """Note what is wrong there, even if every stream overrides it."""
    if "name" in defaults.value:
        document.problem(("defaults", "name"), "every stream has its own; allowed: any other key of a stream")
        del defaults.value["name"]
    here = defaults.origin
    source = {"listen": Located("tcp://127.0.0.1:0", here)}
    needed = {"name": Located("x", here), "room": Located("x", here), "source": Located(source, here)}
    _validate(document, StreamConfig, _merge(Located(needed, here), defaults), ("defaults",), STREAM)


# A stream that sets one replaces a default that sets the other.
_EXCLUDING = (("listen", "connect"), ("connect", "listen"), ("token", "token_file"), ("token_file", "token"))


def _merge(defaults: Located, own: Located) -> Located:
    """Return ``defaults`` with ``own`` over them, and sections in them merged key by key."""
    merged = {**defaults.value, **own.value}
    for key in defaults.value.keys() & own.value.keys():
        below, above = defaults.value[key], own.value[key]
        # Attributes are a value, whose keys are the user's.
        if isinstance(below.value, dict) and isinstance(above.value, dict) and key != "attributes":
            merged[key] = _merge(below, above)
    for one, other in _EXCLUDING:
        if own.get(one) is not None and other not in own.value:
            merged.pop(other, None)
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
