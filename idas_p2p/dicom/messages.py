"""Incoming and outgoing DIMSE messages of one association: bounded in memory however large the data set is.

Belongs here: fragments to messages, messages to the socket. Not here: PDUs (framing.py), services (serving.py).
Law: nobody's message can take more memory than MEMORY_INSTANCE_SIZE plus one PDU.
Source: PS3.7 section 6.3.1, PS3.8 Annex E.
"""

from __future__ import annotations

import os
import uuid
import weakref
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final

from pynetdicom.association import Association
from pynetdicom.dimse import _RQ_TO_MESSAGE, _RSP_TO_MESSAGE, DIMSEServiceProvider
from pynetdicom.dimse_messages import _MESSAGE_TYPES, C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_CANCEL
from pynetdicom.dsutils import decode, encode

from idas_p2p import limits
from idas_p2p.blob import Blob, FileBlob, MemoryBlob
from idas_p2p.dicom import framing

MAX_COMMAND_SIZE: Final = 16_384  # bytes of a command set; ours
MAX_WAITING: Final = 4  # messages received ahead of the one being served; ours: nobody negotiates more than one
MAX_ANSWERS: Final = 64  # responses received ahead of the service user; ours: the rest wait in the socket
MAX_CANCELS: Final = 10  # C-CANCEL requests remembered, as pynetdicom does
FILE_PREFIX: Final = "incoming-"


class ReceivedFile(FileBlob):
    """A data set that arrived into a file of its own, which is deleted when nobody holds this any more."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        super().__init__(path, start, size)
        weakref.finalize(self, path.unlink, missing_ok=True)


def received_blob(request: Any) -> Blob:
    """The data set of a C-STORE request as received."""
    blob: Blob | None = getattr(request, "blob", None)
    return blob if blob is not None else MemoryBlob(request.DataSet.getvalue())


class Spill:
    """A file that a large data set is written to while it arrives. Losing it (disk full) is remembered, not raised."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{FILE_PREFIX}{uuid.uuid4().hex}"
        self._size = 0
        self._file: BinaryIO | None = None
        with suppress(OSError):
            self._file = open(self._path, "xb", buffering=0, opener=_open_private)  # noqa: SIM115

    def write(self, data: bytes | memoryview) -> None:
        """Append, unless lost already."""
        if self._file is None:
            return
        try:
            while len(data) > 0:
                written = self._file.write(data)
                self._size += written
                data = data[written:]
        except OSError:
            self.discard()

    def finish(self, *, skip: int = 0) -> ReceivedFile | None:
        """Close the file and hand it over without its first `skip` bytes; None when it was lost."""
        if self._file is None:
            return None
        self._file.close()
        return ReceivedFile(self._path, skip, self._size - skip)

    def discard(self) -> None:
        """Close and delete the file."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._path.unlink(missing_ok=True)


def _open_private(path: str, flags: int) -> int:
    """Open for this user's eyes only."""
    return os.open(path, flags, 0o600)


