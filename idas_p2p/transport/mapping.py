"""A port of the router that leads to one of ours, and what every way of asking for one is.

Belongs here: the promise, and finding the router. Not here: the ways (pcp.py and nat_pmp.py speak to port 5351 of the
router, upnp.py to its web server), when to ask and renew (node/port_mapping.py).
Source: docs/spec/transport.md section 9.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from idas_p2p.wire.address import Address

LIFETIME: Final = (
    3_600  # seconds asked for; renewed at half of what is granted. RFC 6887 section 11.2.1 allows 120 to a day
)
_ROUTES: Final = Path("/proc/net/route")  # proc(5): IPv4 routes, addresses hexadecimal with the last byte first


class Transport(StrEnum):
    """What is mapped."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """A port that the router forwards to us."""

    way: str  # which Mapper made it
    transport: Transport
    port: int  # ours
    external: Address  # the router's
    lifetime: float  # seconds granted


class Mapper(Protocol):
    """One way of asking a router."""

    @property
    def way(self) -> str:
        """Its name: pcp, nat-pmp, upnp."""
        ...

    async def map(self, transport: Transport, port: int, *, external_port: int, lifetime: int) -> Mapping | None:
        """Ask for a mapping, or renew it; None when the router does not grant one this way.

        Args:
            transport: TCP or UDP.
            port: ours.
            external_port: the router's, if it is free.
            lifetime: seconds wanted; 0 ends the mapping, and None is returned.
        """
        ...


@dataclass(frozen=True, slots=True)
class Router:
    """The router in front of this machine, and our address on its side."""

    host: str
    own_host: str


def find_router(routes: Path = _ROUTES) -> Router | None:
    """The default IPv4 router of this machine; None where there is none or the system does not tell."""
    try:
        host = default_gateway(routes.read_text("ascii"))
    except (OSError, UnicodeDecodeError):
        return None
    if host is None:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))  # sends nothing; the port does not matter
        except OSError:
            return None
        return Router(host, str(probe.getsockname()[0]))


def default_gateway(table: str) -> str | None:
    """The gateway of the default route with the lowest metric.

    Args:
        table: what /proc/net/route says.
    """
    rows = [row.split() for row in table.splitlines()[1:]]
    defaults = [row for row in rows if len(row) >= 8 and row[1] == row[7] == "00000000" and row[2] != "00000000"]
    if not defaults:
        return None
    best = min(defaults, key=lambda row: int(row[6]))
    return str(ipaddress.IPv4Address(bytes.fromhex(best[2])[::-1]))
