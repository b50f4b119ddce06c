"""Where others can reach this node: what the operator says, else what the machine and the directory show.

Pure but for listing the interfaces. Source: docs/spec/directory.md section 4.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

import psutil

from idas_p2p.wire.address import Address

MAX_ADVERTISED = 8  # addresses in a node record; protocol


def advertised(
    *, configured: tuple[Address, ...], bound: Address, interfaces: Iterable[str], observed: Address | None
) -> tuple[Address, ...]:
    """Addresses to publish, best first.

    Args:
        configured: by the operator; used alone when there are any.
        bound: what the node listens on; used alone unless it is a wildcard.
        interfaces: IP addresses of this machine.
        observed: our address as other nodes see it; its port is the UDP one and not used.
    """
    if configured:
        return configured[:MAX_ADVERTISED]
    if not bound.is_wildcard:
        return (bound,)
    usable = [ip for ip in map(_parsed, interfaces) if ip is not None and _is_usable(ip, bound)]
    usable.sort(key=lambda ip: (ip.is_loopback, not ip.is_global, ip.version))
    hosts = [str(ip) for ip in usable if not ip.is_loopback] or [str(ip) for ip in usable]
    if observed is not None:
        hosts.append(observed.host)
    return tuple(Address(host, bound.port) for host in dict.fromkeys(hosts))[:MAX_ADVERTISED]


def interface_addresses() -> list[str]:
    """IP addresses of this machine's interfaces, zones left out."""
    return [address.address.partition("%")[0] for group in psutil.net_if_addrs().values() for address in group]


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_usable(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, bound: Address) -> bool:
    return not ip.is_link_local and (ip.version == 4 or bound.host == "::")
