"""What a path costs beside plain TCP: python -m tools.measure_paths [--rate 200] [--rtt 40] [--megabytes 50].

Two sites with access lines of a given rate, and a relay where the lines meet. The same bytes cross from one site to the
other over a plain TCP socket, over a channel dialled directly, and over one through the relay, in turn. Told are the
seconds of each, the rate of the direct path as a share of plain TCP's, and what the relay adds to the direct time; by
the best runs too, which other programs on the machine disturb least.
Needs root, iproute2 and a C compiler (`tools/setup system`).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from idas_p2p.clock import SystemClock
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.listener import Listener
from idas_p2p.transport.relayed import relay_rung
from idas_p2p.transport.reservation import Reservation
from idas_p2p.wire.address import Address, Contact
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.relay import RelayOffer
from tools.idas import Bootstrap
from tools.lab import Lab, Wan, why_not

HOLDER, ASKER = SigningKey(b"\1" * 32), SigningKey(b"\2" * 32)
PSK = Psk(b"measured", bytes(32))
MESSAGE = bytes(1_000_000)
PLAIN_PORT, NODE_PORT, RELAY_PORT = 7_000, 7_001, 443
TIMEOUT = 300.0  # seconds for one run
Get = Callable[[], Awaitable[None]]


async def hold(relay: Contact) -> None:
    """Serve until the process is ended: plain TCP at one port, channels at another and through the relay."""

    async def send_plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(int.from_bytes(await reader.readexactly(4), "big")):
            writer.write(MESSAGE)
            await writer.drain()
        writer.close()

    async def send(channel: Channel) -> None:
        for _ in range(int.from_bytes(await channel.receive(), "big")):
            await channel.send(MESSAGE)
        await channel.receive()  # until the asker has everything

    owner, waits = TaskOwner(limit=16), TaskOwner(limit=2)
    listener = Listener(HOLDER, find_psk=lambda *_: PSK.key, on_channel=send, admits=lambda *_: True, owner=owner)
    await listener.start(Address("0.0.0.0", NODE_PORT))  # noqa: S104
    changed = asyncio.Event()
    reservation = Reservation(
        HOLDER,
        relay,
        take=lambda connection, path: listener.take(connection, path=path),
        on_changed=changed.set,
        clock=SystemClock(),
    )
    waits.start("reservation", reservation.hold())
    async with asyncio.timeout(TIMEOUT):
        await changed.wait()
    server = await asyncio.start_server(send_plain, "0.0.0.0", PLAIN_PORT)  # noqa: S104
    offer = reservation.offer
    assert offer is not None
    print(json.dumps([offer.expires, offer.signature.hex()]), flush=True)
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class Asker:
    """Gets the same bytes by each path.

    Args:
        holder: its host.
        relay: where it waits.
        expires, signature: of its voucher.
        megabytes: how much.
    """

    holder: str
    relay: Contact
    expires: int
    signature: bytes
    megabytes: int

    async def plain(self) -> None:
        """By a TCP socket as any program has it."""
        reader, writer = await asyncio.open_connection(self.holder, PLAIN_PORT)
        writer.write(self.megabytes.to_bytes(4, "big"))
        left = self.megabytes * len(MESSAGE)
        while left:
            left -= len(await reader.read(262_144))
        writer.close()

    async def direct(self) -> None:
        """By a channel dialled at its address."""
        await self._take(
            await dial(
                ASKER, HOLDER.node_id, [Address(self.holder, NODE_PORT)], purpose=Purpose.IMAGE, psk=PSK, timeout=10.0
            )
        )

    async def relayed(self) -> None:
        """By a channel through the relay."""
        offer = RelayOffer(
            address=self.relay.address, relay=self.relay.node_id, expires=self.expires, signature=self.signature
        )
        rung = relay_rung(ASKER, HOLDER.node_id, [offer])
        await self._take(
            await dial(ASKER, HOLDER.node_id, [], purpose=Purpose.IMAGE, psk=PSK, timeout=10.0, rungs=[rung])
        )

    async def _take(self, channel: Channel) -> None:
        await channel.send(self.megabytes.to_bytes(4, "big"))
        for _ in range(self.megabytes):
            await channel.receive()
        await channel.close()

    async def run(self, runs: int) -> dict[str, list[float]]:
        """Seconds of each path, the three in turn."""
        ways: dict[str, Get] = {"plain": self.plain, "direct": self.direct, "relay": self.relayed}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(runs):
            for name, get in ways.items():
                begun = time.perf_counter()
                async with asyncio.timeout(TIMEOUT):
                    await get()
                seconds[name].append(round(time.perf_counter() - begun, 3))
        return seconds


def measure(*, rate: float, rtt: float, megabytes: int, runs: int) -> dict[str, Any]:
    """In a laboratory: rate in Mbit/s, rtt in ms between the two sites."""
    with tempfile.TemporaryDirectory() as folder, Lab() as lab, contextlib.ExitStack() as stack:
        near, far = lab.site("near"), lab.site("far")
        middle = lab.internet([near, far], wan=Wan(rate=rate * 1e6, rtt=rtt / 1e3))
        with middle.inside():
            bootstrap = Bootstrap(Path(folder) / "bootstrap", host=middle.addresses[0], port=RELAY_PORT, relay=True)
            stack.callback(bootstrap.stop)
            bootstrap.start()
        me = [sys.executable, "-m", "tools.measure_paths"]
        holder = subprocess.Popen(far.command([*me, "--hold", bootstrap.contact]), stdout=subprocess.PIPE, text=True)
        stack.callback(holder.wait)
        stack.callback(holder.kill)
        assert holder.stdout is not None
        voucher = holder.stdout.readline().strip()
        asked = subprocess.run(
            near.command(
                [
                    *me,
                    "--ask",
                    far.address,
                    bootstrap.contact,
                    voucher,
                    "--megabytes",
                    str(megabytes),
                    "--runs",
                    str(runs),
                ]
            ),
            capture_output=True,
            text=True,
            timeout=3 * runs * TIMEOUT,
            check=True,
        )
    seconds = json.loads(asked.stdout)
    told: dict[str, Any] = {"rate_mbit": rate, "rtt_ms": rtt, "megabytes": megabytes, "seconds": seconds}
    for name, of in (("median", statistics.median), ("best", min)):
        plain, direct, relay = (of(seconds[path]) for path in ("plain", "direct", "relay"))
        told[name] = {"direct_share_of_plain": round(plain / direct, 3), "relay_adds": round(relay / direct - 1, 3)}
    return told


def main() -> int:
    """Measure and print; status 2 when there can be no laboratory here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200.0, help="Mbit/s of each access line")
    parser.add_argument("--rtt", type=float, default=40.0, help="milliseconds between the sites")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--hold", metavar="RELAY", help=argparse.SUPPRESS)
    parser.add_argument("--ask", nargs=3, metavar=("HOLDER", "RELAY", "VOUCHER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        uvloop.run(hold(Contact.parse(options.hold)))
        return 0
    if options.ask:
        host, relay, voucher = options.ask
        expires, signature = json.loads(voucher)
        asker = Asker(host, Contact.parse(relay), expires, bytes.fromhex(signature), options.megabytes)
        print(json.dumps(uvloop.run(asker.run(options.runs))))
        return 0
    if reason := why_not():
        print(f"no laboratory here: {reason}", file=sys.stderr)
        return 2
    print(json.dumps(measure(rate=options.rate, rtt=options.rtt, megabytes=options.megabytes, runs=options.runs)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
