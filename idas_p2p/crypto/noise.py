"""Noise XK and XKpsk3 over X25519, ChaCha20-Poly1305 and BLAKE2b: messages and keys, no I/O.

Belongs here: the Noise objects by their names in the specification. Not here: what the payloads mean (handshake.py).
Source: The Noise Protocol Framework, revision 34, sections 5 and 9; the section is named at each step.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import nacl.bindings as sodium
import nacl.exceptions

from idas_p2p.errors import HandshakeFailed

KEY_SIZE: Final = 32  # bytes; DHLEN, and the size of a symmetric key and of a psk
TAG_SIZE: Final = 16  # bytes; of ChaCha20-Poly1305

# One tuple of tokens per message, the initiator writes first; the responder's static key is known beforehand.
PATTERNS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "XK": (("e", "es"), ("e", "ee"), ("s", "se")),
    "XKpsk3": (("e", "es"), ("e", "ee"), ("s", "se", "psk")),
}


@dataclass(frozen=True, slots=True)
class Psk:
    """A pre-shared key and the public name under which the other side finds it.

    Args:
        psk_id: 8 bytes.
        key: 32 secret bytes; never printed.
    """

    psk_id: bytes
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.psk_id) != 8 or len(self.key) != KEY_SIZE:
            raise ValueError("a psk is a name of 8 bytes and a key of 32")


class SymmetricState:
    """Chaining key, transcript hash and the current cipher key; section 5.2, with section 5.1 folded in."""

    def __init__(self, protocol_name: str) -> None:
        self.hash = protocol_name.encode().ljust(64, b"\0")
        self._chaining_key = self.hash
        self._key = b""
        self._nonce = 0

    def mix_hash(self, data: bytes) -> None:
        """Add to the transcript."""
        self.hash = hashlib.blake2b(self.hash + data).digest()

    def mix_key(self, material: bytes) -> None:
        """New chaining key and new cipher key."""
        self._chaining_key, key = _hkdf(self._chaining_key, material, 2)
        self._key, self._nonce = key[:KEY_SIZE], 0

    def mix_key_and_hash(self, material: bytes) -> None:
        """What the psk token does; section 9.2."""
        self._chaining_key, hashed, key = _hkdf(self._chaining_key, material, 3)
        self.mix_hash(hashed)
        self._key, self._nonce = key[:KEY_SIZE], 0

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """Encrypt with the transcript as associated data; both our patterns have a key from the first payload on."""
        ciphertext = sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
            plaintext, self.hash, self._next_nonce(), self._key
        )
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """Reverse `encrypt_and_hash`.

        Raises:
            HandshakeFailed: another key, another transcript, or changed bytes.
        """
        try:
            plaintext = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
                ciphertext, self.hash, self._next_nonce(), self._key
            )
        except (nacl.exceptions.CryptoError, ValueError):
            raise HandshakeFailed("a handshake message does not open") from None
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[bytes, bytes]:
        """Keys of the two directions, the initiator's first."""
        first, second = _hkdf(self._chaining_key, b"", 2)
        return first[:KEY_SIZE], second[:KEY_SIZE]

    def _next_nonce(self) -> bytes:
        nonce = bytes(4) + self._nonce.to_bytes(8, "little")  # section 12.3
        self._nonce += 1
        return nonce


