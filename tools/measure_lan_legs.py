"""How fast this node takes and gives images on the LAN, beside DCMTK doing the same with itself in the same run.

    python -m tools.measure_lan_legs [FOLDER] [--slices 140] [--rounds 3]

FOLDER holds one study as DICOM files; without it a CT study is made. Over one association each, on this machine:
`receive` is DCMTK's storescu sending to our server, which hands the bytes on and keeps nothing; `send` is our delivery
to DCMTK's storescp, which writes files; `dcmtk` is storescu to that storescp. DCMTK runs as it is shipped but for
TCP_NODELAY=1 in its environment: without, it waits for delayed acknowledgements. Prints JSON: megabytes a second of the
best round, and ours beside DCMTK's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.deliver import deliver
from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.remote import RemoteAE
from idas_p2p.dicom.server import DicomServer
from idas_p2p.dicom.services import Caller
from idas_p2p.wire.address import Address
from idas_p2p.wire.instance import Instance, Total
from tools.dcmtk import QUICK, Peer, StoreScp, find_program
from tools.images import StudyFiles, study_of
from tools.noisy_ct import write_noisy_ct

AET = "IDAS"


class _Services:
    """A node that takes every instance and counts its bytes."""

    def __init__(self) -> None:
        self.received = 0

    async def admit(self, caller: Caller) -> None:
        return

    async def store(self, caller: Caller, instance: Instance) -> str:
        self.received += instance.data.size
        return ""


def _storescu(peer: Peer, study: StudyFiles) -> int:
    """Send the study by storescu, which says nothing; its exit status."""
    command = [find_program("storescu") or "storescu", "-q", "-R", "-aet", peer.calling, "-aec", peer.aet]
    command += [peer.host, str(peer.port), *map(str, study.files)]
    return subprocess.run(command, check=False, timeout=120, env={**os.environ, **QUICK}).returncode


async def _best(work: Callable[[], Awaitable[None]], size: int, rounds: int) -> float:
    """Megabytes a second of the best round."""
    seconds = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        await work()
        seconds = min(seconds, time.perf_counter() - begin)
    return round(size / seconds / 1e6, 1)


async def measure(study: StudyFiles, folder: Path, *, rounds: int) -> dict[str, Any]:
    """Every leg in turn."""
    services, bridge = _Services(), Bridge(threads=8)
    server = DicomServer(AET, services, bridge, receive_folder=folder / "receive")  # type: ignore[arg-type]
    address = await server.start(Address("127.0.0.1", 0))
    viewer = StoreScp(folder / "viewer", aet="VIEWER")
    viewer.start()
    instances = [read_part10(path) for path in study.files]
    size = sum(instance.data.size for instance in instances)

    async def receive() -> None:
        services.received = 0
        peer = Peer(port=address.port, aet=AET, calling="VIEWER", host=address.host)
        ended = await asyncio.to_thread(_storescu, peer, study)
        assert (ended, services.received) == (0, size)

    async def send() -> None:
        async def events() -> Any:
            yield Total(len(instances))
            for instance in instances:
                yield instance

        remote = RemoteAE(aet=viewer.aet, address=Address(viewer.host, viewer.port), calling_aet=AET)
        report = await deliver(bridge, remote, events(), on_progress=lambda _: None)
        assert report.completed == len(instances)

    async def dcmtk() -> None:
        peer = Peer(port=viewer.port, aet=viewer.aet, calling="VIEWER", host=viewer.host)
        ended = await asyncio.to_thread(_storescu, peer, study)
        assert ended == 0

    try:
        legs = {"receive": receive, "send": send, "dcmtk": dcmtk}
        found = {name: await _best(leg, size, rounds) for name, leg in legs.items()}
    finally:
        viewer.stop()
        await server.stop(0.0)
        await bridge.close()
    ratios = {f"{name}_to_dcmtk": round(found[name] / found["dcmtk"], 2) for name in ("receive", "send")}
    return {"instances": len(instances), "megabytes": round(size / 1e6, 1), **found, **ratios}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="one study as DICOM files")
    parser.add_argument("--slices", type=int, default=140, help="of the study that is made without a folder")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="idas-lan-") as name:
        folder = Path(name)
        study = study_of(options.folder) if options.folder else write_noisy_ct(folder / "ct", slices=options.slices)
        print(json.dumps(asyncio.run(measure(study, folder, rounds=options.rounds))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
