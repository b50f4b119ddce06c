"""An association that serves the LAN: which request goes to which service, and how responses look.

Belongs here: dispatch and responses. Not here: the services (echo below, find_service.py, retrieve_service.py,
store_service.py). Law: whatever a request does, it costs at most its own association.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.ae import ApplicationEntity
from pynetdicom.dimse_primitives import C_ECHO
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import PresentationContext

from idas_p2p.dicom.acceptance import Acceptance, Rejection
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.contexts import STANDARD_CLASSES, StorageClasses
from idas_p2p.dicom.link import Link
from idas_p2p.dicom.services import Caller, Services
from idas_p2p.dicom.statuses import CLASS_NOT_SUPPORTED, SUCCESS, UNABLE_TO_PROCESS
from idas_p2p.errors import BadQuery, IdasError, NodeStopping, UserError
from idas_p2p.events import log_event, log_failure

PARTING_TIME: Final = 0.5  # seconds a peer has to release its association after its last response; ours
MAX_LATER: Final = 16  # acts left for later at once; ours: one for each request, and few requests leave one
COMMENT_SIZE: Final = 64  # characters of Error Comment (0000,0902), LO

Serve = Callable[["ServedLink", Any, PresentationContext], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What every served association needs of the node.

    Args:
        aet: this node's AE title.
        services: what it offers.
        bridge: the way to the loop.
        receive_folder: where large data sets go while they arrive.
        handlers: request type to its service and the SOP classes it is for.
        storage: SOP classes whose instances are taken.
    """

    aet: str
    services: Services
    bridge: Bridge
    receive_folder: Path
    handlers: Mapping[type[Any], tuple[Serve, Container[str]]]
    storage: StorageClasses = STANDARD_CLASSES


