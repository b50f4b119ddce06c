"""Records of the directory: bytes to values. Signing and checking are in crypto/records.py.

A record lies at BLAKE2b-160 of its `location` key, in the slot of its `writer` key. Two signatures over the same
bytes: by the location key (whoever may write there) and by the writer key (whose slot it is). For a node's own
record both keys are its NodeId. Source: docs/spec/directory.md section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from idas_p2p.errors import WireError
from idas_p2p.limits import MAX_RECORD_SIZE
from idas_p2p.wire.address import Address
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.ids import location_id
from idas_p2p.wire.relay import MAX_OFFERS, RelayOffer
from idas_p2p.wire.schema import U64, Bytes32, Bytes64, Limit, decode, encode

RECORD_CONTEXT = b"idas record 1"  # domain separation of signatures; protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A signed, sequenced, self-expiring record."""

    location: Bytes32  # Ed25519 public key that gives the place
    writer: Bytes32  # Ed25519 public key of the slot
    sequence: U64  # highest wins within a slot; milliseconds of Unix time when written
    expires: U64  # Unix seconds
    payload: Annotated[bytes, Limit(0, MAX_RECORD_SIZE)]
    location_signature: Bytes64
    writer_signature: Bytes64

    @property
    def key(self) -> bytes:
        """The Kademlia key: 20 bytes."""
        return location_id(self.location)

    def signed_bytes(self) -> bytes:
        """What both signatures cover."""
        return record_signed_bytes(self.location, self.writer, self.sequence, self.expires, self.payload)

    def to_bytes(self) -> bytes:
        """The canonical encoding.

        Raises:
            WireError: over MAX_RECORD_SIZE.
        """
        data = encode(self)
        if len(data) > MAX_RECORD_SIZE:
            raise WireError(f"a record has at most {MAX_RECORD_SIZE} bytes")
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        """Read the canonical encoding; signatures are not checked here.

        Raises:
            WireError: not a record.
        """
        return decode(cls, data, max_size=MAX_RECORD_SIZE)


def record_signed_bytes(location: bytes, writer: bytes, sequence: int, expires: int, payload: bytes) -> bytes:
    """The bytes both signatures of a record cover."""
    return RECORD_CONTEXT + pack([location, writer, sequence, expires, payload])


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """Payload of a node's own record, readable by everyone; docs/spec/directory.md section 4."""

    version: Annotated[int, Limit(1, 1)]
    institution: Annotated[str, Limit(0, 64)]
    aet: Annotated[str, Limit(0, 16)]
    addresses: Annotated[tuple[Address, ...], Limit(0, 8)]  # where its channels can be dialled, best first
    is_server: bool  # whether it answers directory requests from anyone
    relays: Annotated[tuple[RelayOffer, ...], Limit(0, MAX_OFFERS)] = ()  # through which it can be reached, best first
