"""What link.c does, for machines without a compiler: slower (some 100 Mbit/s), otherwise the same.

Run as `python -m tools.lab.link` with the arguments told at the head of link.c.
"""

from __future__ import annotations

import collections
import ctypes
import fcntl
import os
import random
import select
import signal
import struct
import sys
import time
from dataclasses import dataclass, field

_CLONE_NEWNET = 0x40000000  # <sched.h>
_TUNSETIFF = 0x400454CA  # <linux/if_tun.h>
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000  # <linux/if_tun.h>
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_MAX_PACKET = 65_536  # bytes
_BURST = 64  # packets taken from one device before looking at the other


@dataclass(slots=True)
class Direction:
    """Packets on their way; reads no clock. Times in seconds, sizes in bytes."""

    rate: float  # bits per second; 0 is no limit
    delay: float
    loss: float  # 0 to 1
    backlog: int
    random: random.Random
    waiting: collections.deque[tuple[float, bytes]] = field(default_factory=collections.deque)
    line_free: float = 0.0

    def take(self, packet: bytes, *, now: float) -> bool:
        """Accept a packet; False when it was dropped."""
        if self.loss and self.random.random() < self.loss:
            return False
        start = max(self.line_free, now)
        if self.rate and (start - now) * self.rate / 8 + len(packet) > self.backlog:
            return False
        self.line_free = start + (len(packet) * 8 / self.rate if self.rate else 0.0)
        self.waiting.append((self.line_free + self.delay, packet))
        return True

    def due(self, *, now: float) -> bytes | None:
        """The next packet that has arrived by now, or None."""
        return self.waiting.popleft()[1] if self.waiting and self.waiting[0][0] <= now else None

    def wait(self, *, now: float) -> float:
        """Seconds until the next packet arrives; 1 when there is none."""
        return min(1.0, max(0.0, self.waiting[0][0] - now)) if self.waiting else 1.0


def open_device(namespace: str, name: str) -> int:
    """Create a TUN device in a namespace and return its descriptor. This process stays in the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    space = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(space, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(space)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


def main(arguments: list[str]) -> None:
    """Carry packets until killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    devices = [open_device(*arguments[0:2]), open_device(*arguments[2:4])]
    rate, delay, loss, backlog, seed = (int(text) for text in arguments[4:9])
    chance = random.Random(seed)  # noqa: S311
    ways = [Direction(rate, delay / 1e9, loss / 1e6, backlog, chance) for _ in devices]
    print("ready", flush=True)
    while True:
        now = time.monotonic()
        readable, _, _ = select.select(devices, [], [], min(way.wait(now=now) for way in ways))
        for index, device in enumerate(devices):
            if device in readable:
                _take_burst(device, ways[index])
            while (packet := ways[index].due(now=time.monotonic())) is not None:
                os.write(devices[1 - index], packet)


def _take_burst(device: int, way: Direction) -> None:
    for _ in range(_BURST):
        try:
            packet = os.read(device, _MAX_PACKET)
        except BlockingIOError:
            return
        way.take(packet, now=time.monotonic())


if __name__ == "__main__":
    main(sys.argv[1:])