class HandshakeState:
    """One side of one handshake; section 5.3.

    Args:
        pattern: a key of PATTERNS.
        initiator: whether this side writes first.
        static: our X25519 secret key, 32 bytes.
        remote_static: the responder's X25519 public key, 32 bytes, when we are the initiator.
        prologue: bytes both sides must agree on.
        random_bytes: where the ephemeral key comes from; anything but the operating system's only in tests.
    """

    def __init__(
        self,
        pattern: str,
        *,
        initiator: bool,
        static: bytes,
        remote_static: bytes = b"",
        prologue: bytes,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._has_psk = pattern.endswith("psk3")
        self._messages = list(PATTERNS[pattern])
        self._initiator = initiator
        self._static = static
        self._static_public = sodium.crypto_scalarmult_base(static)
        self._ephemeral = b""
        self._remote_ephemeral = b""
        self._random_bytes = random_bytes
        self._psk = b""
        self.remote_static = remote_static
        self._symmetric = SymmetricState(f"Noise_{pattern}_25519_ChaChaPoly_BLAKE2b")
        self._symmetric.mix_hash(prologue)
        self._symmetric.mix_hash(remote_static if initiator else self._static_public)

    def use_psk(self, key: bytes) -> None:
        """Give the pre-shared key, 32 bytes; needed by the third message only, and the responder learns late which."""
        self._psk = key

    def write_message(self, payload: bytes) -> bytes:
        """Return the next message, carrying `payload`.

        Raises:
            HandshakeFailed: the other side's key is of low order.
        """
        message = b""
        for token in self._messages.pop(0):
            if token == "e":  # noqa: S105
                self._ephemeral = self._random_bytes(KEY_SIZE)
                public = sodium.crypto_scalarmult_base(self._ephemeral)
                message += public
                self._mix_ephemeral(public)
            elif token == "s":  # noqa: S105
                message += self._symmetric.encrypt_and_hash(self._static_public)
            else:
                self._mix_secret(token)
        return message + self._symmetric.encrypt_and_hash(payload)

    def read_message(self, message: bytes) -> bytes:
        """Return the payload of the next message.

        Raises:
            HandshakeFailed: too short, changed, made with other keys, or with a key of low order.
        """
        for token in self._messages.pop(0):
            if token == "e":  # noqa: S105
                self._remote_ephemeral, message = _cut(message, KEY_SIZE)
                self._mix_ephemeral(self._remote_ephemeral)
            elif token == "s":  # noqa: S105
                sealed, message = _cut(message, KEY_SIZE + TAG_SIZE)
                self.remote_static = self._symmetric.decrypt_and_hash(sealed)
            else:
                self._mix_secret(token)
        return self._symmetric.decrypt_and_hash(message)

    def split(self) -> tuple[bytes, bytes]:
        """Keys for (sending, receiving), 32 bytes each, after the last message."""
        first, second = self._symmetric.split()
        return (first, second) if self._initiator else (second, first)

    @property
    def handshake_hash(self) -> bytes:
        """The transcript hash, 64 bytes: the same on both sides, and in no other handshake."""
        return self._symmetric.hash

    def _mix_ephemeral(self, public: bytes) -> None:
        self._symmetric.mix_hash(public)
        if self._has_psk:
            self._symmetric.mix_key(public)  # section 9.2

    def _mix_secret(self, token: str) -> None:
        """Mix a Diffie-Hellman result or the psk. In a DH token the first letter is the initiator's key."""
        if token == "psk":  # noqa: S105
            self._symmetric.mix_key_and_hash(self._psk)
            return
        ours, theirs = (0, 1) if self._initiator else (1, 0)
        secret = self._static if token[ours] == "s" else self._ephemeral
        public = self.remote_static if token[theirs] == "s" else self._remote_ephemeral
        try:
            self._symmetric.mix_key(sodium.crypto_scalarmult(secret, public))
        except (nacl.exceptions.CryptoError, RuntimeError):
            raise HandshakeFailed("a public key is not usable") from None


def _cut(message: bytes, size: int) -> tuple[bytes, bytes]:
    if len(message) < size:
        raise HandshakeFailed("a handshake message is too short")
    return message[:size], message[size:]


def _hkdf(chaining_key: bytes, material: bytes, count: int) -> list[bytes]:
    """Section 4.3: `count` outputs of 64 bytes."""
    secret = _hmac(chaining_key, material)
    outputs: list[bytes] = []
    previous = b""
    for number in range(1, count + 1):
        previous = _hmac(secret, previous + bytes([number]))
        outputs.append(previous)
    return outputs


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.blake2b).digest()
