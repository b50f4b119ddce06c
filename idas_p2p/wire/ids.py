"""Names of nodes: a public key, its text form, its place in the Kademlia space.

Source: docs/spec/directory.md section 1.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from idas_p2p.errors import WireError

NODE_ID_SIZE = 32  # bytes; an Ed25519 public key, RFC 8032
KADEMLIA_ID_SIZE = 20  # bytes; BLAKE2b-160


@dataclass(frozen=True, slots=True, order=True)
class NodeId:
    """An Ed25519 public key that names a node.

    Args:
        raw: 32 bytes.

    Raises:
        WireError: `raw` is not 32 bytes.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != NODE_ID_SIZE:
            raise WireError("a NodeId has 32 bytes")

    def __str__(self) -> str:
        return base64.b32encode(self.raw).decode().rstrip("=").lower()

    @property
    def short(self) -> str:
        """The first ten characters, for people and logs."""
        return str(self)[:10]

    @property
    def kademlia_id(self) -> bytes:
        """BLAKE2b-160 of the key: 20 bytes."""
        return location_id(self.raw)

    @classmethod
    def parse(cls, text: str) -> NodeId:
        """Read the text form: 52 characters of base32, any case, no padding.

        Raises:
            WireError: not such a text.
        """
        try:
            raw = base64.b32decode(text.strip().upper() + "====", casefold=False)
        except ValueError:
            raise WireError("not a NodeId") from None
        node_id = cls(raw)
        if str(node_id) != text.strip().lower():
            raise WireError("not a canonical NodeId")
        return node_id


def location_id(public_key: bytes) -> bytes:
    """Where records of this 32-byte public key lie in the Kademlia space: BLAKE2b-160, 20 bytes."""
    return hashlib.blake2b(public_key, digest_size=KADEMLIA_ID_SIZE).digest()
