"""Warnings about a configuration: what is allowed, and has no effect or is risky."""

import grp
import ipaddress
from typing import Any

from ingestd.config import certificate_expiry, ingest_tokens
from ingestd.config.document import Document, Located, Origin
from ingestd.config.document import Path as KeyPath
from ingestd.config.key_tree import PINNED
from ingestd.config.schema import FeedbackConfig, LiveKitConfig, SourceConfig, StreamConfig
from ingestd.redact import shown

# What RFC 7518, 3.2, asks of a key for HS256, with which tokens are signed.
_SAFE_SECRET_BYTES = 32


class Warnings:
    """Collects warnings, each with the line that it is about."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.lines: list[str] = []

    def _warn(self, origin: Origin, text: str) -> None:
        self.lines.append(f"{origin}: {text}")

    def warn(self, path: KeyPath, text: str) -> None:
        """Warn of what is written at ``path``."""
        self._warn(self._document.origin(path), text)

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

    def look_at_certificate(self, cert: str, path: KeyPath) -> None:
        """Warn of one that has expired, or soon will. Raises TlsFileError."""
        if (text := certificate_expiry.expiry(cert)) is not None:
            self._warn(self._document.origin(path), text)

    def look_at(self, stream: StreamConfig, own_source: object, path: KeyPath) -> None:
        """Warn of an open door, and of keys of the source that its kind does not use."""
        source = stream.source
        own = own_source if isinstance(own_source, dict) else {}
        here = (*path, "source")
        # Under defaults such a key is meant for the streams that do use it.
        self._look_at_tls(source, own, here)
        if source.token_path is None and any(
            len(token.get_secret_value()) < ingest_tokens.SAFE_TOKEN_CHARACTERS for token in source.token
        ):
            self._warn(
                self._document.origin((*here, "token")),
                f"is shorter than {ingest_tokens.SAFE_TOKEN_CHARACTERS} characters: it can be guessed; "
                "take one of `openssl rand -hex 16`",
            )
        if source.listen is None or (source.listen.scheme == "unix" and not source.proxy_protocol):
            if own.get("allow") is not None:
                self._warn(
                    self._document.origin((*here, "allow")),
                    "is ignored: only a listener on TCP or TLS checks addresses",
                )
        elif any(_whole_internet(network) for network in source.allow):
            text = "anyone who can reach this port may publish into the room"
            self._warn(self._document.origin((*here, "allow")), text)
        if source.listen is None or source.listen.scheme != "unix":
            for key in ("socket_mode", "socket_group"):
                if getattr(source, key) != SourceConfig.model_fields[key].default and key in own:
                    text = "is ignored: only a unix socket that is listened on has one"
                    self._warn(self._document.origin((*here, key)), text)
        elif source.socket_group is not None and not _is_group(source.socket_group):
            text = f"this machine has no group {source.socket_group}: without it the stream does not start"
            self._warn(self._document.origin((*here, "socket_group")), text)
        if source.listen is None and source.proxy_protocol:
            self._warn(
                self._document.origin((*here, "proxy_protocol")),
                "is ignored: it is for what dials ingestd, and here ingestd dials",
            )
        if source.listen is None and own.get("second_encoder") is not None:
            self._warn(
                self._document.origin((*here, "second_encoder")),
                "is ignored: a dialled source has one encoder",
            )

    def look_at_feedback(self, feedback: FeedbackConfig, own_feedback: object, path: KeyPath) -> None:
        """Warn of a secret that signs nothing; under defaults it is meant for streams with a webhook."""
        own = own_feedback if isinstance(own_feedback, dict) else {}
        if own.get("webhook_secret_file") is not None and feedback.webhook is None:
            self.warn(
                (*path, "feedback", "webhook_secret_file"),
                "is ignored: it signs what feedback.webhook is sent, and there is none",
            )

    def _look_at_tls(self, source: SourceConfig, own: dict[str, Any], here: KeyPath) -> None:
        written = own.get("tls")
        if source.address.scheme != "tls":
            used: tuple[str, ...] = ()
            why = "is ignored: the address is not tls://"
        elif source.listen is not None:
            used, why = ("cert", "key", "client_ca"), "is ignored: it is for source.connect"
        else:
            used, why = ("cert", "key", "ca", "server_name"), "is ignored: it is for source.listen"
        for key in written if isinstance(written, dict) else ():
            if key not in used:
                self._warn(self._document.origin((*here, "tls", key)), why)


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _whole_internet(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return network.prefixlen == 0
