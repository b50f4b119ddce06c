"""Archives and workstations: each asked as the node asks it, up to one real image by C-MOVE to ourselves.

Belongs here: asking, and telling the faults of one from another. Not here: how it is asked (dicom/).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, Protocol

from idas_p2p.dicom import requests
from idas_p2p.dicom.dialogue import Stop
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.ways import Way
from idas_p2p.errors import AssociationRefused, IdasError, MoveDestinationUnknown
from idas_p2p.node.doctor.findings import Finding, found, good
from idas_p2p.store.settings import Archive, Workstation
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Instance, InstanceFailed, Selection
from idas_p2p.wire.query import StudyQuery

CONNECT_TIMEOUT: Final = 3.0  # seconds; a local network answers in milliseconds; ours
STEP_TIMEOUT: Final = 20.0  # seconds for one question to an archive; ours

Run = Callable[..., Awaitable[Any]]


class Source(Protocol):
    """An archive as the node fetches from it; node/sources.py has them."""

    def find_studies(self, query: StudyQuery) -> Any:
        """Yield studies."""
        ...

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        """Series and SOP Instance UIDs."""
        ...

    def fetch(self, selection: Selection) -> Any:
        """Yield a Total and instances."""
        ...


async def examine_archive(
    archive: Archive, ways: Mapping[Way, Source], *, aet: str, run: Run, can_receive: bool
) -> list[Finding]:
    """One archive: connection, C-ECHO, a query, one image by C-MOVE and by DICOMweb where it has these.

    Args:
        archive: as configured.
        ways: how it is asked; empty for a folder.
        aet: this node's AE title.
        run: runs a blocking call in a thread.
        can_receive: whether this node receives what the archive sends by C-MOVE, that is, runs.
    """
    part = f"archive {archive.name}"
    if archive.kind == "folder":
        readable = await run(_is_readable, Path(archive.folder))
        return [good(part, "the folder can be read") if readable else found(part, "folder_unreadable", archive.folder)]
    findings = []
    if archive.address is not None:
        remote = RemoteAE(aet=archive.aet, address=archive.address, calling_aet=aet)
        fault = await _examine_remote(part, "archive", remote, run=run)
        findings += [fault] if fault else await _examine_way(part, ways, Way.MOVE, can_fetch=can_receive)
    if Way.WEB in ways:
        findings += await _examine_way(f"{part}, DICOMweb", ways, Way.WEB, can_fetch=True)
    return findings


async def examine_workstation(workstation: Workstation, *, aet: str, run: Run) -> Finding:
    """One workstation: whether images could be sent to it."""
    part = f"workstation {workstation.aet}"
    remote = RemoteAE(aet=workstation.aet, address=workstation.address, calling_aet=aet)
    return await _examine_remote(part, "workstation", remote, run=run) or good(part, "answers C-ECHO")


async def _examine_remote(part: str, kind: str, remote: RemoteAE, *, run: Run) -> Finding | None:
    """What is wrong with an AE, from its address to C-ECHO; None when all is well."""
    if (fault := await connect(remote.address)) is not None:
        name, said = fault
        return found(part, f"{kind}_{name}", said)
    stop = Stop()
    try:
        async with asyncio.timeout(STEP_TIMEOUT):
            await run(requests.echo, remote, stop)
    except AssociationRefused as error:
        return found(part, f"{kind}_refuses", error.detail)
    except (IdasError, TimeoutError) as error:
        return found(part, f"{kind}_silent", _words(error, f"no answer within {STEP_TIMEOUT:.0f} s"))
    finally:
        stop.stop()
    return None


async def connect(address: Address) -> tuple[str, str] | None:
    """Why no TCP connection can be made: (`unknown_host`, `closed` or `silent`, in words); None when it can."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except socket.gaierror:
        return "unknown_host", f"the name {address.host} cannot be resolved"
    except ConnectionRefusedError:
        return "closed", f"nothing listens at {address}"
    except (OSError, TimeoutError) as error:
        return "silent", f"{address}: {getattr(error, 'strerror', None) or 'no answer'}"
    writer.close()
    return None


async def _examine_way(part: str, ways: Mapping[Way, Source], way: Way, *, can_fetch: bool) -> list[Finding]:
    """A query, and one image of the first study in the answer."""
    source, no_answer = ways[way], "web_fails" if way is Way.WEB else "archive_no_find"
    try:
        async with asyncio.timeout(STEP_TIMEOUT):
            study_uid = await _any_study(source)
            names = await source.list_instances(study_uid) if study_uid else []
    except (IdasError, TimeoutError) as error:
        return [found(part, no_answer, _words(error, f"no answer to a query within {STEP_TIMEOUT:.0f} s"))]
    if not names:
        return [found(part, "archive_empty", "it answers, and shows no image")]
    if not can_fetch:
        return [good(part, "answers C-ECHO and C-FIND; C-MOVE can be tried only while the node runs")]
    series_uid, sop_instance_uid = names[0]
    one = Selection(study_uid=study_uid, series_uids=(series_uid,), sop_instance_uids=(sop_instance_uid,))
    return [await _fetch_one(part, source, one, failed="web_fails" if way is Way.WEB else "archive_move_fails")]


async def _fetch_one(part: str, source: Source, one: Selection, *, failed: str) -> Finding:
    """Whether an image comes when it is asked for."""
    try:
        async with asyncio.timeout(STEP_TIMEOUT), aclosing(source.fetch(one)) as events:
            outcome = await _first(events)
    except MoveDestinationUnknown as error:
        return found(part, "archive_knows_no_destination", error.detail)
    except (IdasError, TimeoutError) as error:
        return found(part, failed, _words(error, f"no image came within {STEP_TIMEOUT:.0f} s"))
    if isinstance(outcome, InstanceFailed):
        return found(part, failed, _words(outcome.reason, ""))
    if outcome is None:
        return found(part, failed, "it says that it sent an image, and none came")
    return good(part, "answers a query, and an image came")


def _words(error: Exception, when_late: str) -> str:
    return (error.detail or error.explanation()) if isinstance(error, IdasError) else when_late


async def _any_study(source: Source) -> str:
    async with aclosing(source.find_studies(StudyQuery())) as studies:
        async for study in studies:
            return str(study.study_uid)
    return ""


async def _first(events: Any) -> Instance | InstanceFailed | None:
    """The first instance, or else the first failure."""
    failed: InstanceFailed | None = None
    async for event in events:
        if isinstance(event, Instance):
            return event
        if isinstance(event, InstanceFailed):
            failed = failed or event
    return failed


def _is_readable(folder: Path) -> bool:
    try:
        with os.scandir(folder):
            return True
    except OSError:
        return False
