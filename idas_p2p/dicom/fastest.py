"""An archive that offers several ways to retrieve: the most promising first, the next when it fails.

Belongs here: going from one way to the next without losing or repeating an instance. Not here: which way promises most
(ways.py), retrieving by one of them (web.py, client.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol

from idas_p2p.clock import Clock
from idas_p2p.dicom.allowance import Allowance
from idas_p2p.dicom.totals import Totals
from idas_p2p.dicom.ways import Way, Ways
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable, Busy, IdasError, InstanceChanged
from idas_p2p.events import log_event
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Selection, Total
from idas_p2p.wire.parts import Part, Within
from idas_p2p.wire.query import StudyQuery
from idas_p2p.wire.study import Study


class OneWay(Protocol):
    """An archive asked in one way."""

    async def echo(self) -> None:
        """Return when it answers."""
        ...

    def find_studies(self, query: StudyQuery) -> AsyncGenerator[Study, None]:
        """Yield the studies that match."""
        ...

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        """Series and SOP Instance UID of each instance of a study."""
        ...

    def find_parts(self, within: Within) -> AsyncGenerator[Part, None]:
        """Yield the series or instances it has within a study."""
        ...

    def fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield a Total and the instances."""
        ...


@dataclass(slots=True)
class _Pull:
    """What came of one retrieval so far, by whichever way."""

    wanted: Selection
    taken: set[str] = field(default_factory=set)
    failures: dict[str, InstanceFailed] = field(default_factory=dict)
    unnamed: list[InstanceFailed] = field(default_factory=list)  # that the present way could not even name
    unnamed_before: list[InstanceFailed] = field(default_factory=list)  # and the last one that came to its end
    is_over: bool = False  # one way came to its end: what it did not bring can only be mended
    error: IdasError | None = None  # the first way's
    size: int = 0  # bytes by the present way
    waited: float = 0.0  # seconds for them

    @property
    def is_whole(self) -> bool:
        return self.is_over and not self.failures and not self.unnamed

    def begin(self) -> None:
        """Go on with another way, which is asked for what is missing if that has names."""
        self.size, self.waited = 0, 0.0
        if self.is_over and not self.unnamed:
            self.wanted = replace(self.wanted, sop_instance_uids=tuple(self.failures))
        self.unnamed_before, self.unnamed = self.unnamed, []

    def breaks_off(self, error: IdasError) -> None:
        """The present way did not come to its end."""
        self.error = self.error or error
        self.unnamed = self.unnamed_before if self.is_over else []

    def take(self, event: Instance | InstanceFailed) -> bool:
        """Note an event; whether to pass it on now."""
        uid = event.sop_instance_uid
        if isinstance(event, Instance):
            self.size += event.data.size
            self.failures.pop(uid, None)
            is_new = uid not in self.taken
            self.taken.add(uid)
            return is_new
        if not uid:
            self.unnamed.append(event)
        elif uid not in self.taken:
            self.failures.setdefault(uid, event)
        return uid in self.taken and isinstance(event.reason, InstanceChanged)


class FastestArchive:
    """One archive, by the best of its ways.

    Args:
        name: that the operator gave it, for the log.
        ways: each way there is, the likeliest first; searches and echoes go to the last.
        preferred: the operator's choice; None leaves it to measurement.
        clock: the time.
        allowance: how hard it may be retrieved from; None: as hard as it can.
    """

    def __init__(
        self,
        name: str,
        ways: Mapping[Way, OneWay],
        *,
        preferred: Way | None,
        clock: Clock,
        allowance: Allowance | None = None,
    ) -> None:
        self._allowance = allowance or Allowance(clock=clock)
        self._name, self._ways, self._clock = name, dict(ways), clock
        self._choice = Ways(list(ways), preferred=preferred)

    @property
    def ways(self) -> Mapping[Way, OneWay]:
        """Each way there is, for who must know which of them works."""
        return self._ways

    async def echo(self) -> None:
        """Ask whether the archive is there, by each of its ways but C-GET, which is the same door as C-MOVE.

        Raises:
            ArchiveUnreachable, ArchiveFailed: one does not answer; the detail says why.
        """
        for way, archive in self._ways.items():
            if way is not Way.GET:
                await archive.echo()

    async def find_studies(self, query: StudyQuery) -> AsyncGenerator[Study, None]:
        """Yield the studies that match: by C-FIND where there is DICOM, else by QIDO-RS."""
        answers = self._asked.find_studies(query)
        async with aclosing(answers):
            async for study in answers:
                yield study

    async def list_instances(self, study_uid: str) -> list[tuple[str, str]]:
        """Series and SOP Instance UID of each instance it has of a study, asked for as studies are.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it does not answer, or not at this level.
        """
        return await self._asked.list_instances(study_uid)

    async def find_parts(self, within: Within) -> AsyncGenerator[Part, None]:
        """Yield what it has within a study, asked for as studies are; errors as for `list_instances`."""
        async with aclosing(self._asked.find_parts(within)) as parts:
            async for part in parts:
                yield part

    @property
    def _asked(self) -> OneWay:
        """Where searches go."""
        return self._ways.get(Way.MOVE, self._ways[next(iter(self._ways))])

    async def fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        """Yield a Total and each instance once; what no way could bring comes as InstanceFailed at the end.

        Raises:
            ArchiveUnreachable, ArchiveFailed: no way came to its end; of the first.
        """
        async with self._allowance.turn(), aclosing(self._fetch(selection)) as events:
            async for event in events:
                yield event
                if isinstance(event, Instance):
                    await self._allowance.spend(event.data.size)

    async def _fetch(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        pull, totals = _Pull(selection), Totals()
        is_part = bool(selection.sop_instance_uids)
        for way in self._choice.order(now=self._clock.monotonic(), is_part=is_part):
            pull.begin()
            try:
                events = self._one(way, pull)
                async with aclosing(events):
                    async for event in events:
                        if not isinstance(event, Total) or not pull.is_over:
                            for shown in totals.shown(event):
                                yield shown
            except (ArchiveUnreachable, ArchiveFailed, Busy) as error:
                self._failed(way, pull, error)
                continue
            self._choice.worked(way, size=pull.size, seconds=pull.waited)
            pull.is_over = True
            if pull.is_whole:
                return
        if not pull.is_over and pull.error is not None:
            raise pull.error
        for failed in (*pull.failures.values(), *pull.unnamed):
            for shown in totals.shown(failed):
                yield shown

    async def _one(self, way: Way, pull: _Pull) -> AsyncGenerator[RetrieveEvent, None]:
        """What one way brings that was not there before."""
        events = self._ways[way].fetch(pull.wanted)
        async with aclosing(events):
            async for event in self._timed(events, pull):
                if isinstance(event, Total) or pull.take(event):
                    yield event

    async def _timed(self, events: AsyncIterator[RetrieveEvent], pull: _Pull) -> AsyncGenerator[RetrieveEvent, None]:
        """Count the time that the archive let us wait, not that in which a slow reader let it wait."""
        while True:
            begin = self._clock.monotonic()
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            finally:
                pull.waited += self._clock.monotonic() - begin
            yield event

    def _failed(self, way: Way, pull: _Pull, error: IdasError) -> None:
        if not pull.size:
            self._choice.failed(way, now=self._clock.monotonic())
        pull.breaks_off(error)
        log_event("archive_way_failed", archive=self._name, path=str(way), reason=error.code, next_step=error.detail)
