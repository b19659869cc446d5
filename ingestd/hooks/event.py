"""Events as hooks post them: JSON with what happened to which stream, why and when."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ingestd import signature
from ingestd.config import HookConfig, HookEvent, StreamConfig
from ingestd.redact import without_credentials

# 2026-01-01, as in the documents.
_SAMPLE_AT_US = 1_767_225_600_000_000
_SAMPLE_REASONS = {
    HookEvent.UP: "its first picture is published",
    HookEvent.DOWN: "the encoder closed the connection",
    HookEvent.STALLED: "for 5 s pictures come, and none is published",
}


@dataclass(frozen=True, slots=True)
class Event:
    """What happened; ``at_us`` is µs since 1970."""

    kind: HookEvent
    stream: str
    room: str
    reason: str
    at_us: int

    def body(self) -> bytes:
        """Return it as it is posted and signed."""
        fields = {
            "event": self.kind.value,
            "stream": self.stream,
            "room": self.room,
            "reason": self.reason,
            "at_us": self.at_us,
        }
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def headers(config: HookConfig, body: bytes) -> dict[str, str]:
    """Return the headers that ``body`` is posted with."""
    secret = None if config.secret is None else config.secret.get_secret_value().encode()
    return signature.headers(secret, body)


def describe_hooks(hooks: Iterable[HookConfig], stream: StreamConfig) -> str:
    """Return whom ``hooks`` tell, each with a sample about ``stream``; "" without any. No secret is in it."""
    return "\n".join(_described(hook, stream) for hook in hooks)


def _described(hook: HookConfig, stream: StreamConfig) -> str:
    kind = hook.events[0]
    body = Event(kind, stream.name, stream.room, _SAMPLE_REASONS[kind], _SAMPLE_AT_US).body()
    signed = f"with the secret in {hook.secret_file}" if hook.secret_file else "with its secret"
    return "\n".join(
        [
            f"hook {without_credentials(hook.url)} is told of {', '.join(hook.events)}, "
            f"{'unsigned' if hook.secret is None else f'signed {signed}'}; a sample:",
            *(f"  {name}: {value}" for name, value in headers(hook, body).items()),
            f"  {body.decode()}",
        ]
    )
