"""Exams of other institutions, kept here for a while under their own or coerced identifiers.

Law: what is kept is known as another's before its first byte is written, so that it is never published nor given to a
member, whatever happens to the node; it goes when its time is over, when its source has it no more, shows it no more or
is no member any more, and comes anew when its source changed it. Belongs here: that. Not here: why an exam is fetched
(inbox.py, priors.py), whose ids become which (coercing.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.retrieve import DeliveryReport, Outcome
from idas_p2p.errors import IdasError, SpoolFull
from idas_p2p.events import log_event
from idas_p2p.node.coercing import Coercing
from idas_p2p.node.embedded import EmbeddedStore
from idas_p2p.store.catalog import Catalog
from idas_p2p.store.feed import FOREIGN
from idas_p2p.store.foreign import ForeignStudies, ForeignStudy
from idas_p2p.store.objects import ObjectStore
from idas_p2p.store.rows import fingerprint, row_of
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Total
from idas_p2p.wire.study import Study

TURN: Final = 60.0  # seconds between two looks; ours
CHECK_INTERVAL: Final = 3_600.0  # seconds until a kept exam is compared with its source again; ours
CHECKED_AT_ONCE: Final = 20  # exams compared in one turn; ours: 28,800 a day
MAX_EXAM: Final = 64 * 2**30  # bytes of one exam; ours: more is not what a consultation needs

Ask = Callable[[NodeId, str], Awaitable[Study | None]]
"""What a source shows of a study now, by its UID there; None for nothing. IdasError: it does not answer."""
Fetch = Callable[[ForeignStudy], Awaitable[None]]
"""Fetches a kept exam anew."""


def seen(study: Study) -> bytes:
    """Tells whether a source still describes a study as before."""
    return fingerprint(row_of(study))


class ForeignExams:
    """The kept exams of one node.

    Args:
        studies: what is known of each.
        objects, embedded, catalog: where their images lie and are found.
        coercing: local identifiers.
        bridge: runs what touches the disk.
        clock: the time.
    """

    def __init__(
        self,
        studies: ForeignStudies,
        objects: ObjectStore,
        embedded: EmbeddedStore,
        catalog: Catalog,
        *,
        coercing: Coercing,
        bridge: Bridge,
        clock: Clock,
    ) -> None:
        self._studies, self._objects, self._embedded, self._catalog = studies, objects, embedded, catalog
        self.coercing, self._bridge, self._clock = coercing, bridge, clock
        self._known = {one.study_uid for one in studies.all() if not one.destination}
        self._pushed = {one.study_uid for one in studies.all() if one.destination}
        embedded.is_foreign = self._known.__contains__

    def all(self) -> list[ForeignStudy]:
        """Every kept exam."""
        return self._studies.all()

    def is_ours(self, study_uid: str) -> bool:
        """Whether one of this node's own archives has the study."""
        return any(entry.archive != FOREIGN for entry in self._catalog.entries(study_uid))

    def is_here(self, study_uid: str) -> bool:
        """Whether it is held or kept here, or was pushed to an archive of ours."""
        return study_uid in self._known or study_uid in self._pushed or self.is_ours(study_uid)

    def pushed(self, exam: ForeignStudy) -> None:
        """Note that an exam went to the archive that it names, until that shows it."""
        self._studies.add(exam)
        self._pushed.add(exam.study_uid)

    def is_kept(self, study_uid: str) -> bool:
        """Whether it is kept here as another's."""
        return study_uid in self._known

    async def keep(self, exam: ForeignStudy, events: AsyncIterator[RetrieveEvent]) -> DeliveryReport:
        """Store what a retrieval brings.

        Args:
            exam: what is known of it; it replaces what was known.
            events: the images.

        Raises:
            SpoolFull: the disk is full, or the exam larger than MAX_EXAM.
            IdasError: what the retrieval raised.
        """
        self._studies.add(exam)
        self._known.add(exam.study_uid)
        report = DeliveryReport()
        try:
            async with aclosing(events):  # type: ignore[type-var]
                async for event in events:
                    report = await self._take(exam, event, report)
        finally:
            await self._embedded.update_catalog()
        return report.finished()

    async def _take(self, exam: ForeignStudy, event: RetrieveEvent, report: DeliveryReport) -> DeliveryReport:
        if isinstance(event, Total):
            return report.with_total(event.count)
        if isinstance(event, InstanceFailed):
            return report.with_outcome(Outcome.FAILED, event.sop_instance_uid)
        if report.bytes + event.data.size > MAX_EXAM:
            raise SpoolFull(f"an exam of more than {MAX_EXAM // 2**30} GiB is not kept")
        try:
            await self._embedded.store(await self._bridge.run(self._coerced, exam, event))
        except SpoolFull:
            raise
        except IdasError as error:
            log_event("exam_not_kept", reason=error.code)
            return report.with_outcome(Outcome.FAILED, event.sop_instance_uid)
        return report.with_outcome(Outcome.COMPLETED, event.sop_instance_uid, size=event.data.size)

    def _coerced(self, exam: ForeignStudy, instance: Instance) -> Instance:
        return self.coercing.apply(instance, source=exam.institution, at=self._clock.now())

    async def let_go(self, study_uid: str, *, reason: str) -> None:
        """Forget an exam and remove its images."""
        if study_uid in self._pushed:  # its images are the archive's
            self._studies.remove(study_uid)
            self._pushed.discard(study_uid)
        if not self.is_kept(study_uid):
            return
        self._catalog.forget(FOREIGN, [study_uid], now=self._clock.now())
        count = await self._bridge.run(self._objects.remove, study_uid)
        self._studies.remove(study_uid)
        self._known.discard(study_uid)
        log_event("exam_let_go", count=count, reason=reason)

    async def turn(self, ask: Ask, fetch: Fetch, is_member: Callable[[NodeId], bool]) -> float:
        """Let go of what is over, compare what was not compared for long; seconds until the next turn.

        Args:
            ask: what a source shows now.
            fetch: brings an exam that changed.
            is_member: whether a source is a member still.
        """
        now, compared = self._clock.now(), 0
        for exam in self._studies.all():
            source = NodeId(exam.node)
            if exam.expires <= now:
                await self.let_go(exam.study_uid, reason="expired")
            elif self.is_ours(exam.study_uid):
                await self.let_go(exam.study_uid, reason="held_here")
            elif exam.destination:
                continue
            elif not is_member(source):
                await self.let_go(exam.study_uid, reason="not_a_member")
            elif exam.checked_at + CHECK_INTERVAL <= now and compared < CHECKED_AT_ONCE:
                compared += 1
                await self._compare(exam, source, ask, fetch)
        return TURN

    async def _compare(self, exam: ForeignStudy, source: NodeId, ask: Ask, fetch: Fetch) -> None:
        try:
            study = await ask(source, exam.study_uid)
        except IdasError as error:  # it may be asked again; until then the exam stays as long as it may
            log_event("exam_not_compared", peer=source.short, reason=error.code)
            self._studies.add(replace(exam, checked_at=self._clock.now()))
            return
        if study is None:
            await self.let_go(exam.study_uid, reason="withdrawn")
            return
        self._studies.add(replace(exam, checked_at=self._clock.now()))
        if seen(study) != exam.seen:
            await self._renew(replace(exam, seen=seen(study), instances=study.instance_count), fetch)

    async def _renew(self, exam: ForeignStudy, fetch: Fetch) -> None:
        """Bring it anew: what its source has taken out must not stay here, so the old copy goes first."""
        await self.let_go(exam.study_uid, reason="changed")
        try:
            await fetch(exam)
        except IdasError as error:
            log_event("exam_not_renewed", peer=NodeId(exam.node).short, reason=error.code)
            self._studies.add(replace(exam, seen=b"", checked_at=self._clock.now()))  # the next comparison tries again
            self._known.add(exam.study_uid)
