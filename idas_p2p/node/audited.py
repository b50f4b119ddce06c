"""Finding and transferring, recorded: what is shown has its record before it is shown, what is sent before it is sent.

Law: the record of a transfer's beginning lies on the disk before its first image goes, for images cannot be called
back; that of a query's hits is with the operating system, since a user waits for them.
Belongs here: when something is noted. Not here: what a record says (access/audit/events.py), writing it (auditing.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, Protocol, TypeVar

from idas_p2p.access.audit import events
from idas_p2p.access.audit.events import Actor, Note
from idas_p2p.errors import AuditUnavailable, IdasError, LocalError
from idas_p2p.wire.audit import MAX_SUBJECTS, Event, Subject
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.query import StudyQuery

T = TypeVar("T")

CANCELLED: Final = "cancelled"
"""Why a transfer ended whose reader went away."""


class Log(Protocol):
    """The audit log (auditing.Auditor)."""

    def note(self, event: Event) -> None:
        """Record an event before this returns; AuditUnavailable when that cannot be."""
        ...

    async def settled(self) -> None:
        """Return when the disk has what was noted; AuditUnavailable when it does not take it."""
        ...


class NoLog:
    """What records nothing; for tests of what is recorded elsewhere."""

    def note(self, event: Event) -> None:
        """Nothing."""

    async def settled(self) -> None:
        """At once."""


NO_LOG: Final = NoLog()


@dataclass(frozen=True, slots=True)
class Shown:
    """What the log says of one hit."""

    subject: Subject
    level: str = ""
    holder: NodeId | None = None
    institution: str = ""


async def recorded_hits(
    note: Note,
    actor: Actor,
    query: StudyQuery,
    hits: AsyncGenerator[T, None],
    describe: Callable[[T], Shown],
) -> AsyncGenerator[T, None]:
    """Yield hits, each after it was recorded as shown; the query itself before everything.

    Args:
        note: of the log.
        actor: who asks.
        query: what.
        hits: that will all be shown.
        describe: says what the log is to say of one.

    Raises:
        AuditUnavailable: nothing can be recorded; the rest is not shown.
    """
    note(events.queried(actor, query))
    try:
        async with aclosing(_together(hits, MAX_SUBJECTS)) as groups:
            async for group in groups:
                _note_shown(note, actor, map(describe, group))
                for hit in group:
                    yield hit
    except IdasError as error:
        if not isinstance(error, AuditUnavailable):
            note(events.queried(actor, query, reason=error.code))
        raise


def _note_shown(note: Note, actor: Actor, shown: Iterable[Shown]) -> None:
    for (level, holder, institution), ones in groupby(shown, key=lambda one: (one.level, one.holder, one.institution)):
        by = replace(actor, nodes=(holder,), institution=institution) if holder else actor
        for event in events.shown(by, [one.subject for one in ones], level=level):
            note(event)


class Counted(Protocol):
    """How far a transfer has come (transfers.Transfer)."""

    @property
    def number(self) -> int:
        """In the list of transfers."""
        ...

    instances: int
    failed: int
    bytes: int


@asynccontextmanager
async def recorded_transfer(
    log: Log,
    actor: Actor,
    subject: Subject,
    transfer: Counted,
    *,
    level: str = "",
    to: str = "",
    at_end: Callable[[Actor], Actor] = lambda actor: actor,
) -> AsyncIterator[None]:
    """Record the beginning of a transfer, on the disk before the block runs, and its end when the block is left.

    Args:
        log: the audit log.
        actor: who asks.
        subject: for what.
        transfer: counts.
        level: at which it is given.
        to: where the images go, when not to who asks.
        at_end: adds what is known of the actor only then, such as who held the images.

    Raises:
        AuditUnavailable: it cannot be recorded; the block does not run.
    """
    log.note(events.transfer_begun(actor, subject, number=transfer.number, level=level, to=to))
    await log.settled()
    reason = CANCELLED
    try:
        yield
        reason = ""
    except IdasError as error:
        reason = error.code
        raise
    except Exception:
        reason = LocalError.code
        raise
    finally:
        begun = events.transfer_begun(at_end(actor), subject, number=transfer.number, level=level, to=to)
        with suppress(AuditUnavailable):  # its beginning is recorded, and the log tells that there was more
            log.note(
                events.transfer_ended(
                    begun, instances=transfer.instances, failed=transfer.failed, size=transfer.bytes, reason=reason
                )
            )


async def _together(source: AsyncGenerator[T, None], limit: int) -> AsyncGenerator[list[T], None]:
    """Yield what has come, in lists: the first at once, later ones with what came while the reader was busy."""
    arrived: asyncio.Queue[T | None] = asyncio.Queue(maxsize=limit)
    failures: list[Exception] = []

    async def read() -> None:
        try:
            async with aclosing(source):
                async for item in source:
                    await arrived.put(item)
        except Exception as error:  # raised where the reader is
            failures.append(error)
        await arrived.put(None)

    reading = asyncio.create_task(read(), name="recorded_hits")  # noqa: TID251  # awaited below
    try:
        while (first := await arrived.get()) is not None:
            group, is_over = [first], False
            while len(group) < limit and not arrived.empty():
                if (item := arrived.get_nowait()) is None:
                    is_over = True
                    break
                group.append(item)
            yield group
            if is_over:
                break
        if failures:
            raise failures[0]
    finally:
        reading.cancel()
        await _ended(reading)


async def _ended(task: Awaitable[None]) -> None:
    await asyncio.gather(task, return_exceptions=True)
