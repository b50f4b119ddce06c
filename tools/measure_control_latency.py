"""How long a question on the control link takes while images fill the line: round trips idle and under load.

    python -m tools.measure_control_latency --rate 20 --rtt 40 [--loss 0.1] [--seconds 10] [--links 1] [--unpaced]

Two processes in a laboratory of two sites, the project's own channels between them, nothing of exchange or DICOM: `far`
sends random bytes over image links as fast as they go, `near` takes them and sends a small message over the control
link twenty times a second, which `far` sends back. Prints JSON; times in ms, rates in Mbit/s. Needs root; `tools/lab`
says what else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from typing import Any, Final

from idas_p2p.crypto.keys import SigningKey
from idas_p2p.crypto.noise import Psk
from idas_p2p.errors import ChannelClosed
from idas_p2p.tasks import TaskOwner
from idas_p2p.transport import pacing, sockets
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.dialer import dial
from idas_p2p.transport.listener import Listener
from idas_p2p.wire.address import Address
from idas_p2p.wire.handshake import Purpose
from tools.lab import Lab, Wan, why_not

NEAR, FAR = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
PSK: Final = Psk(b"measures", bytes(32))
PORT: Final = 7_000
MESSAGE: Final = 262_144  # bytes of an image message; a common size of a coded chunk
PING: Final = 200  # bytes of a control message; a small query has about as many
PAUSE: Final = 0.05  # seconds between two of them
IDLE_PINGS: Final = 40


async def _serve() -> None:
    """Send bulk to whoever opens an image link, and answer on control links."""
    bulk = os.urandom(MESSAGE)

    async def on_channel(channel: Channel) -> None:
        try:
            while True:
                await channel.send(bulk if channel.purpose is Purpose.IMAGE else await channel.receive())
        except ChannelClosed:
            return

    listener = Listener(
        FAR, find_psk=lambda *_: PSK.key, on_channel=on_channel, admits=lambda *_: True, owner=TaskOwner(limit=64)
    )
    await listener.start(Address("0.0.0.0", PORT))  # noqa: S104 - a namespace of its own
    await asyncio.Event().wait()


async def _dial(host: str, purpose: Purpose) -> Channel:
    while True:
        try:
            return await dial(NEAR, FAR.node_id, [Address(host, PORT)], purpose=purpose, psk=PSK, timeout=10.0)
        except Exception:  # it is still starting
            await asyncio.sleep(0.1)


async def _ping(control: Channel, *, until: float = float("inf"), count: int = 1_000_000) -> list[float]:
    times: list[float] = []
    while len(times) < count and time.monotonic() < until:
        begin = time.monotonic()
        await control.send(bytes(PING))
        await control.receive()
        times.append((time.monotonic() - begin) * 1e3)
        await asyncio.sleep(PAUSE)
    return times


async def _take(link: Channel) -> None:
    while True:
        await link.receive()


async def _ask(host: str, seconds: float, links: int) -> dict[str, Any]:
    control = await _dial(host, Purpose.CONTROL)
    idle = await _ping(control, count=IDLE_PINGS)
    images = [await _dial(host, Purpose.IMAGE) for _ in range(links)]
    tasks = [asyncio.ensure_future(_take(link)) for link in images]  # noqa: TID251 - this program is their owner
    begin = time.monotonic()
    loaded = await _ping(control, until=begin + seconds)
    received = sum(link.bytes_received for link in images)
    took = time.monotonic() - begin
    for task in tasks:
        task.cancel()
    p50_idle, p50 = statistics.median(idle), statistics.median(loaded)
    return {
        "idle_ms": round(p50_idle, 1),
        "loaded_p50_ms": round(p50, 1),
        "loaded_p95_ms": round(sorted(loaded)[int(len(loaded) * 0.95)], 1),
        "loaded_max_ms": round(max(loaded), 1),
        "ratio_p50": round(p50 / p50_idle, 2),
        "rate_mbit": round(received * 8 / took / 1e6, 1),
        "pings": len(loaded),
    }


def main() -> int:
    """Measure, or be one end of a measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rate", type=float, default=20.0, help="Mbit/s in each direction")
    parser.add_argument("--rtt", type=float, default=40.0, help="round trip in ms")
    parser.add_argument("--loss", type=float, default=0.0, help="percent of packets, in each direction")
    parser.add_argument("--seconds", type=float, default=10.0, help="of load")
    parser.add_argument("--links", type=int, default=1, help="image links at once")
    parser.add_argument("--congestion", help="another congestion control than the node's own, such as cubic")
    parser.add_argument("--unpaced", action="store_true", help="leave the queue to the kernel")
    parser.add_argument("--role", choices=("serve", "ask"), help=argparse.SUPPRESS)
    parser.add_argument("--host", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.congestion:
        sockets.CONGESTION = options.congestion.encode()
    if options.unpaced:
        pacing.NEAR = float("inf")  # type: ignore[misc]
    if options.role == "serve":
        asyncio.run(_serve())
    if options.role == "ask":
        print(json.dumps(asyncio.run(_ask(options.host, options.seconds, options.links))))
        return 0
    if reason := why_not():
        print(f"no laboratory here: {reason}", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "tools.measure_control_latency", *sys.argv[1:]]
    with Lab() as lab:
        near, far = lab.site("near"), lab.site("far")
        lab.connect(near, far, wan=Wan(rate=options.rate * 1e6, rtt=options.rtt / 1e3, loss=options.loss / 100))
        lab.start(far, [*command, "--role", "serve"])
        return lab.run(near, [*command, "--role", "ask", "--host", far.address])


if __name__ == "__main__":
    sys.exit(main())
