"""Sealed messages: with a shared key, or to one node.

Source: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), libsodium `crypto_box_seal`.
"""

from __future__ import annotations

import nacl.bindings as sodium
import nacl.exceptions

from idas_p2p.crypto.keys import SigningKey, x25519_public
from idas_p2p.errors import BadSignature
from idas_p2p.wire.ids import NodeId

NONCE_SIZE = 24  # bytes
OVERHEAD = NONCE_SIZE + 16  # bytes that sealing adds before padding


def seal(key: bytes, message: bytes, *, context: bytes = b"", pad_to: int = 1) -> bytes:
    """Encrypt and authenticate: `nonce(24) ‖ ciphertext`.

    Args:
        key: 32 bytes.
        message: any bytes.
        context: bound to the message but not carried.
        pad_to: the padded message is a multiple of this many bytes, so that its size tells little (ISO/IEC 7816-4).
    """
    nonce = sodium.randombytes(NONCE_SIZE)
    padded = message + b"\x80" if pad_to > 1 else message
    padded += bytes(-len(padded) % pad_to)
    return nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(padded, context, nonce, key)


def open_sealed(key: bytes, sealed: bytes, *, context: bytes = b"", padded: bool = False) -> bytes:
    """Reverse `seal`; `padded` when `pad_to` was over 1.

    Raises:
        BadSignature: another key, another context, or changed bytes.
    """
    try:
        message = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed[NONCE_SIZE:], context, sealed[:NONCE_SIZE], key
        )
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise BadSignature("a sealed message does not open") from None
    if not padded:
        return message
    text, mark, zeros = message.rpartition(b"\x80")
    if not mark or zeros.strip(b"\0"):
        raise BadSignature("bad padding")
    return text


def seal_to(node_id: NodeId, message: bytes) -> bytes:
    """Encrypt so that only this node can read it; says nothing about who wrote it."""
    return sodium.crypto_box_seal(message, x25519_public(node_id))


def open_own(identity: SigningKey, sealed: bytes) -> bytes:
    """Reverse `seal_to` for our own identity.

    Raises:
        BadSignature: it was not sealed to us, or was changed.
    """
    try:
        return sodium.crypto_box_seal_open(sealed, x25519_public(identity.node_id), identity.x25519_secret())
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise BadSignature("a sealed message does not open") from None
