"""A node in memory behind a real DICOM server, and a plain pynetdicom workstation to look at it with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from idas_p2p.blob import Blob, MemoryBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.commitment import Answered, Requested
from idas_p2p.dicom.contexts import STANDARD_CLASSES, StorageClasses
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.server import DicomServer
from idas_p2p.dicom.services import Caller, Remarks
from idas_p2p.errors import IdasError, UnknownCaller, UnknownDestination
from idas_p2p.wire.address import Address
from idas_p2p.wire.fetching import Priority
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection, Total
from idas_p2p.wire.parts import PartQuery, StudyPart
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.3"


def make_dataset(number: int, *, size: int = 1_000, sop_class: str = CT) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = f"1.2.3.4.{number}"
    ds.Modality = "CT"
    ds.PatientName = "CANARY^BIRD"
    ds.PatientID = "CANARY-7"
    ds.StudyInstanceUID = "1.2.3"
    ds.SeriesInstanceUID = "1.2.3.4"
    ds.add_new(0x7FE00010, "OW", bytes([number % 251, 0]) * (size // 2))
    return ds


def encode(ds: Dataset, *, implicit: bool = False) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = implicit
    write_dataset(buffer, ds)
    return buffer.getvalue()


def make_instance(number: int, *, size: int = 1_000, sop_class: str = CT, implicit: bool = False) -> Instance:
    return Instance(
        study_uid="1.2.3",
        series_uid="1.2.3.4",
        sop_class_uid=sop_class,
        sop_instance_uid=f"1.2.3.4.{number}",
        transfer_syntax_uid=IMPLICIT if implicit else EXPLICIT,
        data=MemoryBlob(encode(make_dataset(number, size=size, sop_class=sop_class), implicit=implicit)),
    )


@dataclass
class MemoryNode:
    """What a node offers, from lists. `hold` stops the next answer until it is set."""

    known: frozenset[str] = frozenset({"WORKSTATION"})
    studies: Sequence[Study | IdasError] = ()
    events: Sequence[RetrieveEvent | IdasError | asyncio.Event] = ()
    destinations: dict[str, RemoteAE] = field(default_factory=dict)
    store_error: IdasError | None = None
    callers: list[Caller] = field(default_factory=list)
    queries: list[StudyQuery] = field(default_factory=list)
    parts: Sequence[StudyPart] = ()
    silent: int = 0  # holders that did not answer
    part_queries: list[PartQuery] = field(default_factory=list)
    selections: list[Selection] = field(default_factory=list)
    priorities: list[Priority] = field(default_factory=list)
    stored: list[Instance] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)  # SOP Instance UID to the reason's code
    left: asyncio.Event = field(default_factory=asyncio.Event)  # a source of this node was closed
    pulled: int = 0
    asked: list[Requested] = field(default_factory=list)
    safe: frozenset[str] = frozenset()  # SOP Instance UIDs it answers for
    remark: str = ""
    told: list[str] = field(default_factory=list)  # transaction UIDs
    reports: list[Answered] = field(default_factory=list)

    async def admit(self, caller: Caller) -> None:
        self.callers.append(caller)
        if caller.aet not in self.known:
            raise UnknownCaller

    async def find(self, caller: Caller, query: StudyQuery, *, remarks: Remarks) -> AsyncIterator[Study]:
        self.queries.append(query)
        remarks.unanswered, remarks.asked = self.silent, 5
        try:
            for study in self.studies:
                if isinstance(study, IdasError):
                    raise study
                yield study
        finally:
            self.left.set()

    async def find_parts(self, caller: Caller, query: PartQuery, *, remarks: Remarks) -> AsyncIterator[StudyPart]:
        self.part_queries.append(query)
        try:
            for part in self.parts:
                yield part
        finally:
            self.left.set()

    async def destination(self, caller: Caller, aet: str) -> RemoteAE:
        if aet not in self.destinations:
            raise UnknownDestination
        return self.destinations[aet]

    async def retrieve(
        self, caller: Caller, selections: Sequence[Selection], priority: Priority, *, destination: str = ""
    ) -> AsyncIterator[RetrieveEvent]:
        self.selections.extend(selections)
        self.priorities.append(priority)
        try:
            for event in self.events:
                if isinstance(event, asyncio.Event):
                    await event.wait()
                    continue
                if isinstance(event, IdasError):
                    raise event
                self.pulled += 1
                yield event
        finally:
            self.left.set()

    async def store(self, caller: Caller, instance: Instance) -> str:
        if self.store_error is not None:
            raise self.store_error
        self.stored.append(instance)
        return self.remark

    async def commitment_asked(self, caller: Caller, asked: Requested) -> None:
        if self.store_error is not None:
            raise self.store_error
        self.asked.append(asked)

    async def commitment_result(self, caller: Caller, transaction_uid: str, *, claim: float) -> Answered | None:
        (asked,) = (one for one in self.asked if one.transaction_uid == transaction_uid)
        kept = tuple(one for one in asked.references if one.sop_instance_uid in self.safe)
        failed = tuple((one, 0x0112) for one in asked.references if one not in kept)
        return Answered(transaction_uid=transaction_uid, committed=kept, failed=failed)

    async def commitment_told(self, caller: Caller, transaction_uid: str) -> None:
        self.told.append(transaction_uid)
        self.left.set()

    async def commitment_answered(self, caller: Caller, answered: Answered) -> None:
        self.reports.append(answered)

    async def store_refused(self, caller: Caller, sop_instance_uid: str, reason: IdasError) -> None:
        self.refused[sop_instance_uid] = reason.code


def brings(*instances: RetrieveEvent) -> list[RetrieveEvent]:
    """A Total and then the instances."""
    return [Total(len(instances)), *instances]


@dataclass
class Served:
    """A running server."""

    address: Address
    node: MemoryNode
    server: DicomServer
    bridge: Bridge
    folder: Path

    async def workstation(
        self,
        contexts: Sequence[PresentationContext | str],
        talk: Callable[[Association], object],
        *,
        aet: str = "WORKSTATION",
        called: str = "NODE",
        **associate: object,
    ) -> object:
        """Associate as a workstation would, in a thread, and return what `talk` returns."""

        def run() -> object:
            entity = AE(ae_title=aet)
            entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 20
            for context in contexts:
                if isinstance(context, str):
                    entity.add_requested_context(context)
            extra = [context for context in contexts if not isinstance(context, str)]
            link = entity.associate(
                self.address.host,
                self.address.port,
                contexts=[*entity.requested_contexts, *extra],
                ae_title=called,
                **associate,  # type: ignore[arg-type]
            )
            sock = link.dul.socket.socket  # pynetdicom forgets to close it when its peer went away first
            try:
                return talk(link)
            finally:
                if link.is_established:
                    link.release()
                if sock is not None:
                    sock.close()

        return await asyncio.to_thread(run)


@asynccontextmanager
async def serving(
    node: MemoryNode, folder: Path, *, max_associations: int = 8, storage: StorageClasses = STANDARD_CLASSES
) -> AsyncIterator[Served]:
    """Run a DICOM server over a node in memory."""
    bridge = Bridge(threads=4)
    server = DicomServer(
        "NODE", node, bridge, receive_folder=folder, max_associations=max_associations, storage=storage
    )
    address = await server.start(Address("127.0.0.1", 0))
    try:
        yield Served(address, node, server, bridge, folder)
    finally:
        await server.stop(0.0)
        await bridge.close()


def store_request(instance: Instance, data: Blob | None = None) -> tuple[Dataset, BytesIO]:
    """What `send_c_store` needs and the bytes it should carry."""
    blob = data or instance.data
    return Dataset(), BytesIO(blob.read())
