from __future__ import annotations

import asyncio
from contextlib import suppress

from idas_p2p.errors import ChannelClosed
from idas_p2p.node.accepted import Accepted
from idas_p2p.transport.channel import Channel
from idas_p2p.transport.memory import make_pair
from idas_p2p.wire.handshake import Purpose
from idas_p2p.wire.ids import NodeId
from tests.node.nodes import until

MEMBER, FORMER = NodeId(b"m" * 32), NodeId(b"f" * 32)


async def listen(channel: Channel) -> None:
    with suppress(ChannelClosed):
        await channel.receive()


async def test_only_channels_of_former_members_are_ended_and_a_joining_node_is_none() -> None:
    accepted = Accepted(listen, belongs=lambda channel: channel.peer == MEMBER)
    ends = [make_pair(one=peer, purpose=purpose)[::-1] for peer, purpose in WHO]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(accepted.serve(ours)) for ours, _ in ends]
        await until(lambda: len(accepted) == len(ends))
        await accepted.close_of_strangers()
        await until(lambda: len(accepted) == 2)
        assert [task.done() for task in tasks] == [False, True, True, False]
        for _, theirs in ends:
            await theirs.close()
    assert len(accepted) == 0


WHO = [(MEMBER, Purpose.CONTROL), (FORMER, Purpose.CONTROL), (FORMER, Purpose.IMAGE), (FORMER, Purpose.JOIN)]