class ServedLink(Link):
    """One association requested by somebody on the LAN.

    Args:
        ae: the local application entity.
        host: the node.
        judge: see Acceptance.
        on_end: called in the association's thread when it is over.
        tls: the connection begins with TLS.
    """

    def __init__(
        self,
        ae: ApplicationEntity,
        host: Host,
        *,
        judge: Callable[[Caller], Rejection | None],
        on_end: Callable[[ServedLink], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(ae, MODE_ACCEPTOR, receive_folder=host.receive_folder)
        self.acse = Acceptance(self, judge, host.storage)
        self.host = host
        self._on_end = on_end
        self._tls = tls
        self._finishing = False
        self._served_at = float("-inf")  # when the last request ended, monotonic seconds
        self._later: list[tuple[float, Callable[[], None]]] = []  # monotonic seconds, and what to do then
        self._awaited: dict[int, Callable[[Any], None]] = {}  # by message ID of ours
        self._message_id = 0

    @property
    def caller(self) -> Caller:
        """Who is at the other end; once established."""
        caller = self.acse.caller
        assert caller is not None
        return caller

    def finish(self) -> None:
        """End after the request being served, if any, and after PARTING_TIME for the peer to end first. Any thread."""
        self._finishing = True
        self.activity.set()

    def later(self, delay: float, act: Callable[[], None]) -> None:
        """Have something done in this association's thread, `delay` seconds from now or up to one later, if it is open.

        Only for requests being served, each of which may leave one such act.
        """
        if len(self._later) < MAX_LATER:
            self._later.append((time.monotonic() + delay, act))

    def next_message_id(self) -> int:
        """A message ID for a request of ours."""
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def ask(self, request: Any, context: PresentationContext, on_answer: Callable[[Any], None]) -> None:
        """Send a request to the peer; its response, should one come, goes to `on_answer` in this thread."""
        self._awaited[request.MessageID] = on_answer
        self.dimse.send_msg(request, context.context_id)

    def run_reactor(self) -> None:
        """Negotiate, serve until the end, and tell when it is over."""
        try:
            if self._tls is not None and not self.dul.socket.secure(self._tls):
                log_event("tls_failed")
                return
            self.dul.start()
            self._started_dul = True
            request = self.dul.receive_pdu(wait=True, timeout=self.acse_timeout)
            if isinstance(request, A_ASSOCIATE):
                self.requestor.primitive = request
                self.acse.negotiate_association()
            if self.is_established:
                self._run_reactor()
        except Exception as error:  # a surprise in one association is not the server's
            log_failure("association_failed", error)
        finally:
            self.end()
            self._on_end(self)

    def _serve_next(self) -> None:
        super()._serve_next()
        if self._later and self.dimse.msg_queue.empty() and not self.is_gone:
            now = time.monotonic()
            due = [act for at, act in self._later if at <= now]
            self._later = [(at, act) for at, act in self._later if at > now]
            for act in due:
                self._guarded(act)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Do something that no request waits for; what goes wrong costs nothing else."""
        try:
            act()
        except IdasError as error:
            log_event("later_failed", reason=error.code)
        except Exception as error:  # as above
            log_failure("later_failed", error)

    def _has_ended(self) -> bool:
        is_idle = time.monotonic() - self._served_at > PARTING_TIME and self.dimse.msg_queue.empty()
        if self._finishing and is_idle and not self.acse.is_aborted():
            self.abort(block=False)
        return super()._has_ended()

    def _serve_request(self, message: Any, context_id: int) -> None:
        if (answered := getattr(message, "MessageIDBeingRespondedTo", None)) in self._awaited:
            on_answer = self._awaited.pop(answered)
            self._guarded(lambda: on_answer(message))
            return
        context = self._accepted_cx.get(context_id)
        serve, classes = self.host.handlers.get(type(message), (None, frozenset()))
        if serve is None or context is None or not message.is_valid_request:
            self.abort(block=False)
            return
        if context.abstract_syntax not in classes:
            self.respond(message, context, CLASS_NOT_SUPPORTED)
            return
        try:
            serve(self, message, context)
        except NodeStopping:
            self.abort(block=False)
        except Exception as error:  # as above
            log_failure("request_failed", error)
            self.respond(message, context, UNABLE_TO_PROCESS)
        self.dimse.cancel_req.clear()
        self._served_at = time.monotonic()

    def respond(
        self,
        request: Any,
        context: PresentationContext,
        status: int,
        *,
        error: IdasError | None = None,
        remark: str = "",
        identifier: Dataset | None = None,
        counters: Mapping[str, int] | None = None,
    ) -> None:
        """Send a response.

        Args:
            request: what it answers.
            context: the presentation context of the request.
            status: PS3.7 Annex C.
            error: why it failed; told in Error Comment, without patient data.
            remark: told there when it did not fail.
            identifier: the data set of the response.
            counters: sub-operations by keyword.

        Raises:
            ValueError: the identifier cannot be encoded.
        """
        response = type(request)()
        response.MessageIDBeingRespondedTo = request.MessageID
        response.AffectedSOPClassUID = request.AffectedSOPClassUID
        response.Status = status
        if hasattr(request, "AffectedSOPInstanceUID"):
            response.AffectedSOPInstanceUID = request.AffectedSOPInstanceUID
        if error is not None:
            response.ErrorComment = comment_on(error)
        elif remark:
            response.ErrorComment = printable(remark)
        for keyword, count in (counters or {}).items():
            setattr(response, keyword, min(count, 0xFFFF))
        if identifier is not None:
            response.Identifier = BytesIO(_encoded(identifier, context))
        self.dimse.send_msg(response, context.context_id)


def serve_echo(link: ServedLink, request: C_ECHO, context: PresentationContext) -> None:
    """Answer a C-ECHO."""
    link.respond(request, context, SUCCESS)


def decoded_identifier(request: Any, context: PresentationContext) -> Dataset:
    """The identifier of a C-FIND, C-MOVE or C-GET request.

    Raises:
        BadQuery: it cannot be decoded.
    """
    return decoded_information(request.Identifier, context)


def decoded_information(data: BytesIO | None, context: PresentationContext) -> Dataset:
    """The data set of a request.

    Raises:
        BadQuery: there is none, or it cannot be decoded.
    """
    syntax = context.transfer_syntax[0]
    try:
        decoded: Dataset = decode(data, syntax.is_implicit_VR, syntax.is_little_endian)
        return decoded
    except Exception:  # any bytes may come here, and pydicom fails in many ways, too deep recursion among them
        raise BadQuery("the identifier cannot be decoded") from None


def comment_on(error: IdasError) -> str:
    """What happened, in the characters an Error Comment can hold."""
    text = error.detail if isinstance(error, UserError) and error.detail else error.explanation()
    return printable(text)


def printable(text: str) -> str:
    """A text as Error Comment (0000,0902) can hold it: its first sentence when it is too long, or as much as fits."""
    plain = "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text)
    if len(plain) > COMMENT_SIZE:
        first = plain.split(". ")[0]
        plain = first if len(first) <= COMMENT_SIZE else first[: COMMENT_SIZE - 3] + "..."
    return plain


def _encoded(identifier: Dataset, context: PresentationContext) -> bytes:
    syntax = context.transfer_syntax[0]
    data: bytes | None = encode(identifier, syntax.is_implicit_VR, syntax.is_little_endian)
    if data is None:
        raise ValueError("identifier")
    return data
