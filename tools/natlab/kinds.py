"""The kinds of network a node may sit in, and the rules of the gateways in front of it.

Belongs here: names, meanings, nftables text. Not here: namespaces and devices (networks.py).
A gateway's devices towards the Internet are named `wan*`, those towards its hosts `lan0`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How a node is connected."""

    OPEN = "open"
    NAT = "nat"
    STRICT = "strict"
    RANDOM = "random"
    FULLY_RANDOM = "fully-random"
    DOUBLE = "double"
    UPNP = "upnp"
    ONLY_443 = "only-443"
    NO_UDP = "no-udp"
    IPV6 = "ipv6"
    LAN = "lan"


MEANING: Final[dict[Kind, str]] = {
    Kind.OPEN: "public IPv4 and IPv6 addresses, nothing filtered",
    Kind.NAT: "a NAT that keeps the port where it can, and lets in only answers",
    Kind.STRICT: "the same, and what opens a TCP connection is never an answer: no connection from both sides",
    Kind.RANDOM: "a NAT that maps each connection to a random port",
    Kind.FULLY_RANDOM: "such a NAT, with ports nobody can predict",
    Kind.DOUBLE: "a NAT at home behind a NAT of the provider, both keeping ports",
    Kind.UPNP: "a NAT whose router opens ports on request (miniupnpd: UPnP IGD, NAT-PMP, PCP)",
    Kind.ONLY_443: "a NAT that lets out nothing but TCP to port 443",
    Kind.NO_UDP: "a NAT that lets out no UDP",
    Kind.IPV6: "a public IPv6 address and no IPv4",
    Kind.LAN: "both nodes on one local network behind one NAT",
}

_MASQUERADE: Final = {Kind.RANDOM: "masquerade random", Kind.FULLY_RANDOM: "masquerade fully-random"}
_INWARD: Final = {Kind.STRICT: 'iifname "wan*" tcp flags & (syn | ack) == syn drop'}
_OUTWARD: Final = {
    Kind.ONLY_443: 'oifname "wan*" tcp dport != 443 drop; oifname "wan*" meta l4proto != tcp drop',
    Kind.NO_UDP: 'oifname "wan*" meta l4proto udp drop',
}


def gateways(kind: Kind) -> int:
    """How many gateways lie between the node and the Internet."""
    return {Kind.OPEN: 0, Kind.IPV6: 0, Kind.DOUBLE: 2}.get(kind, 1)


def has_ipv6(kind: Kind) -> bool:
    """Whether the node has an IPv6 address; behind a NAT of IPv4 it has none."""
    return kind in (Kind.OPEN, Kind.IPV6)


def rules(kind: Kind) -> str:
    """What `nft -f` reads at each gateway of a kind: address translation, and nothing in but answers.

    Stray connections are dropped without a word, as home routers do: a refusal would end a simultaneous open.
    """
    inward = f"{_INWARD[kind]};" if kind in _INWARD else ""
    outward = f"{_OUTWARD[kind]};" if kind in _OUTWARD else ""
    return f"""
table ip natlab {{
    chain outward {{
        type nat hook postrouting priority 100;
        oifname "wan*" {_MASQUERADE.get(kind, "masquerade")}
    }}
    chain through {{
        type filter hook forward priority 0; policy accept;
        iifname "wan*" ct status dnat accept
        iifname "wan*" ct state new drop; {inward} {outward}
    }}
    chain inward {{
        type filter hook input priority 0; policy accept;
        iifname "wan*" ct state new drop
    }}
}}
"""


def pairs() -> Iterator[tuple[Kind, Kind]]:
    """Every pair of holder and asker; one local network is a pair of its own."""
    several = [kind for kind in Kind if kind is not Kind.LAN]
    yield from ((holder, asker) for holder in several for asker in several)
    yield Kind.LAN, Kind.LAN
