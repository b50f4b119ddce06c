"""One association with an archive that this node requested, and one request at a time on it. Blocking; for threads.

Messages are taken from pynetdicom's queue one by one instead of through its generators: an instance of a C-GET is
answered only when its consumer has taken it, which is what slows a fast archive down; identifiers are not decoded
by pydicom; and another thread can end a wait.

Belongs here: opening, asking, cancelling, closing, and what went wrong in words. Not here: what is asked (requests.py).
Source: PS3.7 sections 9.1.2 to 9.1.4, PS3.8 section 7.1.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from idas_p2p import limits
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.sockets import make_ae
from idas_p2p.dicom.statuses import OUT_OF_RESOURCES, PENDING
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable, AssociationRefused

CANCEL_GRACE: Final = 2.0  # seconds an archive has to answer a C-CANCEL before the association is aborted; ours
MESSAGE_ID: Final = 1
_PENDING: Final = frozenset({PENDING, 0xFF01})  # with or without a remark about optional keys, PS3.4 Table C.4-1

_REFUSALS: Final = {
    (1, 3): "it does not know the AE title this node calls with; add this node to the archive's list",
    (1, 7): "it does not answer to this AE title; check the archive's AE title in `idas archive list`",
    (3, 1): "it is congested",
    (3, 2): "it serves as many associations as it can",
}
"""Source and reason of an A-ASSOCIATE-RJ, PS3.8 Table 9-21."""


class Interrupted(Exception):
    """The reader of the answers went away."""


class Stop:
    """Lets one thread end a dialogue that another is having."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dialogue: Dialogue | None = None
        self._stopped = False

    def watch(self, dialogue: Dialogue) -> None:
        """Name the dialogue to end; ends it at once when stopped already."""
        with self._lock:
            self._dialogue = dialogue
            stopped = self._stopped
        if stopped:
            dialogue.interrupt()

    def stop(self) -> None:
        """End the dialogue, now or as soon as there is one."""
        with self._lock:
            self._stopped = True
            dialogue = self._dialogue
        if dialogue is not None:
            dialogue.interrupt()


def _never() -> bool:
    return False


