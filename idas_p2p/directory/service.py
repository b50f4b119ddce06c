"""The directory as the rest of the node sees it: put and get signed records, and be part of the network.

Belongs here: putting the parts together, their tasks, their files. Not here: any decision of theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.bridging import Bridge
from idas_p2p.directory.carried import Carried, OpenStream
from idas_p2p.directory.dial_backs import DialBacks
from idas_p2p.directory.keeping import Keeper
from idas_p2p.directory.merging import newest
from idas_p2p.directory.overlay import Overlay
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.placing import Draft, Finished, OnStored, SignedOnce
from idas_p2p.directory.server import OpenEndpoint
from idas_p2p.directory.settings import DirectorySettings
from idas_p2p.directory.sockets import open_udp
from idas_p2p.directory.storage import RecordStore
from idas_p2p.limits import READ_QUORUM
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.records import Record


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
        open_stream: opens TCP connections, where no UDP gets out.
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
        open_stream: OpenStream = asyncio.open_connection,
        pace: Pace | None = None,
        settings: DirectorySettings | None = None,
    ) -> None:
        self._clock = clock
        self._tasks = tasks
        self._pace, self._open_stream = pace or Pace(), open_stream
        settings = settings or DirectorySettings()
        self._storage = RecordStore(clock=clock, quotas=settings.quotas)
        self._keeper = Keeper(
            self._storage,
            storage_path=storage_path if server else None,
            known_contacts_path=known_contacts_path,
            pace=self._pace,
        )
        self._running: list[asyncio.Task[None]] = []
        self._joined = asyncio.Event()
        self._make = partial(
            Overlay,
            identity,
            self._storage,
            clock=clock,
            random_bytes=random_bytes,
            is_server=server,
            policy=AddressPolicy(allow_private=allow_private, contacts_per_block=settings.contacts_per_block),
            open_endpoint=open_endpoint,
            known=self._keeper.saved,
            pace=self._pace,
            on_change=self._changed,
        )
        self._overlays = [self._make(contacts=contacts)]  # one for each IP family that the address has
        self._bridge: Bridge | None = None
        self.dial_backs = DialBacks(lambda: [overlay.server for overlay in self._overlays], random_bytes=random_bytes)

    async def start(self, address: Address) -> Address:
        """Open the sockets and join in the background; returns the bound address.

        Args:
            address: `[::]:PORT` means IPv4 as well, at the same port.

        Raises:
            OSError: the address cannot be bound, or the storage file not be read.
        """
        await self._keeper.restore()
        bound = await self._main.server.listen(address)
        if bound.host == "::":
            second = self._make(contacts=self._main.joiner.configured)
            self._overlays.insert(0, second)
            await second.server.listen(Address("0.0.0.0", bound.port))  # noqa: S104
            self._bridge = Bridge(second.server, self._overlays[1].server, self._storage, pace=self._pace)
            self._storage.on_stored = self._stored(self._storage.on_stored, self._bridge)
        for name, work in self._work():
            self._running.append(self._tasks.start(name, work))
        return bound

    async def stop(self) -> None:
        """End all work, close the sockets and write the files."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self._running.clear()
        for overlay in self._overlays:
            await overlay.server.close()
        self._keeper.close(self._known())

    async def put(self, records: Sequence[Record]) -> list[int]:
        """Store records; returns how many nodes hold each now, 0 when nobody could be reached."""
        replicas = [0] * len(records)

        def note(stored: Sequence[tuple[int, int]]) -> None:
            for number, count in stored:
                replicas[number] = count

        await self.publish([Finished(record) for record in records], on_stored=note)
        return replicas

    async def publish(self, drafts: Sequence[Draft], *, on_stored: OnStored) -> None:
        """Sign and store many records, region by region.

        Args:
            drafts: signed one after the other as their turn comes.
            on_stored: told (number of the draft, nodes that hold it) for some drafts at a time; 0 when nobody does. Of
                two IP families the one where more do counts.
        """
        *first, last = self._reachable()
        most: dict[int, int] = {}

        def note(stored: Sequence[tuple[int, int]]) -> None:
            most.update(stored)

        if first:
            drafts = [SignedOnce(draft) for draft in drafts]
        for overlay in first:
            await overlay.server.publish(drafts, on_stored=note)
        await last.server.publish(
            drafts, on_stored=lambda stored: on_stored([(n, max(count, most.get(n, 0))) for n, count in stored])
        )

    async def get(self, key: bytes, *, quorum: int = READ_QUORUM) -> list[Record]:
        """Read a key: verified records, one for each writer, of the highest sequence; empty when there are none.

        Args:
            key: 20 bytes, `Record.key`.
            quorum: holders whose records are merged; DIRECTORY_REPLICAS asks all nodes that may hold it.
        """
        asked = self._reachable()
        found = await asyncio.gather(*(overlay.server.get(key, quorum=quorum) for overlay in asked))
        return found[0] if len(found) == 1 else newest(record for records in found for record in records)

    def add_contact(self, contact: Contact) -> None:
        """Call one more contact from now on; nothing happens when it is known."""
        for overlay in self._overlays:
            overlay.joiner.add(contact)

    async def wait_joined(self, timeout: float) -> bool:
        """Wait until at least one contact is known; False after `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._joined.wait()
        return self._joined.is_set()

    def configure(self, settings: DirectorySettings) -> None:
        """Hold no more than other bounds allow from now on; what is beyond them stays until it expires."""
        self._storage.usage.quotas = settings.quotas

    def observed_address(self) -> Address | None:
        """Our UDP address as others see it, by IPv4 if that is known; of a carried node they see the carrier."""
        protocols = (overlay.server.protocol for overlay in self._overlays)
        seen = (protocol.observed() for protocol in protocols if protocol.carriage is None)
        return next((Address(*endpoint) for endpoint in seen if endpoint), None)

    def contacts(self) -> list[Contact]:
        """The nodes we know to be alive; who is reached by both IP families twice."""
        return [peer.contact for overlay in self._overlays for peer in overlay.server.protocol.router]

    def status(self) -> DirectoryStatus:
        """What an operator may want to know."""
        servers = [overlay.server for overlay in self._overlays]
        protocols = [server.protocol for server in servers]
        seconds = [second for server in servers for second in server.lookup_seconds]
        return DirectoryStatus(
            joined=self._joined.is_set(),
            is_server=any(server.is_server for server in servers),
            is_carried=any(protocol.carriage is not None for protocol in protocols),
            contacts=sum(len(protocol.router) for protocol in protocols),
            records_stored=self._storage.usage.records,
            bytes_stored=self._storage.usage.size,
            lookups=sum(server.lookups for server in servers),
            lookup_ms_p50=1000 * statistics.median(seconds) if seconds else 0.0,
            sessions=sum(len(protocol.sessions) for protocol in protocols),
            datagrams_sent=sum(protocol.traffic.sent for protocol in protocols),
            datagrams_received=sum(protocol.traffic.received for protocol in protocols),
            bytes_sent=sum(protocol.traffic.sent_bytes for protocol in protocols),
            bytes_received=sum(protocol.traffic.received_bytes for protocol in protocols),
            dropped=tuple(sorted(sum((protocol.drops for protocol in protocols), Counter()).items())),
            refused=tuple(sorted(sum((protocol.refusals for protocol in protocols), Counter()).items())),
        )

    @property
    def _main(self) -> Overlay:
        """The part that is carried over TCP where UDP is blocked: that of IPv4 if there is one."""
        return self._overlays[0]

    def holds(self, key: bytes) -> bool:
        """Whether this node itself keeps records of a key (20 bytes)."""
        return bool(self._storage.records(key))

    def _reachable(self) -> list[Overlay]:
        """The parts that know somebody; one at least."""
        return [overlay for overlay in self._overlays if overlay.is_joined] or [self._main]

    def _work(self) -> Iterator[tuple[str, Coroutine[object, object, None]]]:
        """What runs in the background, by name."""
        for overlay in self._overlays:
            yield from overlay.work()
        carried = Carried(
            lambda: self._main.joiner.configured,
            is_joined=self._joined.is_set,
            receive=self._main.server.protocol.datagram_received,
            use=self._main.use,
            reaches_by_udp=self._main.reaches_by_udp,
            pace=self._pace,
            open_stream=self._open_stream,
        )
        yield "directory.carry", carried.run()
        yield "directory.keep", self._keeper.run(self._known)
        if self._bridge is not None:
            yield "directory.bridge", self._bridge.run()

    def _known(self) -> list[Contact]:
        """Contacts for the next start, newest first, those of two families in turn."""
        by_family = zip_longest(*(overlay.joiner.known for overlay in self._overlays))
        return list(dict.fromkeys(contact for row in by_family for contact in row if contact is not None))

    def _changed(self) -> None:
        if any(overlay.is_joined for overlay in self._overlays):
            self._joined.set()
        else:
            self._joined.clear()

    @staticmethod
    def _stored(keep: Callable[[str, bytes], None], bridge: Bridge) -> Callable[[str, bytes], None]:
        def stored(block: str, data: bytes) -> None:
            keep(block, data)
            bridge.note(data)

        return stored
