"""Records held for others: checked, merged by slot, bounded, gone when they expire.

Belongs here: what is held and why a record is refused. Not here: disk (journal.py), asking, sending.
Limits 1, 2, 4, 5, 28; docs/spec/directory.md section 6.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
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
        self._keys: dict[bytes, dict[bytes, Slot]] = {}
        self._expiries: list[tuple[int, bytes, bytes]] = []  # heap of (expires, key, writer); may name replaced slots
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
        held = self._keys.get(key, {}).get(record.writer)
        if held is not None and held.data == data:
            return None
        if held is not None and not beats(record.sequence, data, held.sequence, held.data):
            return Refusal.STALE_SEQUENCE
        refusal = check_record(record, now=self._clock.now()) if not trusted else None
        if refusal is not None:
            return refusal
        if not self.usage.allows(key, record.writer, block, len(data), replaces=len(held.data) if held else 0):
            return Refusal.QUOTA
        self._put(key, record, data, block, held)
        self.on_stored(block, data)
        return None

    def page(self, key: bytes, *, after: bytes, room: int, most: int = MAX_RECORDS_PER_DATAGRAM) -> Page:
        """The fresh records of a key in order of writer, after `after`, that fit `room` bytes; at least one if any."""
        now = self._clock.now()
        slots = self._keys.get(key, {})
        writers = sorted(writer for writer, slot in slots.items() if writer > after and slot.expires > now)
        chosen: list[bytes] = []
        for writer in writers:
            room -= len(slots[writer].data) + RECORD_FRAMING
            if (chosen and room < 0) or len(chosen) >= most:
                break
            chosen.append(slots[writer].data)
        return Page(tuple(chosen), len(chosen) < len(writers))

    def records(self, key: bytes) -> list[bytes]:
        """All fresh records of a key."""
        now = self._clock.now()
        return [slot.data for slot in self._keys.get(key, {}).values() if slot.expires > now]

    def keys(self) -> list[bytes]:
        """Every key with a slot."""
        return list(self._keys)

    def slots(self) -> Iterator[Slot]:
        """Every held record; don't change the store meanwhile."""
        for slots in self._keys.values():
            yield from slots.values()

    def expire(self) -> int:
        """Drop what has expired; returns how many records went."""
        now, gone = self._clock.now(), 0
        while self._expiries and self._expiries[0][0] <= now:
            expires, key, writer = heapq.heappop(self._expiries)
            slot = self._keys.get(key, {}).get(writer)
            if slot is None or slot.expires != expires:
                continue  # replaced since
            self._remove(key, writer, slot)
            gone += 1
        return gone

    def _put(self, key: bytes, record: Record, data: bytes, block: str, held: Slot | None) -> None:
        if held is not None:
            self._remove(key, record.writer, held)
        self._keys.setdefault(key, {})[record.writer] = Slot(data, record.sequence, record.expires, block)
        self.usage.add(key, record.writer, block, len(data))
        heapq.heappush(self._expiries, (record.expires, key, record.writer))

    def _remove(self, key: bytes, writer: bytes, slot: Slot) -> None:
        del self._keys[key][writer]
        if not self._keys[key]:
            del self._keys[key]
        self.usage.add(key, writer, slot.block, len(slot.data), sign=-1)

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
