"""Archives to ask: Orthanc and DCMTK's dcmqrscp as real processes, a scripted one, and a node's store service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.scan import header_of
from idas_p2p.dicom.sockets import make_ae
from idas_p2p.wire.address import Address
from tools.images import StudyFiles
from tools.programs import LOOPBACK

OUR_AET = "IDAS"


@dataclass(frozen=True)
class Archive:
    """A running archive and what is in it."""

    remote: RemoteAE
    node_port: int
    studies: tuple[StudyFiles, ...]
    web_url: str = ""  # of its DICOMweb service


def remote(aet: str, port: int, *, calling: str = OUR_AET) -> RemoteAE:
    """An archive on this machine."""
    return RemoteAE(aet=aet, address=Address(LOOPBACK, port), calling_aet=calling)


@contextmanager
def serving(
    aet: str,
    contexts: Sequence[tuple[str, Any]],
    handlers: Sequence[Any],
    *,
    port: int = 0,
    callers: Sequence[str] = (),
) -> Iterator[int]:
    """A pynetdicom SCP with these SOP classes and handlers, for these callers or for all; yields its port."""
    entity = make_ae(aet)
    entity.require_calling_aet = list(callers)
    entity.require_called_aet = True
    for sop_class, syntaxes in contexts:
        entity.add_supported_context(sop_class, syntaxes, scu_role=True, scp_role=True)
    server = entity.start_server((LOOPBACK, port), block=False, evt_handlers=list(handlers))
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


@contextmanager
def store_service(bridge: Bridge, inbound: Inbound, *, port: int) -> Iterator[None]:
    """What a node does with C-STORE: offer the bytes to whoever waits for them."""

    def on_store(event: Any) -> int:
        data = MemoryBlob(event.request.DataSet.getvalue())
        syntax = str(event.context.transfer_syntax)
        instance = header_of(data, syntax).instance(data, syntax)
        return 0x0000 if bridge.call(inbound.offer(event.assoc.requestor.ae_title, instance)) else 0xA700

    syntaxes = [ExplicitVRLittleEndian, *ALL_TRANSFER_SYNTAXES]  # pynetdicom takes the first of its own
    storage = [(str(context.abstract_syntax), syntaxes) for context in AllStoragePresentationContexts]
    with serving(OUR_AET, storage, [(evt.EVT_C_STORE, on_store)], port=port):
        yield
