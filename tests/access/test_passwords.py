"""Which passwords an account may have, and that each opens it however it was typed."""

from __future__ import annotations

import pytest

from idas_p2p.access.passwords import MAX_PASSWORD_SIZE, hash_password, password_matches, weakness
from idas_p2p.errors import BadConfiguration


def test_a_password_matches_in_either_unicode_form_and_no_other_does() -> None:
    hashed = hash_password("pass\u00e9 partout")
    assert password_matches("passe\u0301 partout", hashed)
    assert not password_matches("passe partout", hashed)


@pytest.mark.parametrize("text", ["", "seven77", "x" * (MAX_PASSWORD_SIZE + 1), "not text \ud800"])
def test_a_password_that_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(BadConfiguration):
        hash_password(text)


@pytest.mark.parametrize("text", ["", "x" * (MAX_PASSWORD_SIZE + 1), "not text \ud800"])
def test_a_password_that_cannot_be_kept_matches_nothing(text: str) -> None:
    assert not password_matches(text, "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$aGFzaA")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("Password1!", "tried first"),
        ("qwertyuiop", "tried first"),
        ("hospital2026", "tried first"),
        ("dr-lee-2026", "user's name"),
        ("aaaaaaaaaa", "repeats"),
        ("abababab", "repeats"),
        ("12345678", "repeats or counts"),
        ("hgfedcba", "repeats or counts"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused_with_the_reason(password: str, why: str) -> None:
    with pytest.raises(BadConfiguration, match=why):
        hash_password(password, user="dr-lee")


@pytest.mark.parametrize("password", ["correct horse", "Rück-wärts 7 Gänge", "leeward breeze"])
def test_other_passwords_need_no_marks_or_numbers(password: str) -> None:
    assert weakness(password, user="dr-lee") is None
