"""The keys of one datagram session, its counter and its replay window.

Belongs here: sealing and opening within a session. Not here: how it came about (sessions.py).
Source: ChaCha20-Poly1305, RFC 8439; replay window as RFC 4303 section 3.4.3; docs/spec/directory.md section 2.4.
"""

from __future__ import annotations

import nacl.bindings as sodium
import nacl.exceptions

from idas_p2p.crypto.kdf import derive
from idas_p2p.errors import BadSignature
from idas_p2p.wire.datagrams import SESSION_ID_SIZE, Handshake, Sealed, pad, unpad
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.rpc import Endpoint

WINDOW = 256  # counters back from the highest that may still arrive


class ReplayWindow:
    """Remembers which of the last WINDOW counters came in."""

    def __init__(self) -> None:
        self._highest = -1
        self._bits = 0  # bit i: highest - i was seen

    def has_seen(self, counter: int) -> bool:
        """Whether it came before, or is too old to tell."""
        age = self._highest - counter
        return age >= 0 and (age >= WINDOW or bool(self._bits >> age & 1))

    def mark(self, counter: int) -> None:
        """Remember an authentic one."""
        if counter > self._highest:
            shift = min(counter - self._highest, WINDOW)
            self._bits = (self._bits << shift | 1) & ((1 << WINDOW) - 1)
            self._highest = counter
        elif self._highest - counter < WINDOW:
            self._bits |= 1 << (self._highest - counter)


class Session:
    """One direction pair of keys with one peer at one endpoint; never prints its keys."""

    __slots__ = (
        "_receive_key",
        "_send_key",
        "cookie",
        "created",
        "endpoint",
        "next_counter",
        "opening",
        "peer",
        "receive_id",
        "send_id",
        "window",
    )

    def __init__(
        self,
        peer: NodeId,
        endpoint: Endpoint,
        *,
        cookie: bytes,
        opening: tuple[NodeId, bytes] | None,
        send: tuple[bytes, bytes],
        receive: tuple[bytes, bytes],
        now: float,
    ) -> None:
        self.peer = peer
        self.endpoint = endpoint
        self.cookie = cookie
        self.opening = opening  # what handshakes carry; None once the peer has answered, or when it opened the session
        self.created = now  # monotonic seconds
        self.send_id, self._send_key = send
        self.receive_id, self._receive_key = receive
        self.next_counter = 0
        self.window = ReplayWindow()

    def seal(self, message: bytes) -> bytes:
        """The datagram that carries `message`; a handshake until the peer has answered."""
        frame: Handshake | Sealed
        if self.opening is not None:
            sender, ephemeral = self.opening
            frame = Handshake(self.cookie, ephemeral, sender, self.next_counter, b"")
        else:
            frame = Sealed(self.send_id, self.next_counter, b"")
        self.next_counter += 1
        return frame.header + sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
            pad(message), frame.header, _nonce(frame.counter), self._send_key
        )

    def open(self, counter: int, header: bytes, sealed: bytes) -> bytes:
        """The message within; the caller checks and marks the replay window.

        Raises:
            BadSignature: not sealed with this session's key, or changed.
            WireError: bad padding.
        """
        try:
            padded = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
                sealed, header, _nonce(counter), self._receive_key
            )
        except (nacl.exceptions.CryptoError, ValueError, TypeError):
            raise BadSignature("a sealed datagram does not open") from None
        return unpad(padded)


def derive_session(
    identities: bytes,
    ephemerals: bytes,
    *,
    initiator: tuple[NodeId, bytes],
    responder: tuple[NodeId, bytes],
    cookie: bytes,
    endpoint: Endpoint,
    is_initiator: bool,
    now: float,
) -> Session:
    """Derive the keys of a session from its two shared secrets.

    Args:
        identities: X25519 of the two identities, 32 bytes: proves both.
        ephemerals: X25519 of the two short-lived keys, 32 bytes: forward secrecy.
        initiator: NodeId and short-lived public key of whoever answers the challenge.
        responder: the same of the challenger.
        cookie: makes every session's keys its own.
        endpoint: where the peer is.
        is_initiator: which of the two we are.
        now: monotonic seconds.
    """
    parts = (initiator[0].raw, initiator[1], responder[0].raw, responder[1], cookie)
    root = derive(identities + ephemerals, "idas datagrams", *parts)
    names = derive(root, "datagram names")
    forth = (names[:SESSION_ID_SIZE], derive(root, "datagram forth"))
    back = (names[SESSION_ID_SIZE : 2 * SESSION_ID_SIZE], derive(root, "datagram back"))
    if is_initiator:
        return Session(responder[0], endpoint, cookie=cookie, opening=initiator, send=forth, receive=back, now=now)
    return Session(initiator[0], endpoint, cookie=cookie, opening=None, send=back, receive=forth, now=now)


def _nonce(counter: int) -> bytes:
    return counter.to_bytes(12, "big")
