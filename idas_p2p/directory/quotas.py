"""How much a storing node holds, for whom; limit 28.

Belongs here: counting and bounds. Not here: what is stored (storage.py). Source: docs/spec/directory.md section 6.4.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TypeVar

from idas_p2p import limits

K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Bounds of one storing node."""

    records: int = limits.MAX_STORED_RECORDS
    size: int = limits.MAX_STORED_BYTES  # bytes
    slots_per_key: int = limits.MAX_SLOTS_PER_KEY
    bytes_per_key: int = limits.MAX_BYTES_PER_KEY
    keys_per_writer: int = limits.MAX_KEYS_PER_WRITER
    block_share: float = limits.BLOCK_SHARE  # of `records` and `size` that one address block may fill


class Usage:
    """What is held now.

    Args:
        quotas: the bounds.
    """

    def __init__(self, quotas: Quotas) -> None:
        self.quotas = quotas
        self.records = 0
        self.size = 0
        self._writer_keys: Counter[bytes] = Counter()
        self._block_records: Counter[str] = Counter()
        self._block_bytes: Counter[str] = Counter()

    def allows(
        self, writer: bytes, block: str, size: int, *, replaces: int, key_slots: int = 0, key_bytes: int = 0
    ) -> bool:
        """Whether a record of `size` bytes fits.

        Args:
            writer: the slot's key.
            block: the address block it came from; empty for none.
            size: bytes.
            replaces: bytes of the record it takes the place of; 0 when the slot is new.
            key_slots: slots the key has.
            key_bytes: bytes in them.
        """
        quotas, extra, new = self.quotas, size - replaces, int(not replaces)
        if key_bytes + extra > quotas.bytes_per_key or self.size + extra > quotas.size:
            return False
        if new and (
            self.records >= quotas.records
            or key_slots >= quotas.slots_per_key
            or self._writer_keys[writer] >= quotas.keys_per_writer
        ):
            return False
        return not block or (
            self._block_records[block] + new <= quotas.records * quotas.block_share
            and self._block_bytes[block] + extra <= quotas.size * quotas.block_share
        )

    def add(self, writer: bytes, block: str, size: int, *, sign: int = 1) -> None:
        """Count a record in, or out with `sign` -1."""
        self.records += sign
        self.size += sign * size
        _count(self._writer_keys, writer, sign)
        _count(self._block_records, block, sign)
        _count(self._block_bytes, block, sign * size)


def _count(counter: Counter[K], name: K, amount: int) -> None:
    counter[name] += amount
    if not counter[name]:
        del counter[name]
