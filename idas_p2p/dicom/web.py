"""An archive asked over DICOMweb: QIDO-RS to find, WADO-RS to retrieve.

Instances come as they are stored (transfer-syntax=*), so they are the bytes that C-MOVE brings.

Belongs here: which resources to ask for. Not here: HTTP (web_requests.py), cutting answers (multipart.py), instances
(web_parts.py). Source: PS3.18 sections 10.4 (retrieve) and 10.6 (search).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idas_p2p.blob import Octets
from idas_p2p.dicom.arrived import Arrived
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.client import MAX_ANSWERS
from idas_p2p.dicom.identifiers import study_from_text
from idas_p2p.dicom.multipart import Multipart, PartEnd, boundary_of
from idas_p2p.dicom.totals import Totals
from idas_p2p.dicom.web_json import study_parameters
from idas_p2p.dicom.web_parts import Part
from idas_p2p.dicom.web_requests import WebService, WebSession
from idas_p2p.dicom.web_search import search_parts, segment
from idas_p2p.errors import AnswerTooLarge, ArchiveFailed, MalformedInstance
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.parts import Part as StudyPart
from idas_p2p.wire.parts import Within
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

INSTANCES: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'  # PS3.18 section 8.7.3.3
SCANNED_ON_LOOP: Final = 1_048_576  # bytes; ours: a larger instance is read in a thread, it may have many elements
_STUDY_COUNT: Final = ("includefield", "00201208")  # Number of Study Related Instances
_SERIES_COUNT: Final = ("includefield", "00201209")  # Number of Series Related Instances


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to ask for.

    Args:
        paths: to retrieve, below the service's URL.
        total: how many instances are wanted, as the archive counts them; None when it does not say.
        absent: UIDs that were asked for and that the archive does not list.
    """

    paths: list[str]
    total: int | None
    absent: tuple[str, ...] = ()


