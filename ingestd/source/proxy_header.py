"""PROXY protocol header, versions 1 and 2: which encoder a load balancer passes on.

Spec: "The PROXY protocol", versions 1 and 2, of HAProxy (proxy-protocol.txt), sections 2.1 and 2.2.
"""

import ipaddress
import re

from ingestd.source.entrance_stage import EntryError

V1_BEGINS = b"PROXY "
V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
# Section 2.1: with the longest addresses, CR and LF.
MAX_V1_BYTES = 107
_V2_FIXED_BYTES = 16
# What it may add (TLV) is a name or a certificate. All of it is held until it has an end.
_MAX_V2_BYTES = 16 * 1024
_V1 = re.compile(rb"PROXY (TCP4|TCP6) (\S+) (\S+) (\d{1,5}) (\d{1,5})\r\n")
# Section 2.2: the bytes of the source and destination addresses and ports of a family.
_V2_ADDRESS_BYTES = {0x1: 4, 0x2: 16}
_CURE = (
    "have the load balancer send one (HAProxy: send-proxy-v2; nginx: proxy_protocol on), or set "
    "source.proxy_protocol: false"
)


def begins_as_proxy_header(data: bytes) -> bool:
    """Whether ``data`` begins with a PROXY header, of which at least 6 bytes have come."""
    return data.startswith((V1_BEGINS, V2_SIGNATURE[: max(len(V1_BEGINS), len(data))]))


def unexpected() -> EntryError:
    """Return what to say of a connection that begins with a PROXY header where none is read."""
    return EntryError(
        "proxy_header", "it begins with a PROXY header; set source.proxy_protocol: true to have it read"
    )


class ProxyHeader:
    """Reads the header off a connection; ``host`` and ``port`` are then the encoder's behind the balancer.

    Both are None where the balancer speaks for itself (LOCAL, UNKNOWN), as in its health checks, or passes on
    what has no IP address.
    """

    # It is what a balancer sends first, at once.
    TIMEOUT_S = 5.0

    def __init__(self) -> None:
        self._data = b""
        self.passed = False
        self.host: str | None = None
        self.port: int | None = None

    @property
    def wanted(self) -> bool:
        """Whether a connection has to show something here."""
        return True

    @property
    def begun(self) -> bool:
        """Whether a byte of it has come."""
        return bool(self._data)

    def receive(self, data: bytes | memoryview) -> bytes:
        """Take ``data``; return what lies behind the header. Raises EntryError for what is no header."""
        self._data += data
        seen = self._data
        if seen.startswith(V2_SIGNATURE):
            end = self._read_v2(seen)
        elif seen.startswith(V1_BEGINS):
            end = self._read_v1(seen)
        elif V2_SIGNATURE.startswith(seen) or V1_BEGINS.startswith(seen):
            end = 0
        else:
            raise EntryError("proxy_header", f"it does not begin with a PROXY header; {_CURE}")
        if not end:
            return b""
        self.passed = True
        self._data = b""
        return seen[end:]

    def unfinished(self) -> EntryError:
        """Return what to say of a connection that ends, or takes too long, in the midst of it."""
        return EntryError("proxy_header", f"its PROXY header has no end; {_CURE}")

    def _read_v1(self, seen: bytes) -> int:
        end = seen.find(b"\r\n", 0, MAX_V1_BYTES) + 2
        if end < 2:
            if len(seen) >= MAX_V1_BYTES:
                raise _bad(f"version 1 has no end of line in {MAX_V1_BYTES} bytes")
            return 0
        # Section 2.1: all that follows UNKNOWN is to be ignored.
        if seen.startswith(b"PROXY UNKNOWN"):
            return end
        match = _V1.match(seen)
        if match is None:
            raise _bad("version 1 is not of the form `PROXY TCP4 SOURCE DESTINATION PORT PORT`")
        try:
            host = ipaddress.ip_address(match[2].decode("ascii", "replace"))
        except ValueError:
            raise _bad("version 1 names a source that is no IP address") from None
        port = int(match[4])
        if host.version != (4 if match[1] == b"TCP4" else 6) or port > 65535:
            raise _bad("version 1 names a source that does not fit its family")
        self.host, self.port = str(host), port
        return end

    def _read_v2(self, seen: bytes) -> int:
        if len(seen) < _V2_FIXED_BYTES:
            return 0
        version, command = seen[12] >> 4, seen[12] & 0xF
        if version != 2 or command > 1:
            raise _bad(f"version {version}, command {command} is not known")
        end = _V2_FIXED_BYTES + int.from_bytes(seen[14:16], "big")
        if end > _MAX_V2_BYTES:
            raise _bad(f"version 2 announces {end} bytes, more than {_MAX_V2_BYTES}")
        if len(seen) < end:
            return 0
        size = _V2_ADDRESS_BYTES.get(seen[13] >> 4)
        if command == 0 or size is None:
            return end
        if end < _V2_FIXED_BYTES + 2 * size + 4:
            raise _bad("version 2 is too short for the addresses of its family")
        at = _V2_FIXED_BYTES + 2 * size
        self.host = str(ipaddress.ip_address(seen[_V2_FIXED_BYTES : _V2_FIXED_BYTES + size]))
        self.port = int.from_bytes(seen[at : at + 2], "big")
        return end


def _bad(what: str) -> EntryError:
    return EntryError("proxy_header", f"its PROXY header cannot be read: {what}; look at the load balancer")
