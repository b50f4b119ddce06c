"""One direction of a channel: messages sealed in order, so that none can be changed, dropped, repeated or moved.

Belongs here: sealing and opening. Not here: lengths on the wire (transport/framing.py).
Source: libsodium `crypto_secretstream_xchacha20poly1305`; docs/spec/transport.md section 4.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import nacl.bindings as sodium
import nacl.exceptions

from idas_p2p.errors import BadSignature

HEADER_SIZE: Final = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES  # 24 bytes
OVERHEAD: Final = sodium.crypto_secretstream_xchacha20poly1305_ABYTES  # 17 bytes that sealing adds to a message
REKEY_INTERVAL: Final = 268_435_456  # bytes sealed under one key; ours: a key that leaks opens no more than this

_MESSAGE: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_PUSH: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_PUSH
_REKEY: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_REKEY
_FINAL: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL


class Mark(Enum):
    """What a sealed frame says that is no message."""

    END = "end"  # nothing follows
    ALIVE = "alive"  # the sender is there, and has nothing to say
    LEAVE = "leave"  # the path they use ends soon: the other side should move the channel
    NUMBERED = "numbered"  # messages from here on say which they are: others go beside them


_TEXTS: Final = {
    Mark.END: (_FINAL, b""),
    Mark.ALIVE: (_PUSH, b""),
    Mark.LEAVE: (_PUSH, b"\1"),
    Mark.NUMBERED: (_PUSH, b"\2"),
}
_MARKS: Final = {text: mark for mark, text in _TEXTS.items()}


class Sealer:
    """The sending half.

    Args:
        key: 32 bytes, used for this stream alone.
        rekey_interval: bytes after which the key is replaced, and the old one forgotten.
    """

    def __init__(self, key: bytes, *, rekey_interval: int = REKEY_INTERVAL) -> None:
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        self.header = sodium.crypto_secretstream_xchacha20poly1305_init_push(self._state, key)
        self._rekey_interval = rekey_interval
        self._under_this_key = 0
        self.rekeyed = 0  # times

    def seal(self, message: bytes) -> bytes:
        """Return the message's ciphertext, OVERHEAD bytes longer."""
        tag = _MESSAGE
        self._under_this_key += len(message)
        if self._under_this_key >= self._rekey_interval:
            tag, self._under_this_key = _REKEY, 0
            self.rekeyed += 1
        return sodium.crypto_secretstream_xchacha20poly1305_push(self._state, message, None, tag)

    def seal_mark(self, mark: Mark) -> bytes:
        """Return what stands for a mark; after Mark.END nothing follows, which tells an end from a cut."""
        tag, text = _TEXTS[mark]
        return sodium.crypto_secretstream_xchacha20poly1305_push(self._state, text, None, tag)


class Opener:
    """The receiving half.

    Args:
        key: the sender's, 32 bytes.
        header: the sender's, HEADER_SIZE bytes.

    Raises:
        BadSignature: the header has another size.
    """

    def __init__(self, key: bytes, header: bytes) -> None:
        if len(header) != HEADER_SIZE:
            raise BadSignature("not the header of a stream")
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key)

    def open(self, ciphertext: bytes) -> bytes | Mark:
        """Return the message, or the mark that stands in its place.

        Raises:
            BadSignature: changed, out of order, or another key. The stream is lost.
        """
        try:
            message, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(self._state, ciphertext, None)
        except (nacl.exceptions.CryptoError, nacl.exceptions.RuntimeError, nacl.exceptions.ValueError):
            raise BadSignature("a message of the channel does not open") from None
        if tag not in (_PUSH, _FINAL):
            return message
        if (mark := _MARKS.get((tag, message))) is None:
            raise BadSignature("not a mark of the channel")
        return mark
