"""Network addresses as people write them: HOST:PORT, [IPv6]:PORT, HOST:PORT/ID."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from idas_p2p.errors import WireError
from idas_p2p.wire.ids import NodeId

MAX_HOST_SIZE = 253  # characters; RFC 1035 section 2.3.4


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A host name or IP address, and a port.

    Raises:
        WireError: empty or overlong host, forbidden character, port outside 0 to 65535.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        if not 0 < len(self.host) <= MAX_HOST_SIZE or not all(c.isalnum() or c in ".-:_%" for c in self.host):
            raise WireError("not a host name or IP address")
        if not 0 <= self.port <= 65_535:
            raise WireError("a port is 0 to 65535")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_wildcard(self) -> bool:
        """Whether this means every interface of the machine."""
        return self.host in {"0.0.0.0", "::"}  # noqa: S104

    @property
    def is_ip(self) -> bool:
        """Whether the host is an IP address and needs no name lookup."""
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return True

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read HOST:PORT or [IPv6]:PORT.

        Raises:
            WireError: not such a text.
        """
        host, colon, port = text.strip().rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or len(port) > 5:
            raise WireError("an address is HOST:PORT")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise WireError("an IPv6 address is written [ADDRESS]:PORT")
        return cls(host, int(port))


@dataclass(frozen=True, slots=True, order=True)
class Contact:
    """A node and where to reach it."""

    address: Address
    node_id: NodeId

    def __str__(self) -> str:
        return f"{self.address}/{self.node_id}"

    @classmethod
    def parse(cls, text: str) -> Contact:
        """Read HOST:PORT/ID.

        Raises:
            WireError: not such a text.
        """
        address, slash, node_id = text.strip().partition("/")
        if not slash:
            raise WireError("a contact is HOST:PORT/ID")
        return cls(Address.parse(address), NodeId.parse(node_id))
