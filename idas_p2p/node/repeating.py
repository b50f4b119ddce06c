"""Work that goes on for ever: one turn after another, and a turn that fails costs only itself.

Belongs here: the loop. Not here: what a turn does, who owns the task (tasks.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from idas_p2p.errors import IdasError
from idas_p2p.events import log_event, log_failure


async def repeat(name: str, turn: Callable[[], Awaitable[float]], *, after_failure: float) -> None:
    """Take turns until cancelled.

    Args:
        name: of the work, for the log.
        turn: does one piece of work and returns the seconds until the next.
        after_failure: seconds until the next turn when one raised.
    """
    while True:
        try:
            pause = await turn()
        except IdasError as error:
            log_event("turn_failed", task=name, reason=error.code, next_step=error.explanation())
            pause = after_failure
        except Exception as error:  # a bug must not end the work for good
            log_failure("turn_failed", error, task=name)
            pause = after_failure
        await asyncio.sleep(pause)
