"""A retrieved study into a folder of DICOM files.

Law: a file appears under its name only when it is whole; asking again replaces it by the same bytes. Names are hashes
of instance UIDs, so a listing identifies nobody.
"""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.part10 import write_part10
from idas_p2p.dicom.retrieve import DeliveryReport, Outcome
from idas_p2p.errors import BadConfiguration, SpoolFull
from idas_p2p.wire.fetching import instance_mark
from idas_p2p.wire.instance import Instance, InstanceFailed, RetrieveEvent, Total


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
    report = DeliveryReport()
    try:
        await bridge.run(_make, folder)
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Total):
                    report = report.with_total(event.count)
                elif isinstance(event, InstanceFailed):
                    report = report.with_outcome(Outcome.FAILED, event.sop_instance_uid)
                else:
                    await bridge.run(_write, folder, event)
                    report = report.with_outcome(Outcome.COMPLETED, event.sop_instance_uid, size=event.data.size)
                on_progress(report)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpoolFull(f"{folder}: no space left") from None
        raise BadConfiguration(f"{folder}: {error.strerror}") from None
    return report.finished()


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(folder: Path, instance: Instance) -> None:
    name = f"{instance_mark(instance.sop_instance_uid).hex()}.dcm"
    unfinished = folder / f".{name}.part"
    try:
        with unfinished.open("wb") as file:
            write_part10(instance, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / name)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
