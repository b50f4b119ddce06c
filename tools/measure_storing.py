"""What a real storing node needs: python -m tools.measure_storing --records 20000 --json.

Starts one bootstrap node as a process, publishes claims to it from a client over loopback, restarts it from its
journal, and prints its memory, and the messages and bytes each record took. Belongs here: measuring, nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from idas_p2p.access.blinding import Blinder
from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey, random_bytes
from idas_p2p.directory.service import Directory
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.federation import Secrets
from idas_p2p.wire.records import Record
from idas_p2p.wire.terms import Field, Term

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A draft of one claim."""

    blinder: Blinder
    identity: SigningKey
    place: SigningKey

    @property
    def key(self) -> bytes:
        """The Kademlia key."""
        return self.place.node_id.kademlia_id

    def sign(self) -> Record:
        """The record, as of now."""
        return self.blinder.claim_record(self.identity, self.place, count=300, now=CLOCK.now())


def start(folder: Path) -> tuple[subprocess.Popen[str], Contact]:
    """Run the bootstrap node of a folder; the process and what it printed when it was ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bootstrap", "run", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Contact.parse(process.stdout.readline())


def memory(process: subprocess.Popen[str]) -> float:
    """Resident memory in MB."""
    return float(psutil.Process(process.pid).memory_info().rss) / 1e6


def processor(process: subprocess.Popen[str]) -> float:
    """Seconds of a core taken so far."""
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


async def publish(contact: Contact, count: int) -> dict[str, Any]:
    """Publish claims to the node; what it took."""
    tasks, identity = TaskOwner(limit=16), SigningKey.generate()
    blinder = Blinder(Secrets(read=random_bytes(32), write=random_bytes(32), psk=random_bytes(32)))
    places = (blinder.place(Term(Field.STUDY, str(number)), now=CLOCK.now()) for number in range(count))
    drafts = [Claimed(blinder, identity, place) for place in places]
    client = Directory(identity, clock=CLOCK, server=False, contacts=[contact], storage_path=None, tasks=tasks)
    await client.start(Address("127.0.0.1", 0))
    await client.wait_joined(10)
    held = 0

    def note(stored: Sequence[tuple[int, int]]) -> None:
        nonlocal held
        held += sum(replicas for _, replicas in stored)

    before, started, busy = client.status(), time.monotonic(), time.process_time()
    await client.publish(drafts, on_stored=note)
    after, seconds, cpu = client.status(), time.monotonic() - started, time.process_time() - busy
    await client.stop()
    await tasks.stop()
    messages = after.datagrams_sent + after.datagrams_received - before.datagrams_sent - before.datagrams_received
    size = after.bytes_sent + after.bytes_received - before.bytes_sent - before.bytes_received
    return {
        "held": held,
        "seconds": round(seconds, 1),
        "writer_cpu_ms_per_replica": round(1e3 * cpu / max(1, held), 3),
        "messages_per_replica": round(messages / max(1, held), 3),
        "bytes_per_replica": round(size / max(1, held), 1),
    }


def measure(count: int) -> dict[str, Any]:
    """Everything, in one new folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        init = [sys.executable, "-m", "bootstrap", "init", name, "--listen", "127.0.0.1:0"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
        process, contact = start(folder)
        result: dict[str, Any] = {"records": count, "empty_mb": round(memory(process), 1)}
        busy = processor(process)
        result |= asyncio.run(publish(contact, count))
        cpu = processor(process) - busy
        result["holder_cpu_ms_per_replica"] = round(1e3 * cpu / max(1, result["held"]), 3)
        result["full_mb"] = round(memory(process), 1)
        process.terminate()
        process.wait()
        started = time.monotonic()
        process, _ = start(folder)
        result |= {"restart_s": round(time.monotonic() - started, 1), "restarted_mb": round(memory(process), 1)}
        process.terminate()
        process.wait()
    result["bytes_per_record"] = round((result["full_mb"] - result["empty_mb"]) * 1e6 / max(1, result["held"]))
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure_storing", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    args = parser.parse_args(arguments)
    result = measure(args.records)
    if args.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:22} {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
