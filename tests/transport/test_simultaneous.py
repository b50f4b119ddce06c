"""Connections opened from both sides: who listens is reached, and through two real routers both are."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from idas_p2p.errors import HandshakeFailed, PeerUnreachable
from idas_p2p.transport.connection import Connection
from idas_p2p.transport.simultaneous import Meeting
from idas_p2p.wire.address import Address
from tools.lab import Lab, Wan, why_not
from tools.natlab.kinds import Kind
from tools.natlab.networks import Builder, missing

ROOT = Path(__file__).parents[2]
REASON = why_not() or missing()
MEETS = """
import asyncio, sys
from idas_p2p.transport.simultaneous import Meeting, _bound
from idas_p2p.wire.address import Address

async def main():
    with Meeting() as meeting:
        print(meeting.port, flush=True)
        place = Address(sys.argv[1], int(await asyncio.to_thread(sys.stdin.readline)))

        async def use(connection):
            connection.write(b"hello")
            return await connection.receive()

        print(await meeting.open([place], use, discard=lambda _: None, timeout=5.0), flush=True)

asyncio.run(main())
"""


def nothing(_: object) -> None:
    """Nothing came too late."""


async def said(connection: Connection) -> bytes:
    connection.write(b"hello")
    try:
        return await connection.receive()
    finally:
        connection.abort()


async def test_both_sides_meet_though_the_one_begins_later() -> None:
    with Meeting() as one, Meeting() as other:
        places = [[Address("127.0.0.1", meeting.port)] for meeting in (other, one)]

        async def later() -> bytes:
            await asyncio.sleep(0)
            return await other.open(places[1], said, discard=nothing, timeout=10.0)

        first = one.open(places[0], said, discard=nothing, timeout=10.0)
        assert await asyncio.gather(first, later()) == [b"hello", b"hello"]


async def test_a_stranger_who_connects_does_not_end_the_waiting() -> None:
    with Meeting() as one, Meeting() as stranger, Meeting() as other:
        refused: list[Connection] = []

        async def choose(connection: Connection) -> bytes:
            if not refused:
                refused.append(connection)
                connection.abort()
                raise HandshakeFailed("a stranger")
            return await said(connection)

        here = [Address("127.0.0.1", one.port)]
        waiting = asyncio.gather(one.open([], choose, discard=nothing, timeout=10.0))
        await stranger.open(here, _ended, discard=nothing, timeout=10.0)
        assert await other.open(here, said, discard=nothing, timeout=10.0) == b"hello"
        assert await waiting == [b"hello"]


async def _ended(connection: Connection) -> None:
    await connection.close()


async def test_where_nobody_comes_it_ends_with_its_deadline() -> None:
    with Meeting() as alone, Meeting() as gone:
        place = Address("127.0.0.1", gone.port)
        gone.__exit__(None, None, None)
        with pytest.raises(PeerUnreachable):
            await alone.open([place, Address("::1", 7_000)], said, discard=nothing, timeout=0.05)


@pytest.mark.nat
@pytest.mark.skipif(bool(REASON), reason=f"no laboratory: {REASON}")
@pytest.mark.parametrize("kinds", [(Kind.NAT, Kind.NAT), (Kind.NAT, Kind.DOUBLE), (Kind.FULLY_RANDOM, Kind.OPEN)])
def test_two_nodes_meet_through_real_routers(kinds: tuple[Kind, Kind], tmp_path: Path) -> None:
    with Lab() as lab, ExitStack() as stack:
        networks = Builder(lab, stack, tmp_path, wan=Wan(rtt=0.02)).build(*kinds)
        sides = [
            subprocess.Popen(
                site.command([sys.executable, "-c", MEETS, other]),
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for site, other in ((networks.holder, "11.99.3.1"), (networks.asker, "11.99.2.1"))
        ]
        ports = [side.stdout.readline() for side in sides if side.stdout]
        for side, port in zip(sides, reversed(ports), strict=True):
            assert side.stdin
            side.stdin.write(port)
            side.stdin.flush()
        said = [side.communicate(timeout=20)[0] for side in sides]
        assert said == ["b'hello'\n"] * 2
