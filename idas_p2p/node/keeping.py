"""Where the bytes of a pull lie: the newest in memory, the others on the disk, or nowhere when nobody needs them.

Law: memory and disk have bounds that all pulls share; what a reader may still ask for is never let go.
Belongs here: the bytes. Not here: their order and their readers' progress (shelf.py), the files (store/scratch.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from idas_p2p.blob import Blob, MemoryBlob
from idas_p2p.dicom.arrived import fingerprint
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.messages import ReceivedFile
from idas_p2p.errors import IdasError, NodeStopping, SpoolFull, StorageRefused
from idas_p2p.store.scratch import Scratch, ScratchBlob
from idas_p2p.wire.instance import Instance, Selection


@dataclass(slots=True, eq=False)
class Slot:
    """One instance on a shelf."""

    instance: Instance | None  # None: let go
    sop_instance_uid: str
    index: int  # among the events
    size: int  # bytes
    failure: IdasError | None = None
    kept: ScratchBlob | None = None  # its copy in the scratch
    is_held: bool = False  # its own file counts in the scratch
    print: bytes | None = None  # of the bytes that were let go, see dicom/arrived.py


@dataclass(slots=True)
class Memory:
    """What all shelves together hold in memory."""

    limit: int  # bytes
    used: int = 0


@dataclass(slots=True, eq=False)
class Reader:
    """Where one reader is."""

    selection: Selection
    keeps: bool  # it may ask for an instance again until it says that it was taken
    position: int = 0  # index of the event it works on
    taken: set[str] = field(default_factory=set)

    def needs(self, slot: Slot) -> bool:
        """Whether it may still ask for an instance."""
        return slot.sop_instance_uid not in self.taken if self.keeps else slot.index >= self.position


class Keeping:
    """The bytes of one pull.

    Args:
        scratch: keeps what memory does not.
        bridge: runs the disk's work.
        memory: shared by all pulls.
    """

    def __init__(self, scratch: Scratch, bridge: Bridge, memory: Memory) -> None:
        self._scratch, self._bridge, self._memory = scratch, bridge, memory
        self._loose = deque[Slot]()  # those that memory holds, or a file that does not count yet
        self._held = dict[Slot, None]()  # those of which there is something to let go, in order of arrival

    def add(self, slot: Slot) -> None:
        """Take a new instance; one in a file of an archive costs nothing."""
        if slot.instance is not None and isinstance(slot.instance.data, MemoryBlob | ReceivedFile):
            self._loose.append(slot)
            self._held[slot] = None
            self._memory.used += _in_memory(slot)

    @property
    def is_over(self) -> bool:
        """Whether the first loose instance should go to the disk."""
        return bool(self._loose) and (self._memory.used > self._memory.limit or not _in_memory(self._loose[0]))

    async def bring_to_disk(self) -> bool:
        """Copy the first loose instances into the scratch, or count the file of the first there; False without room."""
        first = self._loose[0]
        if first.instance is not None and isinstance(first.instance.data, ReceivedFile) and not self._scratch.seals:
            return self._hold(first)
        slots = self._first(max(1, self._memory.used - self._memory.limit // 2))
        kept = await self._bridge.run(_kept, self._scratch, [slot.instance.data for slot in slots if slot.instance])
        for slot, blob in zip(slots, kept, strict=False):
            self._loose.popleft()
            self._memory.used -= _in_memory(slot)
            if slot.instance is not None:
                slot.kept, slot.instance = blob, replace(slot.instance, data=blob)
        return bool(kept)

    def _first(self, size: int) -> list[Slot]:
        """As many of the first loose instances as have `size` bytes together: each trip to a thread costs."""
        slots = list[Slot]()
        for slot in self._loose:
            if size <= 0 or (slots and not _in_memory(slot)):
                break
            slots.append(slot)
            size -= slot.size
        return slots

    def _hold(self, slot: Slot) -> bool:
        try:
            self._scratch.hold(slot.size)
        except SpoolFull:
            return False
        slot.is_held = True
        self._loose.popleft()
        return True

    def let_go(self, readers: Collection[Reader]) -> bool:
        """Forget the first instance that no reader needs; False when there is none. Who has it can still read it."""
        for slot in self._held:
            if not any(reader.needs(slot) for reader in readers):
                break
        else:
            return False
        with suppress(OSError):  # then its size must do
            slot.print = fingerprint(slot.instance.data) if slot.instance is not None else None
        if slot.kept is not None:
            self._scratch.drop(slot.kept)
        elif slot.is_held:
            self._scratch.free(slot.size)
        else:
            self._loose.remove(slot)
            self._memory.used -= _in_memory(slot)
        del self._held[slot]
        slot.kept = slot.instance = None
        return True

    def close(self) -> None:
        """Let everything go."""
        for slot in self._loose:
            self._memory.used -= _in_memory(slot)
        self._loose.clear()
        self._held.clear()
        try:
            self._bridge.begin(self._scratch.close)
        except NodeStopping:
            self._scratch.close()


def _kept(scratch: Scratch, blobs: Sequence[Blob]) -> list[ScratchBlob]:
    """Copies of as many of the first as there is room for."""
    kept = list[ScratchBlob]()
    for blob in blobs:
        try:
            kept.append(scratch.keep(blob))
        except (SpoolFull, StorageRefused):
            break
    return kept


def _in_memory(slot: Slot) -> int:
    """Bytes of memory an instance takes."""
    data = slot.instance.data if slot.instance is not None else None
    return data.size if isinstance(data, MemoryBlob) else 0
