"""One part of a DICOMweb answer on its way to an instance: in memory when small, in a file when not.

Belongs here: collecting the bytes of a DICOM file and taking its frame off. Not here: where parts begin (multipart.py),
HTTP (web.py). Law: a part takes at most MEMORY_INSTANCE_SIZE of memory, and one that cannot be read costs only itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from idas_p2p import limits
from idas_p2p.blob import Blob, MemoryBlob, Octets
from idas_p2p.dicom.messages import Spill
from idas_p2p.dicom.part10 import HEAD_SIZE, Meta, read_meta
from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import ArchiveFailed, IdasError, MalformedInstance, SpoolFull
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection


class Part:
    """A DICOM file as it arrives.

    Args:
        folder: where what outgrows memory goes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._head = b""  # the first HEAD_SIZE bytes, once what came before went to a file
        self._pieces = list[Octets]()  # all there are in memory
        self._spill: Spill | None = None
        self.size = 0  # bytes so far

    @property
    def is_in_file(self) -> bool:
        """Whether adding and finishing now reads and writes a file, and belongs into a thread."""
        return self._spill is not None

    def add(self, data: Octets) -> None:
        """Take the next bytes.

        Raises:
            ArchiveFailed: the part is larger than any instance.
        """
        self.size += len(data)
        if self.size > limits.MAX_INSTANCE_SIZE + HEAD_SIZE:
            raise ArchiveFailed("it sends a part larger than any instance")
        if self._spill is not None:
            self._spill.write(data)
            return
        self._pieces.append(data)
        if self.size > limits.MEMORY_INSTANCE_SIZE:
            self._head = self._beginning()
            self._spill = Spill(self._folder)
            for piece in self._pieces:
                self._spill.write(piece)
            self._pieces.clear()

    def _beginning(self) -> bytes:
        """The first HEAD_SIZE bytes, or all when there are fewer."""
        if self._head or not self._pieces:
            return self._head
        needed = next((n for n, size in enumerate(accumulate(map(len, self._pieces)), 1) if size >= HEAD_SIZE), None)
        return b"".join(piece[:HEAD_SIZE] for piece in self._pieces[:needed])[:HEAD_SIZE]

    def finish(self, selection: Selection) -> Instance | InstanceFailed:
        """The instance it is, when it is whole and was asked for; else why not."""
        name = ""
        try:
            meta = read_meta(self._beginning())
            name = meta.sop_instance_uid
            data = self._data(meta)
            instance = header_of(data, meta.transfer_syntax_uid).instance(data, meta.transfer_syntax_uid)
            if instance.study_uid != selection.study_uid or not selection.includes(
                series_uid=instance.series_uid, sop_instance_uid=instance.sop_instance_uid
            ):
                raise ArchiveFailed("it sent an instance that was not asked for")
        except (IdasError, OSError) as error:
            self.discard()
            reason = error if isinstance(error, IdasError) else SpoolFull("it cannot be read again")
            return InstanceFailed(sop_instance_uid=name, reason=reason)
        return instance

    def discard(self) -> None:
        """Give it up."""
        if self._spill is not None:
            self._spill.discard()

    def _data(self, meta: Meta) -> Blob:
        """The data set.

        Raises:
            SpoolFull: the disk was full while it arrived.
        """
        if self._spill is None:
            if meta.size >= self.size:
                raise MalformedInstance("a file without a data set")
            return MemoryBlob(b"".join(_without(self._pieces, meta.size)))
        spill, self._spill = self._spill, None
        data = spill.finish(skip=meta.size)
        if data is None:
            raise SpoolFull("it could not be kept while it arrived")
        return data


def _without(pieces: list[Octets], size: int) -> Iterator[Octets]:
    """The pieces but for the first `size` bytes of all."""
    for piece in pieces:
        yield memoryview(piece)[size:] if size else piece
        size = max(0, size - len(piece))
