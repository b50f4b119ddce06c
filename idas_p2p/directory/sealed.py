"""Questions and answers over sealed datagrams: what replaces rpcudp's encoding, timers and matching.

Belongs here: sending, matching replies to questions, sending again, giving up. Not here: what is asked (protocol.py),
keys (crypto/sessions.py). Limits 14 to 19, 25, 30; docs/decisions/directory-datagrams.md.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kademlia.protocol import KademliaProtocol

from idas_p2p.clock import Clock
from idas_p2p.crypto.sessions import Drop, Sessions
from idas_p2p.directory.addresses import normalise
from idas_p2p.directory.carried import Carriage
from idas_p2p.directory.liveness import Liveness
from idas_p2p.directory.peers import Peer
from idas_p2p.errors import WireError
from idas_p2p.events import log_failure
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import (
    REQUEST_ID_SIZE,
    Endpoint,
    Reply,
    ReplyMessage,
    Request,
    RequestMessage,
    decode_message,
    encode_reply,
    encode_request,
    is_request,
)

SEND_AT = (1.0, 2.5, 4.5)  # timeouts after which a question is asked again, again, and given up
MAX_OUTSTANDING = 4_096  # questions under way; ours: caps memory near 8 MB


@dataclass(slots=True)
class Outstanding:
    """A question under way."""

    peer: Peer
    request: Request
    message: bytes
    future: asyncio.Future[Reply | None]
    timer: asyncio.TimerHandle
    sent_at: float  # monotonic seconds
    patience: float  # seconds; the unit of SEND_AT
    attempt: int = 0


@dataclass(slots=True)
class Traffic:
    """Counted since the start."""

    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    received_bytes: int = 0


class SealedProtocol(KademliaProtocol):  # type: ignore[misc]  # kademlia carries no types
    """Kademlia's protocol with rpcudp's wire taken out.

    Args:
        me: ourselves.
        storage: records held for others.
        ksize: contacts in a bucket and in a reply.
        sessions: who is proved.
        clock: the time.
        random_bytes: a secure source.
        is_server: whether requests are answered.
    """

    def __init__(
        self,
        me: Peer,
        storage: Any,
        ksize: int,
        *,
        sessions: Sessions,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        is_server: bool,
    ) -> None:
        super().__init__(me, storage, ksize)
        self.sessions = sessions
        self.clock = clock
        self.is_server = is_server
        self.liveness = Liveness()
        self.traffic = Traffic()
        self.drops: Counter[str] = Counter()
        self._random_bytes = random_bytes
        self._outstanding: dict[bytes, Outstanding] = {}
        self.carriage: Carriage | None = None  # in use where the network lets no UDP out
        self.closed = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        """No remote call by guesswork: an unknown name is an error."""
        raise AttributeError(name)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed: every question under way ends without an answer."""
        for entry in list(self._outstanding.values()):
            self._settle(entry, None)
        self._outstanding.clear()
        self.closed.set()

    def error_received(self, exc: Exception) -> None:
        """The system could not send; timers take care of it."""
        self.drops["send_error"] += 1

    def ask(self, peer: Peer, request: Request) -> asyncio.Future[Reply | None]:
        """Send a question; the future holds the checked reply, or None when none came.

        Nobody needs to wait for the future: a cancelled one is still timed, matched and counted. It is asked again only
        of a contact: a lookup that has ended does not care whether a stranger is alive.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply | None] = loop.create_future()
        if len(self._outstanding) >= MAX_OUTSTANDING or self.transport is None or self.transport.is_closing():
            future.set_result(None)
            return future
        request_id = self._random_bytes(REQUEST_ID_SIZE)
        message = encode_request(request_id, request, is_server=self.is_server)
        patience = self.patience(peer)
        timer = loop.call_later(patience * SEND_AT[0], self._timeout, request_id)
        entry = Outstanding(peer, request, message, future, timer, self.clock.monotonic(), patience)
        self._outstanding[request_id] = entry
        self._send(peer.node_id, peer.endpoint, message)
        return future

    def patience(self, peer: Peer) -> float:
        """Seconds until a question to this peer is asked again; a challenge starts them anew."""
        return self.liveness.timeout(peer)

    def has_session(self, peer: Peer) -> bool:
        """Whether a question to this peer goes out at once."""
        return self.sessions.has(peer.node_id, peer.endpoint)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Take a datagram from anybody."""
        endpoint = normalise(addr)
        self.traffic.received += 1
        self.traffic.received_bytes += len(data)
        got = self.sessions.receive(data, endpoint, now=self.clock.monotonic())
        if got.dropped:
            self.drops[got.dropped] += 1
        if got.reply is not None:
            self._transmit(got.reply, endpoint)
        if got.peer is None:
            return
        if got.send_again:
            self._challenged(Peer(got.peer, endpoint))
        elif got.message is not None:
            self._accept(Peer(got.peer, endpoint), got.message)

    def _accept(self, sender: Peer, message: bytes) -> None:
        if is_request(message) and not self.may_work(sender.endpoint):
            self.drops[Drop.TOO_MUCH_WORK] += 1
            return
        try:
            parsed = decode_message(message)
        except WireError:
            self.drops["malformed_message"] += 1
            return
        if isinstance(parsed, ReplyMessage):
            self._accept_response(parsed, sender)
            return
        try:
            self._accept_request(parsed, sender)
        except Exception as error:  # a bug met by one request must not stop the others
            log_failure("directory_request_failed", error, peer=sender.node_id.short)

    def _accept_request(self, message: RequestMessage, sender: Peer) -> None:
        reply = self.answer(sender, message)
        if reply is not None:
            self._send(sender.node_id, sender.endpoint, encode_reply(message.request_id, reply))

    def may_work(self, endpoint: Endpoint) -> bool:
        """Whether to do anything for whoever is at this endpoint now."""
        raise NotImplementedError

    def answer(self, sender: Peer, message: RequestMessage) -> Reply | None:
        """The reply to a request; None to stay silent."""
        raise NotImplementedError

    def handle_call_response(self, reply: Reply | None, peer: Peer) -> None:
        """Learn from an answer, or from its absence."""
        raise NotImplementedError

    def _accept_response(self, message: ReplyMessage, sender: Peer) -> None:
        entry = self._outstanding.get(message.request_id)
        if entry is None or entry.peer != sender:
            self.drops["unknown_reply"] += 1
            return
        del self._outstanding[message.request_id]
        now = self.clock.monotonic()
        try:
            reply = message.read(entry.request)
        except WireError:
            self.drops["malformed_reply"] += 1
            self._settle(entry, None)
            return
        self.liveness.heard(sender, now=now, round_trip=now - entry.sent_at if entry.attempt == 0 else None)
        self._settle(entry, reply)

    def _settle(self, entry: Outstanding, reply: Reply | None) -> None:
        entry.timer.cancel()
        self.handle_call_response(reply, entry.peer)
        if not entry.future.done():
            entry.future.set_result(reply)

    def _timeout(self, request_id: bytes) -> None:
        entry = self._outstanding.get(request_id)
        if entry is None:
            return
        entry.attempt += 1
        if entry.attempt >= len(SEND_AT):
            del self._outstanding[request_id]
            self._settle(entry, None)
            return
        self._arm(request_id, entry)
        if not entry.future.cancelled() or self.router.get(entry.peer.id) == entry.peer:
            self._send(entry.peer.node_id, entry.peer.endpoint, entry.message)

    def _arm(self, request_id: bytes, entry: Outstanding) -> None:
        entry.timer.cancel()
        wait = SEND_AT[entry.attempt] - (SEND_AT[entry.attempt - 1] if entry.attempt else 0.0)
        entry.timer = asyncio.get_running_loop().call_later(wait * entry.patience, self._timeout, request_id)

    def use(self, carriage: Carriage | None) -> None:
        """Send through a carriage from now on, or through UDP again; what is under way goes out once more."""
        self.carriage = carriage
        self.sessions.moved()
        self._send_again(list(self._outstanding))

    def _challenged(self, peer: Peer) -> None:
        """The first message answers the challenge, the others follow in the new session."""
        self.liveness.challenged(peer, now=self.clock.monotonic())
        self._send_again([request_id for request_id, entry in self._outstanding.items() if entry.peer == peer])

    def _send_again(self, request_ids: Sequence[bytes]) -> None:
        for request_id in request_ids:
            entry = self._outstanding[request_id]
            entry.sent_at = self.clock.monotonic()
            self._arm(request_id, entry)
            self._send(entry.peer.node_id, entry.peer.endpoint, entry.message)

    def _send(self, peer: NodeId, endpoint: Endpoint, message: bytes) -> None:
        datagram = self.sessions.send(peer, endpoint, message, now=self.clock.monotonic())
        if datagram is not None:
            self._transmit(datagram, endpoint)

    def _transmit(self, datagram: bytes, endpoint: Endpoint) -> None:
        self.traffic.sent += 1
        self.traffic.sent_bytes += len(datagram)
        if self.carriage is not None:
            self.carriage.sendto(datagram, endpoint)
            return
        try:
            self.transport.sendto(datagram, endpoint)
        except OSError as error:
            self.error_received(error)
