"""An archive as the node uses it: awaitable, streaming, one query at a time.

Belongs here: threads and queues around the requests. Not here: the requests (requests.py), matching arrivals
(inbound.py). Law: leaving an iterator early ends the work at the archive; a slow consumer slows the archive down.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from idas_p2p.dicom import part_requests, requests
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.dialogue import Stop
from idas_p2p.dicom.get_request import get
from idas_p2p.dicom.inbound import Expectation, Inbound
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.requests import Ended
from idas_p2p.dicom.totals import Totals
from idas_p2p.errors import ArchiveFailed, IdasError
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection
from idas_p2p.wire.parts import Part, Within
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study

T = TypeVar("T")

MAX_ANSWERS: Final = 100_000  # studies in the answer to one query; ours: ask by smaller date windows
FIND_QUEUE: Final = 1_024  # answers held between thread and loop; ours: about 1 MB, while earlier ones are written
GET_QUEUE: Final = 2  # instances held between thread and loop; ours
MAX_PART_QUERIES: Final = 4  # at once at one archive, beside the harvest's one; ours: workstations wait for them
MAX_FETCHES: Final = 64  # at once from one archive; ours
MAX_UIDS: Final = 500  # in one identifier: fits 65,534 bytes, the longest UI value in explicit VR, PS3.5 7.1.2
STRAGGLER_TIMEOUT: Final = 10.0  # seconds; ours


class ArchiveClient:
    """One archive.

    Args:
        bridge: where blocking calls run.
        archive: the archive, and the title this node calls it with, which is also where C-MOVE sends to.
        inbound: where instances that the archive stores to this node arrive.
        prefers_get: retrieve by C-GET instead of C-MOVE.
        receive_folder: where large data sets go while they arrive by C-GET; None keeps them in memory.
        straggler_timeout: seconds to wait for instances after the archive says that it sent them.
    """

    def __init__(
        self,
        bridge: Bridge,
        archive: RemoteAE,
        inbound: Inbound,
        *,
        prefers_get: bool,
        receive_folder: Path | None = None,
        straggler_timeout: float = STRAGGLER_TIMEOUT,
    ) -> None:
        self._bridge = bridge
        self._archive = archive
        self._inbound = inbound
        self._prefers_get = prefers_get
        self._receive_folder = receive_folder
        self._straggler_timeout = straggler_timeout
        self._query_lock = asyncio.Lock()
        self._part_places = asyncio.Semaphore(MAX_PART_QUERIES)
        self._moves = TaskOwner(limit=MAX_FETCHES)

    async def echo(self) -> None:
        """Ask whether the archive is there.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it is not; the detail says why.
        """
        stop = Stop()
        try:
            await self._bridge.run(requests.echo, self._archive, stop)
        finally:
            stop.stop()

    async def find_studies(self, query: StudyQuery, *, limit: int = MAX_ANSWERS) -> AsyncGenerator[Study, None]:
        """Yield the studies the archive answers with, as they come. Waits while another query runs.

        Close the iterator (`contextlib.aclosing`) when leaving it early, or the next query waits for it.

        Raises:
            ArchiveUnreachable, ArchiveFailed: also when there are more than `limit`.
        """
        async with self._query_lock:
            answers = self._stream(
                lambda stop: requests.find_studies(self._archive, query, stop, limit=limit), maxsize=FIND_QUEUE
            )
            async with aclosing(answers):
                async for study in answers:
                    yield study

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        """Series and SOP Instance UID of each instance the archive has of a study. Waits while another query runs.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it does not answer, or not at this level.
        """
        async with self._query_lock:
            answers = self._stream(
                lambda stop: requests.find_instances(self._archive, study_uid, stop, limit=MAX_ANSWERS),
                maxsize=FIND_QUEUE,
            )
            async with aclosing(answers):
                return [names async for names in answers]

    async def find_parts(self, within: Within) -> AsyncGenerator[Part, None]:
        """Yield what the archive has within a study, live. Close it when leaving early.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it does not answer, or not at this level.
        """
        answers = self._stream(
            lambda stop: part_requests.find_parts(self._archive, within, stop, limit=MAX_ANSWERS), maxsize=FIND_QUEUE
        )
        async with self._part_places, aclosing(answers):
            async for part in answers:
                yield part

    async def fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Retrieve a selection, yielding instances as they arrive and a Total before the first and whenever it grows.

        Instances the archive names as failed come as InstanceFailed.

        Raises:
            ArchiveUnreachable: the archive went away; what was yielded before is whole.
            ArchiveFailed: the archive sent nothing, less than it says, or not all and does not say which.
        """
        totals = Totals()
        for part in _parts(selection):
            events = self._get(part) if self._prefers_get else self._move(part)
            async with aclosing(events):
                async for event in events:
                    for shown in totals.shown(event):
                        yield shown
            for shown in totals.end_part():
                yield shown

    async def close(self) -> None:
        """End every running fetch."""
        await self._moves.stop()

    async def _get(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        folder = self._receive_folder
        events = self._stream(
            lambda stop: get(self._archive, selection, stop, receive_folder=folder), maxsize=GET_QUEUE
        )
        async with aclosing(events):
            async for event in events:
                yield event

    async def _move(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        with self._inbound.expect(self._archive.aet, selection) as expectation:
            task = self._moves.start("archive_move", self._run_move(selection, expectation))
            try:
                async for event in _arrivals(expectation, self._straggler_timeout):
                    yield event
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def _run_move(self, selection: Selection, expectation: Expectation) -> None:
        """Carry what the archive says about the C-MOVE to the fetch; the last thing is Ended or an error."""
        is_active = expectation.has_progressed
        events = self._stream(
            lambda stop: requests.move(self._archive, selection, stop, is_active=is_active), maxsize=FIND_QUEUE
        )
        try:
            async with aclosing(events):
                async for event in events:
                    expectation.note(event)
        except IdasError as error:
            expectation.note(error)
        except Exception:
            expectation.note(ArchiveFailed("it broke the protocol"))
            raise

    async def _stream(self, make: Callable[[Stop], Iterator[T]], *, maxsize: int) -> AsyncGenerator[T, None]:
        """Run a blocking request in a thread, and end it there when the reader leaves."""
        stop = Stop()
        source = self._bridge.stream(lambda: make(stop), maxsize=maxsize)
        try:
            async for item in source:
                yield item
        finally:
            stop.stop()
            await source.aclose()  # type: ignore[attr-defined]


async def _arrivals(expectation: Expectation, straggler_timeout: float) -> AsyncGenerator[RetrieveEvent, None]:
    """What comes in for a C-MOVE, until the archive is done and everything in flight has arrived.

    Raises:
        ArchiveFailed: it counts more instances as sent than arrived.
    """
    yielded, failed = 0, set[str]()
    end: Ended | IdasError | None = None
    while end is None or yielded < expectation.received or _missing(expectation, end) > 0:
        try:
            event = await expectation.take(straggler_timeout if end else None)
        except TimeoutError:
            raise ArchiveFailed(f"{_missing(expectation, end)} instances it counts as sent did not arrive") from None
        if isinstance(event, Ended | IdasError):
            end = event
            continue
        if isinstance(event, InstanceFailed):
            if event.sop_instance_uid in failed:
                continue  # refused here and named by the archive as well
            failed.add(event.sop_instance_uid)
        yielded += isinstance(event, Instance)
        yield event
    if isinstance(end, IdasError):
        raise end
    end.check()


def _missing(expectation: Expectation, end: Ended | IdasError | None) -> int:
    """How many instances are still to arrive."""
    return end.sent - expectation.arrived if isinstance(end, Ended) and end.sent is not None else 0


def _parts(selection: Selection) -> list[Selection]:
    """The selection cut into requests whose lists of UIDs fit into one attribute."""
    if uids := selection.sop_instance_uids:
        return [replace(selection, sop_instance_uids=cut) for cut in _cuts(uids)]
    if uids := selection.series_uids:
        return [replace(selection, series_uids=cut) for cut in _cuts(uids)]
    return [selection]


def _cuts(uids: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [uids[start : start + MAX_UIDS] for start in range(0, len(uids), MAX_UIDS)]
