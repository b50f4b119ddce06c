"""What a node and a relay tell each other, and the offer to be reached through one that a node publishes.

    stream of a link    = LINK_GREETING ‖ frames, each way        (docs/spec/transport.md section 2, small bodies)
    stream of an answer = ANSWER_GREETING ‖ nonce(16) ‖ whatever the two nodes say

Belongs here: bytes. Not here: keys (crypto/relaying.py), what a relay grants (bootstrap/).
Source: docs/spec/relay.md sections 2, 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from idas_p2p.errors import WireError
from idas_p2p.wire.address import Address
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import Membership
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.schema import U64, Bytes32, Bytes64, Limit, decode, encode, exactly

LINK_GREETING: Final = b"idas relaying 1\n"
ANSWER_GREETING: Final = b"idas answering1\n"
GREETING_SIZE: Final = 16  # bytes; protocol, as of the carriage that shares the port
NONCE_SIZE: Final = 16  # bytes; protocol
DIAL_BACK_NONCE_SIZE: Final = 8  # bytes; protocol, as of the directory's request
MAX_RELAY_FRAME: Final = 256  # bytes of a body; protocol
MAX_OFFERS: Final = 2  # relays in a node record; protocol: it has 1000 bytes
VOUCHER_CONTEXT: Final = b"idas relay voucher 1"  # domain separation of signatures; protocol


class RelayRefusal(StrEnum):
    """Why a relay does not do as asked; docs/spec/relay.md section 6. The order is that of the numbers on the wire."""

    MALFORMED = "malformed"
    NOT_ALLOWED = "not_allowed"
    FULL = "full"
    TOO_MANY_FROM_NODE = "too_many_from_node"
    TOO_MANY_FROM_BLOCK = "too_many_from_block"
    TOO_OFTEN = "too_often"
    OVER_BUDGET = "over_budget"
    BAD_VOUCHER = "bad_voucher"
    EXPIRED_VOUCHER = "expired_voucher"
    NO_RESERVATION = "no_reservation"
    TARGET_SILENT = "target_silent"
    RELAY_OVER_RELAY = "relay_over_relay"
    DRAINING = "draining"
    MEMBERS_ONLY = "members_only"
    NOT_A_MEMBER = "not_a_member"
    MEMBERSHIP_ENDED = "membership_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOffer:
    """A relay through which a node can be reached, and the relay's voucher for it; part of a node record."""

    address: Address  # of the relay, TCP
    relay: NodeId
    expires: U64  # Unix seconds
    signature: Bytes64  # the relay's, over `voucher_bytes`


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Keep this link for connections to me; again on the same link prolongs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveAsMember:
    """The same, at a relay that serves members of some federations."""

    membership: Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Connect me with this node, by the voucher it published."""

    target: Bytes32  # NodeId
    expires: U64  # of the voucher
    signature: Bytes64  # of the voucher


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Are you there?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialBack:
    """Please dial this TCP port at the address you see me at, with this nonce; docs/spec/transport.md section 8."""

    port: Annotated[int, Limit(1, 65_535)]
    nonce: Annotated[bytes, exactly(DIAL_BACK_NONCE_SIZE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """Where I dial you, or would have if `accepted` is false."""

    at: Address
    accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """The voucher, and where the relay sees the node."""

    expires: U64  # Unix seconds
    signature: Bytes64
    observed: Address  # of the link's other end


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """What follows on this connection comes from the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The request is not granted."""

    number: Annotated[int, Limit(1, len(RelayRefusal))]

    @property
    def reason(self) -> RelayRefusal:
        """Why."""
        return list(RelayRefusal)[self.number - 1]

    @classmethod
    def because(cls, reason: RelayRefusal) -> Refused:
        """The message of a reason."""
        return cls(number=list(RelayRefusal).index(reason) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """Somebody wants to reach you: open a connection that begins with this nonce."""

    nonce: Annotated[bytes, exactly(NONCE_SIZE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """I am."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """This relay stops soon: reserve at another."""


RelayMessage = (
    Reserve
    | ReserveAsMember
    | Connect
    | Ping
    | DialBack
    | Reserved
    | Connected
    | Refused
    | Incoming
    | Pong
    | Move
    | Dialling
)
_KINDS: Final[dict[int, type[RelayMessage]]] = {
    1: Reserve, 2: Connect, 3: Ping, 4: ReserveAsMember, 5: DialBack,
    17: Reserved, 18: Connected, 19: Refused, 20: Incoming, 21: Pong, 22: Move, 23: Dialling,
}  # fmt: skip
_CODES: Final = {kind: code for code, kind in _KINDS.items()}


def to_bytes(message: RelayMessage) -> bytes:
    """`code(1) ‖ canonical list of the fields`."""
    return bytes([_CODES[type(message)]]) + encode(message)


def from_bytes(data: bytes) -> RelayMessage:
    """Read a message.

    Raises:
        WireError: not one.
    """
    kind = _KINDS.get(data[0]) if data else None
    if kind is None:
        raise WireError("an unknown message of a relay")
    return decode(kind, data[1:], max_size=MAX_RELAY_FRAME)


def voucher_bytes(*, node: NodeId, relay: NodeId, expires: int) -> bytes:
    """What the relay's signature of a voucher covers."""
    return VOUCHER_CONTEXT + pack([node.raw, relay.raw, expires])
