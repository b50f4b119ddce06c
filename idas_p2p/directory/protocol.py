"""What a directory node answers, and what it asks others: Kademlia's rpc_* and call_*, with every argument checked.

Belongs here: the four requests, and learning contacts from traffic. Not here: bytes and timers (sealed.py), which
records are held (storage.py). Limits 1, 7, 21, 23, 24, 26, 29, 31, 32; docs/spec/directory.md section 7.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from kademlia.node import Node

from idas_p2p.clock import Clock
from idas_p2p.crypto.records import Refusal
from idas_p2p.crypto.sessions import Sessions
from idas_p2p.directory.addresses import AddressPolicy
from idas_p2p.directory.budgets import Budgets
from idas_p2p.directory.peers import Peer
from idas_p2p.directory.sealed import SealedProtocol
from idas_p2p.directory.storage import RecordStore
from idas_p2p.directory.table import ContactTable
from idas_p2p.limits import MAX_CONTACTS_PER_REPLY, WORK_HANDSHAKE, WORK_RECORD, WORK_REQUEST
from idas_p2p.wire.address import Address
from idas_p2p.wire.datagrams import MAX_REPLY_SIZE
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import (
    REQUEST_ID_SIZE,
    DialBack,
    Dialling,
    Endpoint,
    FindNode,
    FindValue,
    Nodes,
    Ping,
    Pong,
    Reply,
    RequestMessage,
    Socket,
    Store,
    Stored,
    Values,
    encode_reply,
)

OUTCOMES: tuple[Refusal | None, ...] = (None, *Refusal)  # the number of an outcome is its place here; protocol
CONTACT_SIZE = 52  # bytes of a contact in a reply, at most
VALUES_FRAMING = 24  # bytes of a reply with neither records nor contacts, at most
MAX_VOTES = 16  # nodes whose word about our address is remembered
OnDialBack = Callable[[NodeId, Address, bytes], bool]  # dial this node there with this nonce; False: not now
K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")


class DirectoryProtocol(SealedProtocol):
    """One node's side of the directory protocol.

    Args:
        me: ourselves.
        storage: records held for others.
        ksize: contacts in a bucket and in a reply.
        sessions: who is proved.
        clock: the time.
        random_bytes: a secure source.
        is_server: whether requests are answered.
        policy: which endpoints may be contacted.
    """

    router: ContactTable
    storage: RecordStore

    def __init__(
        self,
        me: Peer,
        storage: RecordStore,
        ksize: int,
        *,
        sessions: Sessions,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        is_server: bool,
        policy: AddressPolicy,
    ) -> None:
        super().__init__(
            me, storage, ksize, sessions=sessions, clock=clock, random_bytes=random_bytes, is_server=is_server
        )
        self.policy = policy
        self.router = ContactTable(self, ksize, me, policy=policy, monotonic=clock.monotonic)
        self.probe: Callable[[Peer], None] = self.admit  # the server puts its prober here
        self.on_admitted: Callable[[Peer], None] = lambda peer: None
        self.on_dial_back: OnDialBack = lambda node_id, at, nonce: False
        self.refusals: Counter[str] = Counter()
        self._votes: OrderedDict[NodeId, Endpoint] = OrderedDict()
        self.router.on_vacancy = lambda peer: self.probe(peer)
        self.budgets = Budgets()  # of those who ask us
        sessions.may_open = self.may_open

    # Answering

    def may_work(self, endpoint: Endpoint) -> bool:
        """Whether the address of an asker has some of its budget left."""
        return self.budgets.allows(self.policy.payer(endpoint), now=self.clock.monotonic())

    def may_open(self, endpoint: Endpoint) -> bool:
        """Whether to do the work of opening a session for whoever proved to be at this endpoint; it is charged."""
        allowed = self.may_work(endpoint)
        if allowed:
            self.budgets.spend(self.policy.payer(endpoint), WORK_HANDSHAKE, now=self.clock.monotonic())
        return allowed

    def answer(self, sender: Peer, message: RequestMessage) -> Reply | None:
        """Answer an authentic, well-formed request, at the expense of the asker's budget."""
        records = len(message.request.records) if isinstance(message.request, Store) else 0
        cost = WORK_REQUEST + WORK_RECORD * records
        self.budgets.spend(self.policy.payer(sender.endpoint), cost, now=self.clock.monotonic())
        self.liveness.heard(sender, now=self.clock.monotonic())
        if message.is_server:
            self.welcome_if_new(sender)
        if not self.is_server:
            self.drops["not_a_server"] += 1
            return None
        request = message.request
        match request:
            case Ping():
                return self.rpc_ping(sender, request)
            case FindNode():
                return self.rpc_find_node(sender, request)
            case FindValue():
                return self.rpc_find_value(sender, request)
            case Store():
                return self.rpc_store(sender, request)
            case DialBack():
                return self.rpc_dial_back(sender, request)

    def rpc_ping(self, sender: Peer, request: Ping) -> Pong:
        """Tell the sender where it is seen."""
        return Pong(observed=Socket.of(sender.endpoint))

    def rpc_find_node(self, sender: Peer, request: FindNode) -> Nodes:
        """The contacts nearest to the target; the sender knows itself."""
        return Nodes(contacts=tuple(peer.to_wire() for peer in self._near(request.target, sender)))

    def rpc_find_value(self, sender: Peer, request: FindValue) -> Values:
        """One page of records; with the first also the nearest contacts, as many as fit."""
        nearest = self._near(request.key, sender) if not request.after else []
        room = MAX_REPLY_SIZE - VALUES_FRAMING - CONTACT_SIZE * min(len(nearest), self.router.ksize)
        page = self.storage.page(request.key, after=request.after, room=room)
        while True:
            values = Values(records=page.records, more=page.more, contacts=tuple(peer.to_wire() for peer in nearest))
            if not nearest or len(encode_reply(bytes(REQUEST_ID_SIZE), values)) <= MAX_REPLY_SIZE:
                return values
            nearest.pop()

    def _near(self, target: bytes, sender: Peer) -> list[Peer]:
        """What a reply names: more than k, so that k remain when many are dead; none whose silence we met ourselves."""
        near = self.router.find_neighbors(Node(target), 2 * MAX_CONTACTS_PER_REPLY, exclude=sender)
        return [peer for peer in near if not self.liveness.is_doubtful(peer)][:MAX_CONTACTS_PER_REPLY]

    def rpc_store(self, sender: Peer, request: Store) -> Stored:
        """Take in what the store accepts."""
        block = self.policy.block(sender.endpoint[0])
        outcomes = [self.storage.offer(data, block=block) for data in request.records]
        self.refusals.update(refusal.value for refusal in outcomes if refusal)
        return Stored(outcomes=tuple(OUTCOMES.index(outcome) for outcome in outcomes))

    def rpc_dial_back(self, sender: Peer, request: DialBack) -> Dialling:
        """Have the sender dialled at the address it asks from and no other, so that nobody else is pestered."""
        at = Socket(ip=Socket.of(sender.endpoint).ip, port=request.port)
        return Dialling(at=at, accepted=self.on_dial_back(sender.node_id, Address(*at.endpoint), request.nonce))

    # Asking

    async def call_ping(self, node_to_ask: Peer) -> Pong | None:
        """Whether a peer is there."""
        return await _expect(Pong, self.ask(node_to_ask, Ping()))

    async def call_find_node(self, node_to_ask: Peer, node_to_find: Node) -> Nodes | None:
        """The peer's nearest contacts."""
        return await _expect(Nodes, self.ask(node_to_ask, FindNode(target=node_to_find.id)))

    async def call_find_value(self, node_to_ask: Peer, node_to_find: Node, after: bytes = b"") -> Values | None:
        """One page of the peer's records."""
        return await _expect(Values, self.ask(node_to_ask, FindValue(key=node_to_find.id, after=after)))

    async def call_store(self, node_to_ask: Peer, records: tuple[bytes, ...]) -> Stored | None:
        """Ask the peer to hold records that fit one datagram (storing.py packs them)."""
        return await _expect(Stored, self.ask(node_to_ask, Store(records=records)))

    async def call_dial_back(self, node_to_ask: Peer, port: int, nonce: bytes) -> Dialling | None:
        """Ask the peer to dial us at a TCP port."""
        return await _expect(Dialling, self.ask(node_to_ask, DialBack(port=port, nonce=nonce)))

    # Learning

    def handle_call_response(self, reply: Reply | None, peer: Peer) -> None:
        """Keep the table and the failure counts true."""
        if reply is None:
            self.router.note_failure(peer, self.liveness.failed(peer, now=self.clock.monotonic()))
            return
        if isinstance(reply, Pong):
            self._vote(peer.node_id, reply.observed.endpoint)
        self.welcome_if_new(peer)

    def welcome_if_new(self, node: Peer) -> None:
        """Let a peer that proved its key become a contact once a stranger can reach it; nothing is pushed to it."""
        if node.node_id == self.source_node.node_id or not self.policy.accepts(node.endpoint):
            return
        if self.router.get(node.id) == node:
            self.router.add_contact(node)  # heard now: last to be evicted
        elif self.router.has_place(node):
            self.probe(node)
        else:
            self.router.await_place(node)

    def admit(self, node: Peer) -> None:
        """Take a peer that answered at its address into the table."""
        is_new = self.router.get(node.id) != node
        self.router.add_contact(node)
        if is_new and self.router.get(node.id) == node:
            self.on_admitted(node)

    def contacts_to_check(self, *, unheard_since: float) -> list[Peer]:
        """Contacts to be asked whether they are there: unheard since then, or silent when last asked."""
        liveness = self.liveness
        return [p for p in self.router if liveness.last_heard(p) < unheard_since or liveness.is_doubtful(p)]

    def usable(self, contacts: tuple[Any, ...]) -> list[Peer]:
        """The contacts of a reply that may be talked to and are not silent; where members are, we know best."""
        now = self.clock.monotonic()
        named = [Peer.from_wire(contact) for contact in contacts]
        peers = [self.router.get(peer.id) or peer for peer in named]
        return [
            peer
            for peer in peers
            if peer.node_id != self.source_node.node_id
            and self.policy.accepts(peer.endpoint)
            and not self.liveness.is_silent(peer, now=now)
        ]

    def observed(self) -> Endpoint | None:
        """Our endpoint as most others see it."""
        return Counter(self._votes.values()).most_common(1)[0][0] if self._votes else None

    def _vote(self, voter: NodeId, endpoint: Endpoint) -> None:
        remember(self._votes, voter, endpoint, most=MAX_VOTES)


def remember(memory: OrderedDict[K, V], key: K, value: V, *, most: int) -> None:
    """Keep the newest `most` entries."""
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > most:
        memory.popitem(last=False)


async def _expect(kind: type[R], answer: Awaitable[Reply | None]) -> R | None:
    reply = await answer
    return reply if isinstance(reply, kind) else None
