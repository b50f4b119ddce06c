"""Signing keys: RFC 8032's own vectors, the X25519 twin, and a key file that only its owner reads."""

from __future__ import annotations

from pathlib import Path

import nacl.bindings as sodium
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idas_p2p.crypto.keys import SigningKey, random_bytes, verify, x25519_public
from idas_p2p.errors import BadConfiguration, BadSignature
from idas_p2p.wire.ids import NodeId

# RFC 8032 section 7.1, tests 1 to 3: seed, public key, message, signature
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
        "655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
        "b00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
        "c027beceea1ec40a",
    ),
]
KEY = SigningKey(bytes(32))


@pytest.mark.parametrize(("seed", "public", "message", "signature"), VECTORS)
def test_rfc_8032_vectors_hold(seed: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(bytes.fromhex(seed))
    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


@given(st.binary(max_size=100), st.integers(0, 511))
def test_a_signature_with_one_bit_changed_is_refused(message: bytes, bit: int) -> None:
    signature = bytearray(KEY.sign(message))
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadSignature):
        verify(KEY.public, message, bytes(signature))


@given(st.binary(max_size=40), st.binary(max_size=70), st.binary(max_size=100))
def test_any_bytes_as_key_and_signature_are_refused(public: bytes, signature: bytes, message: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(public, message, signature)


def test_a_short_signature_cannot_borrow_bytes_from_the_message() -> None:
    signature = KEY.sign(b"message")
    with pytest.raises(BadSignature):
        verify(KEY.public, signature[60:] + b"message", signature[:60])


def test_the_x25519_twin_of_the_public_key_belongs_to_that_of_the_secret() -> None:
    key = SigningKey.generate()
    assert x25519_public(key.node_id) == sodium.crypto_scalarmult_base(key.x25519_secret())


def test_a_node_id_that_is_no_point_of_the_curve_is_refused() -> None:
    with pytest.raises(BadSignature, match="not an Ed25519 public key"):
        x25519_public(NodeId(b"\x02" + bytes(31)))


def test_generated_keys_differ_and_print_only_their_name() -> None:
    one, other = SigningKey.generate(), SigningKey.generate()
    assert one.public != other.public
    assert repr(one) == f"SigningKey({one.node_id.short})"


def test_a_saved_key_loads_again_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key")
    assert SigningKey.load(tmp_path / "key").public == KEY.public
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_saving_never_overwrites_a_key(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key")
    with pytest.raises(FileExistsError):
        SigningKey.generate().save(tmp_path / "key")
    assert SigningKey.load(tmp_path / "key").public == KEY.public


def test_a_missing_key_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="No such file"):
        SigningKey.load(tmp_path / "key")


def test_a_key_file_of_the_wrong_size_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(bytes(31))
    with pytest.raises(BadConfiguration, match="restore it from a backup"):
        SigningKey.load(tmp_path / "key")


def test_a_key_file_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(BadConfiguration, match="chmod 600"):
        SigningKey.load(tmp_path / "key")


def test_random_bytes_are_as_many_as_asked_and_differ() -> None:
    assert len(random_bytes(32)) == 32
    assert random_bytes(32) != random_bytes(32)
