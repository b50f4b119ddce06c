"""The header of a manifest in the directory: tells members that a newer manifest exists, and nothing to anyone else.

    place = Ed25519(KDF(federation, admin))      payload = seal(KDF(federation), ManifestHeader)

Anybody who was ever a member can find the place, so what lies there is believed only with the admin's signature.
Belongs here: the record. Not here: when to look (manifests.py). Source: docs/spec/federation.md section 2.
"""

from __future__ import annotations

from idas_p2p.access.manifest import digest
from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.crypto.records import sign_record
from idas_p2p.errors import BadSignature, WireError
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import Manifest, ManifestHeader
from idas_p2p.wire.records import Record
from idas_p2p.wire.schema import decode, encode

HEADER_CONTEXT = b"idas manifest header 1"  # domain separation of the header's signature; protocol
PAYLOAD_BLOCK = 64  # bytes; payloads are padded to a multiple of this; protocol


def header_place(manifest: Manifest) -> SigningKey:
    """Where the headers of this federation lie."""
    return SigningKey(derive(manifest.federation, "idas header", manifest.admin.raw))


def header_record(admin: SigningKey, manifest: Manifest, *, now: float) -> Record:
    """The record that announces a manifest, made by its admin at `now` (Unix seconds)."""
    signature = admin.sign(_header_bytes(manifest.epoch, digest(manifest)))
    header = ManifestHeader(
        epoch=manifest.epoch, digest=digest(manifest), expires=manifest.expires, signature=signature
    )
    place = header_place(manifest)
    return sign_record(place, place, seal(_key(manifest), encode(header), pad_to=PAYLOAD_BLOCK), now=now)


def read_header(record: Record, manifest: Manifest) -> ManifestHeader:
    """Read a record found at the place of our manifest's federation.

    Raises:
        BadSignature: it is not a header signed by the admin.
    """
    try:
        header = decode(ManifestHeader, open_sealed(_key(manifest), record.payload, padded=True), max_size=512)
    except WireError:
        raise BadSignature("not a manifest header") from None
    verify(manifest.admin.raw, _header_bytes(header.epoch, header.digest), header.signature)
    return header


def _key(manifest: Manifest) -> bytes:
    return derive(manifest.federation, "idas header key")


def _header_bytes(epoch: int, manifest_digest: bytes) -> bytes:
    return HEADER_CONTEXT + pack([epoch, manifest_digest])
