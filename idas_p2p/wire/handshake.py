"""What two nodes tell each other inside the handshake: the purpose of a channel, the key it is for, who dials.

Belongs here: the payloads of the first and third message. Not here: the cryptography (crypto/handshake.py).
Source: docs/spec/transport.md section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from idas_p2p.errors import UnsupportedVersion, WireError
from idas_p2p.wire.canonical import pack, unpack
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import Limit, decode, encode, exactly, from_plain

VERSION: Final = 2  # of the channel; protocol
PSK_ID_SIZE: Final = 8  # bytes; protocol
MAX_PAYLOAD_SIZE: Final = 64  # bytes; protocol: larger than any payload of version 2


class Purpose(StrEnum):
    """What a channel is for; bulk never delays control, so each has its own."""

    CONTROL = "control"
    IMAGE = "image"
    JOIN = "join"
    MOVE = "move"  # another connection for a channel that stands: docs/spec/transport.md section 11
    PASS = "pass"  # somebody of no federation fetches one study: docs/spec/federation.md section 6  # noqa: S105
    SIGN_IN = "sign-in"  # a user at a workstation of the house: docs/spec/access.md section 7


_CODES: Final = {
    Purpose.CONTROL: 1,
    Purpose.IMAGE: 2,
    Purpose.JOIN: 3,
    Purpose.MOVE: 4,
    Purpose.PASS: 5,
    Purpose.SIGN_IN: 6,
}
_PURPOSES: Final = {code: purpose for purpose, code in _CODES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _HelloFields:
    version: Annotated[int, Limit(VERSION, VERSION)]
    purpose: Annotated[int, Limit(1, len(_CODES))]
    psk_id: Annotated[bytes, exactly(PSK_ID_SIZE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Payload of the first message. Every purpose encodes to the same size, so that the size tells nothing.

    Raises:
        WireError: `psk_id` is not PSK_ID_SIZE bytes.
    """

    purpose: Purpose
    psk_id: bytes

    def __post_init__(self) -> None:
        if len(self.psk_id) != PSK_ID_SIZE:
            raise WireError(f"a psk_id has {PSK_ID_SIZE} bytes")

    def to_bytes(self) -> bytes:
        """The canonical encoding."""
        return pack([VERSION, _CODES[self.purpose], self.psk_id])

    @classmethod
    def from_bytes(cls, data: bytes) -> Hello:
        """Read the canonical encoding.

        Raises:
            UnsupportedVersion: a version this node does not speak.
            WireError: not a hello.
        """
        plain = unpack(data, max_size=MAX_PAYLOAD_SIZE)
        if isinstance(plain, list) and plain and type(plain[0]) is int and plain[0] != VERSION:
            raise UnsupportedVersion(f"channel version {plain[0]}")
        hello = from_plain(_HelloFields, plain)
        return cls(purpose=_PURPOSES[hello.purpose], psk_id=hello.psk_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """Payload of the third message: the identity whose X25519 twin the dialer has just proved."""

    node_id: NodeId

    def to_bytes(self) -> bytes:
        """The canonical encoding."""
        return encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Introduction:
        """Read the canonical encoding.

        Raises:
            WireError: not an introduction.
        """
        return decode(cls, data, max_size=MAX_PAYLOAD_SIZE)
