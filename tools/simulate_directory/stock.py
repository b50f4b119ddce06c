"""Stock `kademlia`, simulated: the library as it is on the package index, nothing of ours in it.

Belongs here: starting its nodes and asking them what ours are asked. Ids, contacts and the network are like ours;
keys are others, for the library hashes its own. A value is as large as our records.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import kademlia.routing
import kademlia.storage
from kademlia.crawling import NodeSpiderCrawl
from kademlia.network import Server
from kademlia.node import Node
from kademlia.utils import digest

from idas_p2p.crypto.keys import SigningKey
from tools.simulate_directory.formation import PLAIN, Membership
from tools.simulate_directory.hostile_stock import corrupt
from tools.simulate_directory.loop import LoopClock
from tools.simulate_directory.network import ACCOUNT, Account, SimulatedNetwork
from tools.simulate_directory.plan import UDP_PORT, Plan, Read, Vice

VALUE = 369  # bytes; of a record of ours
MAX_PUBLISHED = 1_000  # values; what one costs does not depend on how many there are
ALPHA = 3  # the library's default


class Stock:
    """The federation; see plan.Federation."""

    name = "stock"

    def __init__(self, plan: Plan, network: SimulatedNetwork) -> None:
        self.plan = plan
        self.network = network
        self.ids = [SigningKey(plan.bytes_for("node", n)).node_id.kademlia_id for n in range(plan.nodes)]
        self.servers: dict[int, Any] = {}
        self.version = 1
        self._rng = random.Random(f"stock {plan.seed}")  # noqa: S311  # no secrets here
        self._places: dict[bytes, int] = {}
        self._traced: set[int] = set()

    async def build(self) -> None:
        """Start all nodes with the contacts of a settled network."""
        random.seed(self.plan.seed)  # the library's own source of chance
        nodes = [Node(kademlia_id, self.plan.host_of(n), UDP_PORT) for n, kademlia_id in enumerate(self.ids)]
        members = Membership([node.long_id for node in nodes])
        for number, node in enumerate(nodes):
            server = Server(self.plan.k, ALPHA, node.id)
            await server.listen(UDP_PORT, node.ip)
            self.servers[number] = server
            for contact in members.contacts(node.long_id, self.plan.k, self._rng, near=PLAIN):
                server.protocol.router.add_contact(nodes[contact])

    async def store(self, writer: int, records: Sequence[int]) -> int:
        """Store values, one after another as the library does; it tells of success, not how often."""
        for number in records:
            await self.servers[writer].set(str(number), self.value(number))
        return sum(self.holds(node, number) for node in self.servers for number in records)

    async def publish(self, writer: int, count: int, note: Callable[[int, int], None]) -> None:
        """Store values one after another, at most MAX_PUBLISHED."""
        for number in range(min(count, MAX_PUBLISHED)):
            note(1, await self.store(writer, [number]))

    async def read(self, reader: int, record: int, account: Account) -> Read:
        """Read a value."""
        server = self.servers[reader]
        if reader not in self._traced:
            self._traced.add(reader)
            server.protocol.call_find_value = traced(server.protocol.call_find_value)
        account.start([node.id for node in server.protocol.router.find_neighbors(Node(self.key(record)))])
        got = await server.get(str(record))
        if got is None:
            return Read.MISSING
        return {self.value(record): Read.FOUND, self.value(record, version=0): Read.STALE}.get(got, Read.FORGED)

    async def lookup(self, reader: int, target: bytes) -> list[bytes]:
        """The nodes nearest to an id."""
        server, node = self.servers[reader], Node(target)
        nearest = server.protocol.router.find_neighbors(node)
        crawl = NodeSpiderCrawl(server.protocol, node, nearest, server.ksize, server.alpha)
        return [peer.id for peer in await crawl.find()]

    def key(self, record: int) -> bytes:
        """Where a value lies."""
        return bytes(digest(str(record)))

    def holds(self, node: int, record: int) -> bool:
        """Whether a node holds a value."""
        return self.key(record) in self.servers[node].storage.data

    def kill(self, node: int) -> None:
        """Turn a node off without a word."""
        self.network.silence(self.plan.host_of(node))

    def corrupt(self, node: int, how: Vice) -> None:
        """Let a node do evil from now on."""
        corrupt(self, node, how)

    def number_at(self, key: bytes) -> int | None:
        """The value that lies at a key."""
        if not self._places:
            self._places = {self.key(number): number for number in range(self.plan.records)}
        return self._places.get(key)

    def value(self, number: int, *, version: int = 1) -> bytes:
        """A value; version 0 is one that its writer has replaced."""
        return (self.plan.bytes_for("payload", number, version) * (VALUE // 32 + 1))[:VALUE]


def traced(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The same question, noted on the account it is asked on."""

    async def ask(peer: Any, node: Any) -> Any:
        happened, reply = result = await call(peer, node)
        account = ACCOUNT.get()
        if happened and account is not None:
            if isinstance(reply, dict):
                account.used(peer.id)
            else:
                account.named(peer.id, [entry[0] for entry in reply])
        return result

    return ask


@contextlib.contextmanager
def in_virtual_time() -> Iterator[None]:
    """The library reads the machine's clock; let it read the loop's."""
    modules: tuple[Any, ...] = (kademlia.routing, kademlia.storage)
    before = [module.time for module in modules]
    for name in ("kademlia", "rpcudp", "asyncio"):  # it leaves tasks and errors to nobody
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for module in modules:
        module.time = SimpleNamespace(monotonic=LoopClock().monotonic)
    try:
        yield
    finally:
        for module, clock in zip(modules, before, strict=True):
            module.time = clock
