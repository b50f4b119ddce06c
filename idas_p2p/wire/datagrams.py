"""Datagrams of the directory seen from outside: four kinds, told apart by their first byte.

Belongs here: the outer layout and its sizes. Not here: keys (crypto/sessions.py), what is sealed inside (wire/rpc.py).
Every kind starts with `kind(1) ‖ token(16)`, so that a challenge can echo the token of whatever it answers.
Source: docs/spec/directory.md section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import FrameTooLarge, WireError
from idas_p2p.limits import MAX_DATAGRAM_SIZE
from idas_p2p.wire.ids import NODE_ID_SIZE, NodeId

HELLO: Final = 0x11  # the high half is the version
CHALLENGE: Final = 0x12
HANDSHAKE: Final = 0x13
SEALED: Final = 0x14

TOKEN_SIZE: Final = 16  # bytes
COOKIE_SIZE: Final = 24  # bytes: nonce(8) ‖ MAC(16)
EPHEMERAL_SIZE: Final = 32  # bytes; an X25519 public key
SESSION_ID_SIZE: Final = 8  # bytes
COUNTER_SIZE: Final = 8  # bytes, big-endian
TAG_SIZE: Final = 16  # bytes; Poly1305

CHALLENGE_SIZE: Final = 1 + TOKEN_SIZE + COOKIE_SIZE + EPHEMERAL_SIZE
HELLO_SIZE: Final = CHALLENGE_SIZE  # so that an answer to a spoofed hello gains nothing
HANDSHAKE_HEADER_SIZE: Final = 1 + COOKIE_SIZE + EPHEMERAL_SIZE + NODE_ID_SIZE + COUNTER_SIZE
SEALED_HEADER_SIZE: Final = 1 + SESSION_ID_SIZE + COUNTER_SIZE
MIN_PLAIN_SIZE: Final = 48  # bytes; a shorter message is padded, so that no sealed datagram is smaller than a challenge
MAX_REQUEST_SIZE: Final = (
    MAX_DATAGRAM_SIZE - HANDSHAKE_HEADER_SIZE - TAG_SIZE - 1
)  # bytes; any request may open a session
MAX_REPLY_SIZE: Final = MAX_DATAGRAM_SIZE - SEALED_HEADER_SIZE - TAG_SIZE - 1  # bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """Asks for a challenge: there is no session yet."""

    token: bytes  # 16 random bytes

    def to_bytes(self) -> bytes:
        """`kind ‖ token ‖ zeros`, HELLO_SIZE bytes."""
        return (bytes([HELLO]) + self.token).ljust(HELLO_SIZE, b"\0")


@dataclass(frozen=True, slots=True)
class Challenge:
    """Answers whatever came outside a session: prove that you receive at your address."""

    token: bytes  # bytes 1 to 16 of the datagram it answers
    cookie: bytes
    ephemeral: bytes  # the challenger's X25519 key of the hour

    def to_bytes(self) -> bytes:
        """`kind ‖ token ‖ cookie ‖ ephemeral`, CHALLENGE_SIZE bytes."""
        return bytes([CHALLENGE]) + self.token + self.cookie + self.ephemeral


@dataclass(frozen=True, slots=True)
class Handshake:
    """The answer to a challenge: opens a session and carries a message.

    Every message until the first answer is one, so that the session opens whichever arrives first.
    """

    cookie: bytes
    ephemeral: bytes
    sender: NodeId
    counter: int
    sealed: bytes  # ciphertext and tag

    @property
    def header(self) -> bytes:
        """What the seal authenticates beside the message."""
        return bytes([HANDSHAKE]) + self.cookie + self.ephemeral + self.sender.raw + _counter(self.counter)

    def to_bytes(self) -> bytes:
        """`kind ‖ cookie ‖ ephemeral ‖ sender ‖ counter ‖ sealed`."""
        return self.header + self.sealed


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message within a session."""

    session: bytes
    counter: int
    sealed: bytes  # ciphertext and tag

    @property
    def header(self) -> bytes:
        """What the seal authenticates beside the message."""
        return bytes([SEALED]) + self.session + _counter(self.counter)

    def to_bytes(self) -> bytes:
        """`kind ‖ session ‖ counter ‖ sealed`."""
        return self.header + self.sealed


Datagram = Hello | Challenge | Handshake | Sealed


def parse_datagram(data: bytes) -> Datagram:
    """Read one received datagram.

    Raises:
        FrameTooLarge: over MAX_DATAGRAM_SIZE.
        WireError: an unknown kind or a size that its kind does not have.
    """
    if len(data) > MAX_DATAGRAM_SIZE:
        raise FrameTooLarge(f"a datagram of {len(data)} bytes")
    kind = data[0] if data else 0
    if kind == SEALED and len(data) >= SEALED_HEADER_SIZE + MIN_PLAIN_SIZE + TAG_SIZE:
        return Sealed(data[1:9], int.from_bytes(data[9:SEALED_HEADER_SIZE], "big"), data[SEALED_HEADER_SIZE:])
    if kind == HANDSHAKE and len(data) >= HANDSHAKE_HEADER_SIZE + MIN_PLAIN_SIZE + TAG_SIZE:
        sender, counter = NodeId(data[57:89]), int.from_bytes(data[89:HANDSHAKE_HEADER_SIZE], "big")
        return Handshake(data[1:25], data[25:57], sender, counter, data[HANDSHAKE_HEADER_SIZE:])
    if kind == CHALLENGE and len(data) == CHALLENGE_SIZE:
        return Challenge(data[1:17], data[17:41], data[41:])
    if kind == HELLO and len(data) == HELLO_SIZE and not any(data[17:]):
        return Hello(data[1:17])
    raise WireError(f"a datagram of kind {kind:#x} and {len(data)} bytes")


def pad(message: bytes) -> bytes:
    """Mark the end and fill up to MIN_PLAIN_SIZE (ISO/IEC 7816-4)."""
    return (message + b"\x80").ljust(MIN_PLAIN_SIZE, b"\0")


def unpad(padded: bytes) -> bytes:
    """Reverse `pad`.

    Raises:
        WireError: `pad` never makes such bytes.
    """
    message = padded.rstrip(b"\0")[:-1]
    if pad(message) != padded:
        raise WireError("bad padding")
    return message


def _counter(value: int) -> bytes:
    return value.to_bytes(COUNTER_SIZE, "big")
