"""Records held for others: checked, merged by slot, bounded, gone when they expire.

A record costs its own size and about 450 bytes: one tuple of slots for each key, and no index but that.

Belongs here: what is held and why a record is refused. Not here: disk (journal.py), asking, sending.
Limits 1, 2, 4, 5, 28; docs/spec/directory.md section 6.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kademlia.storage import IStorage

from idas_p2p.clock import Clock
from idas_p2p.crypto.records import Refusal, check_record
from idas_p2p.directory.merging import beats
from idas_p2p.directory.quotas import Quotas, Usage
from idas_p2p.errors import WireError
from idas_p2p.limits import MAX_RECORDS_PER_DATAGRAM
from idas_p2p.wire.records import Record

RECORD_FRAMING = 3  # bytes that msgpack adds to a record in a page


@dataclass(frozen=True, slots=True)
class Slot:
    """One held record."""

    writer: bytes
    data: bytes  # encoded
    sequence: int
    expires: int  # Unix seconds
    block: str  # the address block that brought it; counts against its quota


@dataclass(frozen=True, slots=True)
class Page:
    """Some slots of a key."""

    records: tuple[bytes, ...]
    more: bool


class RecordStore(IStorage):  # type: ignore[misc]  # kademlia carries no types
    """All records one node holds.

    Args:
        clock: tells what has expired.
        quotas: bounds.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        quotas: Quotas | None = None,
    ) -> None:
        self._clock = clock
        self.on_stored: Callable[[str, bytes], None] = lambda block, data: None  # told of every record taken in
        self._keys: dict[bytes, tuple[Slot, ...]] = {}  # in order of writer
        self.usage = Usage(quotas or Quotas())

    def offer(self, data: bytes, *, block: str = "", trusted: bool = False) -> Refusal | None:
        """Take a record in, or say why not.

        Args:
            data: an encoded record from anybody.
            block: the address block it came from.
            trusted: it was checked before it went to our own disk.

        Returns:
            None when the record is held now, freshly or already.
        """
        try:
            record = Record.from_bytes(data)
        except WireError:
            return Refusal.MALFORMED
        key = record.key
        slots = self._keys.get(key, ())
        held = next((slot for slot in slots if slot.writer == record.writer), None)
        if held is not None and held.data == data:
            return None
        if held is not None and not beats(record.sequence, data, held.sequence, held.data):
            return Refusal.STALE_SEQUENCE
        refusal = check_record(record, now=self._clock.now()) if not trusted else None
        if refusal is not None:
            return refusal
        sizes = [len(slot.data) for slot in slots]
        replaces = len(held.data) if held else 0
        if not self.usage.allows(
            record.writer, block, len(data), replaces=replaces, key_slots=len(sizes), key_bytes=sum(sizes)
        ):
            return Refusal.QUOTA
        if held is not None:
            self._remove(key, held)
        self._add(key, Slot(record.writer, data, record.sequence, record.expires, sys.intern(block)))
        self.on_stored(block, data)
        return None

    def page(self, key: bytes, *, after: bytes, room: int, most: int = MAX_RECORDS_PER_DATAGRAM) -> Page:
        """The fresh records of a key in order of writer, after `after`, that fit `room` bytes; at least one if any."""
        now = self._clock.now()
        slots = self._keys.get(key, ())
        start = bisect_right(slots, after, key=lambda slot: slot.writer)
        fresh = [slot.data for slot in slots[start:] if slot.expires > now]
        chosen: list[bytes] = []
        for data in fresh[:most]:
            room -= len(data) + RECORD_FRAMING
            if chosen and room < 0:
                break
            chosen.append(data)
        return Page(tuple(chosen), len(chosen) < len(fresh))

    def records(self, key: bytes, *, written_before: float = math.inf) -> list[bytes]:
        """The fresh records of a key; only those written before a time, in Unix seconds, where that is given."""
        now, last = self._clock.now(), 1_000 * written_before
        return [slot.data for slot in self._keys.get(key, ()) if slot.expires > now and slot.sequence < last]

    def keys(self) -> list[bytes]:
        """Every key with a slot."""
        return list(self._keys)

    def slots(self) -> Iterator[Slot]:
        """Every held record; of those that come or go meanwhile some."""
        for key in self.keys():
            yield from self._keys.get(key, ())

    def expire(self, keys: Iterable[bytes]) -> int:
        """Drop what has expired at some keys; returns how many records went."""
        now = self._clock.now()
        gone = [(key, slot) for key in keys for slot in self._keys.get(key, ()) if slot.expires <= now]
        for key, slot in gone:
            self._remove(key, slot)
        return len(gone)

    def _add(self, key: bytes, slot: Slot) -> None:
        slots = self._keys.get(key, ())
        place = bisect_right(slots, slot.writer, key=lambda other: other.writer)
        self._keys[key] = (*slots[:place], slot, *slots[place:])
        self.usage.add(slot.writer, slot.block, len(slot.data))

    def _remove(self, key: bytes, slot: Slot) -> None:
        left = tuple(other for other in self._keys[key] if other is not slot)
        if left:
            self._keys[key] = left
        else:
            del self._keys[key]
        self.usage.add(slot.writer, slot.block, len(slot.data), sign=-1)

    # The interface of kademlia's own storage, in terms of the above.

    def __setitem__(self, key: bytes, value: bytes) -> None:
        """Offer an encoded record."""
        self.offer(value)

    def __getitem__(self, key: bytes) -> list[bytes]:
        """All fresh records; KeyError when there is none."""
        records = self.records(key)
        if not records:
            raise KeyError(key)
        return records

    def get(self, key: bytes, default: list[bytes] | None = None) -> list[bytes] | None:
        """All fresh records, or `default`."""
        return self.records(key) or default

    def iter_older_than(self, seconds_old: float) -> Iterator[tuple[bytes, bytes]]:
        """Nothing: what is old is for its writer to publish again, not for us (limit 4)."""
        return iter(())

    def __iter__(self) -> Iterator[tuple[bytes, list[bytes]]]:
        """Keys and their fresh records."""
        return ((key, self.records(key)) for key in self.keys())
