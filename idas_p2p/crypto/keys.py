"""Signing keys: a node's identity and the derived keys of directory locations.

Source: Ed25519, RFC 8032; its X25519 twin by the birational map of RFC 7748 section 4.1, as libsodium converts it.
"""

from __future__ import annotations

import os
from pathlib import Path

import nacl.bindings as sodium
import nacl.exceptions

from idas_p2p.errors import BadConfiguration, BadSignature
from idas_p2p.wire.ids import NodeId

SEED_SIZE = 32  # bytes; RFC 8032 section 5.1.5
SIGNATURE_SIZE = 64  # bytes; RFC 8032 section 5.1.6


class SigningKey:
    """An Ed25519 key pair; never prints itself.

    Args:
        seed: 32 secret bytes.
    """

    def __init__(self, seed: bytes) -> None:
        self._public, self._secret = sodium.crypto_sign_seed_keypair(seed)

    def __repr__(self) -> str:
        return f"SigningKey({self.node_id.short})"

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        return cls(sodium.randombytes(SEED_SIZE))

    @property
    def public(self) -> bytes:
        """The public key: 32 bytes."""
        return self._public

    @property
    def node_id(self) -> NodeId:
        """The public key as the name of a node."""
        return NodeId(self._public)

    def sign(self, message: bytes) -> bytes:
        """A detached signature: 64 bytes."""
        return sodium.crypto_sign(message, self._secret)[:64]

    def x25519_secret(self) -> bytes:
        """The X25519 secret key of the same identity: 32 bytes."""
        return sodium.crypto_sign_ed25519_sk_to_curve25519(self._secret)

    def save(self, path: Path) -> None:
        """Write the seed to a new file that only its owner can read.

        Raises:
            FileExistsError: there is such a file; it is left as it is.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._secret[:SEED_SIZE])
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read what `save` wrote.

        Raises:
            BadConfiguration: no such file, not readable, not a key, or open to other users.
        """
        try:
            seed = path.read_bytes()
            mode = path.stat().st_mode
        except OSError as error:
            raise BadConfiguration(f"key file {path}: {error.strerror}") from None
        if len(seed) != SEED_SIZE:
            raise BadConfiguration(f"key file {path} is not a key; restore it from a backup")
        if mode & 0o077:
            raise BadConfiguration(f"key file {path} can be read by others; run: chmod 600 {path}")
        return cls(seed)


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Check a detached Ed25519 signature.

    Args:
        public: 32 bytes.
        message: what was signed.
        signature: 64 bytes.

    Raises:
        BadSignature: it does not belong to this key and message.
    """
    if len(signature) != SIGNATURE_SIZE:
        raise BadSignature  # a shorter one would borrow its missing bytes from the message
    try:
        sodium.crypto_sign_open(signature + message, public)
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise BadSignature from None


def x25519_public(node_id: NodeId) -> bytes:
    """The X25519 public key of a node: 32 bytes.

    Raises:
        BadSignature: the NodeId is not a valid Ed25519 key.
    """
    try:
        return sodium.crypto_sign_ed25519_pk_to_curve25519(node_id.raw)
    except (nacl.exceptions.CryptoError, RuntimeError):
        raise BadSignature("not an Ed25519 public key") from None


def random_bytes(size: int) -> bytes:
    """Bytes from the operating system's generator."""
    return sodium.randombytes(size)
