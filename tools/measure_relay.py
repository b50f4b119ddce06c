"""What a relay costs: python -m tools.measure_relay [--clients 10000] [--megabytes 500] [--json].

Starts a relay as a process of its own, lets idle nodes wait at it, and sends bytes through it from one process to
itself. Memory is the relay's resident set, so without what the kernel keeps for its sockets; processor time is the
relay's alone, so that other programs on the machine disturb it less than the rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import uvloop

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.listener import Listener
from idas_p2p.transport.relay_link import RelayLink, greet
from idas_p2p.transport.relayed import relay_rung
from idas_p2p.transport.reservation import Reservation
from idas_p2p.transport.secure import MAX_HANDSHAKE_FRAME
from idas_p2p.wire.address import Contact
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.relay import Ping, Reserve, Reserved
from tools.idas import Bootstrap

AT_ONCE = 32  # links being opened
PER_ADDRESS = 200  # links from one loopback address: the relay slows one site that asks for more
PSK = Psk(b"measured", bytes(32))
MESSAGE = bytes(1_000_000)


def relay_process(folder: Path) -> tuple[Bootstrap, psutil.Process]:
    """A relay without bounds that would be reached here."""
    bootstrap = Bootstrap(folder, host="0.0.0.0", relay=True)  # noqa: S104
    path = folder / "bootstrap.toml"
    text = re.sub(r"^reservations = \d+", "reservations = 100000", path.read_text(), flags=re.M)
    text = re.sub(r"^(mbit\w*) = [\d.]+", r"\1 = 100000.0", text, flags=re.M)
    path.write_text(text)
    bootstrap.start()
    return bootstrap, psutil.Process(bootstrap.program.pid)


async def wait_at(contact: Contact, number: int, bound: asyncio.Semaphore) -> RelayLink:
    """One idle node."""
    async with bound:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(max_frame=MAX_HANDSHAKE_FRAME),
            "127.0.0.1",
            contact.address.port,
            local_addr=(f"127.0.1.{1 + number // PER_ADDRESS}", 0),
        )
        link = await greet(connection, SigningKey.generate(), contact.node_id)
        link.send(Reserve())
        answer = await link.receive()
        assert isinstance(answer, Reserved), answer
        return link


async def idle(contact: Contact, process: psutil.Process, clients: int) -> dict[str, Any]:
    """Memory of nodes that wait, and processor time of their pings."""
    before = process.memory_info().rss
    bound = asyncio.Semaphore(AT_ONCE)
    begun = process.cpu_times().user + process.cpu_times().system
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wait_at(contact, number, bound)) for number in range(clients)]
    links = [task.result() for task in tasks]
    opened = process.cpu_times().user + process.cpu_times().system
    after = process.memory_info().rss
    for link in links:
        link.send(Ping())
    for link in links:
        await link.receive()
    pinged = process.cpu_times().user + process.cpu_times().system
    for link in links:
        link.abort()
    return {
        "clients": clients,
        "memory_per_client_kb": round((after - before) / clients / 1e3, 2),
        "memory_mb": round(after / 1e6, 1),
        "cpu_ms_per_reservation": round((opened - begun) / clients * 1e3, 3),
        "cpu_ms_per_ping": round((pinged - opened) / clients * 1e3, 4),
    }


async def carry(contact: Contact, process: psutil.Process, megabytes: int) -> dict[str, Any]:
    """Rate of one stream and the relay's processor time for it."""
    near, far = SigningKey.generate(), SigningKey.generate()
    owner, tasks = TaskOwner(limit=8), TaskOwner(limit=2)
    finished = asyncio.Event()

    async def take(channel: Channel) -> None:
        for _ in range(megabytes):
            await channel.receive()
        finished.set()

    listener = Listener(far, find_psk=lambda *_: PSK.key, on_channel=take, admits=lambda *_: True, owner=owner)
    changed = asyncio.Event()
    reservation = Reservation(
        far,
        contact,
        take=lambda connection, path: listener.take(connection, path=path),
        on_changed=changed.set,
        clock=SystemClock(),
    )
    tasks.start("reservation", reservation.hold())
    await changed.wait()
    assert reservation.offer is not None
    rung = relay_rung(near, far.node_id, (reservation.offer,))
    dialled = time.perf_counter()
    channel = await dial(near, far.node_id, (), purpose=Purpose.IMAGE, psk=PSK, timeout=10.0, rungs=(rung,))
    begin, begun = time.perf_counter(), process.cpu_times()
    for _ in range(megabytes):
        await channel.send(MESSAGE)
    await finished.wait()
    seconds, ended = time.perf_counter() - begin, process.cpu_times()
    await channel.close()
    await tasks.stop()
    await listener.stop()
    await owner.stop()
    cpu = ended.user + ended.system - begun.user - begun.system
    gigabits = megabytes * 8 / 1e3
    return {
        "megabytes": megabytes,
        "mbit_per_s": round(gigabits * 1e3 / seconds),
        "cpu_s_per_gbit": round(cpu / gigabits, 3),
        "dial_ms": round((begin - dialled) * 1e3, 1),
    }


async def measure(clients: int, megabytes: int) -> dict[str, Any]:
    """Both, at one relay."""
    with tempfile.TemporaryDirectory() as folder:
        bootstrap, process = relay_process(Path(folder) / "bootstrap")
        try:
            contact = Contact.parse(bootstrap.contact)
            contact = Contact(type(contact.address)("127.0.0.1", contact.address.port), contact.node_id)
            carried = await carry(contact, process, megabytes)
            return {"stream": carried, "idle": await idle(contact, process, clients)}
        finally:
            bootstrap.stop()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    result = uvloop.run(measure(options.clients, options.megabytes))
    print(json.dumps(result, indent=None if options.json else 2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
