"""How long a lookup takes among real processes: python -m tools.measure_lookups --nodes 30 --json.

Starts bootstrap nodes as processes on loopback, lets a client store records, and reads them one after the other with
another client. A read ends when a quorum of holders agrees. Belongs here: measuring, nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.records import sign_record
from idas_p2p.directory.service import Directory
from idas_p2p.tasks import TaskOwner
from idas_p2p.wire.address import Address, Contact
from tools.measure_storing import memory, start

CLOCK = SystemClock()
JOIN_TIMEOUT = 60.0  # seconds for a client to know a few nodes
LIFETIME = 3_600.0  # seconds of the records
SETTLE = 5.0  # seconds for the processes to find one another


def start_network(folder: Path, count: int, stack: ExitStack) -> list[tuple[subprocess.Popen[str], Contact]]:
    """Run bootstrap nodes, each of which knows the first; stopped when the stack is closed."""
    running: list[tuple[subprocess.Popen[str], Contact]] = []
    for number in range(count):
        home = folder / str(number)
        init = [sys.executable, "-m", "bootstrap", "init", str(home), "--listen", "127.0.0.1:0"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
        if running:
            path = home / "bootstrap.toml"
            path.write_text(path.read_text().replace("contacts = []", f'contacts = ["{running[0][1]}"]'))
        running.append(start(home))
        stack.callback(running[-1][0].wait)
        stack.callback(running[-1][0].terminate)
    return running


@asynccontextmanager
async def client(contacts: Sequence[Contact]) -> AsyncIterator[Directory]:
    """A node that only asks."""
    tasks = TaskOwner(limit=16)
    directory = Directory(
        SigningKey.generate(), clock=CLOCK, server=False, contacts=contacts, storage_path=None, tasks=tasks
    )
    await directory.start(Address("127.0.0.1", 0))
    try:
        await directory.wait_joined(JOIN_TIMEOUT)
        yield directory
    finally:
        await directory.stop()
        await tasks.stop()


async def read(contacts: Sequence[Contact], count: int) -> dict[str, Any]:
    """Store records, and read each once."""
    lot = [
        sign_record(SigningKey.generate(), SigningKey.generate(), bytes(112), now=CLOCK.now(), lifetime=LIFETIME)
        for _ in range(count)
    ]
    await asyncio.sleep(SETTLE)
    async with client(contacts[:1]) as writer, client(contacts[-1:]) as reader:
        await asyncio.sleep(SETTLE)
        replicas = await writer.put(lot)
        seconds, found = list[float](), 0
        before = reader.status()
        for one in lot:
            began = time.perf_counter()
            found += await reader.get(one.key) == [one]
            seconds.append(time.perf_counter() - began)
        after = reader.status()
    seconds.sort()
    messages = after.datagrams_sent + after.datagrams_received - before.datagrams_sent - before.datagrams_received
    size = after.bytes_sent + after.bytes_received - before.bytes_sent - before.bytes_received
    return {
        "replicas_mean": round(statistics.mean(replicas), 2),
        "found": found / count,
        "contacts": after.contacts,
        "p50_ms": round(1e3 * statistics.median(seconds), 2),
        "p95_ms": round(1e3 * seconds[int(0.95 * count)], 2),
        "longest_ms": round(1e3 * seconds[-1], 2),
        "messages_per_get": round(messages / count, 1),
        "bytes_per_get": round(size / count),
    }


def measure(nodes: int, count: int) -> dict[str, Any]:
    """Everything, in a new network."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        running = start_network(Path(name), nodes, stack)
        result: dict[str, Any] = {"nodes": nodes, "records": count}
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as nodes run
            result |= runner.run(read([contact for _, contact in running], count))
        result["largest_node_mb"] = round(max(memory(process) for process, _ in running), 1)
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tools.measure_lookups", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--nodes", type=int, default=30, help="processes")
    parser.add_argument("--records", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    args = parser.parse_args(arguments)
    result = measure(args.nodes, args.records)
    if args.json:
        print(json.dumps(result))
    else:
        print("\n".join(f"{name:18} {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
