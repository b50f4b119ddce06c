"""When the end of an answer is told: on a beat, which does not tell what may not be seen from what is not there.

Law: what the holder's work took shows in the number of the beat alone. Belongs here: waiting for it. Not here: which
answers wait (answer.py). Source: docs/decisions/answers-on-a-beat.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

ANSWER_BEAT: Final = 0.02  # seconds; ours: the work on one question takes a twentieth of it
NEAR: Final = 0.002  # seconds before the beat from which on it is looked for: timers are a millisecond fine at best
MAX_TURNS: Final = 2_000  # of the loop that look for it; a turn takes some microseconds


def until_beat(passed: float) -> float:
    """Seconds until the end of an answer may be told, after so many seconds of work on it."""
    return -passed % ANSWER_BEAT


async def wait_for_beat(begun: float, now: Callable[[], float]) -> None:
    """Wait until the next beat since a question came.

    A timer alone would come up to a millisecond late, by how much depending on when it was set, and so on the work.

    Args:
        begun: when it came.
        now: the same clock.
    """
    due = now() + until_beat(now() - begun)
    if due - now() > NEAR:
        await asyncio.sleep(due - now() - NEAR)
    for _ in range(MAX_TURNS):
        if now() >= due:
            return
        await asyncio.sleep(0)
    await asyncio.sleep(max(0.0, due - now()))
