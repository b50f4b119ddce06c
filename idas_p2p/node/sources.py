"""The archives behind a node, each as one thing: something to list studies from and to fetch instances from.

Belongs here: the interface, the embedded archive, and the set of all archives. DICOM archives are dicom/client.py,
DICOMweb dicom/web.py, folders node/folder_archive.py.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from idas_p2p.clock import Clock
from idas_p2p.dicom.allowance import Allowance
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.client import ArchiveClient
from idas_p2p.dicom.fastest import FastestArchive, OneWay
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.listed_parts import in_portions
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.ways import Way
from idas_p2p.dicom.web import WebArchive
from idas_p2p.dicom.web_requests import WebService
from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.events import log_event
from idas_p2p.node.folder_archive import FolderArchive
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.objects import ObjectStore
from idas_p2p.store.settings import Archive
from idas_p2p.wire.instance import RetrieveEvent, Selection, Total
from idas_p2p.wire.parts import Part, Within
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

EMBEDDED = "embedded"
"""Name of the embedded archive in the catalog."""


class ArchiveSource(Protocol):
    """Something that holds studies."""

    def find_studies(self, query: StudyQuery) -> AsyncIterator[Study]:
        """Yield the studies that match; ArchiveUnreachable or ArchiveFailed when it cannot."""
        ...

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        """Series and SOP Instance UID of each instance of a study; ArchiveUnreachable or ArchiveFailed."""
        ...

    def find_parts(self, within: Within) -> AsyncIterator[Part]:
        """Yield the series or instances it has within a study; ArchiveUnreachable or ArchiveFailed when it cannot."""
        ...

    def fetch(self, selection: Selection) -> AsyncIterator[RetrieveEvent]:
        """Yield a Total and the instances; ArchiveUnreachable or ArchiveFailed when it cannot."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddedArchive:
    """What was stored to the node itself.

    Args:
        objects: the store.
        bridge: runs what reads files.
    """

    objects: ObjectStore
    bridge: Bridge

    async def find_studies(self, query: StudyQuery) -> AsyncGenerator[Study, None]:
        """Yield every study; a query is not needed here, the catalog is always up to date."""
        for study in self.objects.studies():
            yield study

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        """Series and SOP Instance UID of each stored instance of a study."""
        stored = self.objects.instances(Selection(study_uid=study_uid))
        return [(one.series_uid, one.sop_instance_uid) for one in stored]

    async def find_parts(self, within: Within) -> AsyncGenerator[Part, None]:
        """Yield what the stored instances of a study tell of its series and of themselves."""
        stored = self.objects.instances(Selection(study_uid=within.study_uid, series_uids=within.series_uids))
        async with aclosing(in_portions(self.bridge, stored, within)) as parts:
            async for part in parts:
                yield part

    async def fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield the stored instances."""
        instances = self.objects.instances(selection)
        yield Total(len(instances))
        for instance in instances:
            yield instance


class Sources:
    """Every archive by name, as configured now.

    Args:
        aet: our own AE title, given to archives.
        objects: the embedded archive's store.
        bridge: runs blocking calls.
        inbound: where instances that archives send us arrive.
        receive_folder: where large instances go while they arrive by C-GET.
        clock: the time.
    """

    def __init__(
        self,
        aet: str,
        objects: ObjectStore,
        *,
        bridge: Bridge,
        inbound: Inbound,
        receive_folder: Path,
        clock: Clock,
    ) -> None:
        self._tls: ssl.SSLContext | None = None
        self._aet, self._bridge, self._inbound, self._clock = aet, bridge, inbound, clock
        self._receive_folder = receive_folder
        self._embedded = EmbeddedArchive(objects, bridge)
        self._configured: dict[str, tuple[Archive, ArchiveSource]] = {}

    def configure(self, archives: list[Archive], tls: ssl.SSLContext | None = None) -> None:
        """Take the configuration now in force; archives that are asked as before keep their state.

        Args:
            archives: all of them.
            tls: for those that are called over TLS.
        """
        self._tls = tls
        configured: dict[str, tuple[Archive, ArchiveSource]] = {}
        for archive in archives:
            if archive.name in (EMBEDDED, FOREIGN):
                log_event("archive_refused", archive=archive.name, next_step="give it another name: this one is taken")
                continue
            before = self._configured.get(archive.name)
            is_same = before is not None and _how_asked(before[0]) == _how_asked(archive)
            configured[archive.name] = archive, before[1] if before and is_same else self._make(archive)
        self._configured = configured

    def archives(self) -> list[Archive]:
        """The configured archives."""
        return [archive for archive, _ in self._configured.values()]

    def get(self, name: str) -> ArchiveSource | None:
        """The archive of that name; None when it is no longer configured."""
        if name in (EMBEDDED, FOREIGN):
            return self._embedded
        pair = self._configured.get(name)
        return pair[1] if pair else None

    def remote(self, name: str) -> RemoteAE:
        """The DICOM device that an archive is.

        Raises:
            NoSuchThing: no archive of that name, or one that does not speak DICOM.
        """
        pair = self._configured.get(name)
        if pair is None or pair[0].kind != "dicom":
            raise NoSuchThing("no DICOM archive has this name; see: idas archive list DIR")
        return self._remote(pair[0])

    def _make(self, archive: Archive) -> ArchiveSource:
        if archive.kind == "folder":
            return FolderArchive(archive.folder, bridge=self._bridge, clock=self._clock)
        ways: dict[Way, OneWay] = {}
        if archive.dicomweb:
            service = WebService(url=archive.dicomweb, user=archive.web_user, password=archive.web_password)
            ways[Way.WEB] = WebArchive(service, self._bridge, receive_folder=self._receive_folder)
        if archive.kind == "dicom":
            ways |= {Way.MOVE: self._dicom(archive), Way.GET: self._dicom(archive, prefers_get=True)}
        preferred = None if archive.prefer == "fastest" else Way(archive.prefer)
        allowance = Allowance(retrievals=archive.associations, bandwidth=archive.bandwidth, clock=self._clock)
        return FastestArchive(archive.name, ways, preferred=preferred, clock=self._clock, allowance=allowance)

    def _dicom(self, archive: Archive, *, prefers_get: bool = False) -> ArchiveClient:
        return ArchiveClient(
            self._bridge,
            self._remote(archive),
            self._inbound,
            prefers_get=prefers_get,
            receive_folder=self._receive_folder,
        )

    def _remote(self, archive: Archive) -> RemoteAE:
        if archive.address is None:
            raise BadConfiguration(f"archive {archive.name} has no address; remove it and add it again")
        tls = self._tls if archive.tls else None
        return RemoteAE(aet=archive.aet, address=archive.address, calling_aet=self._aet, tls=tls)


def _how_asked(archive: Archive) -> Archive:
    """All of an archive's configuration but how often and when it is asked."""
    return replace(archive, poll_seconds=60.0, hours="")
