"""A workstation in Python: asks a node by C-FIND, C-MOVE and C-GET, and notes every response and every image.

Where DCMTK's programs can be used they are the better witness; this one can also log in with a user name, refuse
images, stop in the middle, and tell each response apart.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, StoragePresentationContexts, _config, build_role, evt
from pynetdicom.pdu_primitives import UserIdentityNegotiation
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from tools.images import Encoded
from tools.programs import LOOPBACK, free_port

_config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
_config.STORE_SEND_CHUNKED_DATASET = True  # a file's data set goes out as it is, not decoded and encoded again
SUCCESS, REFUSED_NO_RESOURCES = 0x0000, 0xA700  # PS3.4 table B.2-1
_MAX_GET_CONTEXTS = 126  # of 128 in an association; two go to find and get themselves
TIMEOUT = 120.0  # seconds without any message

Syntaxes = Sequence[str]


@dataclass(frozen=True, slots=True)
class Response:
    """One response to a query or a retrieval."""

    status: int
    remaining: int | None
    completed: int | None
    failed: int | None
    warning: int | None
    identifier: Any  # a Dataset, or None
    error_comment: str


@dataclass(slots=True)
class Workstation:
    """A workstation that queries one node and receives images, noting size and digest of each.

    Args:
        aet: its AE title.
        node_port: where the node listens.
        node_aet: the node's AE title.
        host: the workstation's and the node's address.
        syntaxes: the transfer syntaxes it accepts for images, best first.
        on_image: called with the number of images so far when one arrives; its result is the status of the C-STORE.
        user: user name and password sent with each association, when set.
    """

    aet: str
    node_port: int
    node_aet: str
    host: str = LOOPBACK
    syntaxes: Syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    on_image: Callable[[int], int] = lambda count: SUCCESS
    user: tuple[str, str] | None = None
    port: int = field(default_factory=free_port)
    received: dict[str, Encoded] = field(default_factory=dict)
    _arrivals: int = 0
    _server: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        """Listen for images."""
        ae = AE(self.aet)
        ae.add_supported_context(Verification)
        for context in StoragePresentationContexts:
            ae.add_supported_context(context.abstract_syntax, list(self.syntaxes))
        ae.maximum_pdu_size = 0
        ae.network_timeout = TIMEOUT
        handlers = [(evt.EVT_C_STORE, self._keep), (evt.EVT_CONN_OPEN, _hurry)]
        self._server = ae.start_server((self.host, self.port), block=False, evt_handlers=handlers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()

    def echo(self) -> int:
        """C-ECHO's status."""
        with self._associate([(Verification, [ImplicitVRLittleEndian])]) as association:
            return int(association.send_c_echo().Status)

    def find(self, keys: Mapping[str, str], *, stop_after: int | None = None) -> list[Response]:
        """C-FIND, Study Root, STUDY level; `stop_after` so many matches a C-CANCEL is sent."""
        model = StudyRootQueryRetrieveInformationModelFind
        with self._associate([(model, [ExplicitVRLittleEndian])]) as association:
            return list(self._responses(association, association.send_c_find, _identifier(keys), model, stop_after))

    def move(self, keys: Mapping[str, str], *, to: str | None = None, stop_after: int | None = None) -> list[Response]:
        """C-MOVE, Study Root; to itself unless `to` names another destination."""
        model = StudyRootQueryRetrieveInformationModelMove
        with self._associate([(model, [ExplicitVRLittleEndian])]) as association:

            def send(identifier: Dataset, model: str, msg_id: int) -> Iterator[Any]:
                return iter(association.send_c_move(identifier, to or self.aet, model, msg_id=msg_id))

            return list(self._responses(association, send, _identifier(keys), model, stop_after))

    def get(
        self, keys: Mapping[str, str], *, storage_classes: Sequence[str], stop_after: int | None = None
    ) -> list[Response]:
        """C-GET, Study Root, accepting images of these SOP classes."""
        model = StudyRootQueryRetrieveInformationModelGet
        contexts = [(model, [ExplicitVRLittleEndian]), *((c, list(self.syntaxes)) for c in storage_classes)]
        roles = [build_role(storage, scp_role=True) for storage in storage_classes]
        handlers = [(evt.EVT_C_STORE, self._keep)]
        with self._associate(contexts[:_MAX_GET_CONTEXTS], roles=roles, handlers=handlers) as association:
            return list(self._responses(association, association.send_c_get, _identifier(keys), model, stop_after))

    def store(self, files: Sequence[Path]) -> list[int]:
        """C-STORE files to the node, bytes as they are in the files; the status of each."""
        kinds = {(str(m.MediaStorageSOPClassUID), str(m.TransferSyntaxUID)) for m in map(read_file_meta_info, files)}
        with self._associate([(storage, [syntax]) for storage, syntax in sorted(kinds)]) as association:
            return [int(association.send_c_store(path).get("Status", -1)) for path in files]

    def forget(self) -> None:
        """Forget what was received."""
        self.received.clear()
        self._arrivals = 0

    def _associate(self, contexts: Sequence[Any], *, roles: Sequence[Any] = (), handlers: Sequence[Any] = ()) -> Any:
        ae = AE(self.aet)
        ae.maximum_pdu_size = 0
        ae.network_timeout = ae.dimse_timeout = TIMEOUT
        for abstract, transfer in contexts:
            ae.add_requested_context(abstract, transfer)
        more = list(roles)
        if self.user is not None:
            identity = UserIdentityNegotiation()
            identity.user_identity_type = 2  # name and passcode; PS3.7 D.3.3.7
            identity.primary_field, identity.secondary_field = (text.encode() for text in self.user)
            more.append(identity)
        association = ae.associate(
            self.host,
            self.node_port,
            ae_title=self.node_aet,
            ext_neg=more,
            evt_handlers=[(evt.EVT_CONN_OPEN, _hurry), *handlers],
        )
        return _Released(association)

    def _responses(
        self, association: Any, send: Callable[..., Any], identifier: Dataset, model: str, stop_after: int | None
    ) -> Iterator[Response]:
        for number, (status, answer) in enumerate(send(identifier, model, msg_id=7), 1):
            yield _response(status, answer)
            if number == stop_after:
                association.send_c_cancel(7, query_model=model)

    def _keep(self, event: Any) -> int:
        request = event.request
        data = request.DataSet.getvalue()
        with self._lock:
            self._arrivals += 1
            status = self.on_image(self._arrivals)
            if status == SUCCESS:
                uid = str(request.AffectedSOPInstanceUID)
                self.received[uid] = Encoded.of(uid, str(event.context.transfer_syntax), data)
        return status


