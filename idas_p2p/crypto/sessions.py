"""Sessions over datagrams: nobody is served before proving a key at an address, and nothing travels unsealed.

Belongs here: who is proved, keys, replay. Not here: sockets, clocks (`now` is passed in), what messages mean.
A datagram from outside a session is answered by a challenge no larger than itself, and costs no memory. The session
key mixes the two identities (who) with two short-lived keys (forward secrecy).

Source: docs/spec/directory.md section 2.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from idas_p2p.crypto.challenges import ChallengeIssuer, shared_secret
from idas_p2p.crypto.datagram_keys import Session, derive_session
from idas_p2p.crypto.keys import SigningKey, x25519_public
from idas_p2p.crypto.session_table import SessionTable
from idas_p2p.errors import BadSignature, WireError
from idas_p2p.limits import SESSION_LIFETIME
from idas_p2p.wire.datagrams import (
    CHALLENGE_SIZE,
    TOKEN_SIZE,
    Challenge,
    Handshake,
    Hello,
    Sealed,
    parse_datagram,
)
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import Endpoint

HELLO_SPACING = 0.05  # seconds between two hellos to one peer; ours
PENDING_LIFETIME = 10.0  # seconds a token of ours may be answered; ours
MAX_PENDING = 4_096  # hellos and challenges remembered; ours: caps memory under 1 MiB
K = TypeVar("K")
V = TypeVar("V")


class Drop(StrEnum):
    """Why a datagram was not delivered; docs/spec/directory.md section 2.5."""

    MALFORMED = "malformed"
    TOO_SMALL_TO_CHALLENGE = "too_small_to_challenge"
    UNKNOWN_SESSION = "unknown_session"  # challenged
    BAD_COOKIE = "bad_cookie"  # challenged
    REPLAYED = "replayed"
    NOT_AUTHENTIC = "not_authentic"
    UNEXPECTED_CHALLENGE = "unexpected_challenge"
    TOO_MUCH_WORK = "too_much_work"  # its address used up its budget; section 7.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came of one datagram."""

    peer: NodeId | None = None  # who is proved to have sent `message`, or whom to send to again
    message: bytes | None = None
    reply: bytes | None = None  # a datagram to send back
    send_again: bool = False  # `peer` challenged us: send what it has not answered once more
    dropped: Drop | None = None


