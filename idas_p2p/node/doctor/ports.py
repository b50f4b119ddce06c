"""The node's own ports: free when it does not run, answered by it when it does.

Belongs here: trying to bind and to connect. Not here: other machines (outside.py, lan.py).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Final

from idas_p2p.node.config import NodeConfig
from idas_p2p.node.doctor.findings import Finding, found, good
from idas_p2p.wire.address import Address

_TCP, _UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
_NAMES: Final = {
    errno.EADDRINUSE: ("port_taken", "another program has it"),
    errno.EACCES: ("port_forbidden", "this user may not open so low a port"),
    errno.EADDRNOTAVAIL: ("address_not_ours", "no network interface of this machine has this address"),
}


def examine_ports(config: NodeConfig) -> list[Finding]:
    """Whether a node that does not run could open its ports."""
    return [
        examine_port("dicom.listen", config.dicom, (_TCP,)),
        examine_port("network.listen", config.network, (_TCP, _UDP)),
    ]


def examine_port(part: str, address: Address, kinds: Sequence[socket.SocketKind]) -> Finding:
    """Whether an address could be bound now, for each kind of socket."""
    for kind in kinds:
        try:
            _bind(address, kind)
        except OSError as error:
            name, why = _NAMES.get(error.errno or 0, ("address_not_ours", error.strerror or type(error).__name__))
            return found(part, name, f"{'TCP' if kind is _TCP else 'UDP'} {address}: {why}")
    return good(part, f"{address} can be opened")


def _bind(address: Address, kind: socket.SocketKind) -> None:
    family, _, _, _, where = socket.getaddrinfo(address.host, address.port, type=kind)[0]
    with socket.socket(family, kind) as sock:
        if kind is _TCP:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the node's own server does
        sock.bind(where)
