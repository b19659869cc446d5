"""Signature of what is posted: HMAC-SHA256 of the body, in a header as webhooks elsewhere bear it."""

import hashlib
import hmac

HEADER = "X-Ingestd-Signature"


def sign(secret: bytes, body: bytes) -> str:
    """Return the value of `HEADER` for ``body``: ``sha256=`` and the HMAC (RFC 2104) in hex digits."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def headers(secret: bytes | None, body: bytes) -> dict[str, str]:
    """Return the headers that ``body``, JSON, is posted with; signed where there is a ``secret``."""
    signed = {HEADER: sign(secret, body)} if secret is not None else {}
    return {"Content-Type": "application/json", **signed}
