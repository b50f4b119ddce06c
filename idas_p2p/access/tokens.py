"""Tokens: somebody entitled to says in the directory who belongs to a group, until a date or until it is taken back.

    an admin:     this member is in the group                   member | group
    an admin:     this member may vouch for the group           member | group | "vouches"
    a member:     this user of mine is in the group             member | group | "user" | user

    place = Ed25519(KDF(S_write, those names | period))      payload = seal(KDF(S_read, place), Token)

Whoever holds images checks one without asking anybody. Outsiders see noise, as at every blind place (blinding.py).
Belongs here: the record, and which to believe. Not here: what a group may see (policy.py).
Source: docs/spec/directory.md section 5.7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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
    NOT_ADMIN = "not_admin"  # its issuer may not say that
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """What a token says: that a member is in a group, may vouch for it, or has a user in it."""

    member: NodeId
    group: str  # in any spelling
    user: str = ""  # of the member; empty when it is about the member itself
    vouches: bool = False

    @property
    def names(self) -> tuple[str | bytes, ...]:
        """What its place follows from."""
        about = ("vouches",) if self.vouches else ("user", self.user) if self.user else ()
        return (self.member.raw, fold(self.group), *about)


def token_places(blinder: Blinder, about: Belonging, *, now: float) -> list[SigningKey]:
    """Where tokens may lie at `now` (Unix seconds), the place to write at first."""
    return blinder.places("idas token", *about.names, now=now)


def token_record(
    issuer: SigningKey,
    blinder: Blinder,
    about: Belonging,
    *,
    expires: float,
    withdrawn: bool = False,
    now: float,
) -> Record:
    """The record that says who belongs to a group until `expires` (Unix seconds).

    It lives as long as any record and is written again before that; with `withdrawn` it takes back what was said.
    """
    place = token_places(blinder, about, now=now)[0]
    writer = SigningKey(derive(issuer.x25519_secret(), "idas writer", place.public))
    signature = issuer.sign(_signed_bytes(place.public, writer.public, withdrawn, int(expires)))
    token = Token(issuer=issuer.node_id, withdrawn=withdrawn, expires=int(expires), signature=signature)
    payload = seal(blinder.payload_key(place.public), encode(token), pad_to=PAYLOAD_BLOCK)
    return sign_record(place, writer, payload, now=now)


def refusal(
    blinder: Blinder, record: Record, about: Belonging, *, admins: Iterable[NodeId], now: float
) -> TokenRefusal | None:
    """Why a record does not prove who belongs to a group; None when it does.

    Args:
        blinder: of the epoch whose place it was found at.
        record: whose own signatures were checked.
        about: what it shall prove. Of a user it proves that its member says so; whether it may is another token.
        admins: of the federation.
        now: Unix seconds.
    """
    if all(record.location != place.public for place in token_places(blinder, about, now=now)):
        return TokenRefusal.FORGED
    try:
        message = open_sealed(blinder.payload_key(record.location), record.payload, padded=True)
        token = decode(Token, message, max_size=MAX_TOKEN_SIZE)
        signed = _signed_bytes(record.location, record.writer, token.withdrawn, token.expires)
        verify(token.issuer.raw, signed, token.signature)
    except (WireError, BadSignature):
        return TokenRefusal.FORGED
    if token.issuer not in ([about.member] if about.user else admins):
        return TokenRefusal.NOT_ADMIN
    if token.withdrawn:
        return TokenRefusal.WITHDRAWN
    return TokenRefusal.EXPIRED if now >= token.expires + MAX_CLOCK_SKEW else None


def _signed_bytes(place: bytes, writer: bytes, withdrawn: bool, expires: int) -> bytes:
    """The place names member, group and period: it stands for them."""
    return TOKEN_CONTEXT + pack([place, writer, withdrawn, expires])
