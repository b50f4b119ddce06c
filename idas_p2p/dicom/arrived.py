"""Which instances of a retrieval came, and whether one that comes again is the same.

Law: an archive may send an instance twice, as after a lost answer; one that comes with other bytes the second time was
replaced meanwhile, and neither copy can be trusted to be the right one.
Belongs here: telling copies apart. Not here: what becomes of them (inbound.py, get_request.py, web.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idas_p2p.blob import Blob, MemoryBlob
from idas_p2p.crypto.digest import data_digest
from idas_p2p.errors import InstanceChanged
from idas_p2p.limits import MEMORY_INSTANCE_SIZE
from idas_p2p.wire.instance import Instance, InstanceFailed

SAMPLE: Final = 1_048_576  # bytes at either end that stand for an instance too large to be read again; ours


class Arrived:
    """The instances of one retrieval."""

    def __init__(self) -> None:
        self._prints: dict[str, tuple[str, bytes]] = {}  # transfer syntax and print by SOP Instance UID

    def __len__(self) -> int:
        return len(self._prints)

    def __contains__(self, sop_instance_uid: str) -> bool:
        return sop_instance_uid in self._prints

    def add(self, instance: Instance) -> Instance:
        """Note one that came first; returns it with the digest that was made of it, where it is in memory."""
        found = fingerprint(instance.data)
        self._prints[instance.sop_instance_uid] = instance.transfer_syntax_uid, found
        data = instance.data
        return replace(instance, data=MemoryBlob(data.data, found)) if isinstance(data, MemoryBlob) else instance

    def change(self, instance: Instance) -> InstanceFailed | None:
        """What to say of one that comes again; None when it is the same, or in another transfer syntax."""
        syntax, before = self._prints[instance.sop_instance_uid]
        if syntax != instance.transfer_syntax_uid or before == fingerprint(instance.data):
            return None
        reason = InstanceChanged("the archive sent it twice, with other bytes the second time")
        return InstanceFailed(sop_instance_uid=instance.sop_instance_uid, reason=reason)


def fingerprint(data: Blob) -> bytes:
    """The digest of a data set; of one over MEMORY_INSTANCE_SIZE, that of its size and its two ends.

    Archives make mistakes, not forgeries: what is too large for memory is not read once more for this.
    """
    if isinstance(data, MemoryBlob):
        return data.digest or data_digest(data.data)
    if data.size <= MEMORY_INSTANCE_SIZE:
        return data_digest(data.read())
    ends = data.read(0, SAMPLE), data.read(data.size - SAMPLE, SAMPLE)
    return data_digest(b"".join((data.size.to_bytes(8, "big"), *ends)))
