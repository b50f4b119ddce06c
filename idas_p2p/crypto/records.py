"""Signing and checking records of the directory; docs/spec/directory.md section 3."""

from __future__ import annotations

from enum import StrEnum

from idas_p2p.crypto.keys import SigningKey, verify
from idas_p2p.errors import BadSignature
from idas_p2p.limits import MAX_CLOCK_SKEW, RECORD_LIFETIME
from idas_p2p.wire.records import Record, record_signed_bytes


class Refusal(StrEnum):
    """Why a record is not taken; docs/spec/directory.md section 3.3."""

    MALFORMED = "malformed"
    WRONG_KEY = "wrong_key"
    BAD_SIGNATURE = "bad_signature"
    EXPIRED = "expired"
    TOO_LONG_LIVED = "too_long_lived"
    STALE_SEQUENCE = "stale_sequence"
    QUOTA = "quota"


def sign_record(
    location: SigningKey, writer: SigningKey, payload: bytes, *, now: float, lifetime: float = RECORD_LIFETIME
) -> Record:
    """Make a record that lives for `lifetime` seconds from `now` (Unix seconds)."""
    sequence, expires = int(now * 1000), int(now + lifetime)
    message = record_signed_bytes(location.public, writer.public, sequence, expires, payload)
    return Record(
        location=location.public,
        writer=writer.public,
        sequence=sequence,
        expires=expires,
        payload=payload,
        location_signature=location.sign(message),
        writer_signature=writer.sign(message),
    )


def check_record(record: Record, *, now: float) -> Refusal | None:
    """Return why a record must not be believed, or None when it may be.

    Args:
        record: as parsed.
        now: Unix seconds; MAX_CLOCK_SKEW is tolerated on either side.
    """
    if record.expires <= now - MAX_CLOCK_SKEW:
        return Refusal.EXPIRED
    if record.expires > now + RECORD_LIFETIME + MAX_CLOCK_SKEW:
        return Refusal.TOO_LONG_LIVED
    message = record.signed_bytes()
    try:
        verify(record.location, message, record.location_signature)
        verify(record.writer, message, record.writer_signature)
    except BadSignature:
        return Refusal.BAD_SIGNATURE
    return None
