"""Which passwords are accepted for an account; the hashing itself is crypto/passwords.py.

Source: NIST SP 800-63B section 5.1.1.2: length rules, no composition rules, Unicode in form NFKC, so that two keyboards
that spell one letter differently give one password.
"""

from __future__ import annotations

import unicodedata

from idas_p2p.crypto import passwords
from idas_p2p.errors import BadConfiguration

MIN_PASSWORD_SIZE = 8  # characters; NIST SP 800-63B section 5.1.1.2
MAX_PASSWORD_SIZE = 1_024  # characters; ours: bounds the work of one login


def hash_password(text: str) -> str:
    """Return the text to keep for this password.

    Raises:
        BadConfiguration: too short, too long, or not text.
    """
    if not MIN_PASSWORD_SIZE <= len(text) <= MAX_PASSWORD_SIZE:
        raise BadConfiguration(f"a password has {MIN_PASSWORD_SIZE} to {MAX_PASSWORD_SIZE} characters")
    try:
        return passwords.hash_password(_normal(text))
    except UnicodeEncodeError:
        raise BadConfiguration("a password is text in UTF-8") from None


def password_matches(text: str, hashed: str) -> bool:
    """Whether this is the password that was hashed."""
    return len(text) <= MAX_PASSWORD_SIZE and passwords.password_matches(_normal(text), hashed)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)
