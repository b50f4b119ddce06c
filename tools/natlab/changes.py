"""What happens to a network while a study crosses it: a router forgets its mappings, or gets another address.

Belongs here: what can happen, and how it is made to. Not here: the networks (networks.py), when (trial.py).
Linux forgets the mappings of an address when the address is taken from its device (net/netfilter/nf_nat_masquerade.c).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from tools.natlab.kinds import Kind, gateways
from tools.natlab.networks import HOME, PUBLIC, Line, Networks, inside

OTHER_PUBLIC: Final = 3  # the last number of the address a router gets anew
OTHER_HOST: Final = 20  # and of a machine's own


class Change(StrEnum):
    """What happens, and on whose side."""

    ASKER_NAT_FORGETS = "asker-nat-forgets"
    HOLDER_NAT_FORGETS = "holder-nat-forgets"
    ASKER_NAT_MOVES = "asker-nat-moves"
    HOLDER_NAT_MOVES = "holder-nat-moves"
    ASKER_MOVES = "asker-moves"
    HOLDER_MOVES = "holder-moves"


MEANING: Final[dict[Change, str]] = {
    Change.ASKER_NAT_FORGETS: "the asker's router forgets every mapping",
    Change.HOLDER_NAT_FORGETS: "the holder's router does",
    Change.ASKER_NAT_MOVES: "the asker's router gets another public address",
    Change.HOLDER_NAT_MOVES: "the holder's router does",
    Change.ASKER_MOVES: "the asker's machine gets another private address, as in another network",
    Change.HOLDER_MOVES: "the holder's machine does",
}


def can_happen(change: Change, holder: Kind, asker: Kind) -> bool:
    """Whether there is a router on that side for it to happen to."""
    kind = holder if change.startswith("holder") else asker
    return gateways(kind) > 0 and kind is not Kind.LAN


def happen(change: Change, networks: Networks) -> None:
    """Make it happen."""
    is_holder = change.startswith("holder")
    line = networks.holder_line if is_holder else networks.asker_line
    if change.endswith("nat-forgets"):
        _readdress(line, line.public)
    elif change.endswith("nat-moves"):
        _readdress(line, f"{PUBLIC}.{line.number}.{OTHER_PUBLIC}")
    else:
        inside(
            networks.holder if is_holder else networks.asker,
            "ip address flush dev eth0 scope global",
            f"ip address add {HOME}.{OTHER_HOST}/24 dev eth0",
            f"ip route add default via {HOME}.1",
        )


def _readdress(line: Line, address: str) -> None:
    """Take the router's public address away, with every mapping to it, and give it one."""
    inside(
        line.gateway,
        f"ip address del {line.public}/24 dev {line.device}",
        f"ip address add {address}/24 dev {line.device}",
        f"ip route add default via {PUBLIC}.{line.number}.2",
    )
