"""How many connections there may be, and how many of them from whom.

Belongs here: counting and deciding. Not here: sockets and deadlines (listener.py).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Final

from idas_p2p.crypto.handshake import Refusal
from idas_p2p.limits import MAX_CHANNELS, MAX_HALF_OPEN, MAX_HALF_OPEN_PER_HOST

_IPV6_SITE: Final = 64  # bits; whoever has one address of such a network has all of them


class Gate:
    """Decides which new connection may begin a handshake.

    Args:
        max_half_open: handshakes under way.
        max_half_open_per_host: of them from one IPv4 address or one IPv6 network of 64 bits.
        max_channels: channels and handshakes together.
    """

    def __init__(
        self,
        *,
        max_half_open: int = MAX_HALF_OPEN,
        max_half_open_per_host: int = MAX_HALF_OPEN_PER_HOST,
        max_channels: int = MAX_CHANNELS,
    ) -> None:
        self._max_half_open = max_half_open
        self._max_half_open_per_host = max_half_open_per_host
        self._max_channels = max_channels
        self._half_open: Counter[str] = Counter()
        self.channels = 0  # handshakes completed and not ended

    @property
    def half_open(self) -> int:
        """Handshakes under way."""
        return self._half_open.total()

    def enter(self, host: str) -> Refusal | None:
        """Count a new connection from an IP address, or return why it is refused."""
        if self.half_open + self.channels >= self._max_channels:
            return Refusal.TOO_MANY_CHANNELS
        if self.half_open >= self._max_half_open:
            return Refusal.TOO_MANY_HALF_OPEN
        if self._half_open[_site(host)] >= self._max_half_open_per_host:
            return Refusal.TOO_MANY_FROM_HOST
        self._half_open[_site(host)] += 1
        return None

    def end_handshake(self, host: str, *, succeeded: bool) -> None:
        """Count the handshake out, and the channel in."""
        self._half_open[_site(host)] -= 1
        if not self._half_open[_site(host)]:
            del self._half_open[_site(host)]
        self.channels += succeeded

    def end_channel(self) -> None:
        """Count a channel out."""
        self.channels -= 1


def _site(host: str) -> str:
    address = ipaddress.ip_address(host)
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((int(address) >> _IPV6_SITE << _IPV6_SITE, _IPV6_SITE)))
