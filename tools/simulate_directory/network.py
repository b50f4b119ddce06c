"""A simulated network of datagrams: latency by pair of hosts, jitter, loss, hosts that fall silent, and counting.

Belongs here: carrying bytes and saying on whose account. Not here: what they mean, who listens.
What one act causes, at whichever node, is counted on that act's account: the account travels with each datagram, and
with each task and timer, for it is a context variable.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from idas_p2p.wire.address import Address
from tools.simulate_directory.loop import VirtualLoop

Endpoint = tuple[str, int]
SHORTEST = 0.015  # seconds one way: round trips of 30 ms
LONGEST = 0.075  # seconds one way: round trips of 150 ms
JITTER = 0.05  # of the latency
FIRST_PORT = 20_000  # given to sockets that ask for any


@dataclass(slots=True)
class Account:
    """What one act cost, and how it found its way."""

    messages: int = 0  # datagrams sent by anybody because of it, lost ones included
    size: int = 0  # bytes, without IP and UDP headers
    depths: dict[bytes, int] = field(default_factory=dict)  # node -> 1 when we knew it, else 1 more than who named it
    hops: int = 0  # the greatest depth of a node whose answer was used

    def start(self, known: list[bytes]) -> None:
        """These were known from the start."""
        for node in known:
            self.depths.setdefault(node, 1)

    def named(self, by: bytes, others: list[bytes]) -> None:
        """A node named others."""
        depth = self.depths.setdefault(by, 1)
        for node in others:
            self.depths.setdefault(node, depth + 1)

    def used(self, node: bytes) -> None:
        """A node gave what was looked for."""
        self.hops = max(self.hops, self.depths.setdefault(node, 1))


ACCOUNT: ContextVar[Account | None] = ContextVar("ACCOUNT", default=None)


class SimulatedTransport(asyncio.DatagramTransport):
    """One socket."""

    def __init__(self, network: SimulatedNetwork, endpoint: Endpoint, protocol: asyncio.DatagramProtocol) -> None:
        super().__init__({"sockname": endpoint})
        self.endpoint = endpoint
        self.protocol = protocol
        self._network = network

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram."""
        self._network.carry(bytes(data), self.endpoint, addr)

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._network.sockets.get(self.endpoint) is not self

    def close(self) -> None:
        """Close at once."""
        if not self.is_closing():
            del self._network.sockets[self.endpoint]
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class SimulatedNetwork:
    """All hosts and what is under way between them.

    Args:
        loop: whose time it is.
        seed: of latency, jitter and loss.
        loss: share of datagrams that get lost.
    """

    def __init__(self, loop: VirtualLoop, *, seed: int, loss: float = 0.0) -> None:
        self.sockets: dict[Endpoint, SimulatedTransport] = {}
        self.messages = 0
        self.size = 0
        self._loop = loop
        self._loss = loss
        self._rng = random.Random(f"network {seed}")  # noqa: S311  # no secrets here
        self._salt = self._rng.getrandbits(32)
        self._silent: set[str] = set()
        self._next_port = FIRST_PORT
        loop.bind = self.bind

    async def open(self, protocol: asyncio.DatagramProtocol, address: Address) -> asyncio.DatagramTransport:
        """Open a socket; the shape of `open_udp`."""
        return self.bind(protocol, (address.host, address.port))

    def bind(self, protocol: asyncio.DatagramProtocol, endpoint: Endpoint) -> SimulatedTransport:
        """Open a socket; port 0 gives any."""
        if not endpoint[1]:
            self._next_port = self._next_port + 1 if self._next_port < 65_000 else FIRST_PORT
            endpoint = (endpoint[0], self._next_port)
        transport = self.sockets[endpoint] = SimulatedTransport(self, endpoint, protocol)
        protocol.connection_made(transport)
        return transport

    def silence(self, host: str) -> None:
        """The host is off: it sends nothing and hears nothing."""
        self._silent.add(host)

    def remove(self, host: str) -> None:
        """The host is off for good."""
        self.silence(host)
        for endpoint in [endpoint for endpoint in self.sockets if endpoint[0] == host]:
            del self.sockets[endpoint]

    def carry(self, data: bytes, source: Endpoint, target: Endpoint) -> None:
        """Send a datagram on its way."""
        if source[0] in self._silent:
            return
        self.messages += 1
        self.size += len(data)
        account = ACCOUNT.get()
        if account is not None:
            account.messages += 1
            account.size += len(data)
        if target[0] in self._silent or (self._loss and self._rng.random() < self._loss):
            return
        delay = self.latency(source[0], target[0]) * (1 + JITTER * self._rng.random())
        self._loop.arrive(delay, partial(self._deliver, data, source, target, account))

    def latency(self, one: str, other: str) -> float:
        """Seconds between two hosts, the same in both directions."""
        near, far = sorted((_number(one), _number(other)))
        mixed = (near * 0x9E3779B1 + far * 0x85EBCA77 + self._salt) & 0xFFFFFFFF
        mixed = ((mixed ^ mixed >> 15) * 0x2C1B3C6D) & 0xFFFFFFFF
        mixed = ((mixed ^ mixed >> 12) * 0x297A2D39) & 0xFFFFFFFF
        return SHORTEST + (LONGEST / (1 + JITTER) - SHORTEST) * (mixed >> 8) / (1 << 24)

    def _deliver(self, data: bytes, source: Endpoint, target: Endpoint, account: Account | None) -> None:
        socket = self.sockets.get(target)
        if socket is None or target[0] in self._silent:
            return
        ACCOUNT.set(account)
        try:
            socket.protocol.datagram_received(data, source)
        finally:
            ACCOUNT.set(None)


_numbers: dict[str, int] = {}


def _number(host: str) -> int:
    number = _numbers.get(host)
    if number is None:
        number = _numbers[host] = int.from_bytes(bytes(int(part) for part in host.split(".")), "big")
    return number


def virtual_loop() -> VirtualLoop:
    """The running loop."""
    return cast(VirtualLoop, asyncio.get_running_loop())


def on_account(account: Account, act: Callable[[], Any]) -> Any:
    """Call with everything that follows on this account; for use within a task of its own."""
    ACCOUNT.set(account)
    return act()