class NoAssociation(Exception):
    """The node did not accept the association; the message says how it refused."""


class _Released:
    """An association for the time of a `with` block."""

    def __init__(self, association: Any) -> None:
        self._association = association

    def __enter__(self) -> Any:
        if not self._association.is_established:
            refusal = self._association.acceptor.primitive
            reason = refusal.reason_str if self._association.is_rejected and refusal else "no answer"
            raise NoAssociation(reason)
        return self._association

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._association.is_established:
            self._association.release()


def _hurry(event: Any) -> None:
    """Do without Nagle's algorithm: each response would wait 40 ms for an acknowledgement."""
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _identifier(keys: Mapping[str, str]) -> Dataset:
    identifier = Dataset()
    for keyword, value in {"QueryRetrieveLevel": "STUDY", **keys}.items():
        setattr(identifier, keyword, value)
    if not all(value.isascii() for value in keys.values()):
        identifier.SpecificCharacterSet = "ISO_IR 192"
    return identifier


def _response(status: Dataset, identifier: Dataset | None) -> Response:
    def count(keyword: str) -> int | None:
        value = status.get(f"NumberOf{keyword}Suboperations")
        return None if value is None else int(value)

    return Response(
        status=int(status.get("Status", -1)),
        remaining=count("Remaining"),
        completed=count("Completed"),
        failed=count("Failed"),
        warning=count("Warning"),
        identifier=identifier,
        error_comment=str(status.get("ErrorComment", "")),
    )
