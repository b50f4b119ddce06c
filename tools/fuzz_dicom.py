"""Mutated conversations and malformed files against the DICOM server: each is refused or survived.

    python -m tools.fuzz_dicom [--pdus 10000] [--files 2000] [--seed 1]

A workstation's use of every service is recorded once, then sent again and again with PDUs changed, cut, repeated or out
of order, ten conversations at a time. Every file that pydicom ships is stored with its data set mutated. Between the
two and at the end the server must still answer a C-ECHO, and hold no association, no thread and no file. Prints JSON;
the exit status is 1 when anything did not hold. `make test` runs a smaller part, tests/dicom/test_hostile.py.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
from pynetdicom.presentation import build_context

from idas_p2p.dicom.part10 import read_part10
from idas_p2p.dicom.silence import silence
from idas_p2p.errors import IdasError
from idas_p2p.wire.instance import Instance
from tests.dicom.memory_node import MemoryNode, Served, brings, make_instance, serving
from tests.dicom.test_hostile import attack, mutated, recorded
from tests.dicom.test_server import VERIFICATION, echo
from tests.dicom.test_store_service import send

AT_ONCE = 10  # conversations
LARGEST = 2_000_000  # bytes of a file that is mutated; larger ones only take longer


def shipped() -> list[Instance]:
    """Every file that came with pydicom and is an instance."""
    found = []
    for path in sorted((Path(pydicom.__file__).parent / "data" / "test_files").rglob("*.dcm")):
        if path.stat().st_size <= LARGEST:
            try:
                found.append(read_part10(path))
            except (IdasError, OSError):
                continue
    return found


def broken(data: bytes, chance: random.Random) -> bytes:
    """A data set with some bytes changed, cut or inserted, mostly among its first, where the elements are."""
    part = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        where = chance.randrange(max(1, min(len(part), chance.choice((400, 4_000, len(part) or 1)))))
        match chance.randrange(4):
            case 0:
                part[where : where + 4] = b"\xff\xff\xff\xff"
            case 1:
                part[where : where + 1] = chance.randbytes(1)
            case 2:
                del part[where:]
            case _:
                part[where:where] = chance.randbytes(chance.randrange(1, 16))
    return bytes(part)


async def talk_nonsense(served: Served, count: int, chance: random.Random) -> int:
    """Send mutated conversations with at least so many mutated PDUs; how many conversations those were."""
    pdus = await recorded(served)
    conversations = 0
    while conversations < count:
        some = [mutated(pdus, chance) for _ in range(min(AT_ONCE, count - conversations))]
        await asyncio.gather(*(attack(served, data) for data in some))
        conversations += len(some)
    return conversations


async def store_nonsense(served: Served, count: int, chance: random.Random) -> dict[str, int]:
    """Store mutated files; how many were kept and how many refused."""
    instances, statuses = shipped(), dict[str, int]()
    for number in range(count):
        instance = instances[number % len(instances)]
        context = build_context(instance.sop_class_uid, [instance.transfer_syntax_uid])
        data = broken(instance.data.read(), chance)
        answer: Any = await served.workstation([context], send(instance, data=data))
        status = "none" if answer is None else f"{answer.Status:04x}"
        statuses[status] = statuses.get(status, 0) + 1
        served.node.stored.clear()
    return statuses


async def fuzz(folder: Path, *, pdus: int, files: int, seed: int) -> dict[str, Any]:
    """Do both, and look at what is left."""
    silence()
    chance, begin = random.Random(seed), time.perf_counter()  # noqa: S311 - to be repeated
    node = MemoryNode(events=brings(make_instance(1)))
    async with serving(node, folder, max_associations=64) as served:
        conversations = await talk_nonsense(served, pdus, chance)
        answers = [await served.workstation([VERIFICATION], echo)]
        statuses = await store_nonsense(served, files, chance)
        answers.append(await served.workstation([VERIFICATION], echo))
        await served.server.stop(1.0)
        left = served.server.associations
    node.stored.clear()
    gc.collect()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("dicom-acceptor")]
    return {
        "mutated_conversations": conversations,
        "mutated_files": files,
        "statuses": statuses,
        "echo_after": answers == [0, 0],
        "associations_left": left,
        "threads_left": len(threads),
        "files_left": sum(name.startswith("incoming-") for name in os.listdir(folder)),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "seconds": round(time.perf_counter() - begin, 1),
        "seed": seed,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--pdus", type=int, default=10_000, help="conversations with at least one mutated PDU each")
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="idas-fuzz-") as folder:
        found = asyncio.run(fuzz(Path(folder), pdus=options.pdus, files=options.files, seed=options.seed))
    print(json.dumps(found))
    holds = found["echo_after"] and not any(found[f"{kind}_left"] for kind in ("associations", "threads", "files"))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
