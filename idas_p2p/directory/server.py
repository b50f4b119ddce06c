"""Lookups, reads and writes over the table and the store: kademlia's Server, with its data handling replaced.

Belongs here: get, put, refresh. Not here: joining (joining.py), replication (replication.py), files (service.py).
Limits 4, 6, 11, 12, 13; docs/spec/directory.md sections 9 and 10.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from kademlia.network import Server
from kademlia.node import Node

from idas_p2p.clock import Clock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.session_table import SessionTable
from idas_p2p.crypto.sessions import Sessions
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.admission import Prober
from idas_p2p.directory.budgets import writers_budgets
from idas_p2p.directory.carried import Carriage
from idas_p2p.directory.crawling import NodeCrawl, ValueCrawl
from idas_p2p.directory.merging import MergedSlots
from idas_p2p.directory.peers import Peer, distance
from idas_p2p.directory.placing import Draft, Finished, Means, OnStored, Placement
from idas_p2p.directory.protocol import DirectoryProtocol
from idas_p2p.directory.shortlist import State
from idas_p2p.directory.sockets import resolve, version_of
from idas_p2p.directory.storage import RecordStore
from idas_p2p.directory.storing import pack_records
from idas_p2p.limits import DIRECTORY_ALPHA, DIRECTORY_K, DIRECTORY_REPLICAS, READ_QUORUM, WORK_RECORD, WORK_REQUEST
from idas_p2p.wire.address import Address
from idas_p2p.wire.records import Record
from idas_p2p.wire.rpc import Ping, Store, Stored

OpenEndpoint = Callable[[asyncio.DatagramProtocol, Address], Awaitable[asyncio.DatagramTransport]]

for library in ("kademlia", "rpcudp"):  # their words go around events.py
    logging.getLogger(library).setLevel(logging.CRITICAL)

MAX_REPAIRS = 32  # records sent after one read to a node that lacked them; ours
MAX_FILLING = 256  # lookups of one filling; ours, four times what a network of 10,000 nodes takes
RECENT_LOOKUPS = 256  # whose times are remembered for the status


class DirectoryServer(Server):  # type: ignore[misc]  # kademlia carries no types
    """One node of the directory.

    Args:
        identity: its key.
        storage: records held for others.
        clock: the time.
        random_bytes: a secure source.
        is_server: whether it answers requests and holds records.
        policy: which endpoints may be contacted.
        open_endpoint: opens a UDP socket, or a simulated one.
        ksize: contacts in a bucket, and nodes that end a lookup; half as many more hold each record.
    """

    protocol: DirectoryProtocol
    storage: RecordStore

    def __init__(
        self,
        identity: SigningKey,
        storage: RecordStore,
        *,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        is_server: bool,
        policy: AddressPolicy,
        open_endpoint: OpenEndpoint,
        ksize: int = DIRECTORY_K,
    ) -> None:
        super().__init__(ksize, DIRECTORY_ALPHA, identity.node_id.kademlia_id, storage)
        self.node = Peer(identity.node_id, ("0.0.0.0", 0))  # noqa: S104  # our own endpoint is for others to say
        self.replicas = ksize * DIRECTORY_REPLICAS // DIRECTORY_K
        self.is_server = self._serves = is_server
        self.lookups = 0
        self.lookup_seconds: deque[float] = deque(maxlen=RECENT_LOOKUPS)
        self._clock = clock
        self._random = random.Random(random_bytes(16))  # noqa: S311  # chooses ids to refresh and jitter, no secrets
        self._open_endpoint = open_endpoint
        self._prober: Prober | None = None
        self._random_bytes = random_bytes
        self._pacing = writers_budgets()
        self.protocol = DirectoryProtocol(
            self.node,
            storage,
            ksize,
            sessions=Sessions(identity, random_bytes=random_bytes, table=SessionTable(share_of=policy.share)),
            clock=clock,
            random_bytes=random_bytes,
            is_server=is_server,
            policy=policy,
        )

    async def listen(self, address: Address) -> Address:
        """Open the sockets; returns the bound address.

        Raises:
            OSError: the address cannot be bound.
        """
        address = await resolve(address)
        self.transport = await self._open_endpoint(self.protocol, address)
        prober = Prober(random_bytes=self._random_bytes, on_reachable=self.protocol.admit)
        await self._open_endpoint(prober, Address(address.host, 0))
        self._prober, self.protocol.probe = prober, prober.probe
        self.protocol.policy = replace(self.protocol.policy, families=frozenset({version_of(address)}))
        host, port = self.transport.get_extra_info("sockname")[:2]
        return Address(host, port)

    def use(self, carriage: Carriage | None) -> None:
        """Send through a carriage from now on, as a client; or through UDP again, as what we are."""
        serves = self._serves and carriage is None
        self.is_server = self.protocol.is_server = serves
        self.protocol.use(carriage)
        if self._prober is not None:  # its socket is as deaf as ours; who answers a carrier can be reached
            self.protocol.probe = self._prober.probe if carriage is None else self.protocol.admit

    def serve(self, serves: bool) -> None:
        """Answer requests and hold records from now on, or be a client."""
        self._serves = serves
        self.is_server = self.protocol.is_server = serves and self.protocol.carriage is None

    async def reaches_by_udp(self, peers: Sequence[Peer]) -> bool:
        """Whether any of these answers a datagram, also while ours are carried."""
        return self._prober is not None and await self._prober.reaches(peers)

    async def close(self) -> None:
        """Close the sockets and wait until the port is free."""
        self.stop()
        if self.transport is not None:
            await self.protocol.closed.wait()

    def stop(self) -> None:
        """Close the sockets soon."""
        super().stop()
        if self._prober is not None:
            self._prober.close()

    async def lookup(self, target: bytes, *, count: int | None = None, start: Sequence[Peer] = ()) -> list[Peer]:
        """The `count` live nodes nearest to a 20-byte id, nearest first, without us; k by default."""
        peers = [*start, *self._start(target)]
        return await self._timed(NodeCrawl(self.protocol, Node(target), peers, count or self.ksize, self.alpha))

    async def find_holders(self, key: bytes) -> list[Peer]:
        """The live nodes that are to hold a record, nearest first, without us."""
        return await self.lookup(key, count=self.replicas)

    async def get(self, key: bytes, *, quorum: int = READ_QUORUM) -> list[Record]:
        """Read a key, merged from `quorum` holders or from all that may be one; close nodes that lack are repaired."""
        slots = MergedSlots(key, now=self._clock.now())
        crawl = ValueCrawl(
            self.protocol,
            Node(key),
            self._start(key),
            self.ksize,
            replicas=self.replicas,
            slots=slots,
            own=self.storage.records(key),
            quorum=quorum,
        )
        await self._timed(crawl)
        closest = crawl.nearest.answered(self.replicas)
        for peer in set(closest) & set(crawl.nearest.plausible(self.replicas)):
            if missing := slots.missing(crawl.held.get(peer, ()))[:MAX_REPAIRS]:
                self.send_records(peer, missing)
        if self.is_server and self.is_close(key, closest):
            for data in slots.missing(self.storage.records(key)):
                self.storage.offer(data)
        return slots.records()

    async def put(self, records: Sequence[Record]) -> list[int]:
        """Store records at the nodes nearest to their keys; returns how many hold each now, ourselves included."""
        replicas = [0] * len(records)

        def note(stored: Sequence[tuple[int, int]]) -> None:
            for number, count in stored:
                replicas[number] = count

        await self.publish([Finished(record) for record in records], on_stored=note)
        return replicas

    async def publish(self, drafts: Sequence[Draft], *, on_stored: OnStored) -> None:
        """Sign and store many records, region by region; see placing.py."""
        means = Means(lookup=self.find_holders, store=self.store_at, keep=self._keep, replicas=self.replicas)
        await Placement(means, drafts, on_stored).run()

    async def store_at(self, peer: Peer, records: tuple[bytes, ...]) -> Stored | None:
        """Ask a peer to hold records that fit one datagram, no faster than it serves one address."""
        cost = WORK_REQUEST + WORK_RECORD * len(records)
        wait = self._pacing.reserve(str(peer.endpoint), cost, now=self._clock.monotonic())
        if wait:
            await asyncio.sleep(wait)
        return await self.protocol.call_store(peer, records)

    def _keep(self, key: bytes, data: bytes, others: Sequence[Peer]) -> bool | None:
        if not self.is_server or not self.is_close(key, others):
            return None
        return self.storage.offer(data) is None

    def send_records(self, peer: Peer, records: Sequence[bytes]) -> None:
        """Offer records to a peer without waiting; its refusals are its own affair."""
        for run in pack_records(enumerate(records)):
            self.protocol.ask(peer, Store(records=tuple(data for _, data in run)))

    async def refresh(self) -> None:
        """Look up a random id in every bucket that no lookup went through for an hour."""
        for bucket in self.protocol.router.lonely_buckets():
            await self.lookup(self._random.randint(*bucket.range).to_bytes(20, "big"))

    async def fill(self, *, pause: float) -> None:
        """Look up a random id in every bucket that has room, once for each range, `pause` seconds apart.

        Who has just joined knows the neighbourhoods of a few ids; afterwards it knows somebody everywhere, and
        everywhere somebody knows it. Buckets split meanwhile, as contacts are admitted.
        """
        looked_at: set[tuple[int, int]] = set()
        while len(looked_at) < MAX_FILLING:
            room = {bucket.range for bucket in self.protocol.router.buckets if len(bucket) < self.ksize} - looked_at
            if not room:
                return
            todo = min(room, key=lambda span: span[0] ^ self.node.long_id)  # who is near tells what is far
            looked_at.add(todo)
            target = self._random.randint(*todo).to_bytes(20, "big")
            crawl = NodeCrawl(self.protocol, Node(target), self._start(target), self.ksize, self.alpha)
            await self._timed(crawl)
            for peer in self.protocol.router.wanted(crawl.nearest.nearest(State.NEW)):
                self.protocol.ask(peer, Ping())  # named, and not needed for the lookup
            await asyncio.sleep(pause)

    async def _timed(self, crawl: NodeCrawl) -> list[Peer]:
        self.protocol.router.touch(crawl.node)
        started = self._clock.monotonic()
        found = await crawl.find()
        self.lookups += 1
        self.lookup_seconds.append(self._clock.monotonic() - started)
        return found

    def _start(self, target: bytes) -> list[Peer]:
        """Members nearest to the target; silent ones only when there are no others, those who left when nobody is."""
        now = self._clock.monotonic()
        near = self.protocol.router.find_neighbors(Node(target), 2 * self.replicas)
        awake = [peer for peer in near if not self.protocol.liveness.is_silent(peer, now=now)]
        return awake or near or self.protocol.router.last_left()

    def is_close(self, key: bytes, others: Sequence[Peer]) -> bool:
        """Whether we are among the nodes that hold a key's records, `others` being the nearest without us."""
        if len(others) < self.replicas:
            return True
        return distance(self.node.id, key) < distance(others[self.replicas - 1].id, key)

    # What kademlia's Server would do with data, and we never do.

    async def set_digest(self, dkey: bytes, value: bytes) -> bool:
        """Store one encoded record; the key is inside it."""
        return (await self.put([Record.from_bytes(value)]))[0] > 0

    async def _refresh_table(self) -> None:
        """Refresh buckets; republish nothing (limit 4)."""
        await self.refresh()

    def save_state(self, fname: str) -> None:
        """Not used: contacts are kept as JSON by files.py (limit 12)."""
        raise NotImplementedError

    @classmethod
    async def load_state(cls, fname: str, port: int, interface: str = "") -> DirectoryServer:
        """Not used: nothing is ever unpickled (limit 12)."""
        raise NotImplementedError
