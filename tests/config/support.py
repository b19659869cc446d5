"""Configurations in pieces, and what loading them comes to."""

from typing import Protocol

from ingestd.config import Config

SECRET = "a-secret-of-32-bytes-or-more-nobody-may-see"
LIVEKIT = f"""\
livekit:
  api_key: key
  api_secret: {SECRET}
"""
ONE_STREAM = """\
streams:
  - name: front-door
    room: lobby
    source:
      listen: tcp://127.0.0.1:5004
"""


class Loads(Protocol):
    def __call__(self, text: str | bytes, **environ: str) -> Config: ...


class Complains(Protocol):
    def __call__(self, text: str | bytes, **environ: str) -> list[str]: ...


def stream(*lines: str, name: str = "cam", room: str = "lobby", port: int = 5004) -> str:
    """One item of ``streams``; ``lines`` begin at the indentation of its keys."""
    keys = [f"- name: {name}", f"  room: {room}", *(f"  {line}" for line in lines)]
    if not any(line.startswith("source") for line in lines):
        keys.append(f"  source: {{listen: 'tcp://127.0.0.1:{port}'}}")
    return "\n".join(keys) + "\n"
