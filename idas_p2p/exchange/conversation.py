"""Having one holder give its share, over one link after another.

Belongs here: dialling, trying again, reading and wanting on a link at once. Not here: what to want (shares.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from idas_p2p.errors import (
    ChannelClosed,
    DatabaseBusy,
    DatabaseFull,
    DatabaseUnreachable,
    HandshakeFailed,
    IdasError,
    LocalError,
    PeerUnreachable,
    SpoolFull,
    UserError,
)
from idas_p2p.exchange.broken import Broken
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.gathering import Gathering
from idas_p2p.exchange.interfaces import Channel, FetchWatcher
from idas_p2p.exchange.link import SILENCE_TIMEOUT, FetchLink, Question
from idas_p2p.wire.fetching import Mode, Ticket
from idas_p2p.wire.ids import NodeId

OURS: Final = (SpoolFull, UserError, LocalError, DatabaseBusy, DatabaseFull, DatabaseUnreachable)
"""Another holder would not help."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a copy of the study."""

    node_id: NodeId
    ticket: Ticket
    expected: int  # instances of what is asked for; 0: unknown


class Conversation:
    """One holder's part in a retrieval.

    Args:
        holder: who.
        question: what is asked.
        gathering: where it all goes.
        dial: opens a fresh image link.
        watcher: is told how it goes.
        silence_timeout: seconds that the holder may say nothing.
    """

    def __init__(
        self,
        holder: Holder,
        question: Question,
        gathering: Gathering,
        *,
        dial: Callable[[NodeId], Awaitable[Channel]],
        watcher: FetchWatcher,
        silence_timeout: float = SILENCE_TIMEOUT,
        coders: Coders | None = None,
    ) -> None:
        self._coders = coders
        self._holder, self._question, self._gathering = holder, question, gathering
        self._dial, self._watcher, self._silence_timeout = dial, watcher, silence_timeout
        self._number = gathering.shares.join(expected=holder.expected, now=gathering.now())
        self._broken = Broken()
        self._differs = False

    @property
    def is_answering(self) -> bool:
        """Whether its link is open and it says what it owes."""
        return self._gathering.shares.is_answering(self._number, now=self._gathering.now())

    @property
    def is_idle(self) -> bool:
        """Whether its link is open, and it neither owes nor lists anything."""
        return self._gathering.shares.is_idle(self._number)

    async def run(self, mode: Mode) -> None:
        """Have it give until all is given, it refused, or was silent for too long; never raises an IdasError."""
        gathering, answered = self._gathering, False
        error: IdasError | None = None
        while not gathering.is_over:
            try:
                channel = await self._dial(self._holder.node_id)
                answered = True
                await self._converse(channel, mode)
                if self._differs:  # nobody waits for it any more
                    gathering.shares.gone(self._number)
                return
            except OURS as problem:
                gathering.fatal = problem
                return
            except (ChannelClosed, PeerUnreachable, HandshakeFailed) as problem:
                error = problem
            except IdasError as problem:
                error, answered = problem, False
            self._broken = self._broken.again(now=gathering.now())
            if not answered or self._broken.is_hopeless(now=gathering.now()):
                break
            gathering.shares.cut(self._number)
            gathering.has_beginnings, mode = True, Mode.LISTED
            self._watcher.interrupted(self._holder.node_id)
            gathering.tell()
            await asyncio.sleep(self._broken.delay)
        self.give_up(error)

    def give_up(self, error: IdasError | None) -> None:
        """Take the holder for gone, for this reason."""
        self._gathering.shares.gone(self._number)
        if error is not None:
            self._gathering.errors.append(error)
            self._watcher.failed(self._holder.node_id, error)

    async def _converse(self, channel: Channel, mode: Mode) -> None:
        """Everything over one link."""
        node_id, spool = self._holder.node_id, self._gathering.spool
        link = FetchLink(
            channel,
            self._question,
            self._holder.ticket,
            mode,
            spool,
            silence_timeout=self._silence_timeout,
            coders=self._coders,
        )
        self._watcher.opened(node_id, channel)
        self._gathering.shares.opened(self._number, now=self._gathering.now())
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._write(link)) if mode is Mode.LISTED else None
                await self._read(link, mode)
                if writing is not None:
                    writing.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            if link.evidence is not None:
                self._watcher.signed(node_id, link.evidence)

    async def _read(self, link: FetchLink, mode: Mode) -> None:
        gathering, number = self._gathering, self._number
        async with aclosing(link.events()) as messages:
            async for size, events in messages:
                self._broken = Broken()
                gathering.shares.came(number, size, now=gathering.now())
                for event in events:
                    gathering.take(number, event, mode)
                if events:
                    gathering.tell()
                while mode is Mode.ALL and gathering.is_full:
                    await gathering.wait()
        if mode is Mode.ALL:
            gathering.shares.list_ended(number, now=gathering.now())
        gathering.shares.cut(number)

    async def _write(self, link: FetchLink) -> None:
        """Say what is wanted over one link, until nothing more is."""
        gathering, number = self._gathering, self._number
        try:
            while not (self.notice_difference() or gathering.is_over):
                await link.want(gathering.wants(number, round_trip=link.round_trip))
                await link.taken(gathering.shares.settled(number))
                await gathering.wait()
            await link.done()
        except IdasError:
            await link.close()  # the reader learns why

    def notice_difference(self) -> bool:
        """Whether its copy is left out; the watcher is told once."""
        if self._number in self._gathering.shares.copies.differing and not self._differs:
            self._differs = True
            self._watcher.differs(self._holder.node_id)
        return self._differs
