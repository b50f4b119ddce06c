"""Our directory, simulated: every node runs the code of idas_p2p/directory, down to sealed datagrams.

Belongs here: starting nodes, and what a network that has long been running would already have: contacts (formation.py),
a measured round trip, and an open session with each contact. Those sessions are opened when first used, at no cost in
messages; with anybody else a node opens one as always. Nodes have no housekeeping here, so that nothing heals between
deaths and reads but by the reads themselves; churn.py runs whole nodes.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Any

from kademlia.node import Node

from idas_p2p.crypto.datagram_keys import derive_session
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.records import sign_record
from idas_p2p.crypto.session_table import SessionTable
from idas_p2p.crypto.sessions import Sessions
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.server import DirectoryServer
from idas_p2p.directory.storage import RecordStore
from idas_p2p.directory.table import NEAR_PLACES, NEIGHBOURS
from idas_p2p.limits import REPUBLISH_INTERVAL
from idas_p2p.wire.address import Address
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import Record
from idas_p2p.wire.rpc import Endpoint, Values
from tools.simulate_directory.formation import Membership, Neighbourhood
from tools.simulate_directory.hostile import MadeUp, corrupt
from tools.simulate_directory.loop import EPOCH, START, LoopClock
from tools.simulate_directory.network import ACCOUNT, Account, SimulatedNetwork
from tools.simulate_directory.plan import PAYLOAD, UDP_PORT, Plan, Read, Vice

NEAR = Neighbourhood(size=NEIGHBOURS, places=NEAR_PLACES)
MEASURED = 8  # contacts whose round trip a node has measured before the run begins


class SettledSessions(Sessions):
    """Sessions of a node that has one with each contact, as nodes have that check on each other every few minutes."""

    federation: Ours
    number: int

    def has(self, peer: NodeId, endpoint: Endpoint) -> bool:
        """Whether a message would go out at once."""
        return super().has(peer, endpoint) or self.federation.open_session(self.number, peer, endpoint)

    def send(self, peer: NodeId, endpoint: Endpoint, message: bytes, *, now: float) -> bytes | None:
        """The datagram to send."""
        self.has(peer, endpoint)
        return super().send(peer, endpoint, message, now=now)

    def settle(self, other: SettledSessions, mine: Endpoint, theirs: Endpoint, *, random_bytes: Any) -> None:
        """Open a session between two nodes, with keys of chance in place of those agreed upon."""
        now = LoopClock().monotonic()
        cookie, secret = random_bytes(32), random_bytes(64)
        ends = (self._identity.node_id, random_bytes(32)), (other._identity.node_id, random_bytes(32))
        for sessions, endpoint, is_initiator in ((self, theirs, True), (other, mine, False)):
            session = derive_session(
                secret[:32],
                secret[32:],
                initiator=ends[0],
                responder=ends[1],
                cookie=cookie,
                endpoint=endpoint,
                is_initiator=is_initiator,
                now=now,
            )
            session.opening = None
            sessions._table.add(session, is_ours=is_initiator)


class Ours:
    """The federation; see plan.Federation."""

    name = "ours"

    def __init__(self, plan: Plan, network: SimulatedNetwork) -> None:
        self.plan = plan
        self.network = network
        self.keys = [SigningKey(plan.bytes_for("node", number)) for number in range(plan.nodes)]
        self.peers = [Peer(key.node_id, (plan.host_of(n), UDP_PORT)) for n, key in enumerate(self.keys)]
        self.ids = [peer.id for peer in self.peers]
        self.servers: dict[int, DirectoryServer] = {}
        self._numbers = {peer.node_id: number for number, peer in enumerate(self.peers)}
        self.version = 1
        self._rng = random.Random(f"ours {plan.seed}")  # noqa: S311  # no secrets here
        self._records: dict[tuple[int, int], Record] = {}
        self._keys: dict[int, bytes] = {}
        self._places: dict[bytes, int] = {}
        self._traced: set[int] = set()

    @cached_property
    def made_up(self) -> MadeUp:
        """Nodes that do not exist, for those who mislead."""
        return MadeUp(self.plan.seed)

    async def build(self) -> None:
        """Start all nodes with the contacts of a settled network."""
        for number in range(self.plan.nodes):
            self.servers[number] = await self._serve(number)
        members = Membership([peer.long_id for peer in self.peers])
        for number, server in self.servers.items():
            known = members.contacts(self.peers[number].long_id, server.ksize, self._rng, near=NEAR)
            for contact in known:
                server.protocol.router.add_contact(self.peers[contact])
            for contact in known[:MEASURED]:
                self._measure(server, number, contact)

    async def store(self, writer: int, records: Sequence[int]) -> int:
        """Sign and store records."""
        return sum(await self.servers[writer].put([self.record(number) for number in records]))

    async def publish(self, writer: int, count: int, note: Callable[[int, int], None]) -> None:
        """Publish drafts, which are signed when their turn comes."""

        def stored(some: Sequence[tuple[int, int]]) -> None:
            note(len(some), sum(replicas for _, replicas in some))

        await self.servers[writer].publish([Unsigned(self, number) for number in range(count)], on_stored=stored)

    async def read(self, reader: int, record: int, account: Account) -> Read:
        """Read a record."""
        self._trace(reader)
        server, key = self.servers[reader], self.key(record)
        account.start([peer.id for peer in server.protocol.router.find_neighbors(Node(key), 2 * server.ksize)])
        got = await server.get(key)
        genuine = [self.record(record, version=version) for version in range(self.version, -1, -1)]
        if any(one not in genuine for one in got):
            return Read.FORGED
        return Read.FOUND if genuine[0] in got else Read.STALE if got else Read.MISSING

    async def lookup(self, reader: int, target: bytes) -> list[bytes]:
        """The nodes nearest to an id."""
        return [peer.id for peer in await self.servers[reader].lookup(target)]

    def key(self, record: int) -> bytes:
        """Where a record lies."""
        key = self._keys.get(record)
        if key is None:
            key = self._keys[record] = self.place(record).node_id.kademlia_id
        return key

    def holds(self, node: int, record: int) -> bool:
        """Whether a node holds a record."""
        return bool(self.servers[node].storage.records(self.key(record)))

    def kill(self, node: int) -> None:
        """Turn a node off without a word."""
        self.network.silence(self.plan.host_of(node))

    def corrupt(self, node: int, how: Vice) -> None:
        """Let a node do evil from now on."""
        corrupt(self, node, how)

    def record(self, number: int, *, version: int | None = None) -> Record:
        """A record, as it is now; version 0 is one that its writer has replaced."""
        version = self.version if version is None else version
        record = self._records.get((number, version))
        if record is None:
            record = self._records[number, version] = self.sign(
                number, now=EPOCH + START + (version - 1) * REPUBLISH_INTERVAL
            )
        return record

    def sign(self, number: int, *, now: float) -> Record:
        """A record, as of some time."""
        writer = SigningKey(self.plan.bytes_for("writer", number))
        payload = self.plan.bytes_for("payload", number, now) * (PAYLOAD // 32 + 1)
        return sign_record(self.place(number), writer, payload[:PAYLOAD], now=now)

    def place(self, number: int) -> SigningKey:
        """The key that gives a record its place."""
        return SigningKey(self.plan.bytes_for("place", number))

    def number_at(self, key: bytes) -> int | None:
        """The record that lies at a key."""
        if not self._places:
            self._places = {self.key(number): number for number in range(self.plan.records)}
        return self._places.get(key)

    def open_session(self, number: int, peer: NodeId, endpoint: Endpoint) -> bool:
        """Open the session that two nodes would have if either has the other as a contact."""
        other = self._numbers.get(peer)
        if other is None or self.peers[other].endpoint != endpoint or other == number:
            return False
        one, two = self.servers[number].protocol, self.servers[other].protocol
        if one.router.get(self.ids[other]) is None and two.router.get(self.ids[number]) is None:
            return False
        if not isinstance(one.sessions, SettledSessions) or not isinstance(two.sessions, SettledSessions):
            return False
        one.sessions.settle(two.sessions, self.peers[number].endpoint, endpoint, random_bytes=self._rng.randbytes)
        return True

    async def _serve(self, number: int) -> DirectoryServer:
        policy = AddressPolicy(allow_private=False)
        server = DirectoryServer(
            self.keys[number],
            RecordStore(clock=LoopClock()),
            clock=LoopClock(),
            random_bytes=self._rng.randbytes,
            is_server=True,
            policy=policy,
            open_endpoint=self.network.open,
            ksize=self.plan.k,
        )
        sessions = SettledSessions(
            self.keys[number], random_bytes=self._rng.randbytes, table=SessionTable(share_of=policy.share)
        )
        sessions.federation, sessions.number = self, number
        sessions.may_open = server.protocol.may_open
        server.protocol.sessions = sessions
        await server.listen(Address(*self.peers[number].endpoint))
        return server

    def _measure(self, server: DirectoryServer, number: int, contact: int) -> None:
        latency = self.network.latency(self.plan.host_of(number), self.plan.host_of(contact))
        now = LoopClock().monotonic()
        server.protocol.liveness.heard(self.peers[contact], now=now, round_trip=2 * latency)

    def _trace(self, reader: int) -> None:
        """Note on the account of each read who named whom; the reader's code is not changed by it."""
        if reader not in self._traced:
            self._traced.add(reader)
            protocol: Any = self.servers[reader].protocol
            protocol.call_find_value = traced(protocol.call_find_value)


class Unsigned:
    """A record to be; see placing.Draft. Very many of them need little memory.

    Args:
        federation: whose record.
        number: which.
    """

    __slots__ = ("_federation", "_number", "key")

    def __init__(self, federation: Ours, number: int) -> None:
        self._federation = federation
        self._number = number
        self.key = federation.place(number).node_id.kademlia_id

    def sign(self) -> Record:
        """The record, as of now."""
        return self._federation.sign(self._number, now=LoopClock().now())


def traced(call: Callable[..., Awaitable[Values | None]]) -> Callable[..., Awaitable[Values | None]]:
    """The same question, noted on the account it is asked on."""

    async def ask(peer: Peer, *args: Any, **kwargs: Any) -> Values | None:
        reply = await call(peer, *args, **kwargs)
        account = ACCOUNT.get()
        if reply is not None and account is not None:
            account.named(peer.id, [Peer.from_wire(contact).id for contact in reply.contacts])
            if reply.records:
                account.used(peer.id)
        return reply

    return ask
