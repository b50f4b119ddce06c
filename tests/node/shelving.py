"""Pulls that do what a test tells them, and a place for shelves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from pathlib import Path

from idas_p2p.blob import MemoryBlob
from idas_p2p.dicom.bridge import Bridge
from idas_p2p.errors import IdasError
from idas_p2p.node.shelves import Shelves
from idas_p2p.store.forms import Form
from idas_p2p.store.scratch import Scratch
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection, Total

STUDY = "1.2.3"
WHOLE = Selection(study_uid=STUDY)


def image(number: int, size: int = 1_000, *, series: int = 1, fill: int | None = None) -> Instance:
    """An instance whose bytes tell its number."""
    return Instance(
        study_uid=STUDY,
        series_uid=f"{STUDY}.{series}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=f"{STUDY}.{series}.{number}",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        data=MemoryBlob(bytes([number % 256 if fill is None else fill]) * size),
    )


def renamed(instance: Instance, data: bytes) -> Instance:
    return replace(instance, data=MemoryBlob(data))


class Archive:
    """Gives events one by one, each when it may; counts what it gave and how often it was asked.

    Args:
        events: an IdasError is raised.
        free: how many may be given before `allow` is called.
    """

    def __init__(self, events: Iterable[RetrieveEvent | IdasError], *, free: int = 1_000_000) -> None:
        self.events = list(events)
        self.asked: list[Selection] = []
        self.given = 0
        self.closed = 0
        self._room = asyncio.Semaphore(free)

    def allow(self, count: int) -> None:
        for _ in range(count):
            self._room.release()

    async def pull(self, selection: Selection) -> AsyncGenerator[RetrieveEvent, None]:
        self.asked.append(selection)
        try:
            for event in self.events:
                if isinstance(event, IdasError):
                    raise event
                if not isinstance(event, Total) and not selection.includes(
                    series_uid=getattr(event, "series_uid", ""), sop_instance_uid=event.sop_instance_uid
                ):
                    continue
                await self._room.acquire()
                self.given += not isinstance(event, Total)
                yield event
        finally:
            self.closed += 1


def shelves_in_memory() -> Shelves:
    """Shelves of tests whose instances all fit into memory."""
    return Shelves(lambda: Scratch(Path("unused"), Form(), _ignore, _ignore, bytes), Bridge(threads=1))


def _ignore(size: int) -> None:
    pass


async def settle() -> None:
    """Let every task do all it can without being let on from outside; threads' work is waited for by their callers."""
    for _ in range(50):
        await asyncio.sleep(0)
