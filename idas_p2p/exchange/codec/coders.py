"""Whoever codes and decodes pieces, seen from those who have some.

Belongs here: the promise, and keeping it on the spot for tests and tools. Not here: threads, processes (workshop.py).
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from idas_p2p.exchange.codec.choice import Lanes
from idas_p2p.exchange.codec.jobs import Job, perform_all
from idas_p2p.exchange.codec.queueing import settle


class Coders(Protocol):
    """Whoever codes and decodes pieces."""

    @property
    def light(self) -> Lanes:
        """How fast light work is done."""
        ...

    @property
    def heavy(self) -> Lanes:
        """How fast heavy work is done."""
        ...

    def start(self, job: Job) -> asyncio.Future[Any]:
        """Begin a job; its future gives a Coded, or a Decode's bytes.

        Raises (the future):
            WireError: a Decode is not what it says, or no worker survives it.
            Busy: no worker can be started.
            NodeStopping: the workshop is closed.
        """
        ...

    def warm(self) -> None:
        """Heavy work will come: be ready."""
        ...


class InPlace:
    """Codes where it is called: for tests and tools, where no loop waits for anything else."""

    light = heavy = Lanes(count=1, speed=1e9)

    def start(self, job: Job) -> asyncio.Future[Any]:
        """As Coders.start."""
        future = asyncio.get_running_loop().create_future()
        settle(future, perform_all([job])[0])
        return future

    def warm(self) -> None:
        """Nothing to do."""