class Sessions:
    """All sessions of one node.

    Args:
        identity: the node's key.
        random_bytes: a secure source.
        table: where sessions are kept.
    """

    def __init__(
        self,
        identity: SigningKey,
        *,
        random_bytes: Callable[[int], bytes],
        table: SessionTable | None = None,
    ) -> None:
        self._identity = identity
        self._random_bytes = random_bytes
        self._table = SessionTable() if table is None else table
        self.may_open: Callable[[Endpoint], bool] = lambda endpoint: True  # asked before the work of a handshake
        self._issuer = ChallengeIssuer(random_bytes=random_bytes)
        self._asked: OrderedDict[tuple[Endpoint, bytes], tuple[NodeId, float]] = OrderedDict()
        self._challenges: OrderedDict[tuple[NodeId, Endpoint], tuple[Challenge, float]] = OrderedDict()
        self._greeted: OrderedDict[tuple[NodeId, Endpoint], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def has(self, peer: NodeId, endpoint: Endpoint) -> bool:
        """Whether a message would go out at once."""
        return self._table.current(peer, endpoint) is not None

    def moved(self) -> None:
        """Our address changed: peers know us at the new one by a new session only."""
        self._table.retire_all()
        self._challenges.clear()
        self._greeted.clear()

    def send(self, peer: NodeId, endpoint: Endpoint, message: bytes, *, now: float) -> bytes | None:
        """Return the datagram to send, or None when a hello is under way and the message must be sent again later.

        Without a session the datagram is a hello, which does not carry the message: keep it for `Received.send_again`.

        Args:
            peer: who shall be able to read it.
            endpoint: where.
            message: at most MAX_REQUEST_SIZE bytes, MAX_REPLY_SIZE when it answers.
            now: monotonic seconds.
        """
        place = (peer, endpoint)
        session = self._table.current(peer, endpoint)
        if session is not None:
            if now - session.created < SESSION_LIFETIME:
                self._table.use(session)
                return session.seal(message)
            self._table.retire(session)
        challenge, at = self._challenges.pop(place, (None, 0.0))
        if challenge and now - at < PENDING_LIFETIME:
            opened = self._open(peer, endpoint, challenge, now=now)
            return opened.seal(message) if opened else None
        if now - self._greeted.get(place, -HELLO_SPACING) < HELLO_SPACING:
            return None
        _remember(self._greeted, place, now)
        hello = Hello(self._random_bytes(TOKEN_SIZE))
        _remember(self._asked, (endpoint, hello.token), (peer, now))
        return hello.to_bytes()

    def receive(self, data: bytes, endpoint: Endpoint, *, now: float) -> Received:
        """Take one datagram that came from `endpoint`."""
        try:
            datagram = parse_datagram(data)
        except WireError:
            return Received(dropped=Drop.MALFORMED)
        match datagram:
            case Sealed():
                return self._sealed(datagram, data, endpoint, now=now)
            case Hello():
                return self._challenge(data, endpoint, None, now=now)
            case Handshake():
                return self._handshake(datagram, data, endpoint, now=now)
            case Challenge():
                return self._challenged(datagram, endpoint, now=now)

    def _challenge(self, data: bytes, endpoint: Endpoint, why: Drop | None, *, now: float) -> Received:
        if len(data) < CHALLENGE_SIZE:
            return Received(dropped=Drop.TOO_SMALL_TO_CHALLENGE)
        challenge = self._issuer.issue(data[1 : 1 + TOKEN_SIZE], endpoint, now=now)
        return Received(reply=challenge.to_bytes(), dropped=why)

    def _sealed(self, datagram: Sealed, data: bytes, endpoint: Endpoint, *, now: float) -> Received:
        session = self._table.by_receive_id(datagram.session)
        if session is None or session.endpoint != endpoint:
            return self._challenge(data, endpoint, Drop.UNKNOWN_SESSION, now=now)
        got = self._deliver(session, datagram)
        if got.message is not None:
            session.opening = None
        return got

    def _deliver(self, session: Session, frame: Sealed | Handshake) -> Received:
        if session.window.has_seen(frame.counter):
            return Received(dropped=Drop.REPLAYED)
        try:
            message = session.open(frame.counter, frame.header, frame.sealed)
        except (BadSignature, WireError):
            return Received(dropped=Drop.NOT_AUTHENTIC)
        session.window.mark(frame.counter)
        self._table.use(session)
        return Received(peer=session.peer, message=message)

    def _challenged(self, challenge: Challenge, endpoint: Endpoint, *, now: float) -> Received:
        peer, at = self._asked.pop((endpoint, challenge.token), (None, 0.0))
        session = self._table.by_token(challenge.token)
        if session is not None and session.endpoint == endpoint:
            peer = session.peer
            self._table.remove(session)  # the peer does not know it, or no longer
        elif peer is None or now - at >= PENDING_LIFETIME:
            return Received(dropped=Drop.UNEXPECTED_CHALLENGE)
        elif self.has(peer, endpoint):
            return Received(peer=peer, send_again=True)  # a session opened meanwhile: what waited for this can go
        _remember(self._challenges, (peer, endpoint), (challenge, now))
        return Received(peer=peer, send_again=True)

    def _open(self, peer: NodeId, endpoint: Endpoint, challenge: Challenge, *, now: float) -> Session | None:
        """Open a session as the one who was challenged."""
        secret, public = self._issuer.ephemeral(now=now)
        try:
            session = derive_session(
                shared_secret(self._identity.x25519_secret(), x25519_public(peer)),
                shared_secret(secret, challenge.ephemeral),
                initiator=(self._identity.node_id, public),
                responder=(peer, challenge.ephemeral),
                cookie=challenge.cookie,
                endpoint=endpoint,
                is_initiator=True,
                now=now,
            )
        except BadSignature:
            return None
        self._table.add(session, is_ours=True)
        return session

    def _handshake(self, frame: Handshake, data: bytes, endpoint: Endpoint, *, now: float) -> Received:
        ours = self._issuer.check(frame.cookie, endpoint, now=now)
        if ours is None:
            return self._challenge(data, endpoint, Drop.BAD_COOKIE, now=now)
        known = self._table.by_cookie(frame.cookie)
        if known is not None and known.peer == frame.sender:
            return self._deliver(known, frame)
        if self._issuer.is_used(frame.cookie):
            return Received(dropped=Drop.REPLAYED)
        if not self.may_open(endpoint):
            return Received(dropped=Drop.TOO_MUCH_WORK)
        secret, public = ours
        try:
            session = derive_session(
                shared_secret(self._identity.x25519_secret(), x25519_public(frame.sender)),
                shared_secret(secret, frame.ephemeral),
                initiator=(frame.sender, frame.ephemeral),
                responder=(self._identity.node_id, public),
                cookie=frame.cookie,
                endpoint=endpoint,
                is_initiator=False,
                now=now,
            )
        except BadSignature:
            return Received(dropped=Drop.NOT_AUTHENTIC)
        got = self._deliver(session, frame)
        if got.message is not None:
            self._issuer.mark_used(frame.cookie, now=now)
            self._table.add(session, is_ours=False)
        return got


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    """Keep the newest MAX_PENDING entries."""
    memory.pop(key, None)
    memory[key] = value
    while len(memory) > MAX_PENDING:
        memory.popitem(last=False)
