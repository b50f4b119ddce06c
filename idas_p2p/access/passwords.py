"""Which passwords are accepted for an account; the hashing itself is crypto/passwords.py.

Source: NIST SP 800-63B section 5.1.1.2: length rules, no composition rules.
"""

from __future__ import annotations

from idas_p2p.crypto import passwords
from idas_p2p.errors import BadConfiguration

MIN_PASSWORD_SIZE = 8  # characters; NIST SP 800-63B section 5.1.1.2
MAX_PASSWORD_SIZE = 1_024  # characters; ours: bounds the work of one login


def hash_password(text: str) -> str:
    """Return the text to keep for this password.

    Raises:
        BadConfiguration: too short or too long.
    """
    if not MIN_PASSWORD_SIZE <= len(text) <= MAX_PASSWORD_SIZE:
        raise BadConfiguration(f"a password has {MIN_PASSWORD_SIZE} to {MAX_PASSWORD_SIZE} characters")
    return passwords.hash_password(text)


def password_matches(text: str, hashed: str) -> bool:
    """Whether this is the password that was hashed."""
    return len(text) <= MAX_PASSWORD_SIZE and passwords.password_matches(text, hashed)
