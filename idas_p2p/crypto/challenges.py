"""Challenges without memory: a cookie that only whoever receives at an address can return, and only once.

Belongs here: the cookie key and the short-lived X25519 key, both renewed every epoch. Not here: sessions.
Source: the cookies of WireGuard and of RFC 9147 section 5.1; docs/spec/directory.md section 2.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import nacl.bindings as sodium
import nacl.exceptions

from idas_p2p.crypto.kdf import mac_equal
from idas_p2p.errors import BadSignature
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.datagrams import COOKIE_SIZE, Challenge
from idas_p2p.wire.rpc import Endpoint

EPOCH = 60.0  # seconds; a cookie lives for one to two of them
NONCE_SIZE = 8  # bytes of the cookie
MAX_USED = 65_536  # cookies remembered as used in one epoch; more start a new epoch


def shared_secret(secret: bytes, public: bytes) -> bytes:
    """X25519: 32 bytes.

    Raises:
        BadSignature: the public key is of low order.
    """
    try:
        return sodium.crypto_scalarmult(secret, public)
    except (nacl.exceptions.CryptoError, RuntimeError):
        raise BadSignature("not an X25519 public key") from None


@dataclass(slots=True)
class _Epoch:
    started: float
    cookie_key: bytes
    secret: bytes
    public: bytes
    used: set[bytes] = field(default_factory=set)


class ChallengeIssuer:
    """Makes challenges and recognises their cookies.

    Args:
        random_bytes: a secure source.
    """

    def __init__(self, *, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._epochs: list[_Epoch] = []  # newest first, at most two

    def issue(self, token: bytes, endpoint: Endpoint, *, now: float) -> Challenge:
        """A challenge that echoes `token`, for whoever receives at `endpoint`."""
        epoch = self._newest(now)
        nonce = self._random_bytes(NONCE_SIZE)
        return Challenge(token, nonce + _mac(epoch.cookie_key, nonce, endpoint), epoch.public)

    def ephemeral(self, *, now: float) -> tuple[bytes, bytes]:
        """Our short-lived key of now: secret and public."""
        epoch = self._newest(now)
        return epoch.secret, epoch.public

    def check(self, cookie: bytes, endpoint: Endpoint, *, now: float) -> tuple[bytes, bytes] | None:
        """The short-lived key that was sent with this cookie to this endpoint, or None."""
        self._newest(now)
        for epoch in self._epochs:
            if mac_equal(cookie[NONCE_SIZE:], _mac(epoch.cookie_key, cookie[:NONCE_SIZE], endpoint)):
                return epoch.secret, epoch.public
        return None

    def is_used(self, cookie: bytes) -> bool:
        """Whether a session was opened with it."""
        return any(cookie in epoch.used for epoch in self._epochs)

    def mark_used(self, cookie: bytes, *, now: float) -> None:
        """Let no second session open with it."""
        epoch = self._newest(now)
        epoch.used.add(cookie)
        if len(epoch.used) >= MAX_USED:
            self._epochs = [self._make(now)]  # every cookie given out so far becomes worthless

    def _newest(self, now: float) -> _Epoch:
        if not self._epochs or now - self._epochs[0].started >= EPOCH:
            recent = [epoch for epoch in self._epochs if now - epoch.started < 2 * EPOCH]
            self._epochs = [self._make(now), *recent][:2]
        return self._epochs[0]

    def _make(self, now: float) -> _Epoch:
        secret = self._random_bytes(32)
        return _Epoch(now, self._random_bytes(32), secret, sodium.crypto_scalarmult_base(secret))


def _mac(key: bytes, nonce: bytes, endpoint: Endpoint) -> bytes:
    message = nonce + pack([endpoint[0], endpoint[1]])
    return hashlib.blake2b(message, digest_size=COOKIE_SIZE - NONCE_SIZE, key=key, person=b"idas cookie").digest()
