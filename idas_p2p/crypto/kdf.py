"""Keys derived from keys: BLAKE2b keyed with the secret, personalised by purpose.

Source: RFC 7693 section 2.5 (key), BLAKE2 specification section 2.8 (personalisation).
"""

from __future__ import annotations

import hashlib
import hmac

from idas_p2p.wire.canonical import pack

KEY_SIZE = 32  # bytes


def derive(secret: bytes, purpose: str, *parts: bytes | str | int) -> bytes:
    """Derive 32 bytes from a secret for one purpose.

    Args:
        secret: 16 to 64 secret bytes.
        purpose: at most 16 ASCII characters; no two uses share one.
        parts: what this key is for; encoded canonically, so that no two lists of parts collide.
    """
    return hashlib.blake2b(
        pack(list(parts)), digest_size=KEY_SIZE, key=secret, person=purpose.encode("ascii").ljust(16, b"\0")
    ).digest()


def mac_equal(one: bytes, other: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one, other)
