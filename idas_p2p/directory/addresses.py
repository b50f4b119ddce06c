"""Which UDP endpoints may be contacted, and which of them count as neighbours.

Belongs here: normal form, bogons, address blocks. Not here: sockets. Limits 20 and 31 of the stock library.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from idas_p2p.limits import MAX_SESSIONS_PER_BLOCK, MAX_SESSIONS_PER_HOST
from idas_p2p.wire.rpc import Endpoint

V4_BLOCK = 24  # bits of prefix that one site is taken to own
V6_BLOCK = 48  # bits
CONTACTS_PER_BLOCK = 2  # contacts of one public address block in one bucket of the table; ours
CACHED = 4_096  # hosts of which is kept what was found out; ours: about 1 MB


def normalise(address: tuple[Any, ...]) -> Endpoint:
    """The endpoint of a socket address: IPv4 in IPv6 becomes IPv4, scope and flow are dropped."""
    return _normal_host(str(address[0]).partition("%")[0]), int(address[1])


@lru_cache(maxsize=CACHED)
def _normal_host(host: str) -> str:
    ip = ipaddress.ip_address(host)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return str(ip)


@dataclass(frozen=True, slots=True)
class _Host:
    """What is asked of an address again and again: finding it out costs more than all else about a datagram's."""

    version: int
    is_bogon: bool  # nobody can be there, in any network
    is_global: bool
    block: str


@lru_cache(maxsize=CACHED)
def _host(host: str) -> _Host:
    ip = ipaddress.ip_address(host)
    is_mapped = isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None
    is_bogon = ip.is_multicast or ip.is_unspecified or is_mapped or ip == ipaddress.IPv4Address("255.255.255.255")
    prefix = V4_BLOCK if ip.version == 4 else V6_BLOCK
    return _Host(ip.version, is_bogon, ip.is_global, str(ipaddress.ip_network((ip, prefix), strict=False)))


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Where this node sends.

    Args:
        allow_private: also addresses that the Internet does not route; for laboratories and private networks.
        families: IP versions that the socket can send to.
        contacts_per_block: contacts of one block that one bucket of the table may hold; more in laboratories.
    """

    allow_private: bool
    families: frozenset[int] = frozenset({4, 6})
    contacts_per_block: int = CONTACTS_PER_BLOCK

    def accepts(self, endpoint: Endpoint) -> bool:
        """Whether a contact at this endpoint may be talked to."""
        try:
            host = _host(endpoint[0])
        except ValueError:
            return False
        if not 0 < endpoint[1] < 65_536 or host.version not in self.families or host.is_bogon:
            return False
        return self.allow_private or host.is_global

    def block(self, host: str) -> str:
        """The site an address belongs to, or an empty text when private addresses share no fate here."""
        known = _host(host)
        return "" if self.allow_private and not known.is_global else known.block

    def payer(self, endpoint: Endpoint) -> str:
        """Whose budget pays for work asked from here: the site's; the socket's own where addresses are private."""
        return self.block(endpoint[0]) or f"{endpoint[0]}:{endpoint[1]}"

    def share(self, endpoint: Endpoint) -> tuple[str, int]:
        """The site whose sessions are counted together, and the most it may have."""
        block = self.block(endpoint[0])
        return (block, MAX_SESSIONS_PER_BLOCK) if block else (endpoint[0], MAX_SESSIONS_PER_HOST)
