"""Datagrams arrive late, as far as hosts are apart; what they cause is on the account of who began it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tools.simulate_directory.loop import run
from tools.simulate_directory.network import ACCOUNT, JITTER, LONGEST, SHORTEST, Account, SimulatedNetwork, virtual_loop


class Echo(asyncio.DatagramProtocol):
    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.came: list[tuple[float, bytes]] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.came.append((asyncio.get_running_loop().time(), data))
        if self.answers:
            asyncio.get_running_loop().call_later(1, self.transport.sendto, data * 2, addr)


def between(act: Callable[[SimulatedNetwork, Echo, Echo], Awaitable[None]], *, loss: float = 0.0) -> None:
    async def main() -> None:
        network = SimulatedNetwork(virtual_loop(), seed=1, loss=loss)
        here, there = Echo(answers=False), Echo(answers=True)
        network.bind(here, ("20.0.0.1", 5))
        network.bind(there, ("20.0.1.1", 5))
        await act(network, here, there)

    run(main)


def test_a_round_trip_takes_as_long_as_the_hosts_are_apart() -> None:
    async def act(network: SimulatedNetwork, here: Echo, there: Echo) -> None:
        sent = asyncio.get_running_loop().time()
        here.transport.sendto(b"x", ("20.0.1.1", 5))
        await asyncio.sleep(2)
        one_way = network.latency("20.0.0.1", "20.0.1.1")
        assert SHORTEST <= one_way <= LONGEST
        assert one_way == network.latency("20.0.1.1", "20.0.0.1")
        took = here.came[0][0] - sent - 1
        assert 2 * one_way <= took <= 2 * one_way * (1 + JITTER)

    between(act)


def test_what_a_datagram_causes_elsewhere_is_on_the_same_account() -> None:
    async def act(network: SimulatedNetwork, here: Echo, there: Echo) -> None:
        mine, other = Account(), Account()

        async def send(account: Account, data: bytes) -> None:
            ACCOUNT.set(account)
            here.transport.sendto(data, ("20.0.1.1", 5))

        async with asyncio.TaskGroup() as group:
            group.create_task(send(mine, b"abc"))
            group.create_task(send(other, b"z"))
        await asyncio.sleep(3)
        assert (mine.messages, mine.size) == (2, 9)
        assert (other.messages, other.size) == (2, 3)
        assert (network.messages, network.size) == (4, 12)

    between(act)


def test_a_silent_host_hears_and_says_nothing() -> None:
    async def act(network: SimulatedNetwork, here: Echo, there: Echo) -> None:
        network.silence("20.0.1.1")
        here.transport.sendto(b"x", ("20.0.1.1", 5))
        there.transport.sendto(b"y", ("20.0.0.1", 5))
        await asyncio.sleep(3)
        assert (here.came, there.came) == ([], [])

    between(act)


def test_the_share_of_datagrams_that_was_asked_for_gets_lost() -> None:
    async def act(network: SimulatedNetwork, here: Echo, there: Echo) -> None:
        there.answers = False
        for _ in range(2_000):
            here.transport.sendto(b"x", ("20.0.1.1", 5))
        await asyncio.sleep(3)
        assert 1_500 <= len(there.came) <= 1_700

    between(act, loss=0.2)


def test_hops_are_the_depth_at_which_whoever_answered_was_named() -> None:
    account = Account()
    account.start([b"a"])
    account.named(b"a", [b"b", b"a"])
    account.named(b"b", [b"c"])
    account.named(b"c", [b"b"])
    account.used(b"c")
    account.used(b"b")
    assert account.hops == 3
