"""Tasks with an owner: started here, seen here when they fail, ended here.

Belongs here: ownership of long-lived tasks. Not here: what they do. For work with an end, use asyncio.TaskGroup.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from idas_p2p.errors import Busy, IdasError
from idas_p2p.events import log_event, log_failure


class TaskOwner:
    """Holds background tasks; a failing one is logged and costs only itself.

    Args:
        limit: the most tasks that may run at once.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, name: str, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Start `work` as a task.

        Raises:
            Busy: `limit` tasks run already; `work` was closed unstarted.
        """
        if len(self._tasks) >= self._limit:
            work.close()
            raise Busy(name)
        task = asyncio.create_task(self._guard(name, work), name=name)  # noqa: TID251
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # a task cancelled before its first step never awaits it
        return task

    async def _guard(self, name: str, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except IdasError as error:
            log_event("task_ended", task=name, reason=error.code)
        except Exception as error:  # a bug in one task must not take the node down
            log_failure("task_failed", error, task=name)

    async def stop(self, *, grace: float = 0.0) -> None:
        """Wait up to `grace` seconds for the tasks, then cancel and await those left."""
        if grace and self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
