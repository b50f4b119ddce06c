"""Messages between two nodes on a secure channel: one type byte, then the canonical body.

Control link: requests carry a number, answers repeat it. Image link: one fetch from FetchRequest to FetchEnd.
Source: docs/spec/exchange.md sections 2 to 4.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Final

from idas_p2p.errors import UnsupportedVersion, WireError
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.wire.canonical import unpack
from idas_p2p.wire.federation import MAX_MANIFEST_SIZE
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.schema import U64, Bytes32, Limit, encode, from_plain
from idas_p2p.wire.study import Study, Uid

EXCHANGE_VERSION: Final = 1
MAX_SERIES: Final = 1_024  # named in one fetch; protocol
MAX_INSTANCES: Final = 8_192  # named in one fetch; protocol
MAX_HAVE: Final = 32_768  # marks of instances already here in one fetch; protocol: a request fits into a message
MAX_ANNOUNCED: Final = 131_072  # instances a holder may announce for one fetch; protocol
RequestNumber = Annotated[int, Limit(0, 2**32 - 1)]
Code = Annotated[str, Limit(0, 64)]  # a code of errors.py
UserName = Annotated[str, Limit(0, 64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """First message each way on a control link."""

    version: Annotated[int, Limit(1, 255)]
    epoch: U64  # of the newest manifest known; 0 for none

    def __post_init__(self) -> None:
        _check_version(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestWanted:
    """Asks for the newest manifest."""

    number: RequestNumber


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRequest:
    """Asks which studies match and may be seen by this user of the asking node."""

    number: RequestNumber
    user: UserName
    query: StudyQuery
    limit: Annotated[int, Limit(1, 65_536)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ticket:
    """Lets one requester and user fetch one study at one level until it expires; useless to anyone else."""

    level: Annotated[str, Limit(1, 32)]
    expires: U64  # Unix seconds
    mac: Annotated[bytes, Limit(16, 16)]

    def __repr__(self) -> str:
        return "Ticket(…)"


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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FetchRequest:
    """Opens an image link: which instances of a study, and which of them are here already."""

    user: UserName
    ticket: Ticket
    study_uid: Uid
    series_uids: Annotated[tuple[Uid, ...], Limit(0, MAX_SERIES)]
    sop_instance_uids: Annotated[tuple[Uid, ...], Limit(0, MAX_INSTANCES)]
    have: Annotated[tuple[Annotated[bytes, Limit(8, 8)], ...], Limit(0, MAX_HAVE)]  # instance_mark of each


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStart:
    """The holder accepts: it has so many instances of what was asked for, those already there included.

    Comes first, and again when the archive corrects the number.
    """

    total: Annotated[int, Limit(0, MAX_ANNOUNCED)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InstanceHead:
    """An instance begins; its Chunks follow."""

    series_uid: Uid
    sop_class_uid: Uid
    sop_instance_uid: Uid
    transfer_syntax_uid: Uid
    size: U64  # bytes of the data set
    digest: Bytes32  # BLAKE2b-256 of the data set


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Chunk:
    """The next bytes of the instance, coded; docs/spec/exchange.md section 5."""

    coding: Annotated[int, Limit(0, 255)]
    size: Annotated[int, Limit(0, MAX_MESSAGE_SIZE)]  # bytes once decoded
    data: Annotated[bytes, Limit(0, MAX_MESSAGE_SIZE)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InstanceLost:
    """An instance that the holder cannot send, and why; it may have begun already."""

    sop_instance_uid: Uid
    code: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchEnd:
    """The last message of an image link; `code` is empty when all that was announced came, was lost or was there."""

    code: Code


MESSAGES: Final[dict[int, type[Any]]] = {
    1: Hello,
    2: ManifestWanted,
    3: ManifestOffer,
    4: JoinRequest,
    5: Ping,
    6: Pong,
    16: FindRequest,
    17: Hits,
    18: RequestEnd,
    19: CancelRequest,
    32: FetchRequest,
    33: FetchStart,
    34: InstanceHead,
    35: Chunk,
    36: InstanceLost,
    37: FetchEnd,
}
_CODES: Final = {kind: code for code, kind in MESSAGES.items()}


def encode_message(message: Any) -> bytes:
    """One type byte and the canonical body."""
    return bytes((_CODES[type(message)],)) + encode(message)


def decode_message(data: bytes) -> Any:
    """Read a message.

    Raises:
        UnsupportedVersion: a Hello of another version, whatever follows in it.
        WireError: empty, of unknown type, or not a valid body.
    """
    if not data or (kind := MESSAGES.get(data[0])) is None:
        raise WireError("unknown type of message")
    plain = unpack(data[1:], max_size=MAX_MESSAGE_SIZE)
    if kind is Hello and isinstance(plain, list) and plain and type(plain[0]) is int:
        _check_version(plain[0])
    return from_plain(kind, plain)


def _check_version(version: int) -> None:
    if version != EXCHANGE_VERSION:
        raise UnsupportedVersion(f"exchange version {version}, {EXCHANGE_VERSION} expected")


def instance_mark(sop_instance_uid: str) -> bytes:
    """Eight bytes that name an instance within one study: BLAKE2b-64 of its SOP Instance UID."""
    return hashlib.blake2b(sop_instance_uid.encode(), digest_size=8).digest()