class WebArchive:
    """One archive.

    Args:
        service: where it is.
        bridge: runs what reads and writes files.
        receive_folder: where large instances go while they arrive.
    """

    def __init__(self, service: WebService, bridge: Bridge, *, receive_folder: Path) -> None:
        self._service, self._bridge, self._receive_folder = service, bridge, receive_folder

    async def echo(self) -> None:
        """Ask whether the archive is there.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it is not; the detail says why.
        """
        async with self._session() as session:
            await session.page("/studies", [("limit", "1")])

    async def find_studies(self, query: StudyQuery, *, limit: int = MAX_ANSWERS) -> AsyncGenerator[Study, None]:
        """Yield the studies the archive answers with; answers without a Study Instance UID are left out.

        Raises:
            ArchiveUnreachable, ArchiveFailed: also when there are more than `limit`.
        """
        count = 0
        async with self._session() as session:
            answers = session.search("/studies", study_parameters(query), key="StudyInstanceUID")
            async with aclosing(answers):
                async for answer in answers:
                    if count == limit:
                        raise AnswerTooLarge(f"it answered with more than {limit} studies; ask for fewer")
                    count += 1
                    try:
                        study = study_from_text(answer.text)
                    except MalformedInstance:
                        continue
                    yield study

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        """Series and SOP Instance UID of each instance the archive has of a study.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it does not answer.
        """
        async with self._session() as session:
            answers = session.search(f"/studies/{segment(study_uid)}/instances", [], key="SOPInstanceUID")
            async with aclosing(answers):
                return [(one.text("SeriesInstanceUID"), one.text("SOPInstanceUID")) async for one in answers]

    async def find_parts(self, within: Within) -> AsyncGenerator[StudyPart, None]:
        """Yield the series or instances the archive lists within a study.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it does not answer.
        """
        async with self._session() as session, aclosing(search_parts(session, within)) as parts:
            async for part in parts:
                yield part

    async def fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Retrieve a selection, yielding instances as they arrive and a Total before the first and whenever it grows.

        Raises:
            ArchiveUnreachable: the archive went away; what was yielded before is whole.
            ArchiveFailed: it refuses, broke off, or sent less than it counts.
        """
        totals = Totals()
        events = self._events(selection)
        async with aclosing(events):
            async for event in events:
                for shown in totals.shown(event):
                    yield shown

    async def _events(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        came, failed, count = Arrived(), set[str](), 0
        async with self._session() as session:
            plan = await _plan(session, selection)
            if plan.total:
                yield Total(plan.total)
            for uid in plan.absent:
                yield InstanceFailed(sop_instance_uid=uid, reason=ArchiveFailed("it has no such instance"))
            for path in plan.paths:
                parts = self._parts(session, path, selection)
                async with aclosing(parts):
                    async for event in parts:
                        if (new := _noted(event, came, failed)) is not None:
                            count += new is event or isinstance(new, Instance)
                            yield new
        if not count and not plan.absent:
            raise ArchiveFailed("it sent nothing")
        if (missing := (plan.total or 0) - len(plan.absent) - count) > 0:
            raise ArchiveFailed(f"{missing} instances it counts did not come")

    async def _parts(
        self, session: WebSession, path: str, selection: Selection
    ) -> AsyncGenerator[Instance | InstanceFailed, None]:
        """Yield the instances of one multipart answer, one taken off the network while the one before is in use."""
        part = Part(self._receive_folder)
        try:
            async with session.get(path, INSTANCES) as (content_type, pieces):
                multipart = Multipart(boundary_of(content_type))
                async for piece in pieces:
                    for event in multipart.feed(piece):
                        if not isinstance(event, PartEnd):
                            await self._add(part, event)
                            continue
                        done, part = part, Part(self._receive_folder)
                        yield await self._finish(done, selection)
                multipart.finish()
        finally:
            part.discard()

    async def _add(self, part: Part, data: Octets) -> None:
        if part.is_in_file:
            await self._bridge.run(part.add, data)
        else:
            part.add(data)

    async def _finish(self, part: Part, selection: Selection) -> Instance | InstanceFailed:
        if part.size <= SCANNED_ON_LOOP:
            return part.finish(selection)
        return await self._bridge.run(part.finish, selection)

    def _session(self) -> WebSession:
        return WebSession(self._service, self._bridge)


async def _plan(session: WebSession, selection: Selection) -> _Plan:
    """Find out where a selection is and how many instances it has."""
    study = f"/studies/{segment(selection.study_uid)}"
    if selection.sop_instance_uids:
        places = await _places(session, study, selection)
        wanted = dict.fromkeys(selection.sop_instance_uids)
        return _Plan(list(places.values()), len(wanted), tuple(uid for uid in wanted if uid not in places))
    if wanted := dict.fromkeys(selection.series_uids):
        answers = [a async for a in session.search(f"{study}/series", [_SERIES_COUNT], key="SeriesInstanceUID")]
        counts = [a.count("NumberOfSeriesRelatedInstances") for a in answers if a.text("SeriesInstanceUID") in wanted]
        known = [count for count in counts if count is not None]
        paths = [f"{study}/series/{segment(uid)}" for uid in wanted]
        return _Plan(paths, sum(known) if len(known) == len(wanted) else None)
    answers = await session.page("/studies", [("StudyInstanceUID", selection.study_uid), _STUDY_COUNT])
    counts = [
        a.count("NumberOfStudyRelatedInstances") for a in answers if a.text("StudyInstanceUID") == selection.study_uid
    ]
    return _Plan([study], counts[0] if counts else None)


async def _places(session: WebSession, study: str, selection: Selection) -> dict[str, str]:
    """The path of each wanted instance that the archive lists."""
    places: dict[str, str] = {}
    wanted = set(selection.sop_instance_uids)
    answers = session.search(f"{study}/instances", [], key="SOPInstanceUID")
    async with aclosing(answers):
        async for answer in answers:
            series, uid = answer.text("SeriesInstanceUID"), answer.text("SOPInstanceUID")
            if uid in wanted and selection.includes(series_uid=series, sop_instance_uid=uid):
                places[uid] = f"{study}/series/{segment(series)}/instances/{segment(uid)}"
                if len(places) == len(wanted):
                    break
    return places


def _noted(event: Instance | InstanceFailed, came: Arrived, failed: set[str]) -> Instance | InstanceFailed | None:
    """What to say of an event: itself when it is new, what is wrong with it when it came before with other bytes."""
    uid = event.sop_instance_uid
    if isinstance(event, Instance):
        if uid in came:
            return came.change(event)
        new = came.add(event)
        return None if uid in failed else new
    if uid in came or uid in failed:
        return None
    failed.update({uid} - {""})  # several may have no name
    return event
