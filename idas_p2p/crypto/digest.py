"""The digest of a data set on its way between nodes: BLAKE3, more than six times as fast as BLAKE2b.

Belongs here: which function that is; the only importer of blake3. Not here: what ids, records, keys, manifests and
handshakes are hashed with, which is BLAKE2b: there is little of them, and Noise names it.
Source: docs/spec/exchange.md section 5.6; BLAKE3 specification of 2021, hash mode; docs/decisions/data-digest.md.
"""

from __future__ import annotations

from typing import Final, Protocol, Self

from blake3 import blake3

from idas_p2p.blob import Octets

DIGEST_SIZE: Final = 32  # bytes of the digest of a whole data set; protocol


class DataHasher(Protocol):
    """Takes a data set piece by piece."""

    def update(self, piece: Octets, /) -> object:
        """Take the next bytes; lets other threads run meanwhile."""
        ...

    def digest(self) -> bytes:
        """DIGEST_SIZE bytes: of all bytes so far. More may follow."""
        ...

    def copy(self) -> Self:
        """Another one that has taken the same bytes."""
        ...


def data_hasher() -> DataHasher:
    """One that has taken nothing yet."""
    return blake3()


def data_digest(data: bytes) -> bytes:
    """DIGEST_SIZE bytes: of a data set at hand."""
    return blake3(data).digest()
