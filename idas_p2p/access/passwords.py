"""Which passwords are accepted for an account; the hashing itself is crypto/passwords.py.

Source: NIST SP 800-63B section 5.1.1.2: length rules, no composition rules, no common or obvious ones, Unicode in form
NFKC, so that two keyboards that spell one letter differently give one password.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Final

from idas_p2p.crypto import passwords
from idas_p2p.errors import BadConfiguration

MIN_PASSWORD_SIZE = 8  # characters; NIST SP 800-63B section 5.1.1.2
MAX_PASSWORD_SIZE = 1_024  # characters; ours: bounds the work of one login


_COMMON: Final = frozenset(
    """
    password passwort passw0rd p@ssword p@ssw0rd motdepasse contrasena kennwort letmein welcome willkommen qwertyui
    qwertyuiop qwertzui qwertzuiop asdfghjk asdfghjkl yxcvbnm azertyuiop 1q2w3e4r 1q2w3e4r5t 1qaz2wsx zaq12wsx
    q1w2e3r4 iloveyou sunshine princess football baseball superman batman starwars dragon monkey master shadow
    michael jennifer trustno1 whatever computer internet changeme default administrator admin123 hospital
    krankenhaus radiology radiologie pacspacs dicomdicom orthanc doctor doktor nurse station viewer workstation
    medizin medicine idas_p2p
    """.split()  # noqa: SIM905  # a list of them fills two pages
)
"""Words that passwords are most often made of; a number or a mark at an end of one does not help."""


def weakness(text: str, *, user: str = "") -> str | None:
    """Why a password is too easy to guess; None when it is not.

    Args:
        text: the password.
        user: whose it is.
    """
    plain = _normal(text).casefold()
    bare = plain.strip("0123456789!?.,;:*#$%&+-_@ ")
    if plain in _COMMON or bare in _COMMON:
        return "it is one of those that are tried first"
    if user and bare and (bare in user.casefold() or (len(user) > 3 and user.casefold() in plain)):
        return "it is made of the user's name"
    steps = {ord(after) - ord(before) for before, after in pairwise(plain)}
    if len(set(plain)) < 4 or steps in ({1}, {-1}):
        return "it repeats or counts"
    return None


def hash_password(text: str, *, user: str = "") -> str:
    """Return the text to keep for this password.

    Raises:
        BadConfiguration: too short, too long, too easy to guess, or not text.
    """
    if not MIN_PASSWORD_SIZE <= len(text) <= MAX_PASSWORD_SIZE:
        raise BadConfiguration(f"a password has {MIN_PASSWORD_SIZE} to {MAX_PASSWORD_SIZE} characters")
    if (reason := weakness(text, user=user)) is not None:
        raise BadConfiguration(f"choose another password: {reason}")
    try:
        return passwords.hash_password(_normal(text))
    except UnicodeEncodeError:
        raise BadConfiguration("a password is text in UTF-8") from None


def password_matches(text: str, hashed: str) -> bool:
    """Whether this is the password that was hashed."""
    return len(text) <= MAX_PASSWORD_SIZE and passwords.password_matches(_normal(text), hashed)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)