class Dialogue:
    """An open association.

    Args:
        archive: whom to call.
        contexts: what to propose.
        roles: SCP/SCU role selection, for C-GET.
        stop: ends the dialogue from another thread.
        receive_folder: where large data sets go while they arrive by C-GET; None keeps them in memory.
        is_active: asked when nothing was heard for the response timeout; True gives the archive as much time again.

    Raises:
        ArchiveUnreachable: no answer, or the association was refused; the detail says why.
    """

    def __init__(
        self,
        archive: RemoteAE,
        contexts: Sequence[PresentationContext],
        *,
        roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
        stop: Stop | None = None,
        receive_folder: Path | None = None,
        is_active: Callable[[], bool] = _never,
    ) -> None:
        self._is_active = is_active
        self._interrupted = False
        self._waiting = False  # for the answer to a request
        self._is_gone = False
        try:
            self._association = make_ae(archive.calling_aet, receive_folder=receive_folder).associate(
                archive.address.host,
                archive.address.port,
                contexts=list(contexts),
                ae_title=archive.aet,
                ext_neg=list(roles),
                tls_args=archive.tls_args,
            )
        except (OSError, ValueError, RuntimeError):
            raise ArchiveUnreachable("its address cannot be resolved") from None
        if not self._association.is_established:
            raise _why_not(self._association)
        self._keep_messages()
        if stop is not None:
            stop.watch(self)

    def __enter__(self) -> Dialogue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def interrupt(self) -> None:
        """End a wait for a message. From any thread."""
        self._interrupted = True
        self._association.dimse.msg_queue.put((None, None))

    def syntax_of_context(self, context_id: int) -> str:
        """The transfer syntax agreed for a presentation context."""
        return str(self._accepted(lambda context: context.context_id == context_id).transfer_syntax[0])

    def syntax_of_model(self, model: str) -> str:
        """The transfer syntax agreed for identifiers of a query model."""
        return str(self.context_of(model).transfer_syntax[0])

    def context_of(self, model: str) -> PresentationContext:
        """The presentation context agreed for a SOP class.

        Raises:
            ArchiveFailed: there is none.
        """
        return self._accepted(lambda context: context.abstract_syntax == model)

    def request(self, request: Any, model: str) -> Any:
        """Send a request that has one response, and return that.

        Raises:
            ArchiveUnreachable, ArchiveFailed: none came, or the archive does not offer this service.
        """
        request.MessageID = MESSAGE_ID
        with closing(self._exchange(request, model)) as responses:
            return next(responses)

    def take(self, timeout: float) -> Any | None:
        """A request that the archive sends on its own account; None when none comes in time, or the wait is ended."""
        try:
            return self._next(timeout)
        except (ArchiveUnreachable, Interrupted):
            return None

    def reply(self, response: Any, model: str) -> None:
        """Answer such a request."""
        self._association.dimse.send_msg(response, self.context_of(model).context_id)

    def echo(self, model: str) -> int:
        """Send C-ECHO and return the status."""
        request = C_ECHO()
        request.MessageID = MESSAGE_ID
        request.AffectedSOPClassUID = model
        return next((int(message.Status) for message in self._exchange(request, model)), OUT_OF_RESOURCES)

    def ask(self, request: Any, model: str, identifier: Dataset) -> Iterator[Any]:
        """Send a C-FIND, C-MOVE or C-GET request and yield what comes back, the final response last.

        A C-STORE request that comes on the way is to be answered with `acknowledge` before the next message is
        taken. Closing the iterator early sends C-CANCEL.

        Raises:
            ArchiveUnreachable: the connection broke, or nothing came for the response timeout.
            ArchiveFailed: the archive does not offer this service.
        """
        context = self.context_of(model)
        syntax = context.transfer_syntax[0]
        request.MessageID = MESSAGE_ID
        request.AffectedSOPClassUID = model
        request.Priority = 0x0000  # medium
        encoded = encode(identifier, syntax.is_implicit_VR, syntax.is_little_endian)
        request.Identifier = BytesIO(encoded or b"")
        yield from self._exchange(request, model)

    def acknowledge(self, store: C_STORE, status: int) -> None:
        """Answer a C-STORE request."""
        response = C_STORE()
        response.MessageIDBeingRespondedTo = store.MessageID
        response.AffectedSOPInstanceUID = store.AffectedSOPInstanceUID
        response.AffectedSOPClassUID = store.AffectedSOPClassUID
        response.Status = status
        self._association.dimse.send_msg(response, store._context_id)

    def close(self) -> None:
        """Release the association, or abort it when an answer is still due. Never raises."""
        with suppress(Exception):
            if self._waiting or self._interrupted:
                self._association.abort()
            else:
                self._association.release()
        if not self._association.is_released:
            with suppress(Exception):
                self._association.abort()

    def _keep_messages(self) -> None:
        """Hold pynetdicom's own loop at its gate until the end, or it would take messages that are for us."""
        self._association._reactor_checkpoint.clear()
        while not self._association._is_paused and self._association.is_alive():
            time.sleep(0.0001)

    def _exchange(self, request: Any, model: str) -> Generator[Any, None, None]:
        context = self.context_of(model)
        self._waiting = True
        try:
            self._association.dimse.send_msg(request, context.context_id)
            while self._waiting:
                message = self._next(limits.DICOM_RESPONSE_TIMEOUT)
                self._waiting = isinstance(message, C_STORE) or is_pending(message)
                yield message
        finally:
            if self._waiting and not self._is_gone:
                self._cancel(context.context_id)

    def _next(self, timeout: float) -> Any:
        while not self._interrupted:
            try:
                message = self._association.dimse.take(timeout)
            except queue.Empty:
                if self._is_active():
                    continue
                raise ArchiveUnreachable(f"no answer for {timeout:.0f} seconds") from None
            if message is not None:
                return message
            if not self._interrupted:
                self._is_gone = True
                raise ArchiveUnreachable("it closed the connection")
        raise Interrupted

    def _cancel(self, context_id: int) -> None:
        """Ask the archive to stop, and give it a moment to say that it did."""
        self._interrupted = False
        deadline = time.monotonic() + CANCEL_GRACE
        with suppress(ArchiveUnreachable, RuntimeError, ValueError):
            self._association.send_c_cancel(MESSAGE_ID, context_id)
            while self._waiting and (left := deadline - time.monotonic()) > 0:
                message = self._next(left)
                if isinstance(message, C_STORE):
                    self.acknowledge(message, OUT_OF_RESOURCES)
                else:
                    self._waiting = is_pending(message)

    def _accepted(self, fits: Callable[[PresentationContext], bool]) -> PresentationContext:
        for context in self._association.accepted_contexts:
            if fits(context):
                return context
        raise ArchiveFailed("it does not offer this service; check that query and retrieve are enabled for this node")


def is_pending(message: Any) -> bool:
    """Whether more responses follow this one.

    Raises:
        ArchiveFailed: it is no response at all.
    """
    status = getattr(message, "Status", None)
    if status is None:
        raise ArchiveFailed("it sent a message that is no answer")
    return status in _PENDING


def _why_not(association: Any) -> ArchiveUnreachable:
    """Why an association did not come about."""
    if association.rejected_contexts:
        return AssociationRefused(
            "it offers none of the services asked for; check that query and retrieve are enabled for this node"
        )
    if not association.is_rejected:
        return ArchiveUnreachable(association.trouble or "no connection, or no answer to the association request")
    primitive = association.acceptor.primitive
    reason = (primitive.result_source, primitive.diagnostic)
    return AssociationRefused(
        f"it refused the association: {_REFUSALS.get(reason, f'source {reason[0]}, reason {reason[1]}')}"
    )
