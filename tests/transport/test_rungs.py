"""Which kind of path wins a dial, and what is told of the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idas_p2p.errors import HandshakeFailed, IdasError, PeerUnreachable
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.rungs import Prove, Reached, Rung
from idas_p2p.transport.way import DIRECT
from idas_p2p.wire.address import Address
from tests.transport.pairs import dial_bob, listening
from tests.transport.test_dialer import another_node, closed_port, silent_host

LONG = 3_600.0  # seconds; no test waits for it


def rung_to(address: Address, *, path: str = "ladder", timeout: float = LONG) -> Rung:
    async def reach(prove: Prove) -> Reached:
        return await prove(await DIRECT.connect(address))

    return Rung(path=path, reach=reach, head_start=LONG, timeout=timeout)


class Told:
    """What the dialer said about paths that failed."""

    def __init__(self) -> None:
        self.failures: dict[str, IdasError] = {}

    def __call__(self, path: str, error: IdasError) -> None:
        self.failures[path] = error


@asynccontextmanager
async def climbing(*rungs: Rung, addresses: tuple[Address, ...], told: Told) -> AsyncIterator[Channel]:
    channel = await dial_bob(*addresses, rungs=rungs, on_failed=told)
    yield channel
    await channel.close()


async def test_a_rung_is_used_at_once_where_no_address_is_known() -> None:
    told = Told()
    async with listening() as (_, address), climbing(rung_to(address), addresses=(), told=told) as channel:
        assert channel.path == "ladder"
        await channel.send(b"up")
        assert await channel.receive() == b"up"
    assert told.failures.keys() == {"direct"}


async def test_addresses_that_answer_leave_no_need_for_a_rung() -> None:
    told = Told()
    rung = rung_to(closed_port())
    async with listening() as (_, address), climbing(rung, addresses=(address,), told=told) as channel:
        assert channel.path == "direct"
    assert told.failures == {}


async def test_a_rung_overtakes_an_address_that_says_nothing_and_the_dialer_tells() -> None:
    told = Told()
    async with (
        silent_host() as silent,
        listening() as (_, address),
        climbing(rung_to(address), addresses=(silent,), told=told) as channel,
    ):
        assert channel.path == "ladder"
    assert told.failures["direct"].detail == "no answer yet when another path had one"


async def test_a_rung_that_leads_to_another_node_is_passed_over() -> None:
    told = Told()
    async with another_node() as wrong, listening() as (_, address):
        rungs = rung_to(wrong, path="wrong"), rung_to(address, path="right")
        async with climbing(*rungs, addresses=(), told=told) as channel:
            assert channel.path == "right"
    assert isinstance(told.failures["wrong"], HandshakeFailed)


async def test_a_rung_has_its_own_deadline() -> None:
    told = Told()
    async with silent_host() as silent, listening() as (_, address):
        rungs = rung_to(silent, path="slow", timeout=0.02), rung_to(address, path="next")
        async with climbing(*rungs, addresses=(), told=told) as channel:
            assert channel.path == "next"
    assert told.failures["slow"].detail == "no answer within 0.02 seconds"


async def test_the_failure_that_got_furthest_is_told_when_no_rung_reaches_the_node() -> None:
    async with another_node() as wrong:
        with pytest.raises(HandshakeFailed):
            await dial_bob(closed_port(), rungs=(rung_to(wrong),))
    with pytest.raises(PeerUnreachable, match=r"direct: .*; ladder: "):
        await dial_bob(closed_port(), rungs=(rung_to(closed_port()),))


async def test_a_dial_that_takes_too_long_tells_which_paths_were_still_tried() -> None:
    told = Told()
    async with silent_host() as silent:
        with pytest.raises(PeerUnreachable, match="did not answer within"):
            await dial_bob(rungs=(rung_to(silent, path="slow"),), on_failed=told, timeout=0.05)
    assert told.failures.keys() == {"direct", "slow"}
    assert told.failures["slow"].detail == "no answer yet when the dial ended"


async def test_a_cancelled_dial_ends_every_rung() -> None:
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def reach(prove: Prove) -> Reached:
        begun.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()
        raise PeerUnreachable

    async with asyncio.TaskGroup() as group:
        rung = Rung(path="x", reach=reach, head_start=LONG, timeout=LONG)
        dialling = group.create_task(dial_bob(rungs=(rung,)))
        await begun.wait()
        dialling.cancel()
    assert ended.is_set()
