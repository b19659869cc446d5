"""`ingestd probe`: what a stream is, and whether WebRTC can carry it."""

from ingestd.probe.run import probe

__all__ = ["probe"]
