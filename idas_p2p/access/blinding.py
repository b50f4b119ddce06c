"""Blind places in the directory: where members find a term's holders, and where others see only noise.

    seed   = KDF(S_write, field | value | period)      place = Ed25519(seed)      key = BLAKE2b-160(place)
    writer = Ed25519(KDF(our own secret, place))       a pseudonym, different at every place
    payload = seal(KDF(S_read, place), Claim)          the true signature is inside

Belongs here: places, claims, and which claims to believe. Not here: what a term is (wire/terms.py).
Source: docs/spec/directory.md section 5.
"""

from __future__ import annotations

from dataclasses import dataclass

from idas_p2p.crypto.box import open_sealed, seal
from idas_p2p.crypto.kdf import derive
from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.crypto.records import sign_record
from idas_p2p.errors import BadSignature, WireError
from idas_p2p.limits import BLIND_PERIOD, MAX_CLOCK_SKEW, RECORD_LIFETIME
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.federation import Claim, Secrets
from idas_p2p.wire.records import Record
from idas_p2p.wire.schema import decode, encode
from idas_p2p.wire.terms import Term

CLAIM_CONTEXT = b"idas claim 1"  # domain separation of the inner signature; protocol
PAYLOAD_BLOCK = 16  # bytes; payloads are padded to a multiple of this, by which all claims are of one size; protocol


@dataclass(frozen=True, slots=True)
class Blinder:
    """The secrets of one epoch, used to find places and read claims.

    Args:
        secrets: of the epoch.
        period: seconds after which every place moves.
    """

    secrets: Secrets
    period: int = BLIND_PERIOD

    def place(self, term: Term, *, now: float) -> SigningKey:
        """The place of a term in the period of `now` (Unix seconds)."""
        return self._place("idas place", str(term.field), term.value, now=now)

    def places_to_read(self, term: Term, *, now: float) -> list[SigningKey]:
        """Where records of the term may be: here, and where they were while such records can still be alive.

        So nothing must be written ahead of a move, and an owner who is away while places move is found as well.
        """
        return self.places("idas place", str(term.field), term.value, now=now)

    def places(self, purpose: str, *names: str | bytes, now: float) -> list[SigningKey]:
        """The place of anything that has names, for one purpose of crypto/kdf.py; and where it was, as above."""
        here, oldest = self._place(purpose, *names, now=now), now - RECORD_LIFETIME - MAX_CLOCK_SKEW
        return [here] if self._period(oldest) == self._period(now) else [here, self._place(purpose, *names, now=oldest)]

    def places_to_write(self, term: Term, *, withdrawn: bool, now: float) -> list[SigningKey]:
        """The current place; a withdrawal goes wherever there may be something to withdraw."""
        return self.places_to_read(term, now=now) if withdrawn else [self.place(term, now=now)]

    def _place(self, purpose: str, *names: str | bytes, now: float) -> SigningKey:
        return SigningKey(derive(self.secrets.write, purpose, *names, self._period(now)))

    def _period(self, now: float) -> int:
        return int(now // self.period)

    def claim_record(
        self, identity: SigningKey, place: SigningKey, *, count: int, withdrawn: bool = False, now: float
    ) -> Record:
        """A signed record of our claim at a place."""
        writer = SigningKey(derive(identity.x25519_secret(), "idas writer", place.public))
        expires = int(now + RECORD_LIFETIME)
        signature = identity.sign(_claim_bytes(place.public, writer.public, withdrawn, count, expires))
        claim = Claim(holder=identity.node_id, withdrawn=withdrawn, count=count, signature=signature)
        payload = seal(self.payload_key(place.public), encode(claim), pad_to=PAYLOAD_BLOCK)
        return sign_record(place, writer, payload, now=now)

    def read_claim(self, record: Record) -> Claim:
        """Open a record found at a place.

        Raises:
            BadSignature: not sealed by a member of the epoch, or not signed by the holder it names.
        """
        try:
            message = open_sealed(self.payload_key(record.location), record.payload, padded=True)
            claim = decode(Claim, message, max_size=1_024)
        except WireError:
            raise BadSignature("not a claim") from None
        verify(
            claim.holder.raw,
            _claim_bytes(record.location, record.writer, claim.withdrawn, claim.count, record.expires),
            claim.signature,
        )
        return claim

    def payload_key(self, place: bytes) -> bytes:
        """The key that opens every payload at a place (32 bytes of its public key)."""
        return derive(self.secrets.read, "idas payload", place)


def _claim_bytes(place: bytes, writer: bytes, withdrawn: bool, count: int, expires: int) -> bytes:
    return CLAIM_CONTEXT + pack([place, writer, withdrawn, count, expires])
