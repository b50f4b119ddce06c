"""One retrieval from one holder or several at once: every instance verified and spooled before anyone sees it.

Law: an instance is yielded once, and what is yielded is of one copy of the study (copies.py). A link that breaks is
opened again; a holder that is given up is replaced. Belongs here: which holders take part, the beginning and the end.
Not here: one holder (conversation.py), what to want of whom (shares.py). Source: docs/spec/exchange.md section 6.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Final

from idas_p2p.clock import Clock
from idas_p2p.errors import LocalError
from idas_p2p.events import log_event, log_failure
from idas_p2p.exchange.codec.coders import Coders
from idas_p2p.exchange.conversation import Conversation, Holder
from idas_p2p.exchange.copies import Copy
from idas_p2p.exchange.gathering import Gathering
from idas_p2p.exchange.interfaces import Channel, FetchWatcher, TransferSpool
from idas_p2p.exchange.link import SILENCE_TIMEOUT, Question
from idas_p2p.wire.fetching import Mode
from idas_p2p.wire.ids import NodeId
from idas_p2p.wire.instance import Instance, InstanceFailed, Total

MAX_HOLDERS: Final = 4  # at once; ours
END_TIMEOUT: Final = 2.0  # seconds for holders to end their links once all is here; ours
STUCK_TIMEOUT: Final = 20.0  # seconds in which nobody owes anything and nothing can be delivered; ours


class Fetch:
    """One retrieval.

    Args:
        question: what is fetched, for whom.
        spool: where instances are kept.
        dial: opens a fresh image link.
        is_true: whether a data set is the instance it came as.
        watcher: is told how it goes.
        clock: the time.
        silence_timeout: seconds that a holder may say nothing.
        coders: decode chunks; in place when there are none.
    """

    def __init__(
        self,
        question: Question,
        spool: TransferSpool,
        *,
        dial: Callable[[NodeId], Awaitable[Channel]],
        is_true: Callable[[Instance], bool],
        watcher: FetchWatcher,
        clock: Clock,
        silence_timeout: float = SILENCE_TIMEOUT,
        coders: Coders | None = None,
    ) -> None:
        self._coders = coders
        self._question, self._dial, self._watcher = question, dial, watcher
        self._silence_timeout = silence_timeout
        self._gathering = Gathering(question.selection, spool, is_true=is_true, clock=clock)
        self._tasks = dict[asyncio.Task[None], Conversation]()
        self.errors = self._gathering.errors
        """Why holders were given up, in order."""

    def start_with(self, delivered: Mapping[str, Copy], *, is_whole: bool) -> None:
        """Take over what came from elsewhere before: what these holders have must agree with it, and is added to it."""
        self._gathering.start_with(delivered, is_whole=is_whole)

    @property
    def failures(self) -> list[InstanceFailed]:
        """Instances that no holder could give."""
        failures = self._gathering.shares.failures.items()
        return [InstanceFailed(sop_instance_uid=uid, reason=reason) for uid, reason in failures]

    @property
    def was_whole(self) -> bool:
        """Whether some holder listed all it has: then what is missing is known by name."""
        return self._gathering.shares.was_whole

    @property
    def is_complete(self) -> bool:
        """Whether everything that anybody was said to have was yielded."""
        shares = self._gathering.shares
        return self.was_whole and len(shares.copies.delivered) >= shares.total and not shares.failures

    async def events(self, holders: Iterable[Holder]) -> AsyncGenerator[Total | Instance, None]:
        """Yield totals and instances until no more can be had of these holders; may be called again with others.

        Raises:
            SpoolFull, UserError, LocalError: of this node; another holder would not help.
        """
        gathering, waiting, told = self._gathering, deque(holders), -1
        moved_at = gathering.now()
        mode = Mode.ALL if len(waiting) == 1 and gathering.is_new else Mode.LISTED
        gathering.is_over = False
        try:
            while True:
                while waiting and len(self._tasks) < MAX_HOLDERS:
                    self._start(waiting.popleft(), mode)
                for instance in gathering.deliverable():
                    if told != (told := gathering.shares.total):
                        yield Total(told)
                    yield instance
                    moved_at = gathering.now()
                if gathering.is_announced and told != (told := gathering.shares.total):
                    yield Total(told)
                if gathering.fatal is not None:
                    raise gathering.fatal
                if gathering.shares.is_over(now=gathering.now()) and (not waiting or self.is_complete):
                    break
                if not all(conversation.is_idle for conversation in self._tasks.values()):
                    moved_at = gathering.now()
                elif gathering.now() - moved_at > STUCK_TIMEOUT:  # a mistake of ours: what is missing is named
                    log_event("retrieval_stuck", count=len(gathering.shares.failures))
                    break
                await gathering.wait()
            await self._end()
        finally:
            await self._stop()

    def _start(self, holder: Holder, mode: Mode) -> None:
        conversation = Conversation(
            holder,
            self._question,
            self._gathering,
            dial=self._dial,
            watcher=self._watcher,
            silence_timeout=self._silence_timeout,
            coders=self._coders,
        )
        task = asyncio.create_task(conversation.run(mode), name="conversation")  # noqa: TID251  # awaited in _stop
        self._tasks[task] = conversation
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        conversation = self._tasks.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:  # a bug costs one holder
            log_failure("conversation_failed", error)
            conversation.give_up(LocalError())
        self._gathering.tell()

    async def _end(self) -> None:
        """Let the holders that answer sign what they said."""
        for conversation in self._tasks.values():
            conversation.notice_difference()
        self._gathering.is_over = True
        self._gathering.tell()
        if answering := [task for task, conversation in self._tasks.items() if conversation.is_answering]:
            await asyncio.wait(answering, timeout=END_TIMEOUT)

    async def _stop(self) -> None:
        self._gathering.is_over = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
