"""Noise: vectors of an independent implementation, that implementation at the other end, and hostile bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nacl.bindings as sodium
import pytest
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection

from idas_p2p.crypto.keys import random_bytes
from idas_p2p.crypto.noise import HandshakeState, Psk
from idas_p2p.errors import HandshakeFailed

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/noise.json").read_text())["vectors"]
PSK = bytes(range(32))


def fixed(key: str) -> Callable[[int], bytes]:
    return lambda _size: bytes.fromhex(key)


def sides(vector: dict[str, Any]) -> tuple[HandshakeState, HandshakeState]:
    pattern, prologue = vector["protocol_name"].split("_")[1], bytes.fromhex(vector["prologue"])
    initiator = HandshakeState(
        pattern,
        initiator=True,
        static=bytes.fromhex(vector["init_static"]),
        remote_static=bytes.fromhex(vector["init_remote_static"]),
        prologue=prologue,
        random_bytes=fixed(vector["init_ephemeral"]),
    )
    responder = HandshakeState(
        pattern,
        initiator=False,
        static=bytes.fromhex(vector["resp_static"]),
        prologue=prologue,
        random_bytes=fixed(vector["resp_ephemeral"]),
    )
    for side in (initiator, responder):
        side.use_psk(bytes.fromhex(vector["psk"]))
    return initiator, responder


def aead(key: bytes, plaintext: bytes) -> bytes:
    """The first transport message of the Noise specification, section 5.1."""
    return sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, b"", bytes(12), key)


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["outcome"] == "success"])
def test_our_messages_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    writer, reader = initiator, responder = sides(vector)
    for message in vector["messages"][:3]:
        payload, ciphertext = bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"])
        assert writer.write_message(payload) == ciphertext
        assert reader.read_message(ciphertext) == payload
        writer, reader = reader, writer
    assert initiator.handshake_hash == responder.handshake_hash == bytes.fromhex(vector["handshake_hash"])
    keys = initiator.split()
    assert keys == responder.split()[::-1]
    for key, message in zip(keys, vector["messages"][3:], strict=True):
        assert aead(key, bytes.fromhex(message["payload"])).hex() == message["ciphertext"]


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["outcome"] != "success"])
def test_a_changed_message_is_refused_where_the_vector_says(vector: dict[str, Any]) -> None:
    writer, reader = sides(vector)
    *good, bad = vector["messages"]
    for message in good:
        writer.write_message(bytes.fromhex(message["payload"]))
        reader.read_message(bytes.fromhex(message["ciphertext"]))
        writer, reader = reader, writer
    assert vector["outcome"] == f"refused_at_message_{len(good) + 1}"
    with pytest.raises(HandshakeFailed):
        reader.read_message(bytes.fromhex(bad["ciphertext"]))


def test_every_outcome_of_the_vectors_is_known() -> None:
    refusals = {f"refused_at_message_{number}" for number in (1, 2, 3)}
    assert {vector["outcome"] for vector in VECTORS} == {"success", *refusals}


def their_side(*, static: bytes, dials: bytes = b"") -> NoiseConnection:
    """`noiseprotocol` with the same psk and prologue; it dials the public key `dials`, or is dialled."""
    side = NoiseConnection.from_name(b"Noise_XKpsk3_25519_ChaChaPoly_BLAKE2b")
    side.set_keypair_from_private_bytes(Keypair.STATIC, static)
    side.set_psks(PSK)
    side.set_prologue(b"both")
    if dials:
        side.set_as_initiator()
        side.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, dials)
    else:
        side.set_as_responder()
    side.start_handshake()
    return side


def our_side(*, static: bytes, dials: bytes = b"") -> HandshakeState:
    side = HandshakeState(
        "XKpsk3",
        initiator=bool(dials),
        static=static,
        remote_static=dials,
        prologue=b"both",
        random_bytes=random_bytes,
    )
    side.use_psk(PSK)
    return side


@pytest.mark.parametrize("we_dial", [True, False])
def test_a_handshake_with_an_independent_implementation_ends_with_equal_keys(we_dial: bool) -> None:
    ours, theirs = random_bytes(32), random_bytes(32)
    us = our_side(static=ours, dials=sodium.crypto_scalarmult_base(theirs) if we_dial else b"")
    them = their_side(static=theirs, dials=b"" if we_dial else sodium.crypto_scalarmult_base(ours))
    writer, reader = (us, them) if we_dial else (them, us)
    for payload in (b"one", b"two", b"three"):
        assert bytes(reader.read_message(bytes(writer.write_message(payload)))) == payload
        writer, reader = reader, writer
    sending, receiving = us.split()
    assert bytes(them.decrypt(aead(sending, b"there"))) == b"there"
    assert aead(receiving, b"back") == bytes(them.encrypt(b"back"))


def fresh_responder() -> HandshakeState:
    return HandshakeState("XKpsk3", initiator=False, static=PSK, prologue=b"", random_bytes=random_bytes)


@given(st.binary(max_size=200))
def test_any_bytes_as_a_first_message_are_a_handshake_failed(data: bytes) -> None:
    with pytest.raises(HandshakeFailed):
        fresh_responder().read_message(data)


@pytest.mark.parametrize("low_order", [bytes(32), b"\1" + bytes(31)])
def test_a_public_key_of_low_order_is_refused(low_order: bytes) -> None:
    with pytest.raises(HandshakeFailed):
        fresh_responder().read_message(low_order + bytes(16))


def test_a_psk_never_prints_its_key() -> None:
    assert "secret" not in repr(Psk(b"12345678", b"secret" * 5 + b"12"))


def test_a_psk_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        Psk(b"12345678", b"short")
