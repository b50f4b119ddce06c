"""Both sides of the handshake as values go in and out: who is dialled, what for, and who turns out to dial.

Belongs here: payloads, keys and refusals in their order. Not here: sockets and deadlines (transport/).
Source: docs/spec/transport.md section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from idas_p2p.crypto.kdf import derive, mac_equal
from idas_p2p.crypto.keys import SigningKey, x25519_public
from idas_p2p.crypto.noise import KEY_SIZE, HandshakeState, Psk
from idas_p2p.errors import BadSignature, HandshakeFailed, WireError
from idas_p2p.wire.handshake import Hello, Introduction, Purpose
from idas_p2p.wire.ids import NodeId

PATTERN: Final = "XKpsk3"
PROLOGUE: Final = b"idas_p2p channel"

FindPsk = Callable[[Purpose, bytes], bytes | None]
Admits = Callable[[NodeId, Purpose, bytes], bool]


class Refusal(StrEnum):
    """Why a handshake does not become a channel; docs/spec/transport.md section 5. The dialer is told none of these."""

    BAD_HELLO = "bad_hello"
    UNKNOWN_PSK = "unknown_psk"
    BAD_PROOF = "bad_proof"
    WRONG_IDENTITY = "wrong_identity"
    NOT_ADMITTED = "not_admitted"
    TIMED_OUT = "timed_out"
    HUNG_UP = "hung_up"
    TOO_MANY_HALF_OPEN = "too_many_half_open"
    TOO_MANY_FROM_HOST = "too_many_from_host"
    TOO_MANY_FROM_PEER = "too_many_from_peer"
    TOO_MANY_CHANNELS = "too_many_channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a completed handshake agreed on."""

    peer: NodeId
    purpose: Purpose
    psk_id: bytes  # 8 bytes
    send_key: bytes = field(repr=False)  # 32 bytes
    receive_key: bytes = field(repr=False)  # 32 bytes
    transcript: bytes  # 64 bytes; the same on both sides, and in no other handshake

    @property
    def name(self) -> bytes:
        """What only the two ends can call the channel this opens: 32 bytes; docs/spec/transport.md section 11."""
        return derive(self.transcript, "idas channel")


def noise_towards(
    peer: NodeId, pattern: str, prologue: bytes, identity: SigningKey, *, random_bytes: Callable[[int], bytes]
) -> HandshakeState:
    """A dialler's state that only `peer` can answer; HandshakeFailed when `peer` is not a valid key."""
    try:
        remote_static = x25519_public(peer)
    except BadSignature as error:
        raise HandshakeFailed(error.detail) from None
    return HandshakeState(
        pattern,
        initiator=True,
        static=identity.x25519_secret(),
        remote_static=remote_static,
        prologue=prologue,
        random_bytes=random_bytes,
    )


def introduced(noise: HandshakeState, payload: bytes) -> NodeId | None:
    """Who the third message names, when it is the one whose key was proved; else None."""
    try:
        node = Introduction.from_bytes(payload).node_id
        return node if mac_equal(x25519_public(node), noise.remote_static) else None
    except (WireError, BadSignature):
        return None


class Initiator:
    """The dialling side: `hello`, then `read_answer`, then `introduce`.

    Args:
        identity: ours.
        peer: the node to reach.
        purpose: what the channel is for.
        psk: the key both sides know.
        random_bytes: the operating system's, except in tests.

    Raises:
        HandshakeFailed: `peer` is not a valid key.
    """

    def __init__(
        self, identity: SigningKey, peer: NodeId, purpose: Purpose, psk: Psk, *, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._identity, self._peer, self._purpose, self._psk = identity, peer, purpose, psk
        self._noise = noise_towards(peer, PATTERN, PROLOGUE, identity, random_bytes=random_bytes)
        self._noise.use_psk(psk.key)

    def hello(self) -> bytes:
        """The first message."""
        return self._noise.write_message(Hello(purpose=self._purpose, psk_id=self._psk.psk_id).to_bytes())

    def read_answer(self, message: bytes) -> None:
        """Take the second message; from here on the responder has proved that it is `peer`.

        Raises:
            HandshakeFailed: it has not.
        """
        if self._noise.read_message(message):
            raise HandshakeFailed("the answer carries something unknown")

    def introduce(self) -> tuple[bytes, Session]:
        """The third message, and the session that begins if the responder accepts it."""
        message = self._noise.write_message(Introduction(node_id=self._identity.node_id).to_bytes())
        return message, _session(self._noise, self._peer, self._purpose, self._psk.psk_id)


class Responder:
    """The dialled side: `read_hello`, then `read_introduction`.

    An unknown psk_id is answered like a known one and refused after the third message: whoever replays a recorded first
    message learns from the answer neither whether its psk still counts nor anything else.

    Args:
        identity: ours.
        find_psk: the key (32 bytes) of a purpose and psk_id; None when there is none.
        admits: whether this peer may have a channel of this purpose under this psk; may raise its own HandshakeFailed.
        random_bytes: the operating system's, except in tests.
    """

    def __init__(
        self, identity: SigningKey, *, find_psk: FindPsk, admits: Admits, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._find_psk, self._admits, self._random_bytes = find_psk, admits, random_bytes
        self._noise = HandshakeState(
            PATTERN,
            initiator=False,
            static=identity.x25519_secret(),
            prologue=PROLOGUE,
            random_bytes=random_bytes,
        )

    def read_hello(self, message: bytes) -> bytes:
        """Take the first message and return the second.

        Raises:
            HandshakeFailed: BAD_HELLO; not for us, of another version, or not a hello.
        """
        try:
            self._hello = Hello.from_bytes(self._noise.read_message(message))
        except (HandshakeFailed, WireError):
            raise HandshakeFailed(Refusal.BAD_HELLO) from None
        psk = self._find_psk(self._hello.purpose, self._hello.psk_id)
        self._knows_psk = psk is not None
        self._noise.use_psk(psk or self._random_bytes(KEY_SIZE))
        return self._noise.write_message(b"")

    def read_introduction(self, message: bytes) -> Session:
        """Take the third message.

        Raises:
            HandshakeFailed: UNKNOWN_PSK, BAD_PROOF, WRONG_IDENTITY or NOT_ADMITTED.
        """
        try:
            payload = self._noise.read_message(message)
        except HandshakeFailed:
            raise HandshakeFailed(Refusal.BAD_PROOF if self._knows_psk else Refusal.UNKNOWN_PSK) from None
        peer = introduced(self._noise, payload)
        if peer is None:
            raise HandshakeFailed(Refusal.WRONG_IDENTITY)
        if not self._admits(peer, self._hello.purpose, self._hello.psk_id):
            raise HandshakeFailed(Refusal.NOT_ADMITTED)
        return _session(self._noise, peer, self._hello.purpose, self._hello.psk_id)


def _session(noise: HandshakeState, peer: NodeId, purpose: Purpose, psk_id: bytes) -> Session:
    send_key, receive_key = noise.split()
    return Session(
        peer=peer,
        purpose=purpose,
        psk_id=psk_id,
        send_key=send_key,
        receive_key=receive_key,
        transcript=noise.handshake_hash,
    )
