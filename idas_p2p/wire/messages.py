"""Messages between two nodes on a secure channel: one type byte, then the canonical body.

Control link: requests carry a number, answers repeat it. Image link: fetching.py.
Source: docs/spec/exchange.md sections 1 to 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final

from idas_p2p.errors import UnsupportedVersion, WireError
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.wire.address import Address
from idas_p2p.wire.audit_messages import AuditGrown, AuditReceived, AuditSeen, AuditWanted
from idas_p2p.wire.canonical import unpack
from idas_p2p.wire.chunks import chunk_message, read_chunk
from idas_p2p.wire.emergency import EmergencyOpened, EmergencyWanted
from idas_p2p.wire.federation import MAX_ADMINS, MAX_MANIFEST_SIZE
from idas_p2p.wire.fetching import (
    Chunk,
    Code,
    Done,
    FetchEnd,
    FetchRequest,
    FetchStart,
    InstanceHead,
    InstanceListed,
    InstanceLost,
    ListEnd,
    Taken,
    Ticket,
    UserName,
    Want,
)
from idas_p2p.wire.ice import IceTerms
from idas_p2p.wire.offers import OfferFate, StudyOffer
from idas_p2p.wire.outside import PassOffer, PassReceived, PassWanted, SignedIn, SignInWanted
from idas_p2p.wire.parts import Parts, PartsRequest
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.schema import U64, Bytes32, Limit, encode, from_plain
from idas_p2p.wire.study import Study

EXCHANGE_VERSION: Final = 4
RequestNumber = Annotated[int, Limit(0, 2**32 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """First message each way on a control link."""

    version: Annotated[int, Limit(1, 255)]
    epoch: U64  # in force; 0 for none
    state: Annotated[bytes, Limit(0, 8)]  # equal for nodes that know the same manifests; empty for none

    def __post_init__(self) -> None:
        _check_version(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestWanted:
    """Asks for a manifest in force that the asker does not know."""

    number: RequestNumber
    known: Annotated[tuple[Bytes32, ...], Limit(0, MAX_ADMINS)]  # digests of those in force at the asker


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestOffer:
    """Carries a manifest, asked for or not."""

    number: RequestNumber
    manifest: Annotated[bytes, Limit(1, MAX_MANIFEST_SIZE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """Asks an admin to become a member; the channel's key proves both the invitation and the NodeId."""

    institution: Annotated[str, Limit(1, 64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Asks for a Pong, to measure the round trip and keep the link alive."""

    number: RequestNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """Answers a Ping."""

    number: RequestNumber


Places = Annotated[tuple[Address, ...], Limit(0, 4)]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetRequest:
    """Asks for a TCP connection that both sides open at the same moment; docs/spec/transport.md section 10."""

    number: RequestNumber
    places: Places  # from where the asker will connect, as the other side may see it
    round_trip_ms: Annotated[int, Limit(0, 10_000)]  # of this link


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetOffer:
    """From where the answering side will connect, half a round trip after it has said so."""

    number: RequestNumber
    places: Places


@dataclass(frozen=True, slots=True, kw_only=True)
class IceRequest:
    """Asks for a connection by UDP (ICE, WebRTC); docs/spec/transport.md section 12."""

    number: RequestNumber
    terms: IceTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class IceAnswer:
    """The answering side's part; it begins its checks as soon as it has said so."""

    number: RequestNumber
    terms: IceTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRequest:
    """Asks which studies match and may be seen by this user of the asking node."""

    number: RequestNumber
    user: UserName
    query: StudyQuery
    limit: Annotated[int, Limit(1, 65_536)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Hit:
    """One matching study and the ticket to fetch it."""

    study: Study
    ticket: Ticket


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Hits:
    """A part of the answer to a find."""

    number: RequestNumber
    hits: Annotated[tuple[Hit, ...], Limit(1, 64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnd:
    """The last message of an answer; `code` is empty when all went well, else an error's code."""

    number: RequestNumber
    code: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """The asker no longer wants the rest of an answer."""

    number: RequestNumber


MESSAGES: Final[dict[int, type[Any]]] = {
    1: Hello,
    2: ManifestWanted,
    3: ManifestOffer,
    4: JoinRequest,
    5: Ping,
    6: Pong,
    7: MeetRequest,
    8: MeetOffer,
    9: IceRequest,
    10: IceAnswer,
    16: FindRequest,
    17: Hits,
    18: RequestEnd,
    19: CancelRequest,
    20: AuditWanted,
    21: AuditGrown,
    22: AuditSeen,
    23: AuditReceived,
    24: PartsRequest,
    25: Parts,
    26: EmergencyWanted,
    27: EmergencyOpened,
    28: StudyOffer,
    29: OfferFate,
    32: FetchRequest,
    33: FetchStart,
    34: InstanceHead,
    35: Chunk,
    36: InstanceLost,
    37: FetchEnd,
    38: InstanceListed,
    39: ListEnd,
    40: Want,
    41: Taken,
    42: Done,
    48: PassWanted,
    49: PassOffer,
    50: PassReceived,
    51: SignInWanted,
    52: SignedIn,
}
_CODES: Final = {kind: code for code, kind in MESSAGES.items()}


def encode_message(message: Any) -> bytes:
    """One type byte and the canonical body."""
    kind = bytes((_CODES[type(message)],))
    return chunk_message(kind, message) if type(message) is Chunk else kind + encode(message)


def decode_message(data: bytes) -> Any:
    """Read a message.

    Raises:
        UnsupportedVersion: a Hello of another version, whatever follows in it.
        WireError: empty, of unknown type, or not a valid body.
    """
    if not data or (kind := MESSAGES.get(data[0])) is None:
        raise WireError("unknown type of message")
    if kind is Chunk and (chunk := read_chunk(data)) is not None:
        return chunk
    plain = unpack(data[1:], max_size=MAX_MESSAGE_SIZE)
    if kind is Hello and isinstance(plain, list) and plain and type(plain[0]) is int:
        _check_version(plain[0])
    return from_plain(kind, plain)


def _check_version(version: int) -> None:
    if version != EXCHANGE_VERSION:
        raise UnsupportedVersion(f"exchange version {version}, {EXCHANGE_VERSION} expected")
