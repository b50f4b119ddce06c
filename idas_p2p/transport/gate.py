"""How many connections there may be, and how many of them from whom.

Belongs here: counting and deciding. Not here: sockets and deadlines (listener.py).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Final, TypeVar

from idas_p2p.crypto.handshake import Refusal
from idas_p2p.limits import MAX_CHANNELS, MAX_CHANNELS_PER_PEER, MAX_HALF_OPEN, MAX_HALF_OPEN_PER_HOST
from idas_p2p.wire.ids import NodeId

K = TypeVar("K")

_IPV6_SITE: Final = 64  # bits; whoever has one address of such a network has all of them


class Gate:
    """Decides which new connection may begin a handshake, and which peer may have one more channel.

    Args:
        max_half_open: handshakes under way.
        max_half_open_per_host: of them from one IPv4 address or one IPv6 network of 64 bits.
        max_channels: channels and handshakes together.
        max_channels_per_peer: channels of one node, so that no member shuts out the others.
    """

    def __init__(
        self,
        *,
        max_half_open: int = MAX_HALF_OPEN,
        max_half_open_per_host: int = MAX_HALF_OPEN_PER_HOST,
        max_channels: int = MAX_CHANNELS,
        max_channels_per_peer: int = MAX_CHANNELS_PER_PEER,
    ) -> None:
        self._max_half_open = max_half_open
        self._max_half_open_per_host = max_half_open_per_host
        self._max_channels = max_channels
        self._max_channels_per_peer = max_channels_per_peer
        self._half_open: Counter[str] = Counter()
        self._channels: Counter[NodeId] = Counter()

    @property
    def half_open(self) -> int:
        """Handshakes under way."""
        return self._half_open.total()

    @property
    def channels(self) -> int:
        """Handshakes completed whose channel has not ended."""
        return self._channels.total()

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

    def leave(self, host: str) -> None:
        """Count a connection out again whose handshake has ended, well or badly."""
        _decrement(self._half_open, _site(host))

    def has_room_for(self, peer: NodeId) -> bool:
        """Whether this node may have one more channel."""
        return self._channels[peer] < self._max_channels_per_peer

    def has_room_beside(self, peer: NodeId) -> bool:
        """Whether a further connection of a channel, counted in already, takes no place that a channel may need."""
        return self._channels[peer] <= self._max_channels_per_peer // 2 and self.channels <= self._max_channels // 2

    def open_channel(self, peer: NodeId) -> None:
        """Count a channel in."""
        self._channels[peer] += 1

    def end_channel(self, peer: NodeId) -> None:
        """Count a channel out."""
        _decrement(self._channels, peer)


def _decrement(counter: Counter[K], key: K) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def _site(host: str) -> str:
    address = ipaddress.ip_address(host)
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((int(address) >> _IPV6_SITE << _IPV6_SITE, _IPV6_SITE)))
