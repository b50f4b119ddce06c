"""Networks for tests: datagrams carried in memory, or real UDP on loopback, with the same nodes on both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.crypto.records import sign_record
from idas_p2p.crypto.sessions import Sessions
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.pace import Pace
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.protocol import DirectoryProtocol
from idas_p2p.directory.quotas import Quotas
from idas_p2p.directory.service import Directory
from idas_p2p.directory.settings import DirectorySettings
from idas_p2p.directory.sockets import open_udp
from idas_p2p.directory.storage import RecordStore
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.records import Record

QUICK = Pace(
    first_retry=0.05,
    last_retry=0.2,
    rejoin=0.2,
    sweep=0.1,
    check=0.5,
    unheard=0.5,
    fill=0.01,
    welcome=0.05,
    carry=1.3,
    retry_udp=0.5,
    last_retry_udp=2.0,
)


@dataclass
class ManualClock:
    """A clock that a test sets."""

    unix: float = 1_800_000_000.0
    seconds: float = 1_000.0

    def now(self) -> float:
        return self.unix

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.unix += seconds
        self.seconds += seconds


def key(name: int | str) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey(str(name).encode().ljust(32, b"."))


def record(
    location: int | str, writer: int | str = "w", payload: bytes = b"payload", *, now: float, lifetime: float = 3_600.0
) -> Record:
    """A sound record of the writer at the location."""
    return sign_record(key(f"at {location}"), key(f"by {writer}"), payload, now=now, lifetime=lifetime)


def peer(name: int | str, *, port: int = 7000, host: str = "127.0.0.1") -> Peer:
    """A peer that nobody runs."""
    return Peer(key(name).node_id, (host, port))


class MemoryTransport(asyncio.DatagramTransport):
    """One endpoint of a MemoryNetwork."""

    def __init__(self, network: MemoryNetwork, endpoint: tuple[str, int]) -> None:
        super().__init__({"sockname": endpoint})
        self._network, self._endpoint = network, endpoint

    def sendto(self, data: Any, addr: Any = None) -> None:
        self._network.carry(bytes(data), self._endpoint, addr)

    def is_closing(self) -> bool:
        return self._endpoint not in self._network.protocols

    def close(self) -> None:
        protocol = self._network.protocols.pop(self._endpoint, None)
        if protocol is not None:
            asyncio.get_running_loop().call_soon(protocol.connection_lost, None)


@dataclass
class MemoryNetwork:
    """Carries datagrams within one loop; `drops` decides which are lost, by number."""

    drops: Callable[[int], bool] = lambda number: False
    protocols: dict[tuple[str, int], asyncio.DatagramProtocol] = field(default_factory=dict)
    carried: list[tuple[tuple[str, int], tuple[str, int], bytes]] = field(default_factory=list)
    next_port: int = 10_000
    latency: Callable[[], float] = lambda: 0.0  # seconds one way

    async def open(self, protocol: asyncio.DatagramProtocol, address: Address) -> asyncio.DatagramTransport:
        self.next_port += 1
        endpoint = (address.host, address.port or self.next_port)
        self.protocols[endpoint] = protocol
        transport = MemoryTransport(self, endpoint)
        protocol.connection_made(transport)
        return transport

    def carry(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        self.carried.append((source, target, data))
        if not self.drops(len(self.carried)):
            asyncio.get_running_loop().call_later(self.latency(), self._deliver, data, source, target)

    def _deliver(self, data: bytes, source: tuple[str, int], target: tuple[str, int]) -> None:
        if target in self.protocols:
            self.protocols[target].datagram_received(data, source)


def bare_protocol(
    name: int | str, *, clock: Any = None, is_server: bool = True, allow_private: bool = True
) -> DirectoryProtocol:
    """A protocol without sockets or tasks."""
    identity, clock = key(name), clock or ManualClock()
    return DirectoryProtocol(
        Peer(identity.node_id, ("0.0.0.0", 0)),
        RecordStore(clock=clock),
        8,
        sessions=Sessions(identity, random_bytes=random_bytes),
        clock=clock,
        random_bytes=random_bytes,
        is_server=is_server,
        policy=AddressPolicy(allow_private=allow_private),
    )


@dataclass
class Nodes:
    """Running directories; stopped at the end of the test."""

    open_endpoint: Any = open_udp
    clock: Any = field(default_factory=SystemClock)
    pace: Pace = QUICK
    tasks: TaskOwner = field(default_factory=lambda: TaskOwner(limit=2_000))
    running: dict[Directory, Contact] = field(default_factory=dict)
    random_bytes: Callable[[int], bytes] = random_bytes

    async def start(
        self,
        name: int | str,
        *,
        contacts: Sequence[Contact] = (),
        server: bool = True,
        port: int = 0,
        folder: Path | None = None,
        quotas: Quotas | None = None,
        clock: Any = None,
        host: str = "127.0.0.1",
        open_endpoint: Any = None,
    ) -> Directory:
        identity = key(name)
        directory = Directory(
            identity,
            clock=clock or self.clock,
            server=server,
            contacts=contacts,
            storage_path=folder / f"{name}.journal" if folder else None,
            tasks=self.tasks,
            known_contacts_path=folder / f"{name}.json" if folder else None,
            random_bytes=self.random_bytes,
            open_endpoint=open_endpoint or self.open_endpoint,
            pace=self.pace,
            settings=DirectorySettings(quotas=quotas) if quotas else None,
        )
        bound = await directory.start(Address(host, port))
        self.running[directory] = Contact(bound, identity.node_id)
        return directory

    async def start_many(self, count: int) -> list[Directory]:
        """Nodes 0 to count - 1 that know one another, as far as buckets hold them."""
        first = await self.start(0)
        others = [await self.start(number, contacts=[self.running[first]]) for number in range(1, count)]
        await until(lambda: all(d.status().contacts >= min(count - 1, 8) for d in [first, *others]))
        return [first, *others]

    async def stop(self, directory: Directory) -> Contact:
        await directory.stop()
        return self.running.pop(directory)


@asynccontextmanager
async def nodes(open_endpoint: Any = open_udp, *, clock: Any = None, pace: Pace = QUICK) -> AsyncIterator[Nodes]:
    group = Nodes(open_endpoint, clock or SystemClock(), pace)
    try:
        yield group
    finally:
        for directory in list(group.running):
            await group.stop(directory)
        await group.tasks.stop()


async def until(condition: Callable[[], bool], *, timeout: float = 20.0) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  # the condition is about several nodes; there is no one event
            await asyncio.sleep(0.01)
