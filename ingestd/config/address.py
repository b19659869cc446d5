"""Addresses of sockets, and networks from which encoders may connect."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ingestd.redact import shown

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Loopback, private (RFC 1918, RFC 4193; RFC 6598 behind a carrier's NAT, and in VPNs) and link-local
# ranges: a camera on the desk or in the same building needs no configuration, and a port scan from the
# Internet finds no way to publish.
PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)

# Every address of a family (asyncio sets IPV6_V6ONLY).
WILDCARDS = ("0.0.0.0", "::")

# sun_path of unix(7) is 108 bytes with the closing zero.
_MAX_UNIX_PATH_BYTES = 107
_HOST_AND_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.%A-Za-z0-9_-]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})", re.ASCII)
_ALLOWED = "allowed: tcp://HOST:PORT (IPv6 in brackets), tls://HOST:PORT or unix:///PATH"


@dataclass(frozen=True, slots=True)
class Address:
    """A socket address; ``host`` and ``port`` for all but ``unix``, which has ``path``."""

    scheme: str  # tcp, tls, unix, or http for our own server
    host: str = ""  # without brackets, lower case
    port: int = 0  # 0: whichever is free, for listeners only
    path: str = ""  # absolute

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def overlaps(self, other: "Address") -> bool:
        """Whether one machine cannot listen on both."""
        if "unix" in (self.scheme, other.scheme):
            return self == other
        if self.port != other.port or self.port == 0:
            return False
        return self._takes(other.host) or other._takes(self.host)

    def _takes(self, host: str) -> bool:
        """Whether what listens on this address gets what is sent to ``host``, too."""
        if self.host == "::":
            return self.scheme != "http" or ":" in host  # encoders may come by IPv4 as well
        return self.host == host or (self.host == "0.0.0.0" and ":" not in host)


def parse_address(value: object) -> Address:
    """Read ``tcp://HOST:PORT``, ``tls://HOST:PORT`` or ``unix:///PATH``."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not an address; {_ALLOWED}")
    scheme, separator, rest = value.partition("://")
    if not separator or scheme not in ("tcp", "tls", "unix"):
        raise ValueError(f"{shown(value)} is not an address; {_ALLOWED}")
    if scheme != "unix":
        host, port = _host_and_port(value, rest)
        return Address(scheme, host, port)
    if not rest.startswith("/") or "\0" in rest:
        raise ValueError(
            f"{shown(value)} has no absolute path; three slashes are needed: unix:///run/cam.sock"
        )
    if len(rest.encode()) > _MAX_UNIX_PATH_BYTES:
        raise ValueError(
            f"{shown(value)} is too long; the system allows {_MAX_UNIX_PATH_BYTES} bytes of path"
        )
    return Address("unix", path=rest)


def parse_http_address(value: object) -> Address:
    """Read ``HOST:PORT`` of our own web server."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not HOST:PORT; e.g. 127.0.0.1:9464")
    host, port = _host_and_port(value, value.removeprefix("http://").removesuffix("/"))
    return Address("http", host, port)


def parse_networks(value: object) -> tuple[Network, ...]:
    """Read a list of CIDRs or single addresses, or one text with commas between them."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f'{shown(value)} is not a list of networks; write ["127.0.0.0/8", "10.1.2.3"]')
    return tuple(_network(item) for item in value)


def contains(networks: Iterable[Network], host: str) -> bool:
    """Whether the peer address ``host`` (as the socket says it) lies in one of ``networks``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A listener on :: sees an IPv4 peer as ::ffff:10.0.0.1.
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped
    return any(address in network for network in networks)


def _network(value: object) -> Network:
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    # An integer would be taken for a packed address.
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not a network; write 10.0.0.0/8, 10.1.2.3 or fd00::/8")
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a network; write 10.0.0.0/8, 10.1.2.3 or fd00::/8") from None
    if "/" in value and value.partition("/")[0].lower() != str(network.network_address):
        raise ValueError(f"{shown(value)} has bits outside its mask; did you mean {network}?")
    return network


def _host_and_port(seen: str, text: str) -> tuple[str, int]:
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        hint = "put the IPv6 address in brackets" if text.count(":") > 1 else "HOST:PORT is needed"
        raise ValueError(f"{shown(seen)} has no host and port; {hint}, e.g. 127.0.0.1:5004 or [::1]:5004")
    port = int(match[3])
    if port > 65535:
        raise ValueError(f"{shown(seen)}: port {port} is too large; allowed: 0 (any free one) to 65535")
    host = (match[1] or match[2]).lower()
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        if match[1] or re.fullmatch(r"[0-9.]+", host):
            raise ValueError(f"{shown(seen)}: {host} is not an IP address") from None
    return host, port
