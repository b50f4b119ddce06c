"""The header of an admin's newest manifest in the directory: tells members that there is one, others nothing.

    place = Ed25519(KDF(federation, admin))      payload = seal(KDF(federation), ManifestHeader)

Anybody who was ever a member can find the places, so what lies there is believed only with the admin's signature.
Belongs here: the record. Not here: when to look (manifests.py). Source: docs/spec/federation.md section 2.
"""

from __future__ import annotations

from idas_p2p.access.manifest import counts_of, digest
from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.crypto.records import sign_record
from idas_p2p.errors import BadSignature, WireError
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import Manifest, ManifestHeader
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import Record
from idas_p2p.wire.schema import decode, encode

HEADER_CONTEXT = b"idas manifest header 2"  # domain separation of the header's signature; protocol
PAYLOAD_BLOCK = 64  # bytes; payloads are padded to a multiple of this; protocol


def header_place(federation: bytes, admin: NodeId) -> SigningKey:
    """Where the header of an admin of this federation (its 32 bytes) lies."""
    return SigningKey(derive(federation, "idas header", admin.raw))


def header_record(admin: SigningKey, manifest: Manifest, *, now: float) -> Record:
    """The record that announces an admin's own manifest, made at `now` (Unix seconds)."""
    signed = counts_of(manifest)[admin.node_id]
    signature = admin.sign(_header_bytes(signed, digest(manifest)))
    header = ManifestHeader(signed=signed, digest=digest(manifest), expires=manifest.expires, signature=signature)
    place = header_place(manifest.federation, admin.node_id)
    return sign_record(place, place, seal(_key(manifest.federation), encode(header), pad_to=PAYLOAD_BLOCK), now=now)


def read_header(record: Record, federation: bytes, admin: NodeId) -> ManifestHeader:
    """Read a record found at the place of an admin.

    Raises:
        BadSignature: it is not a header signed by that admin.
    """
    try:
        header = decode(ManifestHeader, open_sealed(_key(federation), record.payload, padded=True), max_size=512)
    except WireError:
        raise BadSignature("not a manifest header") from None
    verify(admin.raw, _header_bytes(header.signed, header.digest), header.signature)
    return header


def _key(federation: bytes) -> bytes:
    return derive(federation, "idas header key")


def _header_bytes(signed: int, manifest_digest: bytes) -> bytes:
    return HEADER_CONTEXT + pack([signed, manifest_digest])
