"""Password hashes: Argon2id in the PHC string form; RFC 9106."""

from __future__ import annotations

import nacl.exceptions
import nacl.pwhash.argon2id as argon2id


def hash_password(password: str) -> str:
    """Return a salted Argon2id hash as text; takes about 0.1 s and 64 MiB (RFC 9106 section 4, second choice)."""
    return argon2id.str(
        password.encode(), opslimit=argon2id.OPSLIMIT_INTERACTIVE, memlimit=argon2id.MEMLIMIT_INTERACTIVE
    ).decode("ascii")


def password_matches(password: str, hashed: str) -> bool:
    """Whether the password is the one hashed; False for a malformed hash."""
    try:
        return bool(argon2id.verify(hashed.encode("ascii"), password.encode()))
    except (nacl.exceptions.InvalidkeyError, nacl.exceptions.CryptPrefixError, ValueError):
        return False