class Message:
    """One message as its fragments arrive.

    Args:
        folder: where the data set of a C-STORE over MEMORY_INSTANCE_SIZE goes; None keeps it in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._command = BytesIO()
        self._decoded: DIMSEMessage | None = None
        self._data = BytesIO()
        self._size = 0  # bytes of the data set so far
        self._spill: Spill | None = None

    def add(self, context_id: int, control: int, part: memoryview) -> bool:
        """Take a fragment; whether the message is now complete.

        Raises:
            ValueError: out of order, or larger than allowed.
            Exception: pydicom cannot decode the command set.
        """
        is_last = bool(control & framing.LAST)
        if not control & framing.COMMAND:
            self._add_data(context_id, part)
            return is_last
        if self._decoded is not None or self._command.tell() + len(part) > MAX_COMMAND_SIZE:
            raise ValueError("command set")
        self._command.write(part)
        return is_last and not self._decode(context_id)

    def finish(self) -> Any:
        """The complete message as pynetdicom's primitive; see `received_blob` for the data set of a C-STORE request.

        Its `lost` tells that the data set could not be kept.
        """
        message = self._decoded
        assert message is not None
        message.data_set = self._data
        primitive = message.message_to_primitive()
        primitive.lost = False
        if self._spill is not None:
            primitive.blob = self._spill.finish()
            primitive.lost = primitive.blob is None
        return primitive

    def discard(self) -> None:
        """Give up the message."""
        if self._spill is not None:
            self._spill.discard()

    def _decode(self, context_id: int) -> bool:
        """Decode the command set; whether a data set follows."""
        message = DIMSEMessage()
        message.context_id = context_id
        message.command_set = decode(self._command, True, True)
        message.__class__ = _MESSAGE_TYPES[message.command_set.CommandField][1]
        self._decoded = message
        return bool(message.command_set.CommandDataSetType != framing.NO_DATA_SET)

    def _add_data(self, context_id: int, part: memoryview) -> None:
        if self._decoded is None or context_id != self._decoded.context_id:
            raise ValueError("data set without its command set")
        self._size += len(part)
        if self._size > limits.MEMORY_INSTANCE_SIZE and self._spill is None:
            self._outgrow_memory(self._decoded)
        if self._spill is not None:
            if self._size > limits.MAX_INSTANCE_SIZE:
                raise ValueError("data set too large")
            self._spill.write(part)
        else:
            self._data.write(part)

    def _outgrow_memory(self, message: DIMSEMessage) -> None:
        if not isinstance(message, C_STORE_RQ):
            raise ValueError("identifier too large")
        if self._folder is not None:
            self._spill = Spill(self._folder)
            self._spill.write(self._data.getvalue())
            self._data = BytesIO()


class Messages(DIMSEServiceProvider):  # type: ignore[misc]
    """pynetdicom's DIMSE provider with our assembly, and with sending straight from the caller's thread.

    Args:
        assoc: the association it belongs to.
        folder: where large received data sets go, or None.
    """

    def __init__(self, assoc: Association, folder: Path | None) -> None:
        super().__init__(assoc)
        self._folder = folder
        self._incoming: Message | None = None

    @property
    def is_full(self) -> bool:
        """Whether enough answers wait for us, who asked; the reactor then leaves the rest in the socket."""
        return bool(self.assoc.is_requestor) and self.msg_queue.qsize() >= MAX_ANSWERS

    def take(self, timeout: float) -> Any:
        """The next message, None when the association ended; for those who ask and hold the reactor's gate closed.

        Raises:
            queue.Empty: nothing came for `timeout` seconds.
        """
        message = self.msg_queue.get(timeout=timeout)[1]
        if self.msg_queue.qsize() == MAX_ANSWERS // 2:  # passed on the way down from full
            self.dul.wake()
        return message

    def receive_primitive(self, primitive: Any) -> None:
        """Take a P-DATA primitive; pynetdicom's own door, used outside data transfer state."""
        for context_id, data in primitive.presentation_data_value_list:
            self.receive_fragment(context_id, data[0], memoryview(data)[1:])

    def receive_fragment(self, context_id: int, control: int, part: memoryview) -> None:
        """Take one PDV; a complete message goes to the queue.

        Raises:
            Exception: not a valid message; the association must be aborted.
        """
        if self._incoming is None:
            self._incoming = Message(self._folder)
        if self._incoming.add(context_id, control, part):
            primitive = self._incoming.finish()
            self._incoming = None
            self._deliver(context_id, primitive)

    def _deliver(self, context_id: int, primitive: Any) -> None:
        if isinstance(primitive, C_CANCEL):
            if len(self.cancel_req) < MAX_CANCELS:
                self.cancel_req[primitive.MessageIDBeingRespondedTo] = primitive
            return
        if self.assoc.is_acceptor and self.msg_queue.qsize() >= MAX_WAITING:
            raise ValueError("too many requests at once")
        if getattr(primitive, "MessageID", None) is not None:
            self.cancel_req.pop(primitive.MessageID, None)  # one that came too late for an earlier use of the number
        self.msg_queue.put((context_id, primitive))

    def discard(self) -> None:
        """Throw an incomplete message away."""
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None

    def send_msg(self, primitive: Any, context_id: int) -> None:
        """Encode and send a message; on a broken connection nothing happens, the association ends by itself."""
        kinds = _RQ_TO_MESSAGE if primitive.MessageIDBeingRespondedTo is None else _RSP_TO_MESSAGE
        message = kinds[type(primitive)]()
        message.primitive_to_message(primitive)
        data = MemoryBlob(message.data_set.getvalue()) if message.data_set else None
        self._write(context_id, encode(message.command_set, True, True), data)

    def send_store(
        self,
        context_id: int,
        data: Blob,
        *,
        sop_class_uid: str,
        sop_instance_uid: str,
        message_id: int,
        originator: Any,
    ) -> bool:
        """Send a C-STORE request, its data set read piece by piece; False when the connection broke.

        Raises:
            OSError: the data set cannot be read any more; the association is of no further use.
        """
        command = framing.store_command(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            message_id=message_id,
            originator=originator,
        )
        return self._write(context_id, command, data)

    def send_command(self, context_id: int, command: bytes) -> None:
        """Send a message that is an encoded command set and nothing else."""
        self._write(context_id, command, None)

    def _write(self, context_id: int, command: bytes, data: Blob | None) -> bool:
        fragment = framing.fragment_size(self.maximum_pdu_size)
        for piece in framing.message_writes(context_id, command, data, fragment=fragment):
            if self.dul.state_machine.current_state != "Sta6" or not self.dul.socket.send_pieces(piece):
                return False
        return True
