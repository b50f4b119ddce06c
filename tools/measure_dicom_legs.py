"""What the DICOM side costs this node for each instance: receiving from Orthanc in each way, sending to storescp.

    python -m tools.measure_dicom_legs FOLDER [--rounds 3]

FOLDER holds one study as DICOM files. Prints JSON, for each leg milliseconds of this process's processor time for an
instance (which other load disturbs little) and instances a second; the best of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.client import ArchiveClient
from idas_p2p.dicom.deliver import deliver
from idas_p2p.dicom.fastest import OneWay
from idas_p2p.dicom.inbound import Inbound
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.server import DicomServer
from idas_p2p.dicom.services import Caller
from idas_p2p.dicom.web import WebArchive
from idas_p2p.dicom.web_requests import WebService
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Instance, RetrieveEvent, Selection, Total
from tools.dcmtk import StoreScp
from tools.images import StudyFiles, study_of
from tools.orthanc import DICOMWEB_PLUGIN, Orthanc

AET = "IDAS"


class _Services:
    """A node that does nothing but hand on what an archive sends."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound

    async def admit(self, caller: Caller) -> None:
        return

    async def store(self, caller: Caller, instance: Instance) -> str:
        await self._inbound.offer(caller.aet, instance)
        return ""


async def _receive(archive: OneWay, study: StudyFiles) -> int:
    count = 0
    async with aclosing(archive.fetch(Selection(study_uid=study.study_uid))) as events:
        async for event in events:
            count += isinstance(event, Instance)
    return count


async def _send(bridge: Bridge, viewer: StoreScp, study: StudyFiles) -> int:
    instances = [read_part10(path) for path in study.files]

    async def events() -> AsyncIterator[RetrieveEvent]:
        yield Total(len(instances))
        for instance in instances:
            yield instance

    remote = RemoteAE(aet=viewer.aet, address=Address(viewer.host, viewer.port), calling_aet=AET)
    return (await deliver(bridge, remote, events(), on_progress=lambda _: None)).completed


async def _best(work: Callable[[], Awaitable[int]], rounds: int) -> dict[str, float]:
    processor, seconds = float("inf"), float("inf")
    for _ in range(rounds):
        begin, used = time.perf_counter(), time.process_time()
        count = await work()
        processor = min(processor, (time.process_time() - used) / count)
        seconds = min(seconds, (time.perf_counter() - begin) / count)
    return {"processor_ms": round(processor * 1e3, 2), "instances_a_second": round(1 / seconds)}


async def measure(study: StudyFiles, folder: Path, *, rounds: int) -> dict[str, Any]:
    """Run every leg in turn."""
    bridge, inbound = Bridge(threads=16), Inbound()
    server = DicomServer(AET, _Services(inbound), bridge, receive_folder=folder / "receive")  # type: ignore[arg-type]
    address = await server.start(Address("127.0.0.1", 0))
    pacs = Orthanc(folder / "pacs", modalities={AET: (address.host, address.port)})
    viewer = StoreScp(folder / "viewer", aet="VIEWER")
    pacs.start()
    viewer.start()
    try:
        pacs.fill(study.files)
        remote = RemoteAE(aet=pacs.aet, address=Address(pacs.host, pacs.dicom_port), calling_aet=AET)
        ways: dict[str, OneWay] = {
            "receive_move": ArchiveClient(bridge, remote, inbound, prefers_get=False),
            "receive_get": ArchiveClient(bridge, remote, inbound, prefers_get=True),
        }
        if DICOMWEB_PLUGIN.exists():
            ways["receive_dicomweb"] = WebArchive(WebService(url=pacs.web_url), bridge, receive_folder=folder)
        found: dict[str, Any] = {"instances": len(study.files)}
        for name, way in ways.items():
            found[name] = await _best(lambda way=way: _receive(way, study), rounds)  # type: ignore[misc]
        found["send"] = await _best(lambda: _send(bridge, viewer, study), rounds)
        return found
    finally:
        viewer.stop()
        pacs.stop()
        await server.stop(0.0)
        await bridge.close()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="one study as DICOM files")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="idas-legs-") as folder:
        print(json.dumps(asyncio.run(measure(study_of(options.folder), Path(folder), rounds=options.rounds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
