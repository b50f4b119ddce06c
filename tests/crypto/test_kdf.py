"""Derived keys depend on the secret, on the purpose and on every part."""

from __future__ import annotations

import pytest

from idas_p2p.crypto.kdf import KEY_SIZE, derive, mac_equal

SECRET = bytes(range(32))


def test_a_derived_key_is_the_same_every_time() -> None:
    assert derive(SECRET, "test", "a", 1, b"x") == derive(SECRET, "test", "a", 1, b"x")
    assert len(derive(SECRET, "test")) == KEY_SIZE


def test_a_derived_key_never_changes_between_releases() -> None:
    expected = "2c7276d4588e78eb040f37c10bc9de99b58be6749c4ebdbeb5c2b03cf3b997a5"
    assert derive(SECRET, "test", "study", 7).hex() == expected


@pytest.mark.parametrize(
    ("secret", "purpose", "parts"),
    [
        (bytes(32), "test", ("ab", "c")),
        (SECRET, "other", ("ab", "c")),
        (SECRET, "test", ("a", "bc")),
        (SECRET, "test", ("abc",)),
        (SECRET, "test", (b"ab", "c")),
        (SECRET, "test", ("ab", "c", "")),
        (SECRET, "test", ()),
    ],
)
def test_another_secret_purpose_or_split_of_parts_gives_another_key(
    secret: bytes, purpose: str, parts: tuple[str | bytes, ...]
) -> None:
    assert derive(secret, purpose, *parts) != derive(SECRET, "test", "ab", "c")


def test_a_purpose_over_sixteen_characters_is_an_error_of_the_programmer() -> None:
    with pytest.raises(ValueError, match="16"):
        derive(SECRET, "a purpose too long")


def test_macs_are_compared_whole() -> None:
    assert mac_equal(b"abc", b"abc")
    assert not mac_equal(b"abc", b"abd")
    assert not mac_equal(b"abc", b"ab")
