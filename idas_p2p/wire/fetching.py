"""Messages of an image link: one fetch from FetchRequest to FetchEnd.

Belongs here: their fields. Not here: their type bytes (messages.py), their order (exchange/receiver.py, send.py).
Source: docs/spec/exchange.md section 4.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from idas_p2p.blob import Octets
from idas_p2p.limits import MAX_MESSAGE_SIZE
from idas_p2p.wire.schema import U64, Bytes32, Limit, exactly
from idas_p2p.wire.study import Uid

MAX_SERIES: Final = 1_024  # named in one fetch; protocol
MAX_INSTANCES: Final = 8_192  # named in one fetch; protocol
MAX_ANNOUNCED: Final = 131_072  # instances a holder may announce for one fetch; protocol
MAX_WANTED: Final = 256  # instances in one Want or Taken; protocol
AS_IT_IS: Final = 0  # coding of a chunk whose data are the bytes themselves; protocol
PREFIX_SIZE: Final = 16  # bytes of a digest over a data set up to the end of a chunk; protocol
Code = Annotated[str, Limit(0, 64)]  # a code of errors.py
UserName = Annotated[str, Limit(0, 64)]


class Mode(IntEnum):
    """How a fetch goes: docs/spec/exchange.md section 4."""

    ALL = 0  # every instance comes as the archive gives it
    LISTED = 1  # every instance is listed, those that are wanted come


class Priority(IntEnum):
    """How urgent a fetch is; DICOM Priority (0000,0700)."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Ticket:
    """Lets one requester and user fetch one study at one level until it expires; useless to anyone else."""

    level: Annotated[str, Limit(1, 32)]
    expires: U64  # Unix seconds
    mac: Annotated[bytes, Limit(16, 16)]

    def __repr__(self) -> str:
        return "Ticket(…)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FetchRequest:
    """Opens an image link: which instances of a study, how they shall come, and how urgently."""

    user: UserName
    ticket: Ticket
    study_uid: Uid
    series_uids: Annotated[tuple[Uid, ...], Limit(0, MAX_SERIES)]
    sop_instance_uids: Annotated[tuple[Uid, ...], Limit(0, MAX_INSTANCES)]
    mode: Annotated[int, Limit(0, max(Mode))]
    priority: Annotated[int, Limit(0, max(Priority))]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStart:
    """The holder accepts: it has so many instances of what was asked for.

    Comes first, and again when the archive corrects the number.
    """

    total: Annotated[int, Limit(0, MAX_ANNOUNCED)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InstanceHead:
    """An instance begins, or goes on at `start`; its Chunks follow."""

    series_uid: Uid
    sop_class_uid: Uid
    sop_instance_uid: Uid
    transfer_syntax_uid: Uid
    size: U64  # bytes of the data set
    digest: Bytes32  # BLAKE3 of the data set
    start: U64 = 0  # bytes that the requester has of it


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Chunk:
    """The next bytes of the instance, coded; docs/spec/exchange.md section 5."""

    coding: Annotated[int, Limit(0, 255)]
    size: Annotated[int, Limit(0, MAX_MESSAGE_SIZE)]  # bytes once decoded
    data: Annotated[Octets, Limit(0, MAX_MESSAGE_SIZE)]
    digest: Annotated[bytes, exactly(PREFIX_SIZE)] = bytes(PREFIX_SIZE)  # of the data set up to this chunk's end


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InstanceLost:
    """An instance that the holder cannot send, and why; it may have begun already."""

    sop_instance_uid: Uid
    code: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchEnd:
    """The last message of an image link; `code` is empty when all was sent that was to be."""

    code: Code
    signature: Annotated[bytes, Limit(0, 64)] = b""  # Ed25519, of all that was said; empty when nothing was


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InstanceListed:
    """The holder has this instance, and sends it when it is wanted."""

    series_uid: Uid
    sop_class_uid: Uid
    sop_instance_uid: Uid
    transfer_syntax_uid: Uid
    size: U64  # bytes of the data set
    digest: Bytes32  # BLAKE3 of the data set


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEnd:
    """Every instance was listed or lost; with a code, the archive broke off and there are more."""

    count: Annotated[int, Limit(0, MAX_ANNOUNCED)]
    code: Code


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wanted:
    """One listed instance, from its byte `start` on."""

    sop_instance_uid: Uid
    start: U64


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Want:
    """The requester wants these, in this order, after those it wanted before."""

    instances: Annotated[tuple[Wanted, ...], Limit(1, MAX_WANTED)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Taken:
    """The requester has these and will not want them again."""

    sop_instance_uids: Annotated[tuple[Uid, ...], Limit(1, MAX_WANTED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The requester wants nothing more; the holder ends the fetch."""


def instance_mark(sop_instance_uid: str) -> bytes:
    """Eight bytes that name an instance within one study: BLAKE2b-64 of its SOP Instance UID."""
    return hashlib.blake2b(sop_instance_uid.encode(), digest_size=8).digest()
