"""The contract of a channel over every kind there is, on both event loops."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from tests.transport.contract import MakePair, check_channel
from tests.transport.pairs import direct_pair, memory_pair, moved_pair


@pytest.mark.parametrize("make_pair", [memory_pair, direct_pair, moved_pair])
async def test_a_channel_keeps_every_promise(make_pair: MakePair) -> None:
    await check_channel(make_pair)


@pytest.mark.parametrize("make_pair", [direct_pair, moved_pair])
def test_a_channel_keeps_every_promise_on_uvloop(make_pair: MakePair) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(check_channel(make_pair))
