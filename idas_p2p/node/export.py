"""A retrieved study into a folder of DICOM files.

Law: a file appears under its name only when it is whole; asking again replaces it by the same bytes. Nothing waits for
the disk, as with any copying: after a power cut one asks again. Names are hashes of instance UIDs, so a listing
identifies nobody.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.part10 import write_part10
from idas_p2p.dicom.retrieve import DeliveryReport, Outcome
from idas_p2p.errors import BadConfiguration, SpoolFull
from idas_p2p.wire.fetching import instance_mark
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Total

PAUSE: Final = 0.05  # seconds from one trip to the next; ours: what comes quickly goes together
MAX_WAITING: Final = 64  # instances not written yet; ours: what is in the spool already costs no memory


async def export(
    bridge: Bridge,
    folder: Path,
    events: AsyncIterator[RetrieveEvent],
    *,
    on_progress: Callable[[DeliveryReport], None],
) -> DeliveryReport:
    """Write every instance as a file.

    Raises:
        BadConfiguration: the folder cannot be made or written.
        SpoolFull: no space left there.
        IdasError: what the source raised.
    """
    report, files = DeliveryReport(), _Files(bridge, folder)
    try:
        await bridge.run(_make, folder)
        try:
            async with aclosing(events):  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Total):
                        report = report.with_total(event.count)
                    elif isinstance(event, InstanceFailed):
                        report = report.with_outcome(Outcome.FAILED, event.sop_instance_uid)
                    else:
                        report = _with_written(report, await files.put(event))
                    on_progress(report)
        finally:  # an error of the source leaves what came before it
            report = _with_written(report, await files.rest())
        on_progress(report)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpoolFull(f"{folder}: no space left") from None
        raise BadConfiguration(f"{folder}: {error.strerror}") from None
    return report.finished()


class _Files:
    """Writes files in a thread: one trip for all that came during the one before, for a trip costs more than a file."""

    def __init__(self, bridge: Bridge, folder: Path) -> None:
        self._bridge, self._folder = bridge, folder
        self._waiting: list[Instance] = []
        self._writing: asyncio.Future[Sequence[Instance]] | None = None
        self._begun = float("-inf")  # the last trip, in seconds of the loop's clock

    async def put(self, instance: Instance) -> Sequence[Instance]:
        """Take one more; return those that have become files meanwhile."""
        self._waiting.append(instance)
        is_soon = asyncio.get_running_loop().time() - self._begun < PAUSE
        return () if is_soon and len(self._waiting) < MAX_WAITING else await self._turn()

    async def rest(self) -> Sequence[Instance]:
        """Write all that is left."""
        return [*await self._turn(), *await self._turn()]

    async def _turn(self) -> Sequence[Instance]:
        """Wait for those being written, return them, and begin with those that wait."""
        written = () if self._writing is None else await self._writing
        self._writing = self._bridge.begin(_write_all, self._folder, self._waiting) if self._waiting else None
        self._waiting, self._begun = [], asyncio.get_running_loop().time()
        return written


def _with_written(report: DeliveryReport, written: Sequence[Instance]) -> DeliveryReport:
    for instance in written:
        report = report.with_outcome(Outcome.COMPLETED, instance.sop_instance_uid, size=instance.data.size)
    return report


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write_all(folder: Path, instances: Sequence[Instance]) -> Sequence[Instance]:
    for instance in instances:
        _write(folder, instance)
    return instances


def _write(folder: Path, instance: Instance) -> None:
    name = f"{instance_mark(instance.sop_instance_uid).hex()}.dcm"
    unfinished = folder / f".{name}.part"
    try:
        with unfinished.open("wb") as file:
            write_part10(instance, file)
        unfinished.replace(folder / name)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
