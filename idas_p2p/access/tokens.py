"""Tokens: an admin says in the directory that a member belongs to a group, until a date or until it is taken back.

    place = Ed25519(KDF(S_write, member | group | period))      payload = seal(KDF(S_read, place), Token)

Whoever holds images checks one without asking anybody. Outsiders see noise, as at every blind place (blinding.py).
Belongs here: the record, and which to believe. Not here: what a group may see (policy.py).
Source: docs/spec/directory.md section 5.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from idas_p2p.access.blinding import PAYLOAD_BLOCK, Blinder
from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.crypto.records import sign_record
from idas_p2p.errors import BadSignature, WireError
from idas_p2p.limits import MAX_CLOCK_SKEW
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import Token
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.records import Record
from idas_p2p.wire.schema import decode, encode
from idas_p2p.wire.terms import fold

TOKEN_CONTEXT = b"idas token 1"  # domain separation of the issuer's signature; protocol
MAX_TOKEN_SIZE = 256  # bytes of an encoded token; protocol


class TokenRefusal(StrEnum):
    """Why a token is not honoured."""

    FORGED = "forged"  # not sealed by a member, not signed by who it names, or moved from another place
    NOT_ADMIN = "not_admin"  # its issuer may not say who belongs to a group
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


def token_places(blinder: Blinder, member: NodeId, group: str, *, now: float) -> list[SigningKey]:
    """Where tokens of a member and a group may lie at `now` (Unix seconds), the place to write at first."""
    return blinder.places("idas token", member.raw, fold(group), now=now)


def token_record(
    issuer: SigningKey,
    blinder: Blinder,
    member: NodeId,
    group: str,
    *,
    expires: float,
    withdrawn: bool = False,
    now: float,
) -> Record:
    """The record that says that a member belongs to a group until `expires` (Unix seconds).

    It lives as long as any record and is written again before that; with `withdrawn` it takes back what was said.
    """
    place = token_places(blinder, member, group, now=now)[0]
    writer = SigningKey(derive(issuer.x25519_secret(), "idas writer", place.public))
    signature = issuer.sign(_signed_bytes(place.public, writer.public, withdrawn, int(expires)))
    token = Token(issuer=issuer.node_id, withdrawn=withdrawn, expires=int(expires), signature=signature)
    payload = seal(blinder.payload_key(place.public), encode(token), pad_to=PAYLOAD_BLOCK)
    return sign_record(place, writer, payload, now=now)


def refusal(
    blinder: Blinder, record: Record, member: NodeId, group: str, *, admins: Iterable[NodeId], now: float
) -> TokenRefusal | None:
    """Why a record does not prove that a member belongs to a group; None when it does.

    Args:
        blinder: of the epoch whose place it was found at.
        record: whose own signatures were checked.
        member: who shall belong to the group.
        group: in any spelling.
        admins: who may issue tokens.
        now: Unix seconds.
    """
    if all(record.location != place.public for place in token_places(blinder, member, group, now=now)):
        return TokenRefusal.FORGED
    try:
        message = open_sealed(blinder.payload_key(record.location), record.payload, padded=True)
        token = decode(Token, message, max_size=MAX_TOKEN_SIZE)
        signed = _signed_bytes(record.location, record.writer, token.withdrawn, token.expires)
        verify(token.issuer.raw, signed, token.signature)
    except (WireError, BadSignature):
        return TokenRefusal.FORGED
    if token.issuer not in admins:
        return TokenRefusal.NOT_ADMIN
    if token.withdrawn:
        return TokenRefusal.WITHDRAWN
    return TokenRefusal.EXPIRED if now >= token.expires + MAX_CLOCK_SKEW else None


def _signed_bytes(place: bytes, writer: bytes, withdrawn: bool, expires: int) -> bytes:
    """The place names member, group and period: it stands for them."""
    return TOKEN_CONTEXT + pack([place, writer, withdrawn, expires])
