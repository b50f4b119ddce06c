"""Can a stranger reach this peer? Asked from a second socket that the peer has never sent to; limit 21.

A peer behind NAT answers the socket it spoke to first, but not this one: so it never becomes a contact by mistake.
Belongs here: the probe. Not here: the proof of the key, which the session gave before.
Source: docs/spec/directory.md section 8.2.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from idas_p2p.directory.addresses import normalise
from idas_p2p.directory.peers import Peer
from idas_p2p.errors import WireError
from idas_p2p.wire.datagrams import TOKEN_SIZE, Challenge, Hello, parse_datagram

PROBE_AGAIN = 0.5  # seconds until the second and last try
PROBE_LIFETIME = 2.0  # seconds a probe may be answered, and until the same peer is probed again
MAX_PROBES = 256  # under way; ours


class Prober(asyncio.DatagramProtocol):
    """Sends hellos and waits for the challenges that answer them.

    Args:
        random_bytes: a secure source.
        on_reachable: told of a peer that answered.
    """

    def __init__(self, *, random_bytes: Callable[[int], bytes], on_reachable: Callable[[Peer], None]) -> None:
        self._random_bytes = random_bytes
        self._on_reachable = on_reachable
        self._transport: asyncio.DatagramTransport | None = None
        self._by_peer: dict[Peer, bytes] = {}
        self._by_token: dict[bytes, Peer] = {}
        self._trials = set[bytes]()  # tokens of questions to peers whose key nobody proved
        self._answered = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = transport  # type: ignore[assignment]  # asyncio gives a datagram transport

    def close(self) -> None:
        """Stop for good."""
        if self._transport is not None:
            self._transport.close()

    def probe(self, peer: Peer) -> None:
        """Ask a peer that proved its key, unless it is being asked already; it is told of when it answers."""
        self._ask(peer)

    def _ask(self, peer: Peer) -> bytes:
        """Ask a peer; returns the token of the question, empty when none was sent."""
        if peer in self._by_peer or len(self._by_peer) >= MAX_PROBES:
            return b""
        token = self._random_bytes(TOKEN_SIZE)
        self._by_peer[peer], self._by_token[token] = token, peer
        loop = asyncio.get_running_loop()
        loop.call_later(PROBE_AGAIN, self._send, peer, token)
        loop.call_later(PROBE_LIFETIME, self._give_up, peer, token)
        self._send(peer, token)
        return token

    async def reaches(self, peers: Sequence[Peer]) -> bool:
        """Ask some peers; returns whether any answered in time. An answer proves no key, so nobody is told of it."""
        self._answered.clear()
        for peer in peers:
            if token := self._ask(peer):
                self._trials.add(token)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PROBE_LIFETIME):
                await self._answered.wait()
        return self._answered.is_set()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take the answer to a probe."""
        try:
            datagram = parse_datagram(data)
        except WireError:
            return
        if not isinstance(datagram, Challenge):
            return
        peer = self._by_token.get(datagram.token)
        if peer is not None and normalise(addr) == peer.endpoint:
            del self._by_token[datagram.token]  # _by_peer keeps it a while, so that it is not asked again at once
            self._answered.set()
            if datagram.token not in self._trials:
                self._on_reachable(peer)

    def _send(self, peer: Peer, token: bytes) -> None:
        if token not in self._by_token or self._transport is None or self._transport.is_closing():
            return
        self._transport.sendto(Hello(token).to_bytes(), peer.endpoint)

    def _give_up(self, peer: Peer, token: bytes) -> None:
        self._by_peer.pop(peer, None)
        self._by_token.pop(token, None)
        self._trials.discard(token)
