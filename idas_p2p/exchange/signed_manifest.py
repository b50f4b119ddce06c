"""The signed manifest of a transfer: what a holder said about data on one image link, summed up and signed by it.

Law: both ends take every message that names, describes or carries data, in the order of the link; the holder's
signature over the sum binds it to the holder, the requester and the study, so that what it sent can be shown later.
Belongs here: the sum and its signature. Not here: when it is sent (send.py), what is refused (receiver.py).
Source: docs/spec/exchange.md section 4.7.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from idas_p2p.crypto.keys import verify
from idas_p2p.wire.canonical import pack
from idas_p2p.wire.fetching import Chunk, InstanceHead, InstanceListed, InstanceLost, ListEnd
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.messages import encode_message

CONTEXT: Final = "idas transfer manifest"  # what is signed is nothing else; protocol
_TAKEN: Final = (InstanceHead, InstanceListed, InstanceLost, ListEnd)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a holder signed about one image link."""

    digest: bytes  # 32 bytes; the sum
    signature: bytes  # 64 bytes; Ed25519, by the holder


class TransferManifest:
    """The running sum of one image link.

    Args:
        holder: who sends.
        requester: who asked.
        study_uid: of what.
    """

    def __init__(self, *, holder: NodeId, requester: NodeId, study_uid: str) -> None:
        self._holder, self._requester, self._study_uid = holder, requester, study_uid
        self._sum = hashlib.blake2b(digest_size=32)
        self.is_empty = True

    def take(self, message: Any, encoded: bytes | None = None) -> None:
        """Add a message in its place; those that say nothing of data are left out.

        Args:
            message: the message.
            encoded: its bytes, when they are known.
        """
        if isinstance(message, Chunk):  # its digest stands for all bytes up to its end
            self._sum.update(message.digest)
        elif isinstance(message, _TAKEN):
            self._sum.update(encode_message(message) if encoded is None else encoded)
        else:
            return
        self.is_empty = False

    @property
    def digest(self) -> bytes:
        """The sum so far: 32 bytes."""
        return self._sum.digest()

    def signed_bytes(self) -> bytes:
        """What the holder signs."""
        return pack([CONTEXT, self._holder.raw, self._requester.raw, self._study_uid, self.digest])

    def verify(self, signature: bytes) -> Evidence:
        """Check the holder's signature.

        Raises:
            BadSignature: it is not the holder's, or of something else than was said.
        """
        verify(self._holder.raw, self.signed_bytes(), signature)
        return Evidence(self.digest, signature)
