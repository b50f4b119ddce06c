"""Finding the network, and finding it again after it or we were away.

Belongs here: whom to call and when. Not here: what is said (protocol.py). docs/spec/directory.md section 8.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from idas_p2p.directory.addresses import normalise
from idas_p2p.directory.files import MAX_KNOWN_CONTACTS
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.events import log_event
from idas_p2p.wire.address import Contact
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import Ping

MAX_ADDRESSES = 4  # tried for one host name
REVISITS = 4  # contacts of earlier days called in one round, so that a split network grows together again


class Joiner:
    """Keeps a node in the network.

    Args:
        server: the node.
        contacts: configured, called for ever.
        known: from earlier runs, newest first.
        rng: jitter.
        pace: intervals.
    """

    def __init__(
        self,
        server: DirectoryServer,
        *,
        contacts: Sequence[Contact],
        known: Sequence[Contact],
        rng: random.Random,
        pace: Pace,
    ) -> None:
        self._server = server
        self._contacts = tuple(contacts)
        self._known: OrderedDict[NodeId, Contact] = OrderedDict((c.node_id, c) for c in reversed(known))
        self._rng = rng
        self._pace = pace
        self.joined = asyncio.Event()
        self._alone = asyncio.Event()

    @property
    def known(self) -> list[Contact]:
        """Contacts that were reached, newest first; for the next start."""
        return list(reversed(self._known.values()))

    @property
    def configured(self) -> tuple[Contact, ...]:
        """Contacts that are called for ever."""
        return self._contacts

    async def endpoints(self) -> list[Peer]:
        """Where the configured contacts may be."""
        return [peer for contact in self._contacts for peer in await self._peers(contact)]

    def hurry(self) -> None:
        """Call at once: there is a new way to reach others."""
        self._alone.set()

    def add(self, contact: Contact) -> None:
        """Call one more contact from now on, and at once."""
        if contact not in self._contacts:
            self._contacts = (*self._contacts, contact)
        self._alone.set()

    def came(self, peer: Peer) -> None:
        """A node became a contact."""
        self._known.pop(peer.node_id, None)
        self._known[peer.node_id] = peer.contact
        while len(self._known) > MAX_KNOWN_CONTACTS:
            self._known.popitem(last=False)
        if not self.joined.is_set():
            log_event("directory_joined", count=len(self._server.protocol.router))
        self.joined.set()

    def left(self) -> None:
        """A contact fell silent."""
        if not len(self._server.protocol.router):
            self.joined.clear()
            self._alone.set()
            log_event("directory_lost")

    async def run(self) -> None:
        """Join, look around more and more seldom, and join again whenever that is needed, for ever."""
        wait = self._pace.first_retry
        while True:
            was_joined = self.joined.is_set()
            self._alone.clear()
            answered = await self._call()
            if answered or self._may_be_unknown(wait):
                await self._server.lookup(self._server.node.id, start=answered)
            if self.joined.is_set() != was_joined:
                wait = self._pace.first_retry
            longest = self._pace.rejoin if self.joined.is_set() else self._pace.last_retry
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait, longest) * self._rng.uniform(0.8, 1.2)):
                    await self._alone.wait()
                    wait = self._pace.first_retry / 2
            wait = min(2 * wait, longest)

    def _may_be_unknown(self, wait: float) -> bool:
        """Whether to look ourselves up again: others that joined when we did may not have met us, nor we them."""
        few = len(self._server.protocol.router) < self._server.ksize
        return self.joined.is_set() and (few or wait < self._pace.rejoin)

    async def _call(self) -> list[Peer]:
        """Ping those worth calling; returns those that answered and are not contacts yet, or all when we have none."""
        router = self._server.protocol.router
        absent = [c for c in self.known if router.get(c.node_id.kademlia_id) is None]
        if self.joined.is_set():
            absent = self._rng.sample(absent, min(REVISITS, len(absent)))
        peers = [peer for contact in {*self._contacts, *absent} for peer in await self._peers(contact)]
        replies = await asyncio.gather(*(self._server.protocol.ask(peer, Ping()) for peer in peers))
        return [peer for peer, reply in zip(peers, replies, strict=True) if reply and router.get(peer.id) is None]

    async def _peers(self, contact: Contact) -> list[Peer]:
        """Where a contact may be: host names are looked up anew each time."""
        host, port = contact.address.host, contact.address.port
        if contact.node_id == self._server.node.node_id:
            return []
        found: list[tuple[Any, ...]] = [(host, port)]
        if not contact.address.is_ip:
            try:
                entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            except (OSError, UnicodeError):
                log_event("directory_contact_unknown_host", peer=contact.node_id.short)
                return []
            found = [entry[4] for entry in entries]
        endpoints = dict.fromkeys(normalise(address) for address in found)
        usable = [endpoint for endpoint in endpoints if self._server.protocol.policy.accepts(endpoint)]
        return [Peer(contact.node_id, endpoint) for endpoint in usable[:MAX_ADDRESSES]]
