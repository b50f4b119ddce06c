"""Storage commitment at the node: what it answers for, telling it until it is heard, and asking archives for it.

Law: committed means that the embedded archive has the instance on disk, whole, when it is said; what this node only
passed on is not its to promise. An answer owed survives a restart, and is told for a day.
Belongs here: what is safe, when to tell. Not here: messages (dicom/commitment*.py), rows (store/commitments.py).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.commitment import MAX_REFERENCES, Answered, Reason, Reference, Requested
from idas_p2p.dicom.commitment_client import ask_commitment, tell_commitment
from idas_p2p.dicom.dialogue import Interrupted, Stop
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.errors import ArchiveFailed, ArchiveUnreachable, BadQuery, Busy, IdasError, UserError
from idas_p2p.events import log_event
from idas_p2p.store.commitments import Commitments, Owed
from idas_p2p.store.objects import ObjectStore

TELL_AFTER: Final = 3.0  # seconds a requestor has to wait for the report where it asked, before we call it; ours
PAUSES: Final = (10.0, 60.0, 300.0, 1_800.0)  # seconds between two attempts to tell, the last one again and again; ours
GIVE_UP_AFTER: Final = 86_400.0  # seconds; ours
MAX_OWED: Final = 1_000  # answers owed to one device; ours
AT_ONCE: Final = 8  # told in one turn; ours
TURN: Final = 1.0  # seconds between two looks at what is due; ours
REPORT_TIMEOUT: Final = 60.0  # seconds an archive has to report; ours

Find = Callable[[str], RemoteAE]


class StorageCommitment:
    """Both roles.

    Args:
        kept: the answers owed.
        objects: what is safe here.
        find: the device of an AE title; UnknownDestination when there is none.
        bridge: runs what blocks.
        clock: the time.
    """

    def __init__(self, kept: Commitments, objects: ObjectStore, find: Find, *, bridge: Bridge, clock: Clock) -> None:
        self._kept, self._objects, self._find = kept, objects, find
        self._bridge, self._clock = bridge, clock
        self._awaited: dict[str, asyncio.Future[Answered]] = {}  # by transaction UID of ours

    async def asked(self, aet: str, asked: Requested) -> None:
        """Owe an answer; asked again, it is owed from now.

        Raises:
            Busy: too many are owed to this device.
        """
        await self._bridge.run(self._owe, aet, asked)

    async def result(self, aet: str, transaction_uid: str, *, claim: float) -> Answered | None:
        """The answer as of now, not told by anybody else for `claim` seconds; None when it is not owed any more."""
        return await self._bridge.run(self._claim, aet, transaction_uid, claim)

    async def told(self, aet: str, transaction_uid: str) -> None:
        """The device has its answer."""
        await self._bridge.run(self._kept.drop, aet, transaction_uid)

    def answered(self, answered: Answered) -> None:
        """An archive reports.

        Raises:
            BadQuery: nobody here waits for it.
        """
        waiting = self._awaited.get(answered.transaction_uid)
        if waiting is None or waiting.done():
            raise BadQuery("nobody here waits for this storage commitment report")
        waiting.set_result(answered)

    async def ask(self, archive: RemoteAE, references: tuple[Reference, ...]) -> Answered:
        """Ask an archive to answer for instances, and wait for its report.

        Raises:
            ArchiveUnreachable, ArchiveFailed: it cannot be asked, refuses, or does not report in time.
        """
        if not 0 < len(references) <= MAX_REFERENCES:
            raise BadQuery(f"storage commitment is asked for 1 to {MAX_REFERENCES} instances")
        asked = Requested(transaction_uid=f"2.25.{uuid.uuid4().int}", references=references)
        stop = Stop()
        waiting = self._awaited[asked.transaction_uid] = asyncio.get_running_loop().create_future()
        waiting.add_done_callback(lambda _: stop.stop())  # the archive need not be heard where it was asked any more
        try:
            reported = None
            with suppress(Interrupted):  # it reported before it answered
                reported = await self._bridge.run(ask_commitment, archive, asked, stop)
            if reported is None:
                async with asyncio.timeout(REPORT_TIMEOUT):
                    reported = await waiting
        except TimeoutError:
            raise ArchiveFailed(f"it sent no storage commitment report for {REPORT_TIMEOUT:.0f} seconds") from None
        finally:
            waiting.cancel()
            del self._awaited[asked.transaction_uid]
        return _complete(asked, reported)

    async def turn(self) -> float:
        """Tell what is due; return seconds until the next turn."""
        due = await self._bridge.run(self._due)
        await asyncio.gather(*(self._tell(owed) for owed in due))
        return TURN

    async def _tell(self, owed: Owed) -> None:
        stop = Stop()
        try:
            answered = await self._bridge.run(self._answer, owed)
            requestor = await self._bridge.run(self._find, owed.aet)
            await self._bridge.run(tell_commitment, requestor, answered, stop)
        except (ArchiveUnreachable, ArchiveFailed, Busy) as error:
            await self._bridge.run(self._put_off, owed, error)
        except UserError as error:  # the device is configured no more
            log_event("commitment_dropped", reason=error.code, count=len(owed.instances))
            await self.told(owed.aet, owed.transaction_uid)
        else:
            await self.told(owed.aet, owed.transaction_uid)
        finally:
            stop.stop()

    def _owe(self, aet: str, asked: Requested) -> None:
        if self._kept.count(aet) >= MAX_OWED:
            raise Busy("commitments")
        now = self._clock.now()
        instances = tuple((one.sop_class_uid, one.sop_instance_uid) for one in asked.references)
        owed = Owed(
            aet=aet,
            transaction_uid=asked.transaction_uid,
            instances=instances,
            asked_at=now,
            due_at=now + TELL_AFTER,
        )
        self._kept.keep(owed)

    def _claim(self, aet: str, transaction_uid: str, claim: float) -> Answered | None:
        owed = self._kept.get(aet, transaction_uid)
        if owed is None:
            return None
        self._kept.keep(replace(owed, due_at=self._clock.now() + claim))
        return self._answer(owed)

    def _due(self) -> list[Owed]:
        return self._kept.due(now=self._clock.now(), limit=AT_ONCE)

    def _put_off(self, owed: Owed, error: IdasError) -> None:
        log_event("commitment_not_told", reason=error.code, next_step=error.detail)
        now = self._clock.now()
        if now - owed.asked_at > GIVE_UP_AFTER:
            self._kept.drop(owed.aet, owed.transaction_uid)
            return
        pause = PAUSES[min(owed.attempts, len(PAUSES) - 1)]
        self._kept.keep(replace(owed, due_at=now + pause, attempts=owed.attempts + 1))

    def _answer(self, owed: Owed) -> Answered:
        """Which of the instances are safe here now."""
        held = self._objects.classes([uid for _, uid in owed.instances])
        committed, failed = list[Reference](), list[tuple[Reference, int]]()
        for kind, uid in owed.instances:
            if kind in held.get(uid, ()):
                committed.append(Reference(kind, uid))
            else:
                failed.append((Reference(kind, uid), Reason.CLASS_CONFLICT if uid in held else Reason.NO_SUCH_INSTANCE))
        return Answered(transaction_uid=owed.transaction_uid, committed=tuple(committed), failed=tuple(failed))


def _complete(asked: Requested, answered: Answered) -> Answered:
    """The report as far as it is about what was asked; what it leaves out is not committed."""
    wanted = set(asked.references)
    committed = tuple(one for one in dict.fromkeys(answered.committed) if one in wanted)
    failed = {one: reason for one, reason in answered.failed if one in wanted}
    silent = wanted - set(committed) - failed.keys()
    failed |= dict.fromkeys(sorted(silent), int(Reason.PROCESSING_FAILURE))
    return Answered(
        transaction_uid=asked.transaction_uid,
        committed=tuple(one for one in committed if one not in failed),
        failed=tuple(failed.items()),
    )
