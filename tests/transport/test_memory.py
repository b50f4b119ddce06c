"""What is special to the pair in memory; its promises are those of the contract (test_channel.py)."""

from __future__ import annotations

import asyncio

from idas_p2p.transport.memory import make_pair
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId


def test_each_end_has_the_other_as_its_peer() -> None:
    one, other = NodeId(b"1" * 32), NodeId(b"2" * 32)
    ours, theirs = make_pair(one=one, other=other, purpose=Purpose.JOIN, psk_id=b"12345678")
    assert (ours.peer, theirs.peer) == (other, one)
    assert ours.purpose is theirs.purpose is Purpose.JOIN
    assert ours.psk_id == theirs.psk_id == b"12345678"


async def test_empty_messages_too_are_bounded_in_number() -> None:
    ours, _ = make_pair()

    async def send_for_ever() -> None:
        while True:
            await ours.send(b"")

    sender = asyncio.gather(send_for_ever())
    await asyncio.sleep(0)
    sender.cancel()
    await asyncio.gather(sender, return_exceptions=True)
    assert ours.messages_sent < 100_000
