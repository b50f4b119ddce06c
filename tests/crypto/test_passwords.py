"""Passwords are kept as Argon2id hashes and compared without ever raising."""

from __future__ import annotations

import pytest

from idas_p2p.crypto.passwords import hash_password, password_matches


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password("correct horse")


def test_only_the_password_that_was_hashed_matches(hashed: str) -> None:
    assert password_matches("correct horse", hashed)
    assert not password_matches("Correct horse", hashed)
    assert not password_matches("", hashed)


def test_the_hash_is_argon2id_and_salted(hashed: str) -> None:
    assert hashed.startswith("$argon2id$")
    assert hash_password("correct horse") != hashed


@pytest.mark.parametrize("broken", ["", "x", "$argon2id$", "$2b$12$abc", "é"])
def test_a_malformed_hash_matches_nothing(broken: str) -> None:
    assert not password_matches("correct horse", broken)
