"""Merging what several holders say about one key: union of slots, highest sequence wins.

Belongs here: the order of two records and the merge. Not here: who is asked. Limits 2, 3, 4, 6; docs/spec/directory.md
section 3.4. The merge is commutative, associative and idempotent, so replicas end alike however records travel.
"""

from __future__ import annotations

from collections.abc import Iterable

from idas_p2p.crypto.records import check_record
from idas_p2p.errors import WireError
from idas_p2p.wire.records import Record


def beats(sequence: int, data: bytes, other_sequence: int, other_data: bytes) -> bool:
    """Whether a record replaces another of its slot; equal sequences are decided by their bytes."""
    return (sequence, data) > (other_sequence, other_data)


class MergedSlots:
    """The records of one key as believed so far.

    Args:
        key: 20 bytes.
        now: Unix seconds.
    """

    def __init__(self, key: bytes, *, now: float) -> None:
        self._key = key
        self._now = now
        self._slots: dict[bytes, tuple[Record, bytes]] = {}
        self._judged: dict[bytes, bool] = {}  # encoded record -> whether to believe it

    def add(self, data: bytes) -> bool:
        """Take one encoded record from a holder; False when it is not to be believed."""
        if data in self._judged:
            return self._judged[data]
        self._judged[data] = False
        try:
            record = Record.from_bytes(data)
        except WireError:
            return False
        if record.key != self._key or check_record(record, now=self._now):
            return False
        self._judged[data] = True
        held = self._slots.get(record.writer)
        if held is None or beats(record.sequence, data, held[0].sequence, held[1]):
            self._slots[record.writer] = (record, data)
        return True

    def records(self) -> list[Record]:
        """One record for each writer, in order of writer key."""
        return [self._slots[writer][0] for writer in sorted(self._slots)]

    def missing(self, held: Iterable[bytes]) -> list[bytes]:
        """The encoded records that a holder of `held` lacks or has in an older form."""
        have = frozenset(held)
        return [data for _, data in self._slots.values() if data not in have]


def newest(records: Iterable[Record]) -> list[Record]:
    """Of checked records of one key the one that counts for each writer, in order of writer key."""
    slots: dict[bytes, tuple[Record, bytes]] = {}
    for record in records:
        held, data = slots.get(record.writer), record.to_bytes()
        if held is None or beats(record.sequence, data, held[0].sequence, held[1]):
            slots[record.writer] = (record, data)
    return [slots[writer][0] for writer in sorted(slots)]
