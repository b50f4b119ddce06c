"""The directory as the rest of the node sees it: put and get signed records, and be part of the network.

Belongs here: putting the parts together, their tasks, their files. Not here: any decision of theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.carried import Carriage, Carried
from idas_p2p.directory.joining import Joiner
from idas_p2p.directory.keeping import Keeper
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.placing import Draft, OnStored
from idas_p2p.directory.replication import Replicator
from idas_p2p.directory.server import DirectoryServer, OpenEndpoint
from idas_p2p.directory.settings import DirectorySettings
from idas_p2p.directory.sockets import open_udp
from idas_p2p.directory.storage import RecordStore
from idas_p2p.limits import READ_QUORUM
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.records import Record
from idas_p2p.wire.rpc import Ping


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryStatus:
    """What an operator may want to know."""

    joined: bool
    is_server: bool
    is_carried: bool  # over TCP, for the network lets no UDP out
    contacts: int
    records_stored: int  # held for others
    bytes_stored: int
    lookups: int  # since the start
    lookup_ms_p50: float  # of the last few hundred; 0 when there were none
    sessions: int
    datagrams_sent: int
    datagrams_received: int
    bytes_sent: int
    bytes_received: int
    dropped: tuple[tuple[str, int], ...]  # datagrams not served, by reason
    refused: tuple[tuple[str, int], ...]  # records not stored, by reason


class Directory:
    """One node's part in the directory.

    Args:
        identity: the node's key.
        clock: the time.
        server: answer requests and hold records; False for nodes that others cannot reach.
        contacts: where to find the network.
        storage_path: a file that keeps held records over restarts, or None.
        allow_private: also talk to addresses that the Internet does not route.
        tasks: owns the background work.
        known_contacts_path: a file that keeps contacts over restarts, or None.
        random_bytes: a secure source.
        open_endpoint: opens UDP sockets; a simulator passes its own.
        pace: intervals of housekeeping.
        settings: what an operator may set.
    """

    def __init__(
        self,
        identity: SigningKey,
        *,
        clock: Clock,
        server: bool = True,
        contacts: Sequence[Contact] = (),
        storage_path: Path | None,
        allow_private: bool = True,
        tasks: TaskOwner,
        known_contacts_path: Path | None = None,
        random_bytes: Callable[[int], bytes] = random_bytes,
        open_endpoint: OpenEndpoint = open_udp,
        pace: Pace | None = None,
        settings: DirectorySettings | None = None,
    ) -> None:
        self._clock = clock
        self._tasks = tasks
        self._pace = pace or Pace()
        settings = settings or DirectorySettings()
        self._storage = RecordStore(clock=clock, quotas=settings.quotas)
        self._keeper = Keeper(
            self._storage,
            storage_path=storage_path if server else None,
            known_contacts_path=known_contacts_path,
            pace=self._pace,
        )
        self._running: list[asyncio.Task[None]] = []
        self._server = DirectoryServer(
            identity,
            self._storage,
            clock=clock,
            random_bytes=random_bytes,
            is_server=server,
            policy=AddressPolicy(allow_private=allow_private, contacts_per_block=settings.contacts_per_block),
            open_endpoint=open_endpoint,
        )
        rng = random.Random(random_bytes(16))  # noqa: S311  # jitter
        self._joiner = Joiner(self._server, contacts=contacts, known=self._keeper.saved, rng=rng, pace=self._pace)
        self._carried = Carried(
            lambda: self._joiner.configured,
            is_joined=self._joiner.joined.is_set,
            receive=self._server.protocol.datagram_received,
            use=self._use,
            reaches_by_udp=self._reaches_by_udp,
            pace=self._pace,
        )
        self._replicator = Replicator(self._server, clock=clock, pace=self._pace)
        self._server.protocol.on_admitted = self._came
        self._server.protocol.router.on_removed = self._left

    async def start(self, address: Address) -> Address:
        """Open the sockets and join in the background; returns the bound address.

        Raises:
            OSError: the address cannot be bound, or the storage file not be read.
        """
        await self._keeper.restore()
        bound = await self._server.listen(address)
        for name, work in (
            ("directory.join", self._joiner.run()),
            ("directory.replicate", self._replicator.run()),
            ("directory.keep", self._keeper.run(lambda: self._joiner.known)),
            ("directory.check", self._check()),
            ("directory.carry", self._carried.run()),
        ):
            self._running.append(self._tasks.start(name, work))
        return bound

    async def stop(self) -> None:
        """End all work, close the sockets and write the files."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()
        await self._server.close()
        self._keeper.close(self._joiner.known)

    async def put(self, records: Sequence[Record]) -> list[int]:
        """Store records; returns how many nodes hold each now, 0 when nobody could be reached."""
        return await self._server.put(records)

    async def publish(self, drafts: Sequence[Draft], *, on_stored: OnStored) -> None:
        """Sign and store many records, region by region.

        Args:
            drafts: signed one after the other as their turn comes.
            on_stored: told (number of the draft, nodes that hold it) for some drafts at a time; 0 when nobody does.
        """
        await self._server.publish(drafts, on_stored=on_stored)

    async def get(self, key: bytes, *, quorum: int = READ_QUORUM) -> list[Record]:
        """Read a key: verified records, one for each writer, of the highest sequence; empty when there are none.

        Args:
            key: 20 bytes, `Record.key`.
            quorum: holders whose records are merged; DIRECTORY_REPLICAS asks all nodes that may hold it.
        """
        return await self._server.get(key, quorum=quorum)

    def add_contact(self, contact: Contact) -> None:
        """Call one more contact from now on; nothing happens when it is known."""
        self._joiner.add(contact)

    async def wait_joined(self, timeout: float) -> bool:
        """Wait until at least one contact is known; False after `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._joiner.joined.wait()
        return self._joiner.joined.is_set()

    def observed_address(self) -> Address | None:
        """Our UDP address as others see it."""
        endpoint = self._server.protocol.observed()
        return Address(*endpoint) if endpoint else None

    def contacts(self) -> list[Contact]:
        """The nodes we know to be alive."""
        return [peer.contact for peer in self._server.protocol.router]

    def status(self) -> DirectoryStatus:
        """What an operator may want to know."""
        protocol = self._server.protocol
        seconds = self._server.lookup_seconds
        return DirectoryStatus(
            joined=self._joiner.joined.is_set(),
            is_server=self._server.is_server,
            is_carried=protocol.carriage is not None,
            contacts=len(protocol.router),
            records_stored=self._storage.usage.records,
            bytes_stored=self._storage.usage.size,
            lookups=self._server.lookups,
            lookup_ms_p50=1000 * statistics.median(seconds) if seconds else 0.0,
            sessions=len(protocol.sessions),
            datagrams_sent=protocol.traffic.sent,
            datagrams_received=protocol.traffic.received,
            bytes_sent=protocol.traffic.sent_bytes,
            bytes_received=protocol.traffic.received_bytes,
            dropped=tuple(sorted(protocol.drops.items())),
            refused=tuple(sorted(protocol.refusals.items())),
        )

    def _use(self, carriage: Carriage | None) -> None:
        self._server.use(carriage)
        self._joiner.hurry()

    async def _reaches_by_udp(self) -> bool:
        return await self._server.reaches_by_udp(await self._joiner.endpoints())

    def _came(self, peer: Peer) -> None:
        self._joiner.came(peer)
        self._replicator.came(peer)

    def _left(self, peer: Peer) -> None:
        self._joiner.left()
        self._replicator.left(peer)

    async def _check(self) -> None:
        await self._joiner.joined.wait()
        await self._server.fill(pause=self._pace.fill)
        while True:
            await asyncio.sleep(self._pace.check)
            protocol = self._server.protocol
            before = self._clock.monotonic() - self._pace.unheard
            for peer in protocol.router:
                if protocol.liveness.last_heard(peer) < before:
                    protocol.ask(peer, Ping())
            await self._server.refresh()
